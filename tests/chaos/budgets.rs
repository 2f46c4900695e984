//! 200 campaigns with budgets of a few events, served by four instances that are killed while their
//! Redis freezes: no campaign is billed more than its budget.

use crate::Plan;
use crate::fleet::Fleet;
use crate::harness::inventory::PRICE_MICROS;
use crate::harness::{Redis, Store, inventory};
use crate::nemesis::{dice, pause};
use rand::RngExt;
use std::time::Duration;

const CAMPAIGNS: usize = 200;
const INSTANCES: usize = 4;

/// The example inventory with the reference campaign copied 200 times with budgets of 5 to 50
/// impressions, and the budget of each campaign in micros.
fn small_campaigns(dice: &mut rand_pcg::Pcg32) -> (String, Vec<(String, u64)>) {
    let example = inventory::example();
    let begins = example.find("[[campaigns]]\nid = \"zahid-launch\"").unwrap();
    let (rest, one) = example.split_at(begins);
    let (mut inventory, mut limits) = (rest.to_owned(), Vec::new());
    let budget = "budget = { lifetime_micros = 5_000_000_000, daily_micros = 200_000_000 }";
    for number in 0..CAMPAIGNS {
        // Every tenth is larger; the others are small, so that nearly all budgets are exhausted.
        let most = if number % 10 == 0 { 50 } else { 8 };
        let limit = dice.random_range(5..=most) * PRICE_MICROS;
        let mut text = inventory::replace_once(
            one,
            budget,
            &format!("budget = {{ lifetime_micros = {limit} }}"),
        );
        for id in ["zahid-launch", "zahid-ai-europe", "zahid-git-push"] {
            text = text.replace(&format!("\"{id}\""), &format!("\"{id}-{number}\""));
        }
        inventory.push_str(&text);
        inventory.push('\n');
        limits.push((format!("zahid-launch-{number}"), limit));
    }
    (inventory, limits)
}

/// Kills instances and freezes Redis while all budgets are being exhausted.
pub fn budgets(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let redis = Redis::start();
    let (inventory, limits) = small_campaigns(&mut dice);
    let url = redis.url();
    let mut fleet =
        Fleet::start_custom((plan, "budgets"), (&redis, &url), INSTANCES, limits, |scene| {
            let scene = scene
                .set("ADJACENT__STORE__LEASE_SECONDS", "2")
                .set("ADJACENT__WINDOWS__RESERVATION_SECONDS", "4")
                .set("ADJACENT__STORE__PUBLISHER_RESERVATION_PERCENT", "100");
            scene.use_inventory(&inventory);
            scene
        });
    let kills = plan.scaled(4);
    for number in 0..kills {
        pause(&mut dice, 1_500, 3_000);
        if number % 2 == 1 {
            redis.freeze(Duration::from_millis(dice.random_range(500..3_500)));
        }
        fleet.kill_and_restart(number % INSTANCES);
    }
    pause(&mut dice, 4_000, 6_000);
    format!("{kills} instances killed, {CAMPAIGNS} campaigns: {}", fleet.finish())
}
