//! A Redis of the benchmark's own on the loopback address, which can be stopped as a black hole is:
//! connections stay, and nobody answers.

use crate::ports::free_port;
use rustix::process::Pid;
use rustix::process::Signal;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

/// A running server; it ends when it is dropped.
pub struct Redis {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Redis {
    /// Starts one with these options.
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

    /// Its address, as a setting.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A folder for the keys of all machines that share it.
    pub fn keys(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// A connection of the benchmark's own.
    pub fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    fn told(&self, section: &str, name: &str) -> f64 {
        let told: String = redis::cmd("INFO").arg(section).query(&mut self.connection()).unwrap();
        let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap().trim().parse().unwrap()
    }

    /// Seconds of a core that it has used.
    pub fn used(&self) -> f64 {
        self.told("cpu", "used_cpu_sys") + self.told("cpu", "used_cpu_user")
    }

    /// Bytes of all keys whose names have `part` in them.
    pub fn bytes_of(&self, part: &str) -> f64 {
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

    /// Bytes of everything that it has in memory.
    pub fn bytes(&self) -> f64 {
        self.told("memory", "used_memory")
    }

    /// How many batches all logs have.
    pub fn batches(&self) -> f64 {
        let mut pipe = redis::pipe();
        for partition in 0..adjacent::journal::PARTITIONS {
            pipe.cmd("HGET").arg(format!("adj:{{p{partition:02}}}:head")).arg("n");
        }
        let each: Vec<Option<f64>> = pipe.query(&mut self.connection()).unwrap();
        each.into_iter().flatten().sum()
    }

    /// Forgets all keys.
    pub fn empty(&self) {
        redis::cmd("FLUSHALL").exec(&mut self.connection()).unwrap();
    }

    /// Is a black hole from here on.
    pub fn stops(&self) {
        self.signal(Signal::STOP);
    }

    /// Goes on where it stopped.
    pub fn goes_on(&self) {
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
