//! Failing, full and slow disks, and a process out of file descriptors: no event is acknowledged that
//! is not on disk, and decisions continue to be served.

use crate::Plan;
use crate::harness::inventory::{PRICE_MICROS, with_budget_for};
use crate::harness::process::LOW_DISK_MIB;
use crate::harness::{Ack, Process, Reader, wait_until};
use crate::load;
use crate::oracle::{AuditSummary, Oracle};
use crate::scene::{Scene, strace_injecting};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The disk fails at the first, second, … sync of the journal thread, up to this one.
const FAILING_SYNCS: usize = 12;
/// Duration of a sync on the slow disk.
const SLOW: Duration = Duration::from_millis(300);
/// Limit of open files: enough to start, soon exhausted.
const FILES: usize = 128;
/// Impressions in the budget of the reference campaign.
const SOLD: u64 = 5_000;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

fn audit(oracle: &Oracle, scene: &Scene) -> AuditSummary {
    let last = scene.serve();
    let scrape = runtime().block_on(last.scrape());
    assert_eq!(scrape.count("adjacent_journal_corrupt_segments"), 0);
    assert_eq!(scrape.count("adjacent_journal_missing_records"), 0);
    scrape.assert_every_event_is_accounted_for();
    last.kill();
    oracle.audit(scene, &[("zahid-launch", SOLD * PRICE_MICROS)])
}

/// Requests a decision, which must succeed, and reports its impression. `None` if not filled.
async fn one_event(process: &Process, oracle: &Oracle) -> Option<Ack> {
    let reader = Reader::new();
    let unit = load::decide(&reader, &process.public).await.expect("a decision response");
    if !unit.is_filled() {
        return None;
    }
    Some(load::send(&reader, oracle, &unit, "impression", "").await.expect("an event response"))
}

/// After a failed sync no event is acknowledged, even if later syncs would succeed.
pub fn failed_syncs(plan: &Plan) -> String {
    let mut summary = AuditSummary::default();
    let syncs = if plan.long { 50 } else { FAILING_SYNCS };
    for when in 1..=syncs {
        let scene = Scene::new(plan, "failed_syncs");
        scene.use_inventory(&with_budget_for(SOLD));
        // The first run creates the files that a first start would sync.
        scene.serve().kill();
        let failing = format!("fdatasync:error=EIO:when={when}");
        let oracle = Arc::new(Oracle::default());
        if let Ok(process) = scene.serve_under(&strace_injecting(&failing)) {
            runtime().block_on(async {
                let readers = load::readers(&process.public, &oracle, 4);
                let down = async || {
                    (process.scrape().await.value("adjacent_store_up") == 0.0).then_some(())
                };
                wait_until("the failed sync", down).await;
                drop(readers);
                for _ in 0..5 {
                    let ack = one_event(&process, &oracle).await;
                    assert!(ack.is_none_or(|ack| ack.status == 503 && !ack.recorded));
                }
            });
            process.kill();
        } else {
            assert_eq!(when, 1, "the server must start if its first sync succeeds");
        }
        summary += audit(&oracle, &scene);
    }
    format!("disk failure at each of {syncs} syncs, {summary}")
}

/// A disk of 8 MiB that fills up and is freed again.
pub fn full_disk(plan: &Plan) -> String {
    // The disk guard is off in other tests; this one needs its real threshold.
    let scene = Scene::new(plan, "full_disk").set(LOW_DISK_MIB, "4096").on_disk_of("8m");
    scene.use_inventory(&with_budget_for(SOLD));
    let disk = scene.disk();
    let process = scene.serve();
    let oracle = Arc::new(Oracle::default());
    let mut rejected = 0;
    let mut recovery_time = Duration::ZERO;
    runtime().block_on(async {
        let readers = load::readers(&process.public, &oracle, 4);
        let some =
            async || (process.scrape().await.events("impression", "counted") > 200).then_some(());
        wait_until("events before the disk is full", some).await;
        disk.fill();
        drop(readers);
        let reader = Reader::new();
        wait_until("a rejected event", async || {
            let ack = one_event(&process, &oracle).await?;
            disk.fill();
            (ack.status == 503 && !ack.recorded).then_some(())
        })
        .await;
        let unsold = async || {
            let unit = load::decide(&reader, &process.public).await.expect("a decision response");
            (unit.advertiser() != "zahid-host").then_some(())
        };
        wait_until("decisions without sold units", unsold).await;
        for _ in 0..50 {
            let unit = load::decide(&reader, &process.public).await.expect("a decision response");
            assert_ne!(unit.advertiser(), "zahid-host", "a sold unit was served on a full disk");
            if unit.is_filled() {
                let ack = load::send(&reader, &oracle, &unit, "impression", "").await.unwrap();
                let click = load::send(&reader, &oracle, &unit, "click", "primary").await.unwrap();
                assert_eq!((ack.status, ack.recorded), (503, false));
                assert_eq!((click.status, click.recorded), (302, false), "the click must redirect");
                rejected += 1;
            }
        }
        assert!(rejected > 0, "no house unit was served on a full disk");
        disk.free_space();
        let began = Instant::now();
        let again =
            async || one_event(&process, &oracle).await.filter(|ack| ack.recorded).map(drop);
        wait_until("a recorded event after the disk was freed", again).await;
        recovery_time = began.elapsed();
    });
    process.kill();
    let summary = audit(&oracle, &scene);
    format!(
        "{rejected} events rejected while full, accepted again after {} ms, {summary}",
        recovery_time.as_millis()
    )
}

