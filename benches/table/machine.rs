//! A process with servers in it, and what it can be asked.

use crate::client;
use crate::client::Connection;
use crate::pages;
use crate::store::Redis;
use adjacent::catalog::By;
use adjacent::catalog::Catalog;
use adjacent::catalog::synth;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Child;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

/// The process with both servers.
pub struct Served {
    child: Child,
    tell: ChildStdin,
    told: BufReader<ChildStdout>,
    /// The bare handler.
    pub bare: SocketAddr,
    /// Ours.
    pub ours: SocketAddr,
}

impl Served {
    /// Starts one that shares nothing.
    pub fn start(data: &Path) -> Served {
        Served::with(&[data.display().to_string()])
    }

    /// Starts one that shares a store.
    pub fn sharing(data: &Path, redis: &Redis) -> Served {
        let (data, keys) = (data.display().to_string(), redis.keys().display().to_string());
        Served::with(&[data, redis.url(), keys])
    }

    fn with(arguments: &[String]) -> Served {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("served")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let tell = child.stdin.take().unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        let mut address = || {
            let mut line = String::new();
            told.read_line(&mut line).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let (bare, ours) = (address(), address());
        Served { child, tell, told, bare, ours }
    }

    /// Says a line; the numbers of the answer.
    pub fn ask(&mut self, line: &str) -> Vec<f64> {
        writeln!(self.tell, "{line}").unwrap();
        let mut answer = String::new();
        self.told.read_line(&mut answer).unwrap();
        answer.split_whitespace().filter_map(|number| number.parse().ok()).collect()
    }

    /// Records on its disk that the store does not have.
    pub fn unshipped(&mut self) -> f64 {
        self.ask("unshipped")[0]
    }

    /// Waits until the store has everything, and everything was read there.
    pub fn settles(&mut self) {
        let began = Instant::now();
        while self.ask("waits")[0] > 0.0 {
            assert!(began.elapsed() < Duration::from_secs(30), "records wait for ever");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A data directory with a synthetic inventory, and requests for it.
pub fn stocked(flights: usize) -> (tempfile::TempDir, Vec<Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let by = By {
        who: "bench".into(),
        what: "synth".into(),
        at: jiff::Timestamp::UNIX_EPOCH,
        request: None,
    };
    let catalog = Catalog::open(&folder.path().join("catalog")).unwrap();
    catalog.put_inventory(&synth::inventory(flights, 1), None, &by).unwrap();
    let requests = pages::requests(2_000, flights).iter().map(client::on_wire).collect();
    (folder, requests)
}

/// A started process and the time until its first answer.
pub fn started(data: &Path, request: &[u8]) -> (Served, Duration) {
    let began = Instant::now();
    let served = Served::start(data);
    Connection::to(served.ours).ask(request);
    (served, began.elapsed())
}
