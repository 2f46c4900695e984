//! Controls the process that runs the benchmarked servers (see `server_process`).

use crate::client;
use crate::client::Connection;
use crate::pages;
use crate::store::Redis;
use adjacent::catalog::{AuditContext, Catalog, synth};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A child process with two HTTP servers; killed on drop.
pub struct BenchServer {
    child: Child,
    commands: ChildStdin,
    replies: BufReader<ChildStdout>,
    /// Address of the bare handler.
    pub bare: SocketAddr,
    /// Public address of adjacent.
    pub adjacent: SocketAddr,
}

impl BenchServer {
    /// Starts a standalone instance.
    pub fn start(data: &Path) -> BenchServer {
        BenchServer::with(&[data.display().to_string()])
    }

    /// Starts a standalone instance that believes `X-Forwarded-For`.
    pub fn behind_proxy(data: &Path) -> BenchServer {
        BenchServer::with(&[data.display().to_string(), "proxy".into()])
    }

    /// Starts an instance with its event store on Redis.
    pub fn on_redis(data: &Path, redis: &Redis) -> BenchServer {
        let (data, keys) = (data.display().to_string(), redis.keys_folder().display().to_string());
        BenchServer::with(&[data, redis.url(), keys])
    }

    fn with(arguments: &[String]) -> BenchServer {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("server")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let mut replies = BufReader::new(child.stdout.take().unwrap());
        let mut address = || {
            let mut line = String::new();
            replies.read_line(&mut line).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let (bare, adjacent) = (address(), address());
        BenchServer { child, commands, replies, bare, adjacent }
    }

    /// Sends a command line; returns the numbers of the reply.
    pub fn query(&mut self, line: &str) -> Vec<f64> {
        writeln!(self.commands, "{line}").unwrap();
        let mut reply = String::new();
        self.replies.read_line(&mut reply).unwrap();
        reply.split_whitespace().filter_map(|number| number.parse().ok()).collect()
    }

    /// Records in its journal that are not in Redis yet.
    pub fn unshipped(&mut self) -> f64 {
        self.query("unshipped")[0]
    }

    /// Waits until all records are in Redis and applied from there.
    pub fn wait_until_applied(&mut self) {
        let began = Instant::now();
        while self.query("backlog")[0] > 0.0 {
            assert!(began.elapsed() < Duration::from_secs(30), "backlog not empty after 30 s");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for BenchServer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A data directory with a synthetic inventory of `flights` flights, and 2,000 requests for it.
pub fn data_directory(flights: usize) -> (tempfile::TempDir, Vec<Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let by = AuditContext {
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

/// A started process and the time until its first response.
pub fn timed_start(data: &Path, request: &[u8]) -> (BenchServer, Duration) {
    let began = Instant::now();
    let server = BenchServer::start(data);
    Connection::connect(server.adjacent).send(request);
    (server, began.elapsed())
}
