//! Whole decisions over HTTP against a bare handler: processor time, latency, memory, start.

use crate::Row;
use crate::client::Connection;
use crate::machine;
use crate::machine::Served;
use crate::median;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;

/// Connections that load at once.
const CONNECTIONS: usize = 8;
/// Rounds, each of one turn a side.
const ROUNDS: usize = 9;
/// Requests of a turn.
const TURN: usize = 6_000;
/// Requests of one latency turn, over one connection.
const ALONE: usize = 500;

/// Everything that needs a running server, at 10,000 and 100,000 flights.
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
    progress.set_message(format!("http, {flights} flights: an inventory"));
    let (folder, requests) = machine::stocked(flights);
    // The first start records every budget; the second is one like all that follow.
    let first = machine::started(folder.path(), &requests[0]).1;
    let (mut served, again) = machine::started(folder.path(), &requests[0]);
    let mut rows = vec![Row::new(
        format!("start, {flights} flights: again (first)"),
        format!("{:.0} ms ({:.0} ms)", again.as_secs_f64() * 1e3, first.as_secs_f64() * 1e3),
        goals.2,
    )];
    let resting = served.ask("memory")[0];
    let bytes = answer_bytes(served.ours, &requests);
    served.ask(&format!("bytes {bytes:.0}"));
    rows.extend(processor(&mut served, &requests, flights, bytes, goals.0, progress));
    rows.extend(latency(&served, &requests, flights, progress));
    let memory = served.ask("memory");
    rows.push(Row::new(
        format!("memory, {flights} flights: at rest; after load (most)"),
        format!("{resting:.0} MiB; {:.0} MiB ({:.0} MiB)", memory[0], memory[1]),
        goals.1,
    ));
    rows
}

/// How long an answer is on average, and that most of them hold a unit.
fn answer_bytes(ours: SocketAddr, requests: &[Vec<u8>]) -> f64 {
    let mut connection = Connection::to(ours);
    let (mut bytes, mut filled) = (0, 0);
    for request in requests {
        let answer = connection.ask(request);
        bytes += answer.len();
        filled += usize::from(answer.windows(11).any(|part| part == b"\"fill\":true"));
    }
    assert!(filled * 10 >= requests.len() * 8, "{filled} of {} are filled", requests.len());
    bytes as f64 / requests.len() as f64
}

/// Sends `TURN` requests over several connections.
fn turn(address: SocketAddr, requests: &[Vec<u8>]) {
    std::thread::scope(|scope| {
        for part in 0..CONNECTIONS {
            scope.spawn(move || {
                let mut connection = Connection::to(address);
                for request in requests.iter().cycle().skip(part * 97).take(TURN / CONNECTIONS) {
                    connection.ask(request);
                }
            });
        }
    });
}

fn processor(
    served: &mut Served,
    requests: &[Vec<u8>],
    flights: usize,
    bytes: f64,
    goal: &'static str,
    progress: &ProgressBar,
) -> Vec<Row> {
    let (mut workers, mut whole, mut bare, mut ours) = (vec![], vec![], vec![], vec![]);
    for round in 0..=ROUNDS {
        progress.set_message(format!("http, {flights} flights: round {round} of {ROUNDS}"));
        let before = served.ask("cpu");
        turn(served.bare, requests);
        let between = served.ask("cpu");
        turn(served.ours, requests);
        // The decision log is written within a second; that is a part of the price.
        std::thread::sleep(Duration::from_millis(300));
        let after = served.ask("cpu");
        if round == 0 {
            continue; // warms both up
        }
        let each =
            |from: &[f64], to: &[f64], side: usize| (to[side] - from[side]) / TURN as f64 / 1e3;
        let parsed = each(&before, &between, 0);
        workers.push(each(&between, &after, 1) / parsed);
        whole.push(each(&between, &after, 2) / parsed);
        bare.push(parsed);
        ours.push(each(&between, &after, 1));
    }
    vec![
        Row::new(
            format!("cpu of a decision, {flights} flights: workers' threads / bare handler's"),
            format!(
                "{:.2} x ({:.1} us / {:.1} us; {bytes:.0} bytes)",
                median(workers),
                median(ours),
                median(bare)
            ),
            goal,
        ),
        Row::new(
            format!("... with log, state and every other thread of ours, {flights} flights"),
            format!("{:.2} x", median(whole)),
            "",
        ),
    ]
}

fn latency(
    served: &Served,
    requests: &[Vec<u8>],
    flights: usize,
    progress: &ProgressBar,
) -> Vec<Row> {
    progress.set_message(format!("http, {flights} flights: one connection"));
    let mut sides = [served.bare, served.ours].map(|address| {
        (
            Connection::to(address).awake(),
            Histogram::<u64>::new_with_bounds(1, 10_000_000_000, 3).unwrap(),
        )
    });
    for round in 0..20 {
        for (connection, times) in &mut sides {
            for request in requests.iter().cycle().skip(round * ALONE).take(ALONE) {
                let began = Instant::now();
                connection.ask(request);
                times.record(u64::try_from(began.elapsed().as_nanos()).unwrap()).unwrap();
            }
        }
    }
    [(0.5, "p50", "<= 1.25 x"), (0.99, "p99", "<= 1.7 x")]
        .into_iter()
        .map(|(quantile, name, goal)| {
            let [bare, ours] = [&sides[0].1, &sides[1].1]
                .map(|times| times.value_at_quantile(quantile) as f64 / 1e3);
            Row::new(
                format!("one connection, {flights} flights: {name} / bare handler's"),
                format!("{:.2} x ({ours:.0} us / {bare:.0} us)", ours / bare),
                goal,
            )
        })
        .collect()
}
