//! After an outage: how fast a machine sends what has come meanwhile.

use crate::Row;
use crate::machine;
use crate::machine::Served;
use crate::readers;
use crate::store::Redis;
use indicatif::ProgressBar;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

const FLIGHTS: usize = 10_000;
/// Events that arrive in a second.
const ARRIVE: f64 = 2_000.0;
/// How long the store is away, in seconds.
const AWAY: f64 = 10.0;
/// How long events go on to arrive after that.
const AFTER: f64 = 5.0;
/// What has arrived in so many seconds is on its way, and no backlog.
const ON_ITS_WAY: f64 = 0.02;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// Without anything new, and while as many come as before.
pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    progress.set_message("draining: decisions");
    let (folder, requests) = machine::stocked(FLIGHTS);
    let redis = Redis::start(&[]);
    let mut served = Served::sharing(folder.path(), &redis);
    let count = (ARRIVE * (2.0 * AWAY + AFTER)) as usize;
    // Not every decision is filled.
    let impressions = readers::read(served.ours, &requests, count * 4 / 3);
    let (quiet, rest) = impressions[..count].split_at((ARRIVE * AWAY) as usize);
    let (busy, after) = rest.split_at((ARRIVE * AWAY) as usize);
    let rows = [
        ("nothing new comes", drained(&mut served, &redis, (quiet, &[]), progress)),
        ("as many come as before", drained(&mut served, &redis, (busy, after), progress)),
    ]
    .map(|(name, drain)| {
        Row::new(
            format!("drain after {AWAY} s without a store, {name}: rate / rate of arrival"),
            format!(
                "{:.1} x ({:.0} records, {:.2} s, first after {:.2} s)",
                drain.sent / drain.took / ARRIVE,
                drain.sent,
                drain.took,
                drain.first
            ),
            ">= 5 x",
        )
    });
    served.settles();
    let counted =
        served.ask("series adjacent_events_total{kind=\"impression\",verdict=\"counted\"}");
    assert!(counted[0] >= (quiet.len() + busy.len()) as f64, "{counted:?}");
    rows.into()
}

/// One drain, in seconds from the moment when the store goes on.
struct Drain {
    /// Until something left, and until nothing waited any more.
    first: f64,
    took: f64,
    /// Records that left.
    sent: f64,
}

fn drained(
    served: &mut Served,
    redis: &Redis,
    (during, after): (&[Vec<u8>], &[Vec<u8>]),
    progress: &ProgressBar,
) -> Drain {
    progress.set_message(format!("draining: {AWAY} s without a store"));
    let (to, enough) = (served.ours, AtomicBool::new(false));
    served.settles();
    redis.stops();
    readers::send_steadily(to, during, ARRIVE, &enough);
    let backlog = served.unshipped();
    assert!(backlog >= during.len() as f64, "{backlog} wait");
    let still = if after.is_empty() { 0.0 } else { ARRIVE * ON_ITS_WAY };
    std::thread::scope(|scope| {
        let arriving = scope.spawn(|| readers::send_steadily(to, after, ARRIVE, &enough));
        redis.goes_on();
        let began = Instant::now();
        let mut first = None;
        let took = loop {
            let (waiting, now) = (served.unshipped(), began.elapsed().as_secs_f64());
            if waiting < backlog - 500.0 {
                first.get_or_insert(now);
            }
            if waiting <= still {
                break now;
            }
            assert!(now < 60.0, "{waiting} wait for ever");
            std::thread::sleep(LOOK);
        };
        enough.store(true, Ordering::Relaxed);
        let arrived = arriving.join().unwrap();
        Drain { first: first.unwrap_or(took), took, sent: backlog + arrived as f64 }
    })
}
