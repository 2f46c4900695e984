//! A real redis-server on a free loopback port; dropping it ends the process.

use super::PATIENCE;
use super::ports::free_port;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// A Redis deployment that several instances share.
pub trait Store {
    /// URL for the setting `store.url`.
    fn url(&self) -> String;
    /// Folder of the keys that all instances share.
    fn keys(&self) -> PathBuf;
}

/// A running redis-server.
pub struct Redis {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Redis {
    /// Starts a server without persistence.
    pub fn start() -> Redis {
        let port = free_port();
        let mut redis = Redis { folder: tempfile::tempdir().unwrap(), port, child: None };
        std::fs::create_dir(redis.keys()).unwrap();
        redis.restart(&[]);
        redis
    }

    /// Saves the data set and returns the dump.
    pub fn dump(&self) -> Vec<u8> {
        assert_eq!(self.cli(&["SAVE"]), "OK");
        std::fs::read(self.folder.path().join("dump.rdb")).unwrap()
    }

    /// Restarts the server with the data set of a dump.
    pub fn restore(&mut self, dump: &[u8]) {
        self.kill();
        std::fs::write(self.folder.path().join("dump.rdb"), dump).unwrap();
        self.restart(&[]);
    }

    /// Kills the server without a clean shutdown.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Suspends the server for a while.
    pub fn freeze(&self, pause: std::time::Duration) {
        self.signal("STOP");
        std::thread::sleep(pause);
        self.signal("CONT");
    }

    /// Sends a signal, given by name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("the server runs").id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Number of commands received from servers so far, without those that functions call.
    pub fn client_commands(&self) -> u64 {
        let client_commands = ["fcall:", "fcall_ro:", "hget:", "hgetall:", "hsetnx:"];
        let stats = self.cli(&["INFO", "commandstats"]);
        let is_client_command = |line: &&str| {
            let name = line.strip_prefix("cmdstat_").unwrap_or("");
            client_commands.iter().any(|command| name.starts_with(command))
        };
        let calls = stats.lines().filter(is_client_command);
        let calls = calls.filter_map(|line| line.split_once("calls=")?.1.split(',').next());
        calls.map(|count| count.parse::<u64>().unwrap()).sum()
    }

    /// Suspends the server: connections stay open without replies.
    pub fn suspend(&self) {
        self.signal("STOP");
    }

    /// Resumes a suspended server.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Restarts the server on the same port with additional options. Without a saved dump it is empty.
    pub fn restart(&mut self, options: &[&str]) {
        self.kill();
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "no"])
            .args(options)
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        self.child = Some(child);
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < end, "redis-server does not listen");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// Runs a command with `redis-cli`.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let output =
            Command::new("redis-cli").args(["-p", &port]).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Store for Redis {
    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
