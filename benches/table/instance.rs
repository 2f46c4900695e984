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
    /// Starts a standalone instance that believes `X-Forwarded-For`.
    pub fn behind_proxy(data: &Path) -> BenchServer {
        BenchServer::with(&[data.display().to_string(), "proxy".into()])
    }

    /// Starts a standalone instance that believes `X-Forwarded-For`, with all its threads on the first `cores`
    /// cores: as many request threads.
    pub fn pinned(data: &Path, cores: usize) -> BenchServer {
        let program = std::env::current_exe().unwrap();
        let mut command = Command::new("taskset");
        command.args(["-c", &format!("0-{}", cores - 1)]).arg(program);
        BenchServer::run(command, &[data.display().to_string(), "proxy".into()])
    }

    /// Starts a standalone instance that believes `X-Forwarded-For`, under callgrind.
    pub fn counted(data: &Path, out: &Path) -> BenchServer {
        let mut command = Command::new("valgrind");
        command.args(["--quiet", "--tool=callgrind"]);
        command.arg(format!("--callgrind-out-file={}", out.display()));
        command.arg(std::env::current_exe().unwrap());
        BenchServer::run(command, &[data.display().to_string(), "proxy".into()])
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Starts an instance with its event store on Redis.
    pub fn on_redis(data: &Path, redis: &Redis) -> BenchServer {
        let (data, keys) = (data.display().to_string(), redis.keys_folder().display().to_string());
        BenchServer::with(&[data, redis.url(), keys])
    }

    fn with(arguments: &[String]) -> BenchServer {
        BenchServer::run(Command::new(std::env::current_exe().unwrap()), arguments)
    }

    fn run(mut command: Command, arguments: &[String]) -> BenchServer {
        let mut child = command
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

    /// The sum of the metrics that begin with `series`.
    pub fn series(&mut self, series: &str) -> f64 {
        self.query(&format!("series {series}"))[0]
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
    (data_folder(flights), requests(2_000, flights))
}

/// Requests for a synthetic inventory of `flights` flights, each of another page and reader.
pub fn requests(count: usize, flights: usize) -> Vec<Vec<u8>> {
    let pages = pages::requests(count, flights);
    (0..)
        .zip(&pages)
        .map(|(number, page)| client::on_wire(page, client::reader_of_many_networks(number)))
        .collect()
}

/// A data directory with a synthetic inventory of `flights` flights.
pub fn data_folder(flights: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let by = AuditContext {
        who: "bench".into(),
        what: "synth".into(),
        at: jiff::Timestamp::UNIX_EPOCH,
        request: None,
    };
    let catalog = Catalog::open(&folder.path().join("catalog")).unwrap();
    catalog.put_inventory(&synth::inventory(flights, 1), None, &by).unwrap();
    folder
}

/// A started process on one core and the time until its first response.
pub fn timed_start(data: &Path, request: &[u8]) -> (BenchServer, Duration) {
    let began = Instant::now();
    let server = BenchServer::pinned(data, 1);
    Connection::connect(server.adjacent).send(request);
    (server, began.elapsed())
}
