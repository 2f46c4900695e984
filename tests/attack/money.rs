//! Budgets: taken from other readers, shown for nothing, or oversold.

use crate::harness::decision::reference_with;
use crate::harness::inventory::{PRICE_MICROS, example_with, with_budget_for};
use crate::harness::{Decision, PATIENCE, reference};
use crate::runner::Plan;
use crate::table::{Row, row, run};
use crate::target::{Target, Visitor};
use futures_util::future::join_all;
use serde_json::Value;
use std::time::Instant;

fn is_reference(decision: &Decision) -> bool {
    decision.is_filled() && decision.advertiser() == "zahid-host"
}

async fn start(units: u64) -> Target {
    Target::start(Target::on_a_day().inventory(with_budget_for(units))).await
}

/// What a caller without a key reserves, and of whom.
struct Taking {
    attack: &'static str,
    /// Units that the campaign can pay for when the attack begins.
    units: u64,
    /// Whether readers have seen units of the placements before.
    known: bool,
}

/// Impressions after which a placement is known.
const KNOWN: u64 = 40;

/// Decisions that a caller without a key asks for and never shows; then eight readers elsewhere come.
async fn taken(taking: Taking, caller: impl Fn(u64) -> Visitor) -> Row {
    let Taking { attack, units, known } = taking;
    let seen = if known { 2 * KNOWN } else { 0 };
    let target = start(units + seen).await;
    let pages = [reference(), reference_with("/publisher", "kitchen-journal".into())];
    let page = |number: u64| &pages[usize::try_from(number % 2).unwrap()];
    for number in 0..seen {
        let reader = Visitor::at(&format!("198.{number}.100.1"));
        let unit = target.unit_of(&reader, page(number), "zahid-host").await;
        assert!(target.send(&reader, unit.impression_url()).await.recorded);
    }
    let asked = 400;
    let mut taken = 0;
    for number in 0..asked {
        let (_, decisions) = target.ask(&caller(number), page(number)).await;
        taken += u64::from(decisions.iter().any(is_reference));
        // Slow enough for the limit of requests per address.
        target.advance_ms(10);
    }
    assert!(taken > 0, "{attack}: the campaign was never shown, so this shows nothing");
    let mut without = 0;
    for number in 0..8 {
        let reader = Visitor::at(&format!("198.51.{number}.1"));
        without += u64::from(!gets_it(&target, &reader, page(number)).await);
    }
    row(attack, asked, "readers of 8 without it", (without, 0))
}

/// Whether a reader gets the campaign: what becomes available is noticed within a moment.
async fn gets_it(target: &Target, reader: &Visitor, page: &Value) -> bool {
    let end = Instant::now() + PATIENCE / 4;
    while Instant::now() < end {
        if target.ask(reader, page).await.1.iter().any(is_reference) {
            return true;
        }
    }
    false
}

pub fn reservations(_: &Plan) -> String {
    let of_one = |_| Visitor::at("203.0.113.7");
    let of_24 = |number| Visitor::at(&format!("203.0.113.{}", number % 256)).browser(number);
    let of_16 = |number| Visitor::at(&format!("20.{}.113.7", number % 16)).browser(number);
    let taking = |attack, units, known| Taking { attack, units, known };
    run(async {
        let few = taking("the last 23 units of a campaign, reserved by an address", 23, false);
        let mut rows = vec![taken(few, of_one).await];
        for (known, of) in [(true, "sites with readers"), (false, "new sites")] {
            for (by, caller) in [
                ("an address", &of_one as &dyn Fn(u64) -> Visitor),
                ("a /24", &of_24),
                ("16 networks", &of_16),
            ] {
                let attack = format!("300 units, {of}, reserved by {by}").leak();
                rows.push(taken(taking(attack, 300, known), caller).await);
            }
        }
        rows
    })
}

/// Units whose events come minutes later, so that their reservation is over.
pub fn late_views(_: &Plan) -> String {
    run(async {
        let (budget, mut asked, mut shown) = (23, 0, Vec::new());
        let target = start(budget).await;
        for _ in 0..3 {
            for number in 0..200 {
                let reader = Visitor::at(&format!("198.51.{}.1", number % 8)).browser(number);
                let (_, decisions) = target.ask(&reader, &reference()).await;
                shown.extend(decisions.into_iter().filter(is_reference));
                asked += 1;
            }
            target.advance_ms(126_000);
        }
        for (number, unit) in (0..).zip(&shown) {
            let reader = Visitor::at(&format!("198.51.{}.1", number % 8)).browser(number);
            target.send(&reader, unit.impression_url()).await;
        }
        let counted = target.scrape().await.events("impression", "counted");
        assert!(counted > 0);
        let shown = u64::try_from(shown.len()).unwrap();
        vec![
            row(
                "views after 0, 126 and 252 s: 23 units sold again",
                asked,
                "units shown",
                (shown, budget),
            ),
            row("the same", asked, "impressions billed", (counted, budget)),
        ]
    })
}

/// Sixty readers of as many networks at once, for five impressions: by the budget, and by the goal.
pub fn small_amounts(_: &Plan) -> String {
    run(async {
        let flight = "pricing = \"cpm\"\nprice_micros = 8_000_000\npacing = \"asap\"";
        let goal = format!("{flight}\ngoal_impressions = 5\nends = \"2099-01-01T00:00:00\"");
        let mut rows = asked_at_once("a budget", with_budget_for(5)).await;
        rows.extend(asked_at_once("a goal", example_with(flight, &goal)).await);
        rows
    })
}

async fn asked_at_once(what: &str, inventory: String) -> Vec<Row> {
    let (amount, readers) = (5, 60);
    let target = Target::start(Target::on_a_day().inventory(inventory)).await;
    let views = join_all((0..readers).map(async |number| {
        let reader = Visitor::at(&format!("198.{number}.100.1")).browser(number);
        let (_, decisions) = target.ask(&reader, &reference()).await;
        let Some(unit) = decisions.iter().find(|unit| is_reference(unit)) else { return 0 };
        target.send(&reader, unit.impression_url()).await;
        1
    }));
    let shown = views.await.iter().sum();
    let scrape = target.scrape().await;
    let counted = scrape.events("impression", "counted");
    assert_eq!(scrape.spent(), counted * PRICE_MICROS);
    assert!(counted > 0);
    let attack = format!("{what} of 5 impressions, asked for by 60 networks at once").leak();
    vec![
        row(attack, readers, "units shown", (shown, amount)),
        row("the same", readers, "impressions billed", (counted, amount)),
    ]
}
