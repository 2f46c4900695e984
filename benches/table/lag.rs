//! Replication lag of the catalog: the time until a change on one instance is served by another.

use crate::Row;
use crate::client::Connection;
use crate::instance;
use crate::instance::BenchServer;
use crate::median;
use crate::store::Redis;
use indicatif::ProgressBar;
use std::time::{Duration, Instant};

const FLIGHTS: usize = 10_000;
const CHANGES: usize = 7;
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Measures with two instances on one Redis.
pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    progress.set_message("lag: starting two instances");
    let (folder, requests) = instance::data_directory(FLIGHTS);
    let other = tempfile::tempdir().unwrap();
    let redis = Redis::start(&[]);
    let mut one = BenchServer::on_redis(folder.path(), &redis);
    let began = Instant::now();
    let mut two = BenchServer::on_redis(other.path(), &redis);
    let mut connection = Connection::connect(two.adjacent);
    let mut inventory = served_inventory(&mut connection, &requests[0]);
    let joined = began.elapsed().as_secs_f64();
    let (mut lags, mut gauges, mut applied) = (Vec::new(), Vec::new(), Vec::new());
    for change in 1..=CHANGES {
        progress.set_message(format!("lag: change {change} of {CHANGES}"));
        // Spread changes over the polling interval of the catalog sync.
        std::thread::sleep(Duration::from_millis(137 * change as u64 % 500));
        let began = Instant::now();
        one.query("change");
        applied.push(began.elapsed().as_secs_f64());
        let changed = loop {
            let current = served_inventory(&mut connection, &requests[0]);
            if current != inventory {
                break current;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "change not served within 30 s");
            std::thread::sleep(POLL_INTERVAL);
        };
        inventory = changed;
        lags.push(began.elapsed().as_secs_f64());
        // The gauge is set shortly after the change is first served.
        std::thread::sleep(POLL_INTERVAL * 10);
        gauges.push(two.query("series adjacent_snapshot_lag_seconds")[0]);
    }
    let longest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    vec![Row::new(
        format!("lag of a change to {FLIGHTS} flights on another instance: median, longest; gauge"),
        format!(
            "{:.2} s, {:.2} s; {:.2} s, {:.2} s (applied after {:.2} s; joined in {joined:.2} s)",
            median(lags.clone()),
            longest(&lags),
            median(gauges.clone()),
            longest(&gauges),
            median(applied)
        ),
        "< 2 s",
    )]
}

/// Version of the inventory that the instance serves.
fn served_inventory(connection: &mut Connection, request: &[u8]) -> String {
    let answer: serde_json::Value = serde_json::from_slice(connection.send(request)).unwrap();
    answer["snapshot"]["inventory"].as_str().unwrap().to_owned()
}
