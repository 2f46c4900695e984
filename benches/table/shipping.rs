//! What goes to a shared store: batches by our function, against a pipeline that adds the same events
//! one by one, in turns on the same Redis.

use crate::Row;
use crate::events;
use crate::median;
use crate::store::Redis;
use adjacent::journal::Entry;
use adjacent::journal::PARTITIONS;
use adjacent::ledger::record::Record;
use adjacent::store::Address;
use adjacent::store::Client;
use adjacent::store::log;
use indicatif::ProgressBar;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// Events of a batch.
const BATCH: u64 = 500;

/// Batches of one measurement, and how many are under way at once.
const BATCHES: u64 = 512;
const AT_ONCE: u64 = 8;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Measurements of each side.
const TURNS: u64 = 5;

/// Impressions as they are on disk.
fn records() -> Vec<Vec<u8>> {
    let attribution = Arc::new(events::attribution());
    let record = |number| Record::Event(Arc::new(events::event(number, &attribution))).encode();
    (1_000_000..1_000_000 + BATCH).map(record).collect()
}

/// Each second by the clock, and by a core of the server.
struct Rate {
    by_clock: f64,
    by_core: f64,
}

fn timed(redis: &Redis, work: impl FnOnce()) -> Rate {
    let (used, began) = (redis.used(), Instant::now());
    work();
    let took = began.elapsed().as_secs_f64();
    let events = (BATCHES * BATCH) as f64;
    Rate { by_clock: events / took, by_core: events / (redis.used() - used) }
}

/// By our function, as a shipper does.
fn batches(redis: &Redis, incarnation: u64) -> Rate {
    let Ok(Address::Redis(place)) = redis.url().parse() else { unreachable!("it was made here") };
    let client = Client::new(place);
    let records = records();
    let batch = |number: u64| -> Vec<Entry> {
        let partition = u8::try_from(number % u64::from(PARTITIONS)).unwrap();
        let first = number / u64::from(PARTITIONS) * BATCH + 1;
        let entry = |(lsn, payload)| Entry { incarnation, partition, lsn, payload };
        (first..).zip(records.iter().cloned()).map(entry).collect()
    };
    let made: Vec<Vec<Entry>> = (0..BATCHES).map(batch).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.load()).unwrap();
    timed(redis, || {
        runtime.block_on(async {
            for some in made.chunks(usize::try_from(AT_ONCE).unwrap()) {
                let sent = some.iter().map(|batch| log::append(&client, batch));
                let fits = futures_util::future::try_join_all(sent).await.unwrap();
                assert!(fits.iter().all(|fit| *fit == log::Fit::Next), "{fits:?}");
            }
        });
    })
}

/// By as many commands as there are events, as many under way at once.
fn one_by_one(redis: &Redis) -> Rate {
    let records = records();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = redis::Client::open(redis.url()).unwrap();
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
    let connected = client.get_multiplexed_async_connection_with_config(&config);
    let connection = runtime.block_on(connected).unwrap();
    let pipes: Vec<redis::Pipeline> = (0..BATCHES)
        .map(|number| {
            let key = format!("adj:{{p{:02}}}:events", number % u64::from(PARTITIONS));
            let mut pipe = redis::pipe();
            for record in &records {
                pipe.cmd("XADD").arg(&key).arg("*").arg("b").arg(&record[..]).ignore();
            }
            pipe
        })
        .collect();
    timed(redis, || {
        runtime.block_on(async {
            for some in pipes.chunks(usize::try_from(AT_ONCE).unwrap()) {
                let sent = some.iter().map(|pipe| {
                    let mut connection = connection.clone();
                    async move { pipe.exec_async(&mut connection).await }
                });
                futures_util::future::try_join_all(sent).await.unwrap();
            }
        });
    })
}

/// Both, without an append-only file and with one that is synced every second.
pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    let everysec = ["--appendonly", "yes", "--appendfsync", "everysec"];
    let bytes = records().iter().map(Vec::len).sum::<usize>() as f64 / BATCH as f64;
    [
        ("no AOF", &["--appendonly", "no"][..], ">= 200k/s"),
        ("AOF everysec", &everysec[..], "ratio >= 0.9"),
    ]
    .into_iter()
    .map(|(name, options, goal)| {
        progress.set_message(format!("shipping, {name}"));
        let redis = Redis::start(options);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for turn in 1..=TURNS {
            redis.empty();
            ours.push(batches(&redis, turn));
            redis.empty();
            theirs.push(one_by_one(&redis));
        }
        let by = |rates: &[Rate], of: fn(&Rate) -> f64| median(rates.iter().map(of).collect());
        let clock: fn(&Rate) -> f64 = |rate| rate.by_clock;
        let core: fn(&Rate) -> f64 = |rate| rate.by_core;
        let (own, other) = (by(&ours, clock), by(&theirs, clock));
        Row::new(
            format!(
                "events of {bytes:.0} bytes to a shared store, {name}: each second; of a core of Redis; one XADD each"
            ),
            format!(
                "{:.0}k/s; {:.0}k/s; {:.0}k/s, {:.0}k/s of a core: ratio {:.1}",
                own / 1e3,
                by(&ours, core) / 1e3,
                other / 1e3,
                by(&theirs, core) / 1e3,
                own / other
            ),
            goal,
        )
    })
    .collect()
}
