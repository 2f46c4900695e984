//! After a Redis outage: how fast an instance ships its backlog.

use crate::Row;
use crate::instance;
use crate::instance::BenchServer;
use crate::readers;
use crate::store::Redis;
use indicatif::ProgressBar;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const FLIGHTS: usize = 10_000;
/// Events per second.
const ARRIVAL_RATE: f64 = 2_000.0;
/// Length of the outage, in seconds.
const OUTAGE: f64 = 10.0;
/// For how many seconds events continue to arrive after the outage.
const AFTER: f64 = 5.0;
/// Events of this many seconds count as in transit, not as backlog.
const IN_TRANSIT: f64 = 0.02;
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Drains without new events, then with new events at the same rate.
pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    progress.set_message("draining: decisions");
    let (folder, requests) = instance::data_directory(FLIGHTS);
    let redis = Redis::start(&[]);
    let mut server = BenchServer::on_redis(folder.path(), &redis);
    let count = (ARRIVAL_RATE * (2.0 * OUTAGE + AFTER)) as usize;
    // Not every decision is filled.
    let impressions = readers::decide(server.adjacent, &requests, count * 4 / 3);
    let (quiet, rest) = impressions[..count].split_at((ARRIVAL_RATE * OUTAGE) as usize);
    let (busy, after) = rest.split_at((ARRIVAL_RATE * OUTAGE) as usize);
    let rows = [
        ("no new events", drain(&mut server, &redis, (quiet, &[]), progress)),
        ("new events at the same rate", drain(&mut server, &redis, (busy, after), progress)),
    ]
    .map(|(name, drain)| {
        Row::new(
            format!("drain after {OUTAGE} s without Redis, {name}: drain rate / arrival rate"),
            format!(
                "{:.1} x ({:.0} records in {:.2} s, first after {:.2} s)",
                drain.sent / drain.took / ARRIVAL_RATE,
                drain.sent,
                drain.took,
                drain.first
            ),
            ">= 5 x",
        )
    });
    server.wait_until_applied();
    let counted =
        server.query("series adjacent_events_total{kind=\"impression\",verdict=\"counted\"}");
    assert!(counted[0] >= (quiet.len() + busy.len()) as f64, "{counted:?}");
    rows.into()
}

/// One drain; times are in seconds from the end of the outage.
struct Drain {
    /// When the backlog began to shrink.
    first: f64,
    /// When it was empty.
    took: f64,
    /// Records shipped.
    sent: f64,
}

fn drain(
    server: &mut BenchServer,
    redis: &Redis,
    (during, after): (&[Vec<u8>], &[Vec<u8>]),
    progress: &ProgressBar,
) -> Drain {
    progress.set_message(format!("draining: {OUTAGE} s without Redis"));
    let (to, stop) = (server.adjacent, AtomicBool::new(false));
    server.wait_until_applied();
    redis.freeze();
    readers::report_at_rate(to, during, ARRIVAL_RATE, &stop);
    let backlog = server.unshipped();
    assert!(backlog >= during.len() as f64, "backlog of only {backlog}");
    let drained = if after.is_empty() { 0.0 } else { ARRIVAL_RATE * IN_TRANSIT };
    std::thread::scope(|scope| {
        let arriving = scope.spawn(|| readers::report_at_rate(to, after, ARRIVAL_RATE, &stop));
        redis.thaw();
        let began = Instant::now();
        let mut first = None;
        let took = loop {
            let (waiting, now) = (server.unshipped(), began.elapsed().as_secs_f64());
            if waiting < backlog - 500.0 {
                first.get_or_insert(now);
            }
            if waiting <= drained {
                break now;
            }
            assert!(now < 60.0, "{waiting} records are still unshipped after 60 s");
            std::thread::sleep(POLL_INTERVAL);
        };
        stop.store(true, Ordering::Relaxed);
        let arrived = arriving.join().unwrap();
        Drain { first: first.unwrap_or(took), took, sent: backlog + arrived as f64 }
    })
}
