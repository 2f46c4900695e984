//! Complete decisions over HTTP compared with a bare handler: CPU time, latency, memory, start.
//!
//! The servers have one core, with one request thread each, and the client has the others.

use crate::client::Connection;
use crate::instance::BenchServer;
use crate::load::{CONNECTIONS, Load};
use crate::{Row, instance, load, median_and_range, readers};
use indicatif::ProgressBar;
use std::time::{Duration, Instant};

/// Measured rounds, each with one turn per server.
const ROUNDS: usize = 9;
/// Requests per turn.
const TURN: usize = 6_000;
/// Pages of a site that is read by many.
const PAGES: usize = 3_000;
/// Starts on the same data directory.
const STARTS: usize = 3;
/// Impressions reported after the measurement: they count only if their decisions were full ones.
const CHECKED: usize = 200;
/// Unanswered decisions whose reservations are weighed, of as many pages as there are requests.
const UNANSWERED: usize = 300_000;

/// The goals at an inventory size.
struct Goals {
    flights: usize,
    cpu: [&'static str; 3],
    memory: &'static str,
    start: &'static str,
}

/// At 10,000 flights.
pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    let goals = Goals {
        flights: 10_000,
        cpu: ["<= 1.5 x", "<= 1.6 x", "<= 1.9 x"],
        memory: "<= 64 MiB",
        start: "",
    };
    at(&goals, progress)
}

/// At 100,000 flights.
pub fn large(progress: &ProgressBar) -> Vec<Row> {
    let goals = Goals {
        flights: 100_000,
        cpu: ["<= 1.6 x", "<= 1.8 x", "<= 2.4 x"],
        memory: "<= 128 MiB",
        start: "<= 1.5 s, <= 300 MiB",
    };
    at(&goals, progress)
}

fn at(goals: &Goals, progress: &ProgressBar) -> Vec<Row> {
    let flights = goals.flights;
    load::leave_cores(1);
    progress.set_message(format!("http, {flights} flights: building the inventory"));
    let folder = instance::data_folder(flights);
    let requests = instance::requests(PAGES + TURN * (ROUNDS + 1), flights);
    // The first start also records every budget; later ones are representative.
    let first = instance::timed_start(folder.path(), &requests[0]).1;
    let (mut seconds, mut peaks, mut resting) = (vec![], vec![], vec![]);
    let mut last = None;
    for start in 0..STARTS {
        drop(last.take());
        progress.set_message(format!("http, {flights} flights: start {start} of {STARTS}"));
        let (mut server, took) = instance::timed_start(folder.path(), &requests[0]);
        let memory = server.query("memory");
        seconds.push(took.as_secs_f64());
        resting.push(memory[0]);
        peaks.push(memory[1]);
        last = Some(server);
    }
    let mut server = last.unwrap();
    let mut rows = vec![Row::new(
        format!("start, {flights} flights: time; peak memory (first start)"),
        format!(
            "{} s; {} MiB ({:.2} s)",
            median_and_range(seconds, 2),
            median_and_range(peaks, 0),
            first.as_secs_f64()
        ),
        goals.start,
    )];
    let bytes = mean_response_bytes(&server, &requests[..PAGES]);
    server.query(&format!("bytes {bytes:.0}"));
    rows.extend(processor(&mut server, &requests, goals, progress));
    rows.push(Row::new(
        format!("memory, {flights} flights: at rest; after load"),
        format!("{} MiB; {:.0} MiB", median_and_range(resting, 0), server.query("memory")[0]),
        goals.memory,
    ));
    check_that_impressions_count(&mut server, &requests[..CHECKED]);
    rows
}

/// Mean size of a response body.
fn mean_response_bytes(server: &BenchServer, requests: &[Vec<u8>]) -> f64 {
    let mut connection = Connection::connect(server.adjacent);
    let bytes: usize = requests.iter().map(|request| connection.send(request).len()).sum();
    bytes as f64 / requests.len() as f64
}

/// Asserts that impressions of decisions like the measured ones are valid: those of a bot, of a test or of a
/// caller over a limit would not be, and decisions of these reserve nothing and cost less.
fn check_that_impressions_count(server: &mut BenchServer, requests: &[Vec<u8>]) {
    const COUNTED: &str = "adjacent_events_total{kind=\"impression\",verdict=\"counted\"}";
    let before = server.series(COUNTED);
    let impressions = readers::decide(server.adjacent, requests, CHECKED);
    readers::report(server.adjacent, &impressions);
    let counted = server.series(COUNTED) - before;
    assert!(counted as usize == impressions.len(), "{counted} of {}", impressions.len());
}

