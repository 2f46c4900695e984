//! Load beyond capacity, on the loopback interface: `cargo test --release --test overload [SECONDS]
//! [CONNECTIONS]`, not part of `cargo test`. It starts the executable on one core and loads it from another,
//! prints a table and checks it.
//!
//! The generator is open-loop: requests have arrival times at a fixed rate, whether or not earlier ones were
//! answered, and latency counts from the arrival.
//!
//! - **Decisions and reads** come at 1, 2, 5 and 10 times the peak, over as many connections as a proxy may
//!   open to the server. One that finds none of them idle is refused by the proxy and never reaches the server.
//! - **Events and clicks** come at the rate of the peak at every factor, because only units that were served
//!   have readers. They never wait for a decision's connection: where none of their own is idle, a
//!   new one is opened, as readers' browsers do.
//!
//! The peak is the most decisions per second with all connections busy, and the same events and clicks.

#![allow(clippy::unwrap_used)] // in a test a panic is the message
#![allow(clippy::print_stdout)] // prints its results

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Pages wait this long for their units.
const DEADLINE: Duration = Duration::from_millis(800);
/// Events and clicks are complete after this time; later, the reader has gone.
const PATIENCE: Duration = Duration::from_secs(4);
/// Connections of the proxy, for decisions and reads.
const CONNECTIONS: usize = 512;

const DECISION: &str = r#"{"publisher": "eu-tech-news", "placements": [{"name": "article-end"}], "page": {"topics": ["ai-infrastructure"]}}"#;

/// What a request is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    Decision,
    Read,
    Event,
    Click,
}

const CLASSES: [Class; 4] = [Class::Decision, Class::Read, Class::Event, Class::Click];

impl Class {
    /// Requests of this class for every hundred decisions at the peak.
    fn per_hundred(self) -> u64 {
        match self {
            Class::Decision => 100,
            Class::Read => 3,
            Class::Event => 30,
            Class::Click => 12,
        }
    }

    /// Most connections, if there is a limit. Reads come from few readers, who get an answer late when they
    /// ask too often.
    fn max_connections(self, of_proxy: usize) -> Option<usize> {
        match self {
            Class::Decision => Some(of_proxy),
            Class::Read => Some(64),
            Class::Event | Class::Click => None,
        }
    }

    /// Whether readers report it.
    fn is_reported(self) -> bool {
        matches!(self, Class::Event | Class::Click)
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
        let mut client = Client::connect(address).await.unwrap();
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
        Requests([decision.into_bytes(), get(&why), get(&event), get(&click)])
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
    async fn connect(address: &str) -> std::io::Result<Client> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, buffer: Vec::with_capacity(8_192) })
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
    /// Shed by the server: an `overloaded` no-fill or a 503.
    shed: AtomicU64,
    /// Refused by the proxy.
    refused: AtomicU64,
    /// Any other answer, or none in time.
    wrong: AtomicU64,
    /// Of good answers, in microseconds.
    latencies: Mutex<Vec<u32>>,
}

impl Tally {
    /// The share of the arrivals, in percent.
    fn percent(&self, count: &AtomicU64) -> f64 {
        let arrived = self.arrived.load(Ordering::Relaxed).max(1);
        100.0 * count.load(Ordering::Relaxed) as f64 / arrived as f64
    }

    /// In milliseconds.
    fn percentile(&self, share: f64) -> f64 {
        let mut latencies = self.latencies.lock().unwrap();
        latencies.sort_unstable();
        #[expect(clippy::cast_possible_truncation, reason = "a position in the list")]
        let at = (latencies.len().saturating_sub(1) as f64 * share) as usize;
        latencies.get(at).map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
    }
}

struct Run {
    /// When the last request arrives.
    end: Instant,
    /// Good answers to decisions by then.
    units: AtomicU64,
    tallies: [Tally; 4],
    probes_ms: Mutex<Vec<f64>>,
    /// How late the generator was at most, in milliseconds.
    late_ms: Mutex<f64>,
}

