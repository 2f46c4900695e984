//! What events of real decisions cost a store and a machine: the figures to plan with.

use crate::Row;
use crate::machine;
use crate::machine::Served;
use crate::readers;
use crate::store::Redis;
use adjacent::journal;
use adjacent::ledger::record::Record;
use indicatif::ProgressBar;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const FLIGHTS: usize = 10_000;
/// Decisions, each with its impression where it is filled.
const DECISIONS: usize = 60_000;
/// Decisions before anything is looked at.
const WARM: usize = 4_000;
/// How long nothing happens, to see what that costs.
const IDLE: Duration = Duration::from_secs(3);

const MILLION: f64 = 1e6;
const MEBI: f64 = 1_048_576.0;

/// With one machine over HTTP, then with a ledger that records as fast as it can.
pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    let mut rows = over_http(progress);
    rows.extend(at_full_speed(progress));
    rows
}

fn over_http(progress: &ProgressBar) -> Vec<Row> {
    progress.set_message("sizing: a machine with a store");
    let (folder, requests) = machine::stocked(FLIGHTS);
    let redis = Redis::start(&[]);
    let mut served = Served::sharing(folder.path(), &redis);
    let impressions = readers::read(served.ours, &requests, WARM);
    readers::send(served.ours, &impressions);
    served.settles();
    let used = redis.used();
    std::thread::sleep(IDLE);
    let idle = (redis.used() - used) / IDLE.as_secs_f64();

    progress.set_message(format!("sizing: {DECISIONS} decisions"));
    let (all, own, batches) = (redis.bytes(), served.ask("memory")[0], redis.batches());
    let (logs, visitors) = (redis.bytes_of(":log"), redis.bytes_of(":did:"));
    let (used, began) = (redis.used(), std::time::Instant::now());
    let impressions = readers::read(served.ours, &requests, DECISIONS);
    served.settles();
    let decided = served.ask("memory")[0];
    readers::send(served.ours, &impressions);
    served.settles();
    let took = began.elapsed().as_secs_f64();
    let cpu = redis.used() - used - idle * took;
    let events = impressions.len() as f64;
    let batch = events / (redis.batches() - batches);
    // Visitors are told every half a second.
    std::thread::sleep(Duration::from_secs(2));
    let logs = (redis.bytes_of(":log") - logs) / events;
    let visitors = (redis.bytes_of(":did:") - visitors) / events;
    let all = (redis.bytes() - all) / events;
    let seen = served.ask("memory")[0];
    let million = MILLION / DECISIONS as f64;
    vec![
        Row::new(
            format!(
                "Redis, bytes for an event of {:.0} bytes: all; log; visitor, for a day",
                weight(folder.path())
            ),
            format!("{all:.0}; {logs:.0}; {visitors:.0} ({batch:.1} events a batch)"),
            "",
        ),
        Row::new(
            "Redis, seconds of a core for a million events; at rest, for each machine",
            format!("{:.1} s; {:.1} %", cpu * MILLION / events, idle * 100.0),
            "",
        ),
        Row::new(
            "a machine, for a million decisions: decided; and seen",
            format!(
                "{:.0} MiB; {:.0} MiB ({DECISIONS} measured)",
                (decided - own) * million,
                (seen - own) * million
            ),
            "",
        ),
    ]
}

/// Bytes of an event's record, on average over a journal.
fn weight(data: &Path) -> f64 {
    let (mut bytes, mut count) = (0, 0);
    let mut take = |entry: journal::Entry| {
        if let Ok(Record::Event(_)) = Record::decode(&entry.payload) {
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
            let (bytes, used) = (redis.bytes(), redis.used());
            let told = Command::new(std::env::current_exe().unwrap())
                .args(["shipper", &redis.url(), &folder.path().display().to_string()])
                .output()
                .unwrap();
            assert!(told.status.success(), "{told:?}");
            let told = String::from_utf8(told.stdout).unwrap();
            let told: Vec<f64> = told.split_whitespace().map(|one| one.parse().unwrap()).collect();
            let [events, recorded, sent, read, before, after] = told[..] else {
                panic!("{told:?}")
            };
            let bytes = (redis.bytes() - bytes) / events;
            let cpu = (redis.used() - used) * MILLION / events;
            Row::new(
                format!(
                    "one machine, events as fast as it can, {name}: on disk; in Redis; read again"
                ),
                format!(
                    "{:.0}k/s; {:.0}k/s; {:.0}k/s (Redis: {cpu:.1} s of a core and {:.0} MiB a \
                     million, {:.0} events a batch; the machine: {:.0} MiB)",
                    events / recorded / 1e3,
                    events / sent / 1e3,
                    events / read / 1e3,
                    bytes * MILLION / MEBI,
                    events / redis.batches(),
                    after - before
                ),
                "",
            )
        })
        .collect()
}
