//! Load beyond capacity, on the loopback interface: `cargo test --release --test overload [SECONDS]`, not
//! part of `cargo test`. It starts the executable on one core and loads it from another.
//!
//! The generator is open-loop: requests have arrival times at a fixed rate, whether or not earlier ones
//! were answered, and latency counts from the arrival. An arrival that finds no free connection within
//! [`PATIENCE`] is not sent, as if the kernel had refused its connection; an answer after [`DEADLINE`] is
//! too late for a page. First it finds the peak with as many
//! requests in flight as give the most answers, then it offers 1, 2, 5 and 10 times that.

#![allow(clippy::unwrap_used)] // in a test a panic is the message
#![allow(clippy::print_stdout)] // prints its results

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Pages wait this long for their units.
const DEADLINE: Duration = Duration::from_millis(800);
const PATIENCE: Duration = Duration::from_millis(200);
/// Requests in flight at the peak, and connections of the open loop.
const PEAK_CONNECTIONS: usize = 64;
const CONNECTIONS: usize = 256;

const DECISION: &str = r#"{"publisher": "eu-tech-news", "placements": [{"name": "article-end"}], "page": {"topics": ["ai-infrastructure"]}}"#;

/// What a request is for, in a hundred: 70 decisions, 20 events, 8 clicks, 2 reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    Decision,
    Event,
    Click,
    Read,
}

const CLASSES: [Class; 4] = [Class::Decision, Class::Event, Class::Click, Class::Read];

fn class_of(arrival: u64) -> Class {
    // Any order that mixes the classes.
    match arrival.wrapping_mul(37) % 100 {
        0..70 => Class::Decision,
        70..90 => Class::Event,
        90..98 => Class::Click,
        _ => Class::Read,
    }
}

struct Server {
    child: Child,
    address: String,
    ops: String,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start() -> Server {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new("taskset")
        .args(["-c", "0", env!("CARGO_BIN_EXE_adjacent"), "--json"])
        .args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--data"])
        .arg(folder.path().join("data"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        // All requests have one address, and agents of the load are no readers.
        .env("ADJACENT__LIMITS__FLOOD_PER_SECOND", "0")
        .env("ADJACENT__LIMITS__CONNECTIONS_PER_ADDRESS", "0")
        .env("ADJACENT__STORE__LOW_DISK_MIB", "0")
        .env("ADJACENT__LOGS__LEVEL", "error")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut printed, mut text) = (BufReader::new(child.stdout.take().unwrap()), String::new());
    while !text.ends_with("}\n") {
        assert_ne!(printed.read_line(&mut text).unwrap(), 0, "{text}");
    }
    let addresses: serde_json::Value = serde_json::from_str(&text).unwrap();
    let at = |name: &str| addresses[name].as_str().unwrap().to_owned();
    Server { address: at("public"), ops: at("ops"), child, _folder: folder }
}

/// The bytes of one request per class.
struct Requests([Vec<u8>; 4]);

impl Requests {
    async fn of(address: &str) -> Requests {
        let head = |line: &str, more: &str| {
            format!(
                "{line} HTTP/1.1\r\nhost: {address}\r\naccept: */*\r\nuser-agent: Mozilla/5.0 (X11; Linux \
                 x86_64; rv:143.0) Gecko/20100101 Firefox/143.0\r\n{more}\r\n"
            )
        };
        let length =
            format!("content-type: application/json\r\ncontent-length: {}\r\n", DECISION.len());
        let decision = head("POST /v1/decisions", &length) + DECISION;
        let mut client = Client::connect(address).await;
        let body = client.send(decision.as_bytes()).await.unwrap().body;
        let unit: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let unit = &unit["decisions"]["article-end"];
        let path = |url: &serde_json::Value, mark: &str| {
            let url = url.as_str().unwrap_or_else(|| panic!("{unit}"));
            url[url.find(mark).unwrap()..].to_owned()
        };
        let event = path(&unit["event_urls"]["impression"], "/e/");
        let click = path(&unit["creative"]["click_url"], "/c/");
        let why = format!("/w/{}", unit["decision_id"].as_str().unwrap());
        let get = |path: &str| head(&format!("GET {path}"), "").into_bytes();
        Requests([decision.into_bytes(), get(&event), get(&click), get(&why)])
    }

    fn bytes(&self, class: Class) -> &[u8] {
        &self.0[class as usize]
    }
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

/// A kept connection.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn connect(address: &str) -> Client {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, buffer: Vec::with_capacity(16_384) }
    }

    /// Sends a request and reads the answer, which has a length or no body.
    async fn send(&mut self, request: &[u8]) -> std::io::Result<Answer> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let Some(end) = self.buffer.windows(4).position(|part| part == b"\r\n\r\n") else {
                continue;
            };
            let head = String::from_utf8_lossy(&self.buffer[..end]);
            let length = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, length)| length.parse().unwrap());
            if self.buffer.len() >= end + 4 + length {
                let status = head[9..12].parse().unwrap();
                return Ok(Answer {
                    status,
                    body: self.buffer[end + 4..end + 4 + length].to_vec(),
                });
            }
        }
    }
}

