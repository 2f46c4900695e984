//! A change on one machine: how long until another serves it.

use crate::Row;
use crate::client::Connection;
use crate::machine;
use crate::machine::Served;
use crate::median;
use crate::store::Redis;
use indicatif::ProgressBar;
use std::time::Duration;
use std::time::Instant;

const FLIGHTS: usize = 10_000;
const CHANGES: usize = 7;
/// Between two questions what is served.
const LOOK: Duration = Duration::from_millis(2);

/// Two machines on one store.
pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    progress.set_message("lag: two machines");
    let (folder, requests) = machine::stocked(FLIGHTS);
    let other = tempfile::tempdir().unwrap();
    let redis = Redis::start(&[]);
    let mut one = Served::sharing(folder.path(), &redis);
    let began = Instant::now();
    let mut two = Served::sharing(other.path(), &redis);
    let mut connection = Connection::to(two.ours);
    let mut inventory = served(&mut connection, &requests[0]);
    let joined = began.elapsed().as_secs_f64();
    let (mut walls, mut told, mut applied) = (Vec::new(), Vec::new(), Vec::new());
    for change in 1..=CHANGES {
        progress.set_message(format!("lag: change {change} of {CHANGES}"));
        // Changes come at any moment between two looks.
        std::thread::sleep(Duration::from_millis(137 * change as u64 % 500));
        let began = Instant::now();
        one.ask("change");
        applied.push(began.elapsed().as_secs_f64());
        let fresh = loop {
            let now = served(&mut connection, &requests[0]);
            if now != inventory {
                break now;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "it is never served");
            std::thread::sleep(LOOK);
        };
        inventory = fresh;
        walls.push(began.elapsed().as_secs_f64());
        // The gauge is set right after the change is served.
        std::thread::sleep(LOOK * 10);
        told.push(two.ask("series adjacent_snapshot_lag_seconds")[0]);
    }
    let most = |all: &[f64]| all.iter().copied().fold(0.0, f64::max);
    vec![Row::new(
        format!(
            "a change of {FLIGHTS} flights until another machine serves it: median, longest; gauge"
        ),
        format!(
            "{:.2} s, {:.2} s; {:.2} s, {:.2} s (applied after {:.2} s; joined in {joined:.2} s)",
            median(walls.clone()),
            most(&walls),
            median(told.clone()),
            most(&told),
            median(applied)
        ),
        "< 2 s",
    )]
}

/// The inventory that a machine answers from.
fn served(connection: &mut Connection, request: &[u8]) -> String {
    let answer: serde_json::Value = serde_json::from_slice(connection.ask(request)).unwrap();
    answer["snapshot"]["inventory"].as_str().unwrap().to_owned()
}
