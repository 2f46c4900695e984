//! Shipping to Redis: batches by our Redis function, compared with a pipeline of one `XADD` per event.
//! Both are measured alternately on the same Redis.

use crate::Row;
use crate::events;
use crate::median;
use crate::store::Redis;
use adjacent::journal::{Entry, PARTITIONS};
use adjacent::ledger::record::Record;
use adjacent::store::{Address, Client, log};
use indicatif::ProgressBar;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Events per batch.
const BATCH: u64 = 500;

/// Batches per measurement, and how many are in flight at once.
const BATCHES: u64 = 512;
const IN_FLIGHT: u64 = 8;

const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Measurements per method.
const TURNS: u64 = 5;

/// Impressions in their journal encoding.
fn records() -> Vec<Vec<u8>> {
    let attribution = Arc::new(events::attribution());
    let record = |number| Record::Event(Arc::new(events::event(number, &attribution))).encode();
    (1_000_000..1_000_000 + BATCH).map(record).collect()
}

/// Events per second of elapsed time, and per second of Redis CPU time.
struct Rate {
    per_second: f64,
    per_cpu_second: f64,
}

fn timed(redis: &Redis, work: impl FnOnce()) -> Rate {
    let (used, began) = (redis.cpu_seconds(), Instant::now());
    work();
    let took = began.elapsed().as_secs_f64();
    let events = (BATCHES * BATCH) as f64;
    Rate { per_second: events / took, per_cpu_second: events / (redis.cpu_seconds() - used) }
}

/// Ships by our Redis function, as the executable does.
fn batches(redis: &Redis, incarnation: u64) -> Rate {
    let Ok(Address::Redis(place)) = redis.url().parse() else {
        unreachable!("the benchmark made this URL")
    };
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
    runtime.block_on(client.load_functions()).unwrap();
    timed(redis, || {
        runtime.block_on(async {
            for some in made.chunks(usize::try_from(IN_FLIGHT).unwrap()) {
                let sent = some.iter().map(|batch| log::append(&client, batch, 0));
                let fits = futures_util::future::try_join_all(sent).await.unwrap();
                assert!(fits.iter().all(|fit| *fit == log::AppendOutcome::Appended), "{fits:?}");
            }
        });
    })
}

/// Ships by one command per event, with as many events in flight.
fn one_by_one(redis: &Redis) -> Rate {
    let records = records();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = redis::Client::open(redis.url()).unwrap();
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(RESPONSE_TIMEOUT));
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
            for some in pipes.chunks(usize::try_from(IN_FLIGHT).unwrap()) {
                let sent = some.iter().map(|pipe| {
                    let mut connection = connection.clone();
                    async move { pipe.exec_async(&mut connection).await }
                });
                futures_util::future::try_join_all(sent).await.unwrap();
            }
        });
    })
}

/// Both methods, without an append-only file and with one synced every second.
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
        let (mut batched, mut single) = (Vec::new(), Vec::new());
        for turn in 1..=TURNS {
            redis.flush();
            batched.push(batches(&redis, turn));
            redis.flush();
            single.push(one_by_one(&redis));
        }
        let by = |rates: &[Rate], of: fn(&Rate) -> f64| median(rates.iter().map(of).collect());
        let elapsed: fn(&Rate) -> f64 = |rate| rate.per_second;
        let cpu: fn(&Rate) -> f64 = |rate| rate.per_cpu_second;
        let (batched_rate, single_rate) = (by(&batched, elapsed), by(&single, elapsed));
        Row::new(
            format!(
                "shipping events of {bytes:.0} bytes to Redis, {name}: batched, per Redis CPU second; one XADD each"
            ),
            format!(
                "{:.0}k/s, {:.0}k/CPU s; {:.0}k/s, {:.0}k/CPU s: ratio {:.1}",
                batched_rate / 1e3,
                by(&batched, cpu) / 1e3,
                single_rate / 1e3,
                by(&single, cpu) / 1e3,
                batched_rate / single_rate
            ),
            goal,
        )
    })
    .collect()
}
