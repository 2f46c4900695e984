//! A real redis-server on a free port of loopback, ended when it is dropped.

use super::PATIENCE;
use super::ports::free_port;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Instant;
use tempfile::TempDir;

/// A store that several machines share.
pub trait Store {
    /// Its address, as a setting.
    fn url(&self) -> String;
    /// A folder for keys that all of them have.
    fn keys(&self) -> PathBuf;
}

/// A running server.
pub struct Redis {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Redis {
    /// Starts one that keeps nothing when it ends.
    pub fn start() -> Redis {
        let port = free_port();
        let mut redis = Redis { folder: tempfile::tempdir().unwrap(), port, child: None };
        std::fs::create_dir(redis.keys()).unwrap();
        redis.again(&[]);
        redis
    }

    /// Writes what it holds to a file, and hands out a copy.
    pub fn dump(&self) -> Vec<u8> {
        assert_eq!(self.ask(&["SAVE"]), "OK");
        std::fs::read(self.folder.path().join("dump.rdb")).unwrap()
    }

    /// Starts it again with what it held when this copy was made.
    pub fn restore(&mut self, dump: &[u8]) {
        self.kill();
        std::fs::write(self.folder.path().join("dump.rdb"), dump).unwrap();
        self.again(&[]);
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops it in the middle of whatever it does, and lets it go on.
    pub fn freeze(&self, pause: std::time::Duration) {
        self.signal("STOP");
        std::thread::sleep(pause);
        self.signal("CONT");
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// How often it was asked something by a server until now: what its functions ask is left out.
    pub fn questions(&self) -> u64 {
        let asked = ["fcall:", "fcall_ro:", "hget:", "hgetall:", "hsetnx:"];
        let told = self.ask(&["INFO", "commandstats"]);
        let ours = |line: &&str| {
            let name = line.strip_prefix("cmdstat_").unwrap_or("");
            asked.iter().any(|asked| name.starts_with(asked))
        };
        let calls = told.lines().filter(ours);
        let calls = calls.filter_map(|line| line.split_once("calls=")?.1.split(',').next());
        calls.map(|count| count.parse::<u64>().unwrap()).sum()
    }

    /// Stops it in the middle of whatever it does: connections stay, nobody answers.
    pub fn stands_still(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn goes_on(&self) {
        self.signal("CONT");
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again, on the same port.
    pub fn again(&mut self, options: &[&str]) {
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

    /// Asks it something by its own client.
    pub fn ask(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(words).output().unwrap();
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
