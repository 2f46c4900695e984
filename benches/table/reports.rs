//! Impressions and clicks over HTTP, each on disk before it is acknowledged, compared with a bare handler that
//! parses and answers a decision.
//!
//! The server has one core for everything, and the client has the others.

use crate::client::Connection;
use crate::instance::BenchServer;
use crate::load::{CONNECTIONS, Load};
use crate::{Row, instance, load, median_and_range, readers};
use indicatif::ProgressBar;
use std::time::{Duration, Instant};

const FLIGHTS: usize = 10_000;
/// Measured rounds, each with one turn of the bare handler, of impressions and of their clicks.
const ROUNDS: usize = 9;
/// Events per turn.
const TURN: usize = 4_000;
/// A click counts if it comes later after its impression than a program's would.
const BEFORE_CLICK: Duration = Duration::from_millis(700);

/// What the turns of one kind of request took.
#[derive(Default)]
struct Turns {
    /// CPU time of the process per event, in microseconds, and its ratio to that of the bare handler.
    micros: Vec<f64>,
    ratios: Vec<f64>,
    /// Events per millisecond.
    rates: Vec<f64>,
}

pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    load::leave_cores(1);
    progress.set_message("reports: building the inventory");
    let (folder, requests) = instance::data_directory(FLIGHTS);
    let mut server = BenchServer::pinned(folder.path(), 1);
    progress.set_message("reports: decisions");
    let wanted = (ROUNDS + 1) * TURN;
    let units = readers::units(server.adjacent, &requests, wanted * 5 / 4);
    assert!(units.len() >= wanted, "{} units", units.len());
    let (impressions, clicks): (Vec<_>, Vec<_>) = units.into_iter().unzip();
    let (mut bare, mut adjacent) = (Load::connect(server.bare), Load::connect(server.adjacent));
    let (mut reference, mut of_impressions, mut of_clicks) =
        (vec![], Turns::default(), Turns::default());
    for (round, (impressions, clicks)) in
        impressions.chunks(TURN).zip(clicks.chunks(TURN)).take(ROUNDS + 1).enumerate()
    {
        progress.set_message(format!("reports: round {round} of {ROUNDS}"));
        let before = server.query("cpu")[0];
        bare.decide(requests.iter().cycle().take(TURN));
        let bare_micros = (server.query("cpu")[0] - before) / TURN as f64 / 1e3;
        let mut turns = [("impression", impressions), ("click", clicks)].map(|(kind, events)| {
            let turn = turn(&mut server, &mut adjacent, (kind, events));
            std::thread::sleep(BEFORE_CLICK);
            turn
        });
        if round == 0 {
            continue; // warm-up
        }
        reference.push(bare_micros);
        for (of, (micros, rate)) in
            [&mut of_impressions, &mut of_clicks].into_iter().zip(&mut turns)
        {
            of.micros.push(*micros);
            of.ratios.push(*micros / bare_micros);
            of.rates.push(*rate);
        }
    }
    let reference = median_and_range(reference, 1);
    [
        ("impressions", of_impressions, "<= 1.8 x, >= 60k/s (moonshot 1.4 x)"),
        ("clicks", of_clicks, "<= 2 x"),
    ]
    .into_iter()
    .map(|(kind, turns, goal)| {
        Row::new(
            format!("durable {kind} over HTTP, {CONNECTIONS} connections, one core: CPU / bare handler; rate"),
            format!(
                "{} x ({} us / {reference} us); {}k/s",
                median_and_range(turns.ratios, 2),
                median_and_range(turns.micros, 1),
                median_and_range(turns.rates, 1)
            ),
            goal,
        )
    })
    .collect()
}

/// Reports events; returns the CPU time of each in microseconds and the events per millisecond. Asserts that all
/// of them count.
fn turn(
    server: &mut BenchServer,
    load: &mut Load,
    (kind, events): (&str, &[Vec<u8>]),
) -> (f64, f64) {
    let counted = format!("adjacent_events_total{{kind=\"{kind}\",verdict=\"counted\"}}");
    let counted_before = server.series(&counted);
    let before = server.query("cpu")[2];
    let began = Instant::now();
    let read = if kind == "click" { Connection::read_redirect } else { Connection::read_recorded };
    load.send(events, read);
    let millis = began.elapsed().as_secs_f64() * 1e3;
    let micros = (server.query("cpu")[2] - before) / events.len() as f64 / 1e3;
    // A click is answered after 20 ms, recorded or not.
    let mut counts = || (server.series(&counted) - counted_before) as usize;
    while counts() < events.len() {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{} of {} {kind}s",
            counts(),
            events.len()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    (micros, events.len() as f64 / millis)
}
