//! Concurrent events: one token from 64 browsers, every click eight times, more readers than
//! impressions sold, and all orders of one reader's events. Each race has its own server and starts
//! at a barrier.

use crate::Plan;
use crate::harness::inventory::{PRICE_MICROS, with_budget_for};
use crate::harness::{Decision, Process, Reader, wait_until};
use crate::load;
use crate::oracle::{AuditSummary, Oracle};
use crate::scene::Scene;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// Rounds per run.
const ROUNDS: usize = 10;
/// Browsers that report the same token.
const BROWSERS: usize = 64;
/// Number of decisions, and how often each is clicked.
const CLICKED: (usize, usize) = (20, 8);
/// Impressions sold, and decisions requested.
const SOLD: (u64, usize) = (10, 60);

/// Runs all races in every round and audits each.
pub fn run(plan: &Plan) -> String {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let rounds = plan.scaled(ROUNDS);
    let mut summary = AuditSummary::default();
    for _ in 0..rounds {
        for race in [Race::OneToken, Race::Clicks, Race::Oversold] {
            summary += runtime.block_on(race.run(plan));
        }
    }
    let (orders, more) = runtime.block_on(every_order(plan));
    summary += more;
    let (decisions, clicks) = CLICKED;
    let (sold, requested) = SOLD;
    format!(
        "{rounds} rounds of {BROWSERS} browsers with one token, {decisions} decisions clicked \
         {clicks} times each, {sold} sold and {requested} requested; {orders} event orders with the \
         same bill; {summary}"
    )
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Race {
    OneToken,
    Clicks,
    Oversold,
}

impl Race {
    async fn run(self, plan: &Plan) -> AuditSummary {
        let scene = Scene::new(plan, "races");
        let limit = if self == Race::Oversold { SOLD.0 } else { 1_000 };
        scene.use_inventory(&with_budget_for(limit));
        let process = scene.serve();
        let oracle = Arc::new(Oracle::default());
        let billed = match self {
            Race::OneToken => one_token(&process, &oracle).await,
            Race::Clicks => clicks(&process, &oracle).await,
            Race::Oversold => oversold(&process, &oracle).await,
        };
        let scrape = process.scrape().await;
        scrape.assert_every_event_is_accounted_for();
        assert_eq!(scrape.spent(), billed * PRICE_MICROS);
        process.kill();
        oracle.audit(&scene, &[("zahid-launch", limit * PRICE_MICROS)])
    }
}

/// Reports all events at the same moment, each from its own browser; all must be recorded.
async fn report_at_once(oracle: &Arc<Oracle>, all: Vec<(Decision, &'static str, &'static str)>) {
    let barrier = Arc::new(Barrier::new(all.len()));
    let mut race = JoinSet::new();
    for (decision, kind, cta) in all {
        let (oracle, barrier) = (oracle.clone(), barrier.clone());
        race.spawn(async move {
            let reader = Reader::new();
            barrier.wait().await;
            load::send(&reader, &oracle, &decision, kind, cta).await.unwrap()
        });
    }
    for ack in race.join_all().await {
        // A click may be redirected, unacknowledged, before its record is on disk.
        assert!(ack.recorded || ack.status == 302, "{ack:?}");
    }
}

async fn unit(process: &Process) -> Decision {
    let decision = load::decide(&Reader::new(), &process.public).await.unwrap();
    assert_eq!(decision.advertiser(), "zahid-host");
    decision
}

/// Exactly one impression is billed.
async fn one_token(process: &Process, oracle: &Arc<Oracle>) -> u64 {
    let unit = unit(process).await;
    report_at_once(oracle, vec![(unit, "impression", ""); BROWSERS]).await;
    let scrape = process.scrape().await;
    assert_eq!(scrape.events("impression", "counted"), 1);
    assert_eq!(scrape.events("impression", "duplicate"), BROWSERS as u64 - 1);
    1
}

/// The click of each decision counts once.
async fn clicks(process: &Process, oracle: &Arc<Oracle>) -> u64 {
    let (decisions, times) = CLICKED;
    let mut all = Vec::new();
    for _ in 0..decisions {
        let unit = unit(process).await;
        let seen = load::send(&Reader::new(), oracle, &unit, "impression", "").await.unwrap();
        assert!(seen.recorded);
        all.extend(vec![(unit, "click", "primary"); times]);
    }
    report_at_once(oracle, all).await;
    // Those that were redirected before their record was on disk are counted a little later.
    let recorded = (decisions * times) as u64;
    let all_recorded = async || {
        let scrape = process.scrape().await;
        let sum = scrape.events("click", "counted") + scrape.events("click", "duplicate");
        (sum == recorded).then(|| scrape.events("click", "counted"))
    };
    let counted = wait_until("the record of every click", all_recorded).await;
    assert_eq!(counted, decisions as u64);
    counted
}

/// Exactly as many impressions are billed as were sold.
async fn oversold(process: &Process, oracle: &Arc<Oracle>) -> u64 {
    let (sold, requested) = SOLD;
    let requests = (0..requested)
        .map(|_| async { load::decide(&Reader::new(), &process.public).await.unwrap() });
    let units = futures_util::future::join_all(requests).await;
    let filled = units.into_iter().filter(|unit| unit.advertiser() == "zahid-host");
    let filled: Vec<_> = filled.map(|unit| (unit, "impression", "")).collect();
    assert!(filled.len() as u64 >= sold, "only {} of {requested} filled", filled.len());
    report_at_once(oracle, filled).await;
    sold
}

/// Impression, viewable, click, copy and a second impression in every order: the same events count
/// and the bill is the same.
async fn every_order(plan: &Plan) -> (usize, AuditSummary) {
    let scene = Scene::new(plan, "orders");
    scene.use_inventory(&with_budget_for(1_000));
    let process = scene.serve();
    let oracle = Oracle::default();
    let reader = Reader::new();
    let events = ["impression", "viewable", "click", "copy", "impression"];
    let mut orders = BTreeSet::new();
    permute(&mut events.to_vec(), 0, &mut orders);
    for order in &orders {
        let unit = unit(&process).await;
        for kind in order {
            let cta = if *kind == "click" { "primary" } else { "" };
            load::send(&reader, &oracle, &unit, kind, cta).await.unwrap();
        }
    }
    let (count, scrape) = (orders.len() as u64, process.scrape().await);
    for kind in ["impression", "viewable", "click", "copy"] {
        assert_eq!(scrape.events(kind, "counted"), count, "{kind}");
    }
    assert_eq!(scrape.spent(), count * PRICE_MICROS);
    process.kill();
    (orders.len(), oracle.audit(&scene, &[("zahid-launch", 1_000 * PRICE_MICROS)]))
}

/// Collects all permutations of the events from index `from` on.
fn permute(events: &mut Vec<&'static str>, from: usize, orders: &mut BTreeSet<Vec<&'static str>>) {
    if from == events.len() {
        orders.insert(events.clone());
        return;
    }
    for at in from..events.len() {
        events.swap(from, at);
        permute(events, from + 1, orders);
        events.swap(from, at);
    }
}
