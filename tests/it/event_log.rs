//! The contract of `EventLog`, the same for a single instance and for a fleet.

use crate::harness::{Redis, Store};
use adjacent::cluster;
use adjacent::cluster::OpenOptions;
use adjacent::cluster::log::SharedLog;
use adjacent::domain::attribution::{AttributionKey, PageKey};
use adjacent::domain::event::{EventKind, Pricing, Tier};
use adjacent::domain::money::Micros;
use adjacent::domain::targeting::PageFacts;
use adjacent::journal::Entry;
use adjacent::ledger::history::ReplayFrom;
use adjacent::ledger::reconciler::Retention;
use adjacent::ledger::record::{DecisionKey, Event};
use adjacent::ledger::{Ledger, Record, Rules};
use adjacent::store::log::AppendOutcome;
use adjacent::store::{Address, Client, log};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const AT_MS: i64 = 1_790_000_000_000;
const EVENTS: u64 = 20;
const PRICE: i64 = 1_000;

fn options(folder: &Path) -> OpenOptions<'_> {
    OpenOptions {
        folder,
        incarnation: 1,
        segment_bytes: 1_000,
        rules: Rules::default(),
        listener: Box::new(|_| {}),
    }
}

fn impression(seq: u64) -> Event {
    let name = || "c".into();
    Event {
        kind: EventKind::Impression,
        cta: None,
        at_ms: AT_MS,
        decision_key: DecisionKey { incarnation: 1, partition: 3, seq },
        decision: u128::from(seq),
        decided_at_ms: AT_MS - 1,
        day: 20_000,
        attribution: Arc::new(AttributionKey {
            advertiser: name(),
            currency: "EUR".parse().unwrap(),
            campaign: name(),
            flight: name(),
            creative: name(),
            variant: 0,
            page: PageKey {
                publisher: name(),
                placement: name(),
                topic: name(),
                entity: name(),
                region: name(),
                facts: PageFacts::default(),
                custom: Box::default(),
            },
            tier: Tier::Standard,
        }),
        pricing: Pricing::Cpm,
        price: Micros::try_from(PRICE).unwrap(),
        invalid_reason: None,
    }
}

/// Sends and reads everything, as the tasks of a fleet do.
async fn exchange(log: &SharedLog) {
    while !log.send_files().await.unwrap() {}
    while !log.follow().await.unwrap() {}
}

async fn blocking<T: Send + 'static>(
    ledger: &Arc<Ledger>,
    work: impl FnOnce(&Ledger) -> T + Send + 'static,
) -> T {
    let ledger = ledger.clone();
    tokio::task::spawn_blocking(move || work(&ledger)).await.unwrap()
}

/// Records events, each twice, and checks what every log promises. `exchange` lets the log do its part.
async fn keeps_its_contract(ledger: Ledger, exchange: impl AsyncFn()) {
    let ledger = Arc::new(ledger);
    exchange().await;
    for seq in 0..EVENTS {
        ledger.record(impression(seq)).await.unwrap();
        ledger.record(impression(seq)).await.unwrap();
    }
    let (is_applied, ()) =
        tokio::join!(ledger.wait_until_applied(Duration::from_secs(5)), exchange());

    assert!(is_applied);
    let status = ledger.status();
    assert!(status.is_up && status.is_caught_up && !status.is_blocked);
    assert_eq!((status.unsent, status.unapplied, status.lost_records), (0, 0, 0));
    let totals = ledger.totals();
    let tally = &totals.events[&EventKind::Impression];
    assert_eq!((tally.received, tally.counted, tally.duplicate), (2 * EVENTS, EVENTS, EVENTS));
    assert_eq!(totals.billed["c"], EVENTS * u64::try_from(PRICE).unwrap());

    let decisions: BTreeSet<u128> = (0..EVENTS).map(u128::from).collect();
    let events_of = move |ledger: &Ledger| ledger.events_of(&decisions, ReplayFrom::First).unwrap();
    let found = blocking(&ledger, events_of).await;
    let verdict = |seq: u128| {
        let of_decision = found.iter().filter(|one| one.event.decision == seq);
        of_decision.map(|one| one.verdict.as_str()).collect::<Vec<_>>()
    };
    assert!((0..u128::from(EVENTS)).all(|seq| verdict(seq) == ["counted", "duplicate"]));

    let reconcile = |ledger: &Ledger| ledger.reconcile(Retention::default(), AT_MS).unwrap();
    let pass = blocking(&ledger, reconcile).await;
    assert_eq!((pass.mismatches.len(), pass.drift_micros), (0, 0));
    assert!(pass.sealed > 0);
    assert!(blocking(&ledger, |ledger| ledger.audit().unwrap()).await.mismatches.is_empty());

    ledger.state().account_mut("c").unwrap().spent = Micros::ZERO;
    let pass = blocking(&ledger, reconcile).await;
    let audit = blocking(&ledger, |ledger| ledger.audit().unwrap()).await;
    let missing = -i64::try_from(EVENTS).unwrap() * PRICE;
    assert_eq!((pass.drift_micros, audit.drift_micros), (missing, missing));
    assert!(!pass.mismatches.is_empty() && !audit.mismatches.is_empty());
}

