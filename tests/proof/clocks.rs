//! The wall clock is moved while events come and between starts: nothing is billed twice, no token is
//! taken that is too old, no window is opened again.

use crate::Plan;
use crate::harness::Decision;
use crate::harness::Process;
use crate::harness::Reader;
use crate::load;
use crate::oracle::Key;
use crate::oracle::Oracle;
use crate::oracle::recompute;
use crate::scene::Scene;
use std::sync::Arc;
use std::time::Duration;

/// How the clock is moved while a server lives: steps, and twice and half its speed.
const STEPS: [&str; 8] = ["+0", "+1h", "-1h", "+1d", "-1d", "+0 x2", "+0 x0.5", "+0"];

/// Tokens of one life, which are sent again in later ones.
struct Seen {
    /// Reported when they were fresh.
    reported: Vec<Decision>,
    /// Not reported yet.
    kept: Vec<Decision>,
}

/// Steps the clock in a life, then from one life to the next.
pub fn run(plan: &Plan) -> String {
    let scene = Scene::new(plan, "clocks").on_a_clock_of_its_own();
    let set = |time: &str| scene.clock_says(time);
    let oracle = Arc::new(Oracle::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();

    // While it lives, whatever the wall clock says is not looked at.
    let process = scene.serve();
    let seen = runtime.block_on(async {
        let readers = load::readers(&process.public, &oracle, 2);
        for time in STEPS {
            set(time);
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        drop(readers);
        sees(&process, &oracle).await
    });
    runtime.block_on(sound(&process));
    process.kill();

    // Set back by a day: the latest time on record holds, and nothing counts again.
    set("-1d");
    let process = scene.serve();
    let back = runtime.block_on(async {
        let before = process.scrape().await;
        again(&process, &oracle, &seen.reported).await;
        let after = process.scrape().await;
        assert_eq!(after.events("impression", "counted"), before.events("impression", "counted"));
        let repeated = before.events("impression", "duplicate") + seen.reported.len() as u64;
        assert_eq!(after.events("impression", "duplicate"), repeated);
        sees(&process, &oracle).await
    });
    runtime.block_on(sound(&process));
    process.kill();
    oracle.audit(&scene, &[]);

    // Ahead by a day: what was kept is too old, what was reported does not count again.
    set("+1d");
    let process = scene.serve();
    let late = runtime.block_on(async {
        let before = process.scrape().await;
        again(&process, &oracle, &seen.kept).await;
        again(&process, &oracle, &back.kept).await;
        again(&process, &oracle, &seen.reported).await;
        let after = process.scrape().await;
        assert_eq!(after.events("impression", "counted"), before.events("impression", "counted"));
        assert_eq!(after.spent(), before.spent());
        after.invalid("impression", "expired") - before.invalid("impression", "expired")
    });
    let sent = seen.kept.len() + back.kept.len() + seen.reported.len();
    assert_eq!(late, sent as u64, "each is told to have come too late");
    runtime.block_on(sound(&process));
    process.kill();

    // Right again: it goes on from the latest time on record.
    set("+0");
    let process = scene.serve();
    runtime.block_on(async {
        let before = process.scrape().await.events("impression", "counted");
        let fresh = sees(&process, &Oracle::default()).await.reported.len() as u64;
        assert_eq!(process.scrape().await.events("impression", "counted"), before + fresh);
        sound(&process).await;
    });
    process.kill();
    recompute(&scene);
    format!(
        "{} steps in a life, 3 between lives: {} repeated, {late} too late, counted twice 0",
        STEPS.len(),
        seen.reported.len(),
    )
}

/// Some impressions that are reported and some that are kept.
async fn sees(process: &Process, oracle: &Oracle) -> Seen {
    let reader = Reader::new();
    let mut seen = Seen { reported: Vec::new(), kept: Vec::new() };
    for number in 0..20 {
        let unit = load::decide(&reader, &process.public).await.unwrap();
        assert!(unit.fills());
        if number % 2 == 0 {
            let ack = load::send(&reader, oracle, &unit, "impression", "").await.unwrap();
            assert!(ack.recorded);
            seen.reported.push(unit);
        } else {
            seen.kept.push(unit);
        }
    }
    seen
}

/// Sends impressions to where the server is now.
async fn again(process: &Process, oracle: &Oracle, units: &[Decision]) {
    let reader = Reader::new();
    for unit in units {
        let key = Key { decision: unit.id().to_owned(), kind: "impression", cta: String::new() };
        let (_, token) = unit.impression_url().split_once("/e/").unwrap();
        oracle.sends(&key);
        assert!(reader.fire(&format!("{}/e/{token}", process.public)).await.recorded);
        oracle.acknowledged(&key);
    }
}

/// No number is below zero, and every event has its verdict.
async fn sound(process: &Process) {
    let scrape = process.scrape().await;
    scrape.assert_every_event_is_accounted_for();
    let below: Vec<_> = scrape.0.iter().filter(|(_, value)| **value < 0.0).collect();
    assert!(below.is_empty(), "{below:?}");
}
