//! Disks that fail, are full, or are slow, and a process without files to open: nothing is said to be
//! on disk that is not, and pages are answered meanwhile.

use crate::Plan;
use crate::harness::Ack;
use crate::harness::Process;
use crate::harness::Reader;
use crate::harness::inventory::PRICE_MICROS;
use crate::harness::inventory::sold;
use crate::harness::process::ENOUGH_ROOM;
use crate::harness::until;
use crate::load;
use crate::oracle::Books;
use crate::oracle::Oracle;
use crate::scene::Scene;
use crate::scene::injecting;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// At which sync of the journal's thread the disk fails, one after the other.
const FAILING: usize = 12;
/// How long a slow disk takes for a sync.
const SLOW: Duration = Duration::from_millis(300);
/// Files that a process may have open: enough to start with, soon used up.
const FILES: usize = 128;
/// What the reference sponsor has bought in all of these.
const SOLD: u64 = 5_000;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

fn audit(oracle: &Oracle, scene: &Scene) -> Books {
    let last = scene.serve();
    let scrape = runtime().block_on(last.scrape());
    assert_eq!(scrape.count("adjacent_journal_damaged_places"), 0);
    scrape.assert_every_event_is_accounted_for();
    last.kill();
    oracle.audit(scene, &[("zahid-launch", SOLD * PRICE_MICROS)])
}

/// One page that is answered, and its impression: `None` when no unit was found for it.
async fn one_event(process: &Process, oracle: &Oracle) -> Option<Ack> {
    let reader = Reader::new();
    let unit = load::decide(&reader, &process.public).await.expect("pages are answered");
    if !unit.fills() {
        return None;
    }
    Some(load::send(&reader, oracle, &unit, "impression", "").await.expect("events are answered"))
}

/// After a sync that failed nothing is acknowledged any more, whatever later syncs would say.
pub fn failed_syncs(plan: &Plan) -> String {
    let mut books = Books::default();
    let syncs = if plan.long { 50 } else { FAILING };
    for when in 1..=syncs {
        let scene = Scene::new(plan, "failed_syncs");
        scene.sells(&sold(SOLD));
        // The first life makes what a start syncs by itself.
        scene.serve().kill();
        let failing = format!("fdatasync:error=EIO:when={when}");
        let oracle = Arc::new(Oracle::default());
        if let Ok(process) = scene.serve_under(&injecting(&failing)) {
            runtime().block_on(async {
                let readers = load::readers(&process.public, &oracle, 4);
                let down = async || {
                    (process.scrape().await.value("adjacent_store_up") == 0.0).then_some(())
                };
                until("the failed sync", down).await;
                drop(readers);
                for _ in 0..5 {
                    let ack = one_event(&process, &oracle).await;
                    assert!(ack.is_none_or(|ack| ack.status == 503 && !ack.recorded));
                }
            });
            process.kill();
        } else {
            assert_eq!(when, 1, "it starts when its own first sync works");
        }
        books += audit(&oracle, &scene);
    }
    format!("the disk failed at each of {syncs} syncs, {books}")
}

