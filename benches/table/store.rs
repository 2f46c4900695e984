//! A dedicated Redis on the loopback interface. It can be frozen: connections stay open and get no
//! response.

use crate::ports::free_port;
use rustix::process::{Pid, Signal};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A running Redis server; killed on drop.
pub struct Redis {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Redis {
    /// Starts `redis-server` with extra command-line options.
    pub fn start(options: &[&str]) -> Redis {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()])
            .args(options)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        Redis { child, port, folder }
    }

    /// The value of `store.url`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The keys folder that all instances of the fleet share.
    pub fn keys_folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    fn info(&self, section: &str, name: &str) -> f64 {
        let info: String = redis::cmd("INFO").arg(section).query(&mut self.connection()).unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap().trim().parse().unwrap()
    }

    /// CPU time used so far, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        self.info("cpu", "used_cpu_sys") + self.info("cpu", "used_cpu_user")
    }

    /// Memory in bytes of all keys whose names contain `part`.
    pub fn key_bytes(&self, part: &str) -> f64 {
        let mut connection = self.connection();
        let found: Vec<String> =
            redis::cmd("KEYS").arg(format!("*{part}*")).query(&mut connection).unwrap();
        let mut pipe = redis::pipe();
        for key in &found {
            pipe.cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(0);
        }
        let each: Vec<f64> = pipe.query(&mut connection).unwrap();
        each.iter().sum()
    }

    /// Memory in use, in bytes.
    pub fn memory_bytes(&self) -> f64 {
        self.info("memory", "used_memory")
    }

    /// Number of batches in all partition logs.
    pub fn batches(&self) -> f64 {
        let mut pipe = redis::pipe();
        for partition in 0..adjacent::journal::PARTITIONS {
            pipe.cmd("HGET").arg(format!("adj:{{p{partition:02}}}:head")).arg("n");
        }
        let each: Vec<Option<f64>> = pipe.query(&mut self.connection()).unwrap();
        each.into_iter().flatten().sum()
    }

    /// Deletes all keys.
    pub fn flush(&self) {
        redis::cmd("FLUSHALL").exec(&mut self.connection()).unwrap();
    }

    /// Stops the process, so that requests get no response.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Continues the process.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