impl Run {
    fn note_late(&self, late_ms: f64) {
        let mut latest = self.late_ms.lock().unwrap();
        *latest = latest.max(late_ms);
    }

    fn starting_now(time: Duration) -> Arc<Run> {
        Arc::new(Run {
            end: Instant::now() + time,
            units: AtomicU64::default(),
            tallies: Default::default(),
            probes_ms: Mutex::default(),
            late_ms: Mutex::default(),
        })
    }

    fn of(&self, class: Class) -> &Tally {
        &self.tallies[class as usize]
    }

    fn note(&self, class: Class, answer: Option<&Answer>, latency: Duration) {
        let tally = self.of(class);
        let is_shed = answer.is_some_and(|answer| {
            answer.status == 503
                || (class == Class::Decision
                    && answer.body.windows(12).any(|part| part == b"\"overloaded\""))
        });
        let expected = match class {
            Class::Decision | Class::Read => 200,
            Class::Event => 204,
            Class::Click => 302,
        };
        let limit = if class.is_reported() { PATIENCE } else { DEADLINE };
        let is_good = answer.is_some_and(|answer| answer.status == expected) && latency <= limit;
        let count = match (is_shed, is_good) {
            (true, _) => &tally.shed,
            (false, true) => {
                let micros = u32::try_from(latency.as_micros()).unwrap();
                tally.latencies.lock().unwrap().push(micros);
                let counts = class == Class::Decision && Instant::now() <= self.end;
                self.units.fetch_add(u64::from(counts), Ordering::Relaxed);
                &tally.good
            }
            (false, false) => &tally.wrong,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn goodput(&self, time: Duration) -> f64 {
        self.units.load(Ordering::Relaxed) as f64 / time.as_secs_f64()
    }
}

/// What sends requests, with its idle connections.
struct Generator {
    server: Server,
    requests: Requests,
    /// Idle connections of each class, and how many more it may open.
    pools: [Mutex<Pool>; 4],
}

#[derive(Default)]
struct Pool {
    idle: Vec<Client>,
    /// `None` without a limit.
    left: Option<usize>,
}

impl Generator {
    async fn start(connections: usize) -> Generator {
        let server = start();
        let requests = Requests::of(&server.address).await;
        let pools = CLASSES.map(|class| {
            let left = class.max_connections(connections);
            Mutex::new(Pool { left, ..Pool::default() })
        });
        Generator { server, requests, pools }
    }

    fn pool(&self, class: Class) -> MutexGuard<'_, Pool> {
        self.pools[class as usize].lock().unwrap()
    }

    /// An idle connection, or `Some(None)` if one may be opened.
    fn connection(&self, class: Class) -> Option<Option<Client>> {
        let mut pool = self.pool(class);
        if let Some(client) = pool.idle.pop() {
            return Some(Some(client));
        }
        if let Some(left) = &mut pool.left {
            *left = left.checked_sub(1)?;
        }
        Some(None)
    }

    /// Sends one request over this connection or a new one, and notes its result.
    async fn send(&self, run: &Run, class: Class, client: Option<Client>, arrival: Instant) {
        let exchange = async {
            let mut client = match client {
                Some(client) => client,
                None => Client::connect(&self.server.address).await?,
            };
            let answer = client.send(self.requests.bytes(class)).await?;
            std::io::Result::Ok((client, answer))
        };
        let result = timeout(PATIENCE, exchange).await;
        let (client, answer) = match result {
            Ok(Ok((client, answer))) => (Some(client), Some(answer)),
            // Closed, like a client that gives up.
            _ => (None, None),
        };
        run.note(class, answer.as_ref(), arrival.elapsed());
        let mut pool = self.pool(class);
        match client {
            Some(client) => pool.idle.push(client),
            None => pool.left = pool.left.map(|left| left + 1),
        }
    }

    /// Arrivals of all classes, each at its rate per second.
    async fn arrivals(self: &Arc<Generator>, run: &Arc<Run>, rates: [f64; 4]) {
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        let mut next = rates.map(|rate| 0.5 / rate.max(1e-9));
        loop {
            let first = (0..4).min_by(|a, b| next[*a].total_cmp(&next[*b])).unwrap();
            let at = Duration::from_secs_f64(next[first]);
            if began + at >= run.end {
                break;
            }
            next[first] += 1.0 / rates[first];
            // The timer has a resolution of a millisecond.
            if began + at > Instant::now() + Duration::from_millis(1) {
                while tasks.try_join_next().is_some() {}
                sleep_until(began + at).await;
            }
            let (class, arrival) = (CLASSES[first], began + at);
            let tally = run.of(class);
            tally.arrived.fetch_add(1, Ordering::Relaxed);
            let late_ms = arrival.elapsed().as_secs_f64() * 1e3;
            run.note_late(late_ms);
            let Some(client) = self.connection(class) else {
                tally.refused.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let (own, run) = (self.clone(), run.clone());
            tasks.spawn(async move { own.send(&run, class, client, arrival).await });
            if tasks.len() % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }

    /// Every connection of the proxy sends decisions one after the other, while events and clicks of this many
    /// units per second arrive. The decisions per second, and their p99.
    async fn peak(self: &Arc<Generator>, units: f64, time: Duration) -> (f64, f64) {
        let run = Run::starting_now(time);
        let mut tasks = JoinSet::new();
        while let Some(client) = self.connection(Class::Decision) {
            let (own, run) = (self.clone(), run.clone());
            tasks.spawn(async move {
                let mut client = match client {
                    Some(client) => client,
                    None => Client::connect(&own.server.address).await.unwrap(),
                };
                while Instant::now() < run.end {
                    let began = Instant::now();
                    let answer = client.send(own.requests.bytes(Class::Decision)).await.unwrap();
                    run.note(Class::Decision, Some(&answer), began.elapsed());
                }
                own.pool(Class::Decision).idle.push(client);
            });
        }
        self.arrivals(&run, rates(0.0, units)).await;
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        let decisions = run.of(Class::Decision);
        (run.goodput(time), decisions.percentile(0.99))
    }

    /// Arrivals at these rates, while `/livez` is asked.
    async fn open(self: &Arc<Generator>, rates: [f64; 4], time: Duration) -> Arc<Run> {
        let run = Run::starting_now(time);
        let (own, probed) = (self.clone(), run.clone());
        let probes = tokio::spawn(async move {
            let mut client = Client::connect(&own.server.ops).await.unwrap();
            let request = format!("GET /livez HTTP/1.1\r\nhost: {}\r\n\r\n", own.server.ops);
            loop {
                let began = Instant::now();
                client.send(request.as_bytes()).await.expect("the probe is answered");
                probed.probes_ms.lock().unwrap().push(began.elapsed().as_secs_f64() * 1e3);
                sleep(Duration::from_millis(100)).await;
            }
        });
        self.arrivals(&run, rates).await;
        assert!(!probes.is_finished(), "the probe is answered");
        probes.abort();
        run
    }

    fn resident_mib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.server.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
    }
}

/// Arrivals per second: this many decisions and their reads, and the events and clicks of so many units.
fn rates(decisions: f64, units: f64) -> [f64; 4] {
    CLASSES.map(|class| {
        let of = if class.is_reported() { units } else { decisions };
        of * class.per_hundred() as f64 / 100.0
    })
}

/// What one factor gives: the median of pairs of the peak and this load, one after the other.
struct Line {
    factor: f64,
    goodput: f64,
    /// Of the peak.
    share: f64,
    peak_p99_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Of the peak's.
    p99_ratio: f64,
    events: f64,
    clicks: f64,
}

const PAIRS: usize = 3;

async fn line(generator: &Arc<Generator>, factor: f64, time: Duration, units: f64) -> Line {
    let mut lists: [Vec<f64>; 6] = Default::default();
    let mut reported = [(0, 0); 2];
    for _ in 0..PAIRS {
        let (peak, peak_p99_ms) = generator.peak(units, Duration::from_secs(1)).await;
        let run = generator.open(rates(peak * factor, units), time).await;
        let [own, reads, events, clicks] = CLASSES.map(|class| run.of(class));
        let goodput = run.goodput(time);
        let (p50_ms, p99_ms) = (own.percentile(0.5), own.percentile(0.99));
        let figures = [goodput, goodput / peak, peak_p99_ms, p50_ms, p99_ms, p99_ms / peak_p99_ms];
        lists.iter_mut().zip(figures).for_each(|(list, figure)| list.push(figure));
        for (sum, tally) in reported.iter_mut().zip([events, clicks]) {
            sum.0 += tally.good.load(Ordering::Relaxed);
            sum.1 += tally.arrived.load(Ordering::Relaxed);
        }
        println!(
            "{factor:>4}x {goodput:>8.0} {:>5.0}% {p50_ms:>7.1} {p99_ms:>7.1} {peak_p99_ms:>7.1} {:>6.1} {:>8.1} {:>6.1} \
             {:>8.2} {:>7.1} {:>8.2} {:>7.1} {:>7.1} {:>7.1} {:>5}",
            100.0 * goodput / peak,
            own.percent(&own.shed),
            own.percent(&own.refused),
            reads.percent(&reads.good),
            events.percent(&events.good),
            events.percentile(0.99),
            clicks.percent(&clicks.good),
            clicks.percentile(0.99),
            run.probes_ms.lock().unwrap().iter().copied().fold(0.0, f64::max),
            run.late_ms.lock().unwrap(),
            generator.resident_mib(),
        );
    }
    let [events, clicks] = reported.map(|(good, all)| 100.0 * good as f64 / all as f64);
    let [goodput, share, peak_p99_ms, p50_ms, p99_ms, p99_ratio] = lists.map(median);
    Line { factor, goodput, share, peak_p99_ms, p50_ms, p99_ms, p99_ratio, events, clicks }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

async fn measure(time: Duration, connections: usize) {
    let generator = Arc::new(Generator::start(connections).await);
    let second = Duration::from_secs(1);
    let (mut units, _) = generator.peak(0.0, second).await;
    for _ in 0..2 {
        // What events and clicks take, decisions lack.
        units = generator.peak(units * 0.8, second).await.0;
    }
    println!(
        " load  units/s ofpeak  p50 ms  p99 ms atpeak  shed% refused% reads% events%  p99 ms  clicks%  p99 ms livez ms late ms   MiB"
    );
    let mut lines = Vec::new();
    for factor in [1.0, 2.0, 5.0, 10.0] {
        lines.push(line(&generator, factor, time, units).await);
    }
    println!(
        "| load | units/s | of the peak | p50 | p99 | at the peak | ratio | events | clicks |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for line in &lines {
        println!(
            "| {} x | {:.0} | {:.0} % | {:.1} ms | {:.1} ms | {:.1} ms | {:.2} | {:.3} % | {:.3} % |",
            line.factor,
            line.goodput,
            100.0 * line.share,
            line.p50_ms,
            line.p99_ms,
            line.peak_p99_ms,
            line.p99_ratio,
            line.events,
            line.clicks
        );
    }
    lines.iter().for_each(check);
}

/// What a debug build on a busy computer keeps; the promises are 90 % and 80 % of the peak, and twice the p99.
fn check(line: &Line) {
    let Line { factor, share, p99_ratio, events, clicks, .. } = line;
    assert!(*events >= 99.9 && *clicks >= 99.9, "{factor} x: events and clicks are served");
    assert!(*share >= 0.6, "{factor} x: {share:.2} of the units of the peak");
    assert!(*p99_ratio <= 3.0, "{factor} x: {p99_ratio:.2} times the p99 of the peak");
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let time = Duration::from_secs(arguments.next().unwrap_or(4_u64).clamp(1, 60));
    let connections = arguments.next().and_then(|count| count.try_into().ok());
    let own = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-a", "-p", "-c", "1", &own]).output();
    assert!(pinned.is_ok_and(|output| output.status.success()), "needs taskset and two cores");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure(time, connections.unwrap_or(CONNECTIONS)));
}