/// Results of one class.
#[derive(Default)]
struct Tally {
    arrived: AtomicU64,
    /// Answered in time as intended.
    good: AtomicU64,
    /// Shed: an `overloaded` no-fill or a 503.
    shed: AtomicU64,
    /// Any other status.
    wrong: AtomicU64,
}

#[derive(Default)]
struct Run {
    tallies: [Tally; 4],
    latencies: std::sync::Mutex<Vec<u32>>,
    probes_ms: std::sync::Mutex<Vec<f64>>,
}

impl Run {
    fn note(&self, class: Class, answer: Option<&Answer>, latency: Duration) {
        let tally = &self.tallies[class as usize];
        let Some(answer) = answer else { return };
        let is_shed = answer.status == 503
            || (class == Class::Decision
                && answer.body.windows(12).any(|part| part == b"\"overloaded\""));
        let is_right = match class {
            Class::Decision | Class::Read => answer.status == 200,
            Class::Event => answer.status == 204,
            Class::Click => answer.status == 302,
        };
        let count = if is_shed {
            &tally.shed
        } else if is_right {
            // A click is followed as late as its reader waits.
            let limit = if class == Class::Click { 5 * DEADLINE } else { DEADLINE };
            if latency > limit {
                return;
            }
            self.latencies.lock().unwrap().push(u32::try_from(latency.as_micros()).unwrap());
            &tally.good
        } else {
            &tally.wrong
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn good(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.good.load(Ordering::Relaxed)).sum()
    }

    fn percentile(&self, share: f64) -> f64 {
        let mut latencies = self.latencies.lock().unwrap();
        latencies.sort_unstable();
        #[expect(clippy::cast_possible_truncation, reason = "a position in the list")]
        let at = (latencies.len().saturating_sub(1) as f64 * share) as usize;
        latencies.get(at).map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
    }
}

/// As many requests as the connections carry, one after the other.
async fn closed(
    address: &str,
    requests: &Arc<Requests>,
    connections: usize,
    time: Duration,
) -> f64 {
    let (run, next) = (Arc::new(Run::default()), Arc::new(AtomicU64::new(0)));
    let end = Instant::now() + time;
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let mut client = Client::connect(address).await;
        let (run, next, requests) = (run.clone(), next.clone(), requests.clone());
        tasks.push(tokio::spawn(async move {
            while Instant::now() < end {
                let class = class_of(next.fetch_add(1, Ordering::Relaxed));
                let began = Instant::now();
                let answer = client.send(requests.bytes(class)).await.unwrap();
                run.note(class, Some(&answer), began.elapsed());
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    run.good() as f64 / time.as_secs_f64()
}

/// Arrivals at `rate` per second.
async fn open(server: &Server, requests: &Arc<Requests>, rate: f64, time: Duration) -> Arc<Run> {
    let run = Arc::new(Run::default());
    let next = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(Client::connect(&server.address).await);
    }
    let mut probe = Client::connect(&server.ops).await;
    let probe_request = format!("GET /livez HTTP/1.1\r\nhost: {}\r\n\r\n", server.ops);
    let (probed, probe_stop) = (run.clone(), stop.clone());
    let probes = tokio::spawn(async move {
        while !probe_stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            let alive = probe.send(probe_request.as_bytes()).await.is_ok();
            assert!(alive, "the probe is answered");
            probed.probes_ms.lock().unwrap().push(began.elapsed().as_secs_f64() * 1e3);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let began = Instant::now();
    for mut client in clients {
        let (run, next, requests) = (run.clone(), next.clone(), requests.clone());
        let address = server.address.clone();
        tasks.push(tokio::spawn(async move {
            loop {
                let arrival = next.fetch_add(1, Ordering::Relaxed);
                let at = began + Duration::from_secs_f64(arrival as f64 / rate);
                if at > began + time {
                    return;
                }
                let class = class_of(arrival);
                run.tallies[class as usize].arrived.fetch_add(1, Ordering::Relaxed);
                // The timer has a resolution of a millisecond.
                if at > Instant::now() + Duration::from_millis(1) {
                    tokio::time::sleep_until(at).await;
                }
                if at.elapsed() > PATIENCE {
                    continue;
                }
                match client.send(requests.bytes(class)).await {
                    Ok(answer) => run.note(class, Some(&answer), at.elapsed()),
                    Err(_) => client = Client::connect(&address).await,
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    probes.await.unwrap();
    run
}

fn resident_mib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(4_u64);
    let time = Duration::from_secs(seconds.clamp(1, 60));
    let own = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-a", "-p", "-c", "1", &own]).output();
    assert!(pinned.is_ok_and(|output| output.status.success()), "needs taskset and two cores");
    let server = start();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let requests = Arc::new(Requests::of(&server.address).await);
        let warm = Duration::from_secs(1);
        closed(&server.address, &requests, PEAK_CONNECTIONS, warm).await;
        let peak = closed(&server.address, &requests, PEAK_CONNECTIONS, time.min(warm * 3)).await;
        println!(
            "peak {peak:.0} answers/s with {PEAK_CONNECTIONS} in flight, {} MiB",
            resident_mib(&server)
        );
        println!(
            "{:>6} {:>9} {:>9} {:>8} {:>8} {:>9} {:>6}  class: arrived good shed wrong (%)",
            "load", "goodput/s", "of peak", "p50 ms", "p99 ms", "livez ms", "MiB"
        );
        for factor in [1.0, 2.0, 5.0, 10.0] {
            let run = open(&server, &requests, peak * factor, time).await;
            let goodput = run.good() as f64 / time.as_secs_f64();
            let classes: Vec<String> = CLASSES
                .iter()
                .zip(&run.tallies)
                .map(|(class, tally)| {
                    let arrived = tally.arrived.load(Ordering::Relaxed);
                    let of = |count: &AtomicU64| {
                        100.0 * count.load(Ordering::Relaxed) as f64 / arrived.max(1) as f64
                    };
                    let (good, shed, wrong) = (of(&tally.good), of(&tally.shed), of(&tally.wrong));
                    format!("{class:?}: {arrived} {good:.1} {shed:.1} {wrong:.1}")
                })
                .collect();
            println!(
                "{factor:>5}x {goodput:>9.0} {:>8.0}% {:>8.1} {:>8.1} {:>9.1} {:>6}  {}",
                100.0 * goodput / peak,
                run.percentile(0.5),
                run.percentile(0.99),
                run.probes_ms.lock().unwrap().iter().copied().fold(0.0, f64::max),
                resident_mib(&server),
                classes.join(", ")
            );
        }
    });
}
