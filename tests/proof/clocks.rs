//! Moves the wall clock while events arrive and between starts: no event is billed twice, no expired
//! token is accepted, no closed event window reopens.

use crate::Plan;
use crate::harness::{Decision, Process, Reader};
use crate::load;
use crate::oracle::{Key, Oracle, recompute};
use crate::scene::Scene;
use std::sync::Arc;
use std::time::Duration;

/// Clock changes while the server runs: steps, double speed and half speed.
const STEPS: [&str; 8] = ["+0", "+1h", "-1h", "+1d", "-1d", "+0 x2", "+0 x0.5", "+0"];

/// Units of one run of the server, whose impressions are reported again in later runs.
struct Units {
    /// Reported while fresh.
    reported: Vec<Decision>,
    /// Not reported yet.
    unreported: Vec<Decision>,
}

/// Moves the clock while the server runs, then between restarts.
pub fn run(plan: &Plan) -> String {
    let scene = Scene::new(plan, "clocks").with_fake_clock();
    let set = |time: &str| scene.set_clock(time);
    let oracle = Arc::new(Oracle::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();

    // A running server ignores changes of the wall clock.
    let process = scene.serve();
    let seen = runtime.block_on(async {
        let readers = load::readers(&process.public, &oracle, 2);
        for time in STEPS {
            set(time);
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        drop(readers);
        decide_units(&process, &oracle).await
    });
    runtime.block_on(assert_consistent(&process));
    process.kill();

    // Restart one day earlier: time continues from the latest record, and no event counts again.
    set("-1d");
    let process = scene.serve();
    let back = runtime.block_on(async {
        let before = process.scrape().await;
        report_impressions(&process, &oracle, &seen.reported).await;
        let after = process.scrape().await;
        assert_eq!(after.events("impression", "counted"), before.events("impression", "counted"));
        let repeated = before.events("impression", "duplicate") + seen.reported.len() as u64;
        assert_eq!(after.events("impression", "duplicate"), repeated);
        decide_units(&process, &oracle).await
    });
    runtime.block_on(assert_consistent(&process));
    process.kill();
    oracle.audit(&scene, &[]);

    // Restart one day later: unreported tokens have expired, reported ones do not count again.
    set("+1d");
    let process = scene.serve();
    let late = runtime.block_on(async {
        let before = process.scrape().await;
        report_impressions(&process, &oracle, &seen.unreported).await;
        report_impressions(&process, &oracle, &back.unreported).await;
        report_impressions(&process, &oracle, &seen.reported).await;
        let after = process.scrape().await;
        assert_eq!(after.events("impression", "counted"), before.events("impression", "counted"));
        assert_eq!(after.spent(), before.spent());
        after.invalid("impression", "expired") - before.invalid("impression", "expired")
    });
    let sent = seen.unreported.len() + back.unreported.len() + seen.reported.len();
    assert_eq!(late, sent as u64, "every event is invalid as expired");
    runtime.block_on(assert_consistent(&process));
    process.kill();

    // Restart with the correct clock: time continues from the latest record.
    set("+0");
    let process = scene.serve();
    runtime.block_on(async {
        let before = process.scrape().await.events("impression", "counted");
        let fresh = decide_units(&process, &Oracle::default()).await.reported.len() as u64;
        assert_eq!(process.scrape().await.events("impression", "counted"), before + fresh);
        assert_consistent(&process).await;
    });
    process.kill();
    recompute(&scene);
    format!(
        "{} clock changes at run time, 3 at restarts: {} repeated, {late} expired, counted twice 0",
        STEPS.len(),
        seen.reported.len(),
    )
}

/// Decides 20 units and reports the impressions of every second one.
async fn decide_units(process: &Process, oracle: &Oracle) -> Units {
    let reader = Reader::new();
    let mut units = Units { reported: Vec::new(), unreported: Vec::new() };
    for number in 0..20 {
        let unit = load::decide(&reader, &process.public).await.unwrap();
        assert!(unit.is_filled());
        if number % 2 == 0 {
            let ack = load::send(&reader, oracle, &unit, "impression", "").await.unwrap();
            assert!(ack.recorded);
            units.reported.push(unit);
        } else {
            units.unreported.push(unit);
        }
    }
    units
}

/// Reports impressions to the current address of the server.
async fn report_impressions(process: &Process, oracle: &Oracle, units: &[Decision]) {
    let reader = Reader::new();
    for unit in units {
        let key = Key { decision: unit.id().to_owned(), kind: "impression", cta: String::new() };
        let (_, token) = unit.impression_url().split_once("/e/").unwrap();
        oracle.record_sent(&key);
        assert!(reader.fire(&format!("{}/e/{token}", process.public)).await.recorded);
        oracle.record_acknowledged(&key);
    }
}

/// Asserts that no metric is negative and that every event has a verdict.
async fn assert_consistent(process: &Process) {
    let scrape = process.scrape().await;
    scrape.assert_every_event_is_accounted_for();
    let negative: Vec<_> = scrape.0.iter().filter(|(_, value)| **value < 0.0).collect();
    assert!(negative.is_empty(), "{negative:?}");
}
