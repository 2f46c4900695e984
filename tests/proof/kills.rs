//! The process is killed at every k-th call that touches its files: while it starts for the first
//! time, recovers, records, begins a segment, seals, writes a checkpoint, drains.

use crate::Plan;
use crate::harness::inventory::PRICE_MICROS;
use crate::harness::inventory::sold;
use crate::load;
use crate::oracle::Books;
use crate::oracle::Oracle;
use crate::scene::Scene;
use crate::scene::injecting;
use rand::RngExt;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Kills of one run.
const KILLS: usize = 220;
/// Servers that live and die side by side.
const LANES: u64 = 3;
/// Lives of one data directory.
const LIVES: usize = 25;
/// Impressions that the reference sponsor has bought: a campaign must end in the middle of it.
const SOLD: u64 = 400;

/// A call, and how far the next kill is from the last: some are made by sockets and logs as well.
const CALLS: &[(&str, u32)] = &[
    ("fdatasync", 3),
    ("write", 12),
    ("fsync", 2),
    ("rename", 1),
    ("openat", 9),
    ("ftruncate", 1),
];

/// What became of one lane.
#[derive(Default)]
struct Lane {
    kills: BTreeMap<&'static str, usize>,
    at_start: usize,
    lives: usize,
    books: Books,
}

/// Sweeps until there were enough kills.
pub fn run(plan: &Plan) -> String {
    let left = AtomicUsize::new(plan.times(KILLS));
    let lanes: Vec<Lane> = std::thread::scope(|scope| {
        let lane = |number| {
            let left = &left;
            scope.spawn(move || sweep(plan, number, left))
        };
        let lanes: Vec<_> = (0..LANES).map(lane).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
    });
    let mut sum = Lane::default();
    for lane in lanes {
        lane.kills.iter().for_each(|(call, kills)| *sum.kills.entry(call).or_default() += kills);
        sum.at_start += lane.at_start;
        sum.lives += lane.lives;
        sum.books += lane.books;
    }
    let kills: usize = sum.kills.values().sum();
    let each: Vec<String> =
        sum.kills.iter().map(|(call, kills)| format!("{call} {kills}")).collect();
    let Lane { at_start, lives, books, .. } = sum;
    format!(
        "{kills} kills ({}; {at_start} while starting) in {lives} lives, {books}",
        each.join(", ")
    )
}

/// Where each call's next kill is.
struct Aim {
    random: Pcg64,
    next: BTreeMap<&'static str, u32>,
}

impl Aim {
    /// The next call and which of its uses.
    fn take(&mut self, life: usize) -> (&'static str, u32) {
        let (call, step) = CALLS[life % CALLS.len()];
        let step = self.random.random_range(1..=step);
        let next = self.next.entry(call).or_default();
        *next += step;
        (call, *next)
    }

    /// The process did not come so far: from the beginning again.
    fn missed(&mut self, call: &'static str) {
        self.next.remove(call);
    }
}

fn sweep(plan: &Plan, number: u64, left: &AtomicUsize) -> Lane {
    let random = Pcg64::seed_from_u64(u64::from(plan.seed) << 8 | number);
    let mut aim = Aim { random, next: BTreeMap::new() };
    let mut lane = Lane::default();
    while left.load(Ordering::Relaxed) > 0 {
        let scene = Scene::new(plan, &format!("kills-{number}"));
        scene.sells(&sold(SOLD));
        let oracle = Arc::new(Oracle::default());
        for _ in 0..LIVES {
            let (call, when) = aim.take(lane.lives);
            lane.lives += 1;
            match live(&scene, &oracle, call, when, &mut aim.random) {
                Death::Survived => aim.missed(call),
                death => {
                    *lane.kills.entry(call).or_default() += 1;
                    lane.at_start += usize::from(death == Death::Starting);
                    left.fetch_sub(1, Ordering::Relaxed).checked_sub(1).unwrap_or_else(|| {
                        left.store(0, Ordering::Relaxed);
                        0
                    });
                }
            }
            if left.load(Ordering::Relaxed) == 0 {
                break;
            }
        }
        let last = scene.serve();
        let scrape = runtime().block_on(last.scrape());
        assert_eq!(scrape.count("adjacent_journal_damaged_places"), 0, "a torn end is no damage");
        scrape.assert_every_event_is_accounted_for();
        last.kill();
        lane.books += oracle.audit(&scene, &[("zahid-launch", SOLD * PRICE_MICROS)]);
    }
    lane
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Death {
    Starting,
    Serving,
    Survived,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// One life: readers read until the kill comes, or until it is told to stop and drains.
fn live(scene: &Scene, oracle: &Arc<Oracle>, call: &str, when: u32, random: &mut Pcg64) -> Death {
    let kill = format!("{call}:signal=KILL:when={when}");
    let mut process = match scene.serve_under(&injecting(&kill)) {
        Ok(process) => process,
        Err((status, log)) => {
            assert_eq!(status.signal(), Some(9), "{kill}: it ended by itself: {log}");
            return Death::Starting;
        }
    };
    let long = Duration::from_millis(random.random_range(200..1_400));
    let killed = runtime().block_on(async {
        let mut readers = load::readers(&process.public, oracle, 4);
        // The moment at which it is told to stop is random on purpose; nothing is waited for.
        if timeout(long, gone(&mut readers)).await.is_err() {
            process.signal("TERM");
            gone(&mut readers).await;
        }
        process.ends()
    });
    if killed.signal() == Some(9) {
        return Death::Serving;
    }
    assert!(killed.success(), "{kill}: {killed}: {}", process.log());
    Death::Survived
}

/// Nobody answers any reader any more.
async fn gone(readers: &mut JoinSet<()>) {
    while let Some(reader) = readers.join_next().await {
        reader.unwrap();
    }
}