/// Slow syncs: decisions do not wait for them, no event is acknowledged before its sync completes,
/// and a click redirects without waiting.
pub fn slow_syncs(plan: &Plan) -> String {
    let scene = Scene::new(plan, "slow_syncs");
    scene.use_inventory(&with_budget_for(SOLD));
    scene.serve().kill();
    let slow = format!("fdatasync:delay_enter={}", SLOW.as_micros());
    let process =
        scene.serve_under(&strace_injecting(&slow)).unwrap_or_else(|(_, log)| panic!("{log}"));
    let oracle = Arc::new(Oracle::default());
    let (pages, events) = (plan.scaled(40), plan.scaled(10));
    let slowest = runtime().block_on(async {
        let reader = Reader::new();
        let mut slowest = Duration::ZERO;
        for _ in 0..events {
            let unit = load::decide(&reader, &process.public).await.unwrap();
            let began = Instant::now();
            let event = load::send(&reader, &oracle, &unit, "impression", "");
            let meanwhile = async {
                for _ in 0..pages / events {
                    let began = Instant::now();
                    load::decide(&reader, &process.public).await.unwrap();
                    slowest = slowest.max(began.elapsed());
                }
            };
            let (ack, ()) = tokio::join!(event, meanwhile);
            assert!(ack.unwrap().recorded);
            assert!(began.elapsed() >= SLOW, "acknowledged before the sync completed");
            let click = load::send(&reader, &oracle, &unit, "click", "primary").await.unwrap();
            assert_eq!(
                (click.status, click.recorded),
                (302, false),
                "the redirect must not wait for the sync"
            );
        }
        let counted = async || {
            (process.scrape().await.events("click", "counted") == events as u64).then_some(())
        };
        wait_until("all clicks to be counted", counted).await;
        slowest
    });
    process.kill();
    let summary = audit(&oracle, &scene);
    let (slow, slowest) = (SLOW.as_millis(), slowest.as_millis());
    format!("{pages} decisions during syncs of {slow} ms, slowest {slowest} ms, {summary}")
}

/// Exhausts file descriptors with idle connections: the server recovers once they are closed.
pub fn no_files(plan: &Plan) -> String {
    let scene = Scene::new(plan, "files");
    scene.use_inventory(&with_budget_for(SOLD));
    let limit = ["prlimit".to_owned(), format!("--nofile={FILES}")];
    let process = scene.serve_under(&limit).unwrap_or_else(|(_, log)| panic!("{log}"));
    let oracle = Arc::new(Oracle::default());
    let rounds = plan.scaled(2);
    runtime().block_on(async {
        for round in 1..=rounds as u64 {
            let one =
                async || one_event(&process, &oracle).await.filter(|ack| ack.recorded).map(drop);
            wait_until("a recorded event", one).await;
            let readers = load::readers(&process.public, &oracle, 4);
            let address = process.public.strip_prefix("http://").unwrap();
            // Accepted or in the backlog: enough to exhaust the descriptors.
            let idle: Vec<_> =
                (0..2 * FILES).map(|_| TcpStream::connect(address).unwrap()).collect();
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            drop(idle);
            let some = async || {
                (process.scrape().await.events("impression", "counted") > 300 * round).then_some(())
            };
            wait_until("events after the connections were closed", some).await;
            drop(readers);
            let again =
                async || one_event(&process, &oracle).await.filter(|ack| ack.recorded).map(drop);
            wait_until("a recorded event", again).await;
        }
    });
    process.kill();
    let summary = audit(&oracle, &scene);
    format!("{rounds} times out of file descriptors, {summary}")
}