#[tokio::test]
async fn the_log_of_a_single_instance_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let OpenOptions { incarnation, segment_bytes, rules, listener, .. } = options(folder.path());
    let ledger = Ledger::open(folder.path(), incarnation, segment_bytes, rules, listener).unwrap();
    keeps_its_contract(ledger, async || ()).await;
}

#[tokio::test]
async fn the_log_of_a_fleet_keeps_the_contract() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let Ok(Address::Redis(address)) = redis.url().parse() else { panic!("{}", redis.url()) };
    let (ledger, log) = cluster::open_shared(options(folder.path()), Client::new(address)).unwrap();
    keeps_its_contract(ledger, async || exchange(&log).await).await;
}

/// Appends records of an incarnation to partition 3, in batches, from an LSN on.
async fn append(client: &Client, incarnation: u64, from: u64, records: &[Record]) {
    for (at, batch) in records.chunks(500).enumerate() {
        let entry = |(lsn, record): (u64, &Record)| Entry {
            incarnation,
            partition: 3,
            lsn,
            payload: record.encode(),
        };
        let entries: Vec<Entry> = (at as u64 * 500 + from..).zip(batch).map(entry).collect();
        let appended = log::append(client, &entries, i64::MIN).await.unwrap();
        assert_eq!(appended, AppendOutcome::Appended);
    }
}

#[tokio::test]
async fn records_that_wait_long_for_a_silent_writer_leave_memory_and_are_judged_when_it_leaves() {
    const MANY: u64 = 55_000;
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let Ok(Address::Redis(address)) = redis.url().parse() else { panic!("{}", redis.url()) };
    let client = Client::new(address.clone());
    let (ledger, log) = cluster::open_shared(options(folder.path()), Client::new(address)).unwrap();
    exchange(&log).await;

    let join = Record::Join { at_ms: AT_MS, timeout_ms: 3_600_000, predecessors: Vec::new() };
    append(&client, 8, 1, &[join]).await;
    let shown: Vec<Record> =
        (0..MANY).map(|seq| Record::Event(Arc::new(impression(seq)))).collect();
    append(&client, 9, 1, &shown).await;
    exchange(&log).await;
    let spent = |ledger: &Ledger| ledger.state().account("c").map(|one| one.spent);
    let due = Some(Micros::try_from(i64::try_from(MANY).unwrap() * PRICE).unwrap());
    assert_eq!(spent(&ledger), due, "shown at once");
    assert_eq!((log.provisional(), log.overflowed()), (0, 1), "not kept in memory");

    append(&client, 8, 2, &[Record::Leave { at_ms: AT_MS }]).await;
    exchange(&log).await;
    exchange(&log).await;
    assert_eq!((log.provisional(), log.overflowed(), spent(&ledger)), (0, 0, due));
    let ledger = Arc::new(ledger);
    let audit = blocking(&ledger, |ledger| ledger.audit().unwrap()).await;
    assert_eq!((audit.drift_micros, audit.mismatches), (0, Vec::new()));
}
