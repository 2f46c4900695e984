//! Capacity planning: the cost of events of real decisions in Redis and in an instance.

use crate::Row;
use crate::instance;
use crate::instance::BenchServer;
use crate::readers;
use crate::store::Redis;
use adjacent::journal;
use adjacent::ledger::record::Record;
use indicatif::ProgressBar;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const FLIGHTS: usize = 10_000;
/// Measured decisions; each filled one is followed by its impression.
const DECISIONS: usize = 60_000;
/// Decisions before the measurement.
const WARM_UP: usize = 4_000;
/// Idle time in which the baseline CPU use is measured.
const IDLE: Duration = Duration::from_secs(3);

const MILLION: f64 = 1e6;
const MEBI: f64 = 1_048_576.0;

/// Measures one instance over HTTP, then a ledger that records at full speed.
pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    let mut rows = over_http(progress);
    rows.extend(at_full_speed(progress));
    rows
}

fn over_http(progress: &ProgressBar) -> Vec<Row> {
    progress.set_message("sizing: starting an instance on Redis");
    let (folder, requests) = instance::data_directory(FLIGHTS);
    let redis = Redis::start(&[]);
    let mut server = BenchServer::on_redis(folder.path(), &redis);
    let impressions = readers::decide(server.adjacent, &requests, WARM_UP);
    readers::report(server.adjacent, &impressions);
    server.wait_until_applied();
    let used = redis.cpu_seconds();
    std::thread::sleep(IDLE);
    let idle = (redis.cpu_seconds() - used) / IDLE.as_secs_f64();

    progress.set_message(format!("sizing: {DECISIONS} decisions"));
    let (all, own, batches) = (redis.memory_bytes(), server.query("memory")[0], redis.batches());
    let (logs, visitors) = (redis.key_bytes(":log"), redis.key_bytes(":did:"));
    let (used, began) = (redis.cpu_seconds(), std::time::Instant::now());
    let impressions = readers::decide(server.adjacent, &requests, DECISIONS);
    server.wait_until_applied();
    let decided = server.query("memory")[0];
    readers::report(server.adjacent, &impressions);
    server.wait_until_applied();
    let took = began.elapsed().as_secs_f64();
    let cpu = redis.cpu_seconds() - used - idle * took;
    let events = impressions.len() as f64;
    let batch = events / (redis.batches() - batches);
    // Visitor activity is reported every 500 ms.
    std::thread::sleep(Duration::from_secs(2));
    let logs = (redis.key_bytes(":log") - logs) / events;
    let visitors = (redis.key_bytes(":did:") - visitors) / events;
    let all = (redis.memory_bytes() - all) / events;
    let seen = server.query("memory")[0];
    let million = MILLION / DECISIONS as f64;
    vec![
        Row::new(
            format!(
                "Redis, bytes per event of {:.0} bytes: total; log; visitor activity (kept a day)",
                record_bytes(folder.path())
            ),
            format!("{all:.0}; {logs:.0}; {visitors:.0} ({batch:.1} events per batch)"),
            "",
        ),
        Row::new(
            "Redis, CPU seconds per million events; idle CPU per instance",
            format!("{:.1} s; {:.1} %", cpu * MILLION / events, idle * 100.0),
            "",
        ),
        Row::new(
            "instance memory per million decisions: without impressions; with impressions",
            format!(
                "{:.0} MiB; {:.0} MiB ({DECISIONS} measured)",
                (decided - own) * million,
                (seen - own) * million
            ),
            "",
        ),
    ]
}

/// Mean size in bytes of an event record in a journal.
fn record_bytes(data: &Path) -> f64 {
    let (mut bytes, mut count) = (0, 0);
    let mut take = |entry: journal::Entry| {
        if let Ok(Record::Event(_)) = Record::decode(&entry.payload).map(|found| found.record) {
            bytes += entry.payload.len();
            count += 1;
        }
    };
    journal::recover(&data.join("journal"), 0, None, false, &mut take).unwrap();
    bytes as f64 / f64::from(count)
}

fn at_full_speed(progress: &ProgressBar) -> Vec<Row> {
    [("no AOF", &["--appendonly", "no"][..]), ("AOF everysec", &["--appendonly", "yes"][..])]
        .into_iter()
        .map(|(name, options)| {
            progress.set_message(format!("sizing: a million events, {name}"));
            let folder = tempfile::tempdir().unwrap();
            let redis = Redis::start(options);
            let (bytes, used) = (redis.memory_bytes(), redis.cpu_seconds());
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["shipper", &redis.url(), &folder.path().display().to_string()])
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            let text = String::from_utf8(output.stdout).unwrap();
            let figures: Vec<f64> =
                text.split_whitespace().map(|one| one.parse().unwrap()).collect();
            let [events, recorded, sent, applied, before, after] = figures[..] else {
                panic!("{figures:?}")
            };
            let bytes = (redis.memory_bytes() - bytes) / events;
            let cpu = (redis.cpu_seconds() - used) * MILLION / events;
            Row::new(
                format!("one instance, events at full speed, {name}: on disk; in Redis; applied"),
                format!(
                    "{:.0}k/s; {:.0}k/s; {:.0}k/s (Redis: {cpu:.1} CPU s and {:.0} MiB per million \
                     events, {:.0} events per batch; instance: {:.0} MiB)",
                    events / recorded / 1e3,
                    events / sent / 1e3,
                    events / applied / 1e3,
                    bytes * MILLION / MEBI,
                    events / redis.batches(),
                    after - before
                ),
                "",
            )
        })
        .collect()
}
