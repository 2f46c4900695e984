//! Complete decisions over HTTP compared with a bare handler: CPU time, latency, memory, start-up.

use crate::Row;
use crate::client::Connection;
use crate::instance;
use crate::instance::BenchServer;
use crate::median;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Concurrent connections of the load.
const CONNECTIONS: usize = 8;
/// Measured rounds, each with one turn per server.
const ROUNDS: usize = 9;
/// Requests per turn.
const TURN: usize = 6_000;
/// Requests per latency turn, over one connection.
const LATENCY_TURN: usize = 500;

/// Measurements on a running server, at 10,000 and 100,000 flights.
pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    let goals = [
        (10_000, "<= 1.5 x (moonshot 1.25 x)", "<= 64 MiB", ""),
        (100_000, "<= 2 x", "<= 128 MiB", "<= 1 s"),
    ];
    goals
        .into_iter()
        .flat_map(|(flights, cpu, memory, start)| at(flights, (cpu, memory, start), progress))
        .collect()
}

fn at(
    flights: usize,
    goals: (&'static str, &'static str, &'static str),
    progress: &ProgressBar,
) -> Vec<Row> {
    progress.set_message(format!("http, {flights} flights: building the inventory"));
    let (folder, requests) = instance::data_directory(flights);
    // The first start also records every budget; the second is representative of later starts.
    let first = instance::timed_start(folder.path(), &requests[0]).1;
    let (mut server, restart) = instance::timed_start(folder.path(), &requests[0]);
    let mut rows = vec![Row::new(
        format!("start, {flights} flights: restart (first start)"),
        format!("{:.0} ms ({:.0} ms)", restart.as_secs_f64() * 1e3, first.as_secs_f64() * 1e3),
        goals.2,
    )];
    let resting = server.query("memory")[0];
    let bytes = mean_response_bytes(server.adjacent, &requests);
    server.query(&format!("bytes {bytes:.0}"));
    rows.extend(processor(&mut server, &requests, flights, bytes, goals.0, progress));
    rows.extend(latency(&server, &requests, flights, progress));
    let memory = server.query("memory");
    rows.push(Row::new(
        format!("memory, {flights} flights: idle; after load (peak)"),
        format!("{resting:.0} MiB; {:.0} MiB ({:.0} MiB)", memory[0], memory[1]),
        goals.1,
    ));
    rows
}

/// Mean size of a response body. Asserts that at least 80 % of the slots are filled.
fn mean_response_bytes(adjacent: SocketAddr, requests: &[Vec<u8>]) -> f64 {
    let mut connection = Connection::connect(adjacent);
    let (mut bytes, mut filled) = (0, 0);
    for request in requests {
        let answer = connection.send(request);
        bytes += answer.len();
        filled += usize::from(answer.windows(11).any(|part| part == b"\"fill\":true"));
    }
    assert!(filled * 10 >= requests.len() * 8, "{filled} of {} are filled", requests.len());
    bytes as f64 / requests.len() as f64
}

/// Sends `TURN` requests over `CONNECTIONS` connections.
fn turn(address: SocketAddr, requests: &[Vec<u8>]) {
    std::thread::scope(|scope| {
        for part in 0..CONNECTIONS {
            scope.spawn(move || {
                let mut connection = Connection::connect(address);
                for request in requests.iter().cycle().skip(part * 97).take(TURN / CONNECTIONS) {
                    connection.send(request);
                }
            });
        }
    });
}

fn processor(
    server: &mut BenchServer,
    requests: &[Vec<u8>],
    flights: usize,
    bytes: f64,
    goal: &'static str,
    progress: &ProgressBar,
) -> Vec<Row> {
    let (mut worker_ratios, mut process_ratios) = (vec![], vec![]);
    let (mut bare, mut adjacent) = (vec![], vec![]);
    for round in 0..=ROUNDS {
        progress.set_message(format!("http, {flights} flights: round {round} of {ROUNDS}"));
        let before = server.query("cpu");
        turn(server.bare, requests);
        let between = server.query("cpu");
        turn(server.adjacent, requests);
        // The decision log is written within a second, and its cost counts.
        std::thread::sleep(Duration::from_millis(300));
        let after = server.query("cpu");
        if round == 0 {
            continue; // warm-up
        }
        let micros =
            |from: &[f64], to: &[f64], side: usize| (to[side] - from[side]) / TURN as f64 / 1e3;
        let reference = micros(&before, &between, 0);
        worker_ratios.push(micros(&between, &after, 1) / reference);
        process_ratios.push(micros(&between, &after, 2) / reference);
        bare.push(reference);
        adjacent.push(micros(&between, &after, 1));
    }
    vec![
        Row::new(
            format!("CPU per decision, {flights} flights: worker threads / bare handler"),
            format!(
                "{:.2} x ({:.1} us / {:.1} us; {bytes:.0} bytes)",
                median(worker_ratios),
                median(adjacent),
                median(bare)
            ),
            goal,
        ),
        Row::new(
            format!("... including decision log, state and all other threads, {flights} flights"),
            format!("{:.2} x", median(process_ratios)),
            "",
        ),
    ]
}

fn latency(
    server: &BenchServer,
    requests: &[Vec<u8>],
    flights: usize,
    progress: &ProgressBar,
) -> Vec<Row> {
    progress.set_message(format!("http, {flights} flights: one connection"));
    let mut sides = [server.bare, server.adjacent].map(|address| {
        (
            Connection::connect(address).busy_polling(),
            Histogram::<u64>::new_with_bounds(1, 10_000_000_000, 3).unwrap(),
        )
    });
    for round in 0..20 {
        for (connection, times) in &mut sides {
            for request in requests.iter().cycle().skip(round * LATENCY_TURN).take(LATENCY_TURN) {
                let began = Instant::now();
                connection.send(request);
                times.record(u64::try_from(began.elapsed().as_nanos()).unwrap()).unwrap();
            }
        }
    }
    [(0.5, "p50", "<= 1.25 x"), (0.99, "p99", "<= 1.7 x")]
        .into_iter()
        .map(|(quantile, name, goal)| {
            let [bare, adjacent] = [&sides[0].1, &sides[1].1]
                .map(|times| times.value_at_quantile(quantile) as f64 / 1e3);
            Row::new(
                format!("one connection, {flights} flights: {name} / bare handler"),
                format!("{:.2} x ({adjacent:.0} us / {bare:.0} us)", adjacent / bare),
                goal,
            )
        })
        .collect()
}
