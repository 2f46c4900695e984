//! Kills the process at selected system calls on its files: during the first start, recovery,
//! recording, segment rotation, sealing, checkpoints and draining.

use crate::Plan;
use crate::harness::inventory::{PRICE_MICROS, with_budget_for};
use crate::load;
use crate::oracle::{AuditSummary, Oracle};
use crate::scene::{Scene, strace_injecting};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Kills per run.
const KILLS: usize = 220;
/// Servers tested in parallel.
const LANES: u64 = 3;
/// Runs per data directory.
const RESTARTS: usize = 25;
/// Impressions in the budget of the reference campaign: few enough to be exhausted during a sweep.
const SOLD: u64 = 400;

/// System calls, each with the largest distance to the next kill. The distance is larger for calls
/// that sockets and logs make, too.
const CALLS: &[(&str, u32)] = &[
    ("fdatasync", 3),
    ("write", 12),
    ("fsync", 2),
    ("rename", 1),
    ("openat", 9),
    ("ftruncate", 1),
];

/// Results of one lane.
#[derive(Default)]
struct Lane {
    kills: BTreeMap<&'static str, usize>,
    at_start: usize,
    runs: usize,
    summary: AuditSummary,
}

/// Runs all lanes until the number of kills is reached.
pub fn run(plan: &Plan) -> String {
    let left = AtomicUsize::new(plan.scaled(KILLS));
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
        sum.runs += lane.runs;
        sum.summary += lane.summary;
    }
    let kills: usize = sum.kills.values().sum();
    let by_call: Vec<String> =
        sum.kills.iter().map(|(call, kills)| format!("{call} {kills}")).collect();
    let Lane { at_start, runs, summary, .. } = sum;
    format!(
        "{kills} kills ({}; {at_start} while starting) in {runs} runs, {summary}",
        by_call.join(", ")
    )
}

/// The next occurrence of each system call at which to kill.
struct KillPoints {
    random: Pcg64,
    next: BTreeMap<&'static str, u32>,
}

impl KillPoints {
    /// The system call for this run, and the occurrence at which to kill.
    fn next(&mut self, run: usize) -> (&'static str, u32) {
        let (call, step) = CALLS[run % CALLS.len()];
        let step = self.random.random_range(1..=step);
        let next = self.next.entry(call).or_default();
        *next += step;
        (call, *next)
    }

    /// Starts over for a call whose occurrence was not reached.
    fn reset(&mut self, call: &'static str) {
        self.next.remove(call);
    }
}

fn sweep(plan: &Plan, number: u64, left: &AtomicUsize) -> Lane {
    let random = Pcg64::seed_from_u64(u64::from(plan.seed) << 8 | number);
    let mut points = KillPoints { random, next: BTreeMap::new() };
    let mut lane = Lane::default();
    while left.load(Ordering::Relaxed) > 0 {
        let scene = Scene::new(plan, &format!("kills-{number}"));
        scene.use_inventory(&with_budget_for(SOLD));
        let oracle = Arc::new(Oracle::default());
        for _ in 0..RESTARTS {
            let (call, when) = points.next(lane.runs);
            lane.runs += 1;
            match run_once(&scene, &oracle, call, when, &mut points.random) {
                Exit::Stopped => points.reset(call),
                killed => {
                    *lane.kills.entry(call).or_default() += 1;
                    lane.at_start += usize::from(killed == Exit::KilledAtStart);
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
        assert_eq!(
            scrape.count("adjacent_journal_corrupt_segments"),
            0,
            "a torn end was reported as corruption"
        );
        assert_eq!(scrape.count("adjacent_journal_missing_records"), 0, "a false alarm");
        scrape.assert_every_event_is_accounted_for();
        last.kill();
        lane.summary += oracle.audit(&scene, &[("zahid-launch", SOLD * PRICE_MICROS)]);
    }
    lane
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Exit {
    KilledAtStart,
    KilledServing,
    /// Not killed: stopped by SIGTERM.
    Stopped,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// One run of the server: readers load it until it is killed, or until SIGTERM makes it drain.
fn run_once(
    scene: &Scene,
    oracle: &Arc<Oracle>,
    call: &str,
    when: u32,
    random: &mut Pcg64,
) -> Exit {
    let kill = format!("{call}:signal=KILL:when={when}");
    let mut process = match scene.serve_under(&strace_injecting(&kill)) {
        Ok(process) => process,
        Err((status, log)) => {
            assert_eq!(
                status.signal(),
                Some(9),
                "{kill}: the server ended without being killed: {log}"
            );
            return Exit::KilledAtStart;
        }
    };
    let run_time = Duration::from_millis(random.random_range(200..1_400));
    let status = runtime().block_on(async {
        let mut readers = load::readers(&process.public, oracle, 4);
        // SIGTERM comes at a random time on purpose; the timeout does not wait for a state.
        if timeout(run_time, all_done(&mut readers)).await.is_err() {
            process.signal("TERM");
            all_done(&mut readers).await;
        }
        process.wait_for_exit()
    });
    if status.signal() == Some(9) {
        return Exit::KilledServing;
    }
    assert!(status.success(), "{kill}: {status}: {}", process.log());
    Exit::Stopped
}

/// Waits until every reader has lost its server.
async fn all_done(readers: &mut JoinSet<()>) {
    while let Some(reader) = readers.join_next().await {
        reader.unwrap();
    }
}