/// A disk of 8 MiB that fills up and has room again.
pub fn full_disk(plan: &Plan) -> String {
    // Here it does matter how full the disk is.
    let scene = Scene::new(plan, "full_disk").set(ENOUGH_ROOM, "4096").on_a_disk_of("8m");
    scene.sells(&sold(SOLD));
    let disk = scene.disk();
    let process = scene.serve();
    let oracle = Arc::new(Oracle::default());
    let mut refused = 0;
    let mut back = Duration::ZERO;
    runtime().block_on(async {
        let readers = load::readers(&process.public, &oracle, 4);
        let some =
            async || (process.scrape().await.events("impression", "counted") > 200).then_some(());
        until("events before", some).await;
        disk.fill();
        drop(readers);
        let reader = Reader::new();
        until("an event that is refused", async || {
            let ack = one_event(&process, &oracle).await?;
            disk.fill();
            (ack.status == 503 && !ack.recorded).then_some(())
        })
        .await;
        let house = async || {
            let unit = load::decide(&reader, &process.public).await.expect("pages are answered");
            (unit.sponsor() != "zahid-host").then_some(())
        };
        until("nothing sold that cannot be recorded", house).await;
        for _ in 0..50 {
            let unit = load::decide(&reader, &process.public).await.expect("pages are answered");
            assert_ne!(unit.sponsor(), "zahid-host", "nothing is sold that cannot be recorded");
            if unit.fills() {
                let ack = load::send(&reader, &oracle, &unit, "impression", "").await.unwrap();
                let click = load::send(&reader, &oracle, &unit, "click", "primary").await.unwrap();
                assert_eq!((ack.status, ack.recorded), (503, false));
                assert_eq!((click.status, click.recorded), (302, false), "a reader gets there");
                refused += 1;
            }
        }
        assert!(refused > 0, "house units are shown meanwhile");
        disk.make_room();
        let began = Instant::now();
        let again =
            async || one_event(&process, &oracle).await.filter(|ack| ack.recorded).map(drop);
        until("events after", again).await;
        back = began.elapsed();
    });
    process.kill();
    let books = audit(&oracle, &scene);
    format!(
        "{refused} events refused while full, taken again after {} ms, {books}",
        back.as_millis()
    )
}

/// A disk that takes its time: pages do not wait for it, nothing is acknowledged before it is done,
/// a click goes on without.
pub fn slow_syncs(plan: &Plan) -> String {
    let scene = Scene::new(plan, "slow_syncs");
    scene.sells(&sold(SOLD));
    scene.serve().kill();
    let slow = format!("fdatasync:delay_enter={}", SLOW.as_micros());
    let process = scene.serve_under(&injecting(&slow)).unwrap_or_else(|(_, log)| panic!("{log}"));
    let oracle = Arc::new(Oracle::default());
    let (pages, events) = (plan.times(40), plan.times(10));
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
            assert!(began.elapsed() >= SLOW, "acknowledged before it was on disk");
            let click = load::send(&reader, &oracle, &unit, "click", "primary").await.unwrap();
            assert_eq!((click.status, click.recorded), (302, false), "it does not wait that long");
        }
        let all = async || {
            (process.scrape().await.events("click", "counted") == events as u64).then_some(())
        };
        until("clicks that were on their way", all).await;
        slowest
    });
    process.kill();
    let books = audit(&oracle, &scene);
    let (slow, slowest) = (SLOW.as_millis(), slowest.as_millis());
    format!("{pages} pages beside syncs of {slow} ms, the slowest in {slowest} ms, {books}")
}

/// So many connections that no file can be opened: it serves again when they are gone.
pub fn no_files(plan: &Plan) -> String {
    let scene = Scene::new(plan, "files");
    scene.sells(&sold(SOLD));
    let limit = ["prlimit".to_owned(), format!("--nofile={FILES}")];
    let process = scene.serve_under(&limit).unwrap_or_else(|(_, log)| panic!("{log}"));
    let oracle = Arc::new(Oracle::default());
    let rounds = plan.times(2);
    runtime().block_on(async {
        for round in 1..=rounds as u64 {
            let one =
                async || one_event(&process, &oracle).await.filter(|ack| ack.recorded).map(drop);
            until("an event that is taken", one).await;
            let readers = load::readers(&process.public, &oracle, 4);
            let address = process.public.strip_prefix("http://").unwrap();
            // Accepted or waiting to be: until nothing is left to open.
            let idle: Vec<_> =
                (0..2 * FILES).map(|_| TcpStream::connect(address).unwrap()).collect();
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            drop(idle);
            let some = async || {
                (process.scrape().await.events("impression", "counted") > 300 * round).then_some(())
            };
            until("events afterwards", some).await;
            drop(readers);
            let again =
                async || one_event(&process, &oracle).await.filter(|ack| ack.recorded).map(drop);
            until("an event that is taken", again).await;
        }
    });
    process.kill();
    let books = audit(&oracle, &scene);
    format!("{rounds} times without a file to open, {books}")
}