/// CPU times per decision, with pages that repeat more or less often.
fn processor(
    server: &mut BenchServer,
    requests: &[Vec<u8>],
    goals: &Goals,
    progress: &ProgressBar,
) -> Vec<Row> {
    let flights = goals.flights;
    let names = ["one page", "3,000 pages", "no page twice"];
    let (mut bare, mut adjacent) = (Load::connect(server.bare), Load::connect(server.adjacent));
    let mut rows = Vec::new();
    for (kind, name) in names.into_iter().enumerate() {
        let (mut ratios, mut micros, mut worker) = (vec![], [vec![], vec![]], vec![]);
        for round in 0..=ROUNDS {
            progress
                .set_message(format!("http, {flights} flights, {name}: round {round} of {ROUNDS}"));
            let turn: Vec<&Vec<u8>> = match kind {
                0 => requests[..1].iter().cycle().take(TURN).collect(),
                1 => requests[..PAGES].iter().cycle().skip(round * TURN).take(TURN).collect(),
                _ => requests[PAGES + round * TURN..].iter().take(TURN).collect(),
            };
            let before = server.query("cpu");
            bare.decide(turn.iter().copied());
            let between = server.query("cpu");
            let slots = server.series("adjacent_decisions_total{outcome=\"filled\"}");
            let began = server.query("cpu");
            let filled = adjacent.decide(turn.iter().copied());
            // The decision log is written within a second, and its cost counts.
            std::thread::sleep(Duration::from_millis(300));
            let after = server.query("cpu");
            let counted = server.series("adjacent_decisions_total{outcome=\"filled\"}") - slots;
            assert!(counted as usize == filled && filled * 10 >= TURN * 8, "{filled} of {TURN}");
            if round == 0 {
                continue; // warm-up
            }
            let per_request =
                |from: &[f64], to: &[f64], of: usize| (to[of] - from[of]) / TURN as f64 / 1e3;
            let reference = per_request(&before, &between, 0);
            ratios.push(per_request(&began, &after, 2) / reference);
            worker.push(per_request(&began, &after, 1) / reference);
            micros[0].push(per_request(&began, &after, 2));
            micros[1].push(reference);
        }
        let [own, reference] = micros;
        rows.push(Row::new(
            format!("CPU a decision, {flights} flights, {name} / bare handler"),
            format!(
                "{} x ({} us / {} us); request thread alone {} x",
                median_and_range(ratios, 2),
                median_and_range(own, 1),
                median_and_range(reference, 1),
                median_and_range(worker, 2)
            ),
            goals.cpu[kind],
        ));
    }
    rows
}

