//! Many at once: one token from 64 browsers, every click eight times, more readers than were sold,
//! every order of one reader's events. Each race is run on a server of its own, by barrier.

use crate::Plan;
use crate::harness::Decision;
use crate::harness::Process;
use crate::harness::Reader;
use crate::harness::inventory::PRICE_MICROS;
use crate::harness::inventory::sold;
use crate::load;
use crate::oracle::Books;
use crate::oracle::Oracle;
use crate::scene::Scene;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// Rounds of one run.
const ROUNDS: usize = 10;
/// Browsers with the same token.
const BROWSERS: usize = 64;
/// Decisions whose clicks are raced, and how often each is clicked.
const CLICKED: (usize, usize) = (20, 8);
/// Impressions that are sold, and pages that ask for them.
const SOLD: (u64, usize) = (10, 60);

/// Runs every race as often as is asked for, and audits each.
pub fn run(plan: &Plan) -> String {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let rounds = plan.times(ROUNDS);
    let mut books = Books::default();
    for _ in 0..rounds {
        for race in [Race::OneToken, Race::Clicks, Race::Sold] {
            books += runtime.block_on(race.run(plan));
        }
    }
    let (orders, more) = runtime.block_on(every_order(plan));
    books += more;
    let (decisions, clicks) = CLICKED;
    let (sold, asked) = SOLD;
    format!(
        "{rounds} rounds of {BROWSERS} browsers with one token, {decisions} decisions clicked \
         {clicks} times each, {sold} sold and {asked} asked for; {orders} orders, one bill; {books}"
    )
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Race {
    OneToken,
    Clicks,
    Sold,
}

impl Race {
    async fn run(self, plan: &Plan) -> Books {
        let scene = Scene::new(plan, "races");
        let limit = if self == Race::Sold { SOLD.0 } else { 1_000 };
        scene.sells(&sold(limit));
        let process = scene.serve();
        let oracle = Arc::new(Oracle::default());
        let billed = match self {
            Race::OneToken => one_token(&process, &oracle).await,
            Race::Clicks => clicks(&process, &oracle).await,
            Race::Sold => more_than_sold(&process, &oracle).await,
        };
        let scrape = process.scrape().await;
        scrape.assert_every_event_is_accounted_for();
        assert_eq!(scrape.spent(), billed * PRICE_MICROS);
        process.kill();
        oracle.audit(&scene, &[("zahid-launch", limit * PRICE_MICROS)])
    }
}

/// Every one of these at the same moment, each by a browser of its own; all must be on disk.
async fn at_once(oracle: &Arc<Oracle>, all: Vec<(Decision, &'static str, &'static str)>) {
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
        // A click may be redirected before its record is on disk, and says so.
        assert!(ack.recorded || ack.status == 302, "{ack:?}");
    }
}

async fn unit(process: &Process) -> Decision {
    let decision = load::decide(&Reader::new(), &process.public).await.unwrap();
    assert_eq!(decision.sponsor(), "zahid-host");
    decision
}

/// One impression is billed.
async fn one_token(process: &Process, oracle: &Arc<Oracle>) -> u64 {
    let unit = unit(process).await;
    at_once(oracle, vec![(unit, "impression", ""); BROWSERS]).await;
    let scrape = process.scrape().await;
    assert_eq!(scrape.events("impression", "counted"), 1);
    assert_eq!(scrape.events("impression", "duplicate"), BROWSERS as u64 - 1);
    1
}

/// Each decision's click counts once, whatever comes beside it.
async fn clicks(process: &Process, oracle: &Arc<Oracle>) -> u64 {
    let (decisions, times) = CLICKED;
    let mut all = Vec::new();
    for _ in 0..decisions {
        let unit = unit(process).await;
        let seen = load::send(&Reader::new(), oracle, &unit, "impression", "").await.unwrap();
        assert!(seen.recorded);
        all.extend(vec![(unit, "click", "primary"); times]);
    }
    at_once(oracle, all).await;
    let counted = process.scrape().await.events("click", "counted");
    assert_eq!(counted, decisions as u64);
    counted
}

/// As many are billed as were sold, and every one of these.
async fn more_than_sold(process: &Process, oracle: &Arc<Oracle>) -> u64 {
    let (sold, asked) = SOLD;
    let asks =
        (0..asked).map(|_| async { load::decide(&Reader::new(), &process.public).await.unwrap() });
    let units = futures_util::future::join_all(asks).await;
    let filled = units.into_iter().filter(|unit| unit.sponsor() == "zahid-host");
    let filled: Vec<_> = filled.map(|unit| (unit, "impression", "")).collect();
    assert!(filled.len() as u64 >= sold, "{} of {asked} were filled", filled.len());
    at_once(oracle, filled).await;
    sold
}

/// Impression, viewable, click, copy and a repetition of the first in all their orders: the bill
/// and what counts are the same.
async fn every_order(plan: &Plan) -> (usize, Books) {
    let scene = Scene::new(plan, "orders");
    scene.sells(&sold(1_000));
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

/// All orders of what is behind `from`.
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
