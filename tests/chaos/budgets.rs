//! Two hundred campaigns of a few events each, sold by four machines at once while they are killed
//! and their store stands still: none is billed more than it has bought.

use crate::Plan;
use crate::crowd::Crowd;
use crate::harness::Redis;
use crate::harness::Store;
use crate::harness::inventory;
use crate::harness::inventory::PRICE_MICROS;
use crate::nemesis::dice;
use crate::nemesis::pause;
use rand::RngExt;
use std::time::Duration;

const CAMPAIGNS: usize = 200;
const MACHINES: usize = 4;

/// The example in which the reference sponsor has many campaigns of five to fifty impressions; and
/// what each may be billed.
fn small(dice: &mut rand_pcg::Pcg32) -> (String, Vec<(String, u64)>) {
    let example = inventory::example();
    let begins = example.find("[[campaigns]]\nid = \"zahid-launch\"").unwrap();
    let (rest, one) = example.split_at(begins);
    let (mut all, mut limits) = (rest.to_owned(), Vec::new());
    let budget = "budget = { lifetime_micros = 5_000_000_000, daily_micros = 200_000_000 }";
    for number in 0..CAMPAIGNS {
        // A few larger ones; small ones by the dozen, so that nearly all of them run out.
        let most = if number % 10 == 0 { 50 } else { 8 };
        let limit = dice.random_range(5..=most) * PRICE_MICROS;
        let mut text =
            inventory::replaced(one, budget, &format!("budget = {{ lifetime_micros = {limit} }}"));
        for id in ["zahid-launch", "zahid-ai-europe", "zahid-git-push"] {
            text = text.replace(&format!("\"{id}\""), &format!("\"{id}-{number}\""));
        }
        all.push_str(&text);
        all.push('\n');
        limits.push((format!("zahid-launch-{number}"), limit));
    }
    (all, limits)
}

/// Machines are killed, and their store stands still, while all budgets run out.
pub fn budgets(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let redis = Redis::start();
    let (sold, limits) = small(&mut dice);
    let url = redis.url();
    let mut crowd = Crowd::of((plan, "budgets"), (&redis, &url), MACHINES, limits, |scene| {
        let scene = scene
            .set("ADJACENT__STORE__LEASE_SECONDS", "2")
            .set("ADJACENT__WINDOWS__RESERVATION_SECONDS", "4")
            .set("ADJACENT__STORE__PUBLISHER_RESERVATION_PERCENT", "100");
        scene.sells(&sold);
        scene
    });
    let kills = plan.times(4);
    for number in 0..kills {
        pause(&mut dice, 1_500, 3_000);
        if number % 2 == 1 {
            redis.freeze(Duration::from_millis(dice.random_range(500..3_500)));
        }
        crowd.kill_a_machine(number % MACHINES);
    }
    pause(&mut dice, 4_000, 6_000);
    format!("{kills} machines killed, {CAMPAIGNS} campaigns: {}", crowd.ends())
}