/// Latencies of one connection, and at half the load that the server can take, at 10,000 flights.
pub fn latency(progress: &ProgressBar) -> Vec<Row> {
    /// Requests per turn of one connection.
    const TURN: usize = 500;
    const DURATION: Duration = Duration::from_secs(2);
    const RATED_ROUNDS: usize = 7;
    progress.set_message("latency: building the inventory");
    load::leave_cores(1);
    let (folder, requests) = instance::data_directory(10_000);
    let mut server = BenchServer::pinned(folder.path(), 1);
    let bytes = mean_response_bytes(&server, &requests);
    server.query(&format!("bytes {bytes:.0}"));
    let began = Instant::now();
    Load::connect(server.adjacent).decide(requests.iter().cycle().take(8 * requests.len()));
    let half = (8 * requests.len()) as f64 / began.elapsed().as_secs_f64() / 2.0;
    let micros = |times: &hdrhistogram::Histogram<u64>, quantile| {
        times.value_at_quantile(quantile) as f64 / 1e3
    };
    let mut single = (vec![], vec![], vec![]);
    let mut connections =
        [server.bare, server.adjacent].map(|address| Connection::connect(address).busy_polling());
    for round in 0..40 {
        progress.set_message(format!("latency, one connection: round {round} of 40"));
        let [bare, own] = connections.each_mut().map(|connection| {
            let mut times = load::new_histogram();
            for request in requests.iter().cycle().skip(round * TURN).take(TURN) {
                let began = Instant::now();
                connection.send(request);
                times.record(u64::try_from(began.elapsed().as_nanos()).unwrap()).unwrap();
            }
            micros(&times, 0.5)
        });
        single.0.push(own / bare);
        single.1.push(own);
        single.2.push(bare);
    }
    let mut rows = vec![Row::new(
        "one connection: p50 / bare handler",
        format!(
            "{} x ({} us / {} us)",
            median_and_range(single.0, 2),
            median_and_range(single.1, 0),
            median_and_range(single.2, 0)
        ),
        "<= 1.15 x",
    )];
    let mut ratios = [vec![], vec![]];
    let mut own_times = [vec![], vec![]];
    for round in 0..RATED_ROUNDS {
        progress.set_message(format!("latency at half load: round {round} of {RATED_ROUNDS}"));
        let [bare, own] = [server.bare, server.adjacent]
            .map(|address| load::at_rate(address, &requests, half, DURATION));
        for (at, quantile) in [0.5, 0.99].into_iter().enumerate() {
            ratios[at].push(micros(&own, quantile) / micros(&bare, quantile));
            own_times[at].push(micros(&own, quantile));
        }
    }
    let names = [("p50", "<= 1.1 x"), ("p99", "<= 1 x")];
    for (((name, goal), ratios), times) in names.into_iter().zip(ratios).zip(own_times) {
        rows.push(Row::new(
            format!("{half:.0} decisions/s, half of what one core serves: {name} / bare handler"),
            format!("{} x ({} us)", median_and_range(ratios, 2), median_and_range(times, 0)),
            goal,
        ));
    }
    rows
}

/// Decisions per second with two request threads against one, if the client has a core of its own.
pub fn workers(progress: &ProgressBar) -> Vec<Row> {
    const ROUNDS: usize = 5;
    let measurement = "decisions/s, two cores / one core";
    if load::leave_cores(2) == 0 {
        return vec![Row::new(measurement, "needs three cores", ">= 1.8 x")];
    }
    progress.set_message("workers: building the inventory");
    let requests = instance::requests(2_000, 10_000);
    let folders = [(); 2].map(|()| instance::data_folder(10_000));
    let servers = [1, 2].map(|cores| BenchServer::pinned(folders[cores - 1].path(), cores));
    let mut loads = servers.each_ref().map(|server| Load::connect(server.adjacent));
    let (mut ratios, mut rates) = (vec![], [vec![], vec![]]);
    for round in 0..=ROUNDS {
        progress.set_message(format!("workers: round {round} of {ROUNDS}"));
        let [one, two] = loads.each_mut().map(|load| {
            let began = Instant::now();
            load.decide(requests.iter().cycle().take(30_000));
            30.0 / began.elapsed().as_secs_f64()
        });
        if round > 0 {
            ratios.push(two / one);
            rates[0].push(one);
            rates[1].push(two);
        }
    }
    let [one, two] = rates.map(|rates| median_and_range(rates, 1));
    let result = format!("{} x ({two}k/s / {one}k/s)", median_and_range(ratios, 2));
    vec![Row::new(measurement, result, ">= 1.8 x")]
}

/// Memory of decisions whose events do not come, at 10,000 flights: their reservations are kept for minutes.
pub fn reservations(progress: &ProgressBar) -> Vec<Row> {
    load::leave_cores(1);
    progress.set_message("reservations: building the inventory");
    let (folder, requests) = instance::data_directory(10_000);
    let mut server = BenchServer::pinned(folder.path(), 1);
    let mut load = Load::connect(server.adjacent);
    // So that buffers and caches have the size that they keep.
    load.decide(requests.iter().cycle().take(UNANSWERED / 10));
    let before = server.query("memory")[0];
    progress.set_message(format!("reservations: {UNANSWERED} decisions"));
    let filled = load.decide(requests.iter().cycle().take(UNANSWERED));
    let memory = server.query("memory");
    vec![Row::new(
        format!("memory of an unanswered decision, of {filled} within {CONNECTIONS} connections"),
        format!(
            "{:.0} bytes ({:.0} MiB before, {:.0} MiB after)",
            (memory[0] - before) * 1_048_576.0 / filled as f64,
            before,
            memory[0]
        ),
        "<= 48 bytes",
    )]
}
