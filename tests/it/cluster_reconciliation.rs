//! Reconciliation of several instances on one Redis: bases that a start reads, the log that is trimmed
//! up to them, and the state of an instance that finds neither.

use crate::harness::inventory::PRICE_MICROS;
use crate::harness::{Redis, Setup, Store, TestServer, reference, wait_until};
use adjacent::domain::money::Micros;
use adjacent::journal::Entry;
use adjacent::ledger::audit::Mismatch;
use adjacent::ledger::reconciler::ReconcileReport;
use adjacent::store::bases::{Base, BaseKind, PutOutcome};
use adjacent::store::{Address, Client, bases, log};
use adjacent::token;

/// Keys of the log and the bases of the reference unit's campaign.
fn log_and_base_keys() -> (String, String) {
    let partition = token::partition_of("zahid-launch");
    (format!("adj:{{p{partition:02}}}:log"), format!("adj:{{p{partition:02}}}:base"))
}

fn setup(redis: &Redis) -> Setup {
    Setup::default().with_store(redis).settings(|settings| {
        settings.store.log_hours = 1;
        // The tests run the reconciliation themselves.
        settings.store.reconcile_interval_seconds = 3_600;
    })
}

async fn report_impressions(server: &TestServer, count: usize) -> Vec<String> {
    let mut urls = Vec::new();
    for _ in 0..count {
        let unit = server.unit().await;
        assert!(server.reader.impression(&unit).await.recorded);
        urls.push(unit.impression_url().to_owned());
    }
    urls
}

fn spent(server: &TestServer) -> u64 {
    let state = server.inner.ledger.state();
    let spent = state.account("zahid-launch").map_or(0, |account| account.spent.get());
    u64::try_from(spent).unwrap()
}

async fn wait_until_billed(server: &TestServer, impressions: u64) {
    let due = impressions * PRICE_MICROS;
    wait_until("all impressions are billed", async || (spent(server) == due).then_some(())).await;
}

async fn reconcile(server: &TestServer) -> ReconcileReport {
    let inner = server.inner.clone();
    tokio::task::spawn_blocking(move || inner.reporting.reconcile()).await.unwrap().unwrap()
}

async fn audit(server: &TestServer) -> Vec<Mismatch> {
    let inner = server.inner.clone();
    tokio::task::spawn_blocking(move || inner.reporting.audit()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_start_reads_the_base_and_the_log_is_trimmed_up_to_it() {
    let redis = Redis::start();
    let server = setup(&redis).manual_clock().start().await;
    let (log, base) = log_and_base_keys();
    let length = || redis.cli(&["XLEN", &log]).parse::<usize>().unwrap();
    let urls = report_impressions(&server, 40).await;
    wait_until_billed(&server, 40).await;
    let report = reconcile(&server).await;
    assert!(report.checkpoint && report.mismatches.is_empty(), "{report:?}");
    assert_eq!(length(), redis.cli(&["HGET", &base, "ln"]).parse::<usize>().unwrap());
    assert_eq!(redis.cli(&["HGET", &base, "fn"]), "", "no entry is old enough to be removed");

    server.advance_ms(2 * 3_600_000);
    let before = length();
    reconcile(&server).await;
    assert!(length() < before / 4, "{} of {before}", length());
    assert_eq!(audit(&server).await, vec![]);

    // An instance that starts now has the sums and recognises a duplicate.
    let fresh = setup(&redis).manual_clock().start().await;
    wait_until_billed(&fresh, 40).await;
    report_impressions(&fresh, 3).await;
    let (_, token) = urls[7].split_once("/e/").unwrap();
    assert!(fresh.reader.fire(&format!("{}/e/{token}", fresh.public)).await.recorded);
    for server in [&server, &fresh] {
        wait_until_billed(server, 43).await;
        assert_eq!(audit(server).await, vec![]);
    }
}

#[tokio::test]
async fn an_instance_that_was_down_while_the_log_was_trimmed_reads_the_base() {
    let redis = Redis::start();
    let down = setup(&redis).start().await;
    report_impressions(&down, 5).await;
    wait_until_billed(&down, 5).await;
    reconcile(&down).await;
    // A graceful shutdown lets the other instance advance the bases and trim the log alone.
    let file = down.data().join("journal/shared.ledger");
    let state = std::fs::read(&file).unwrap();
    let folder = down.end();
    let server = setup(&redis).manual_clock().start().await;
    report_impressions(&server, 40).await;
    wait_until_billed(&server, 45).await;
    reconcile(&server).await;
    server.advance_ms(2 * 3_600_000);
    reconcile(&server).await;
    assert!(redis.cli(&["HGET", &log_and_base_keys().1, "fn"]).parse::<u64>().unwrap() > 5);

    std::fs::write(&file, &state).unwrap();
    let restarted = setup(&redis).in_folder(&folder).start().await;
    wait_until_billed(&restarted, 45).await;
    assert_eq!(audit(&restarted).await, vec![]);
}

#[tokio::test]
async fn an_instance_that_starts_while_redis_is_down_has_the_billed_amounts() {
    let mut redis = Redis::start();
    let server = setup(&redis).start().await;
    report_impressions(&server, 5).await;
    wait_until_billed(&server, 5).await;
    reconcile(&server).await;
    redis.kill();

    let server = server.restart().await;
    assert_eq!(spent(&server), 5 * PRICE_MICROS);
    let house = server.decide(&reference()).await;
    assert_eq!(house.text("/tier"), "house", "the sales of other instances since then are unknown");
    assert!(server.reader.impression(&house).await.recorded);

    redis.restart(&[]);
    let sold = async || (server.decide(&reference()).await.text("/tier") != "house").then_some(());
    wait_until("the advertiser again", sold).await;
    report_impressions(&server, 4).await;
    wait_until_billed(&server, 9).await;
    assert_eq!(audit(&server).await, vec![]);
}

#[tokio::test]
async fn an_instance_without_state_and_without_redis_sells_nothing() {
    let mut redis = Redis::start();
    let server = setup(&redis).start().await;
    report_impressions(&server, 1).await;
    redis.kill();
    std::fs::remove_file(server.data().join("journal/shared.ledger")).ok();
    let server = server.restart().await;
    assert_eq!(server.decide(&reference()).await.text("/tier"), "house");
}

#[tokio::test]
async fn a_sum_that_differs_from_the_log_is_found_by_the_next_reconciliation() {
    let redis = Redis::start();
    let server = setup(&redis).start().await;
    report_impressions(&server, 20).await;
    wait_until_billed(&server, 20).await;
    reconcile(&server).await;
    let eleven = Micros::try_from(11).unwrap();
    server.inner.ledger.state().account_mut("zahid-launch").unwrap().bill(0, eleven);

    let report = reconcile(&server).await;
    assert_eq!(report.drift_micros, 11);
    assert_eq!(report.mismatches[0].what, "spend of zahid-launch");
    assert_eq!(server.metric("adjacent_ledger_drift_micros").await, 11);
}

#[tokio::test]
async fn an_entry_removed_from_redis_is_found_by_the_next_reconciliation() {
    let redis = Redis::start();
    let server = setup(&redis).start().await;
    for count in 1..=12 {
        // One batch per impression, so that the removed entry is neither the first nor the last.
        report_impressions(&server, 1).await;
        wait_until_billed(&server, count).await;
    }
    assert!(reconcile(&server).await.mismatches.is_empty());
    assert_eq!(server.metric("adjacent_ledger_mismatches").await, 0);
    report_impressions(&server, 3).await;
    wait_until_billed(&server, 15).await;
    let log = log_and_base_keys().0;
    let last = redis.cli(&["XREVRANGE", &log, "+", "-", "COUNT", "2"]);
    let id = last.lines().rfind(|line| line.ends_with("-0")).unwrap();
    assert_eq!(redis.cli(&["XDEL", &log, id]), "1");

    let inner = server.inner.clone();
    let result = tokio::task::spawn_blocking(move || inner.reporting.reconcile()).await.unwrap();
    assert!(result.unwrap_err().to_string().contains("changed while it was read"));
    assert_eq!(server.metric("adjacent_ledger_mismatches").await, 1);
}

#[tokio::test]
async fn a_redis_that_lost_all_data_gets_back_the_records_of_a_departed_instance() {
    let mut redis = Redis::start();
    let (remaining, departed) = (setup(&redis).start().await, setup(&redis).start().await);
    report_impressions(&remaining, 3).await;
    report_impressions(&departed, 4).await;
    wait_until_billed(&remaining, 7).await;
    assert_eq!(remaining.metric("adjacent_store_lost_records").await, 0);
    drop(departed);

    redis.kill();
    redis.restart(&[]);
    report_impressions(&remaining, 1).await;
    wait_until_billed(&remaining, 8).await;
    let fresh = setup(&redis).start().await;
    wait_until_billed(&fresh, 8).await;
    assert_eq!(remaining.metric("adjacent_store_lost_records").await, 0);
    assert!(reconcile(&remaining).await.mismatches.is_empty());
}

#[tokio::test]
async fn a_base_of_a_different_log_is_rejected_and_no_trim_removes_entries_that_a_start_needs() {
    let redis = Redis::start();
    let Ok(Address::Redis(address)) = redis.url().parse() else { panic!("{}", redis.url()) };
    let client = Client::new(address);
    for lsn in 1..=5 {
        let entry = Entry { incarnation: 7, partition: 9, lsn, payload: vec![1] };
        log::append(&client, &[entry], 0).await.unwrap();
    }
    let batches = log::read(&client, 9, 0).await.unwrap().batches;
    let at = |number: usize| Base {
        number: u64::try_from(number).unwrap(),
        chain: batches[number - 1].chain.clone(),
        sums: vec![0xff, u8::try_from(number).unwrap()],
    };
    let put = async |which, base: &Base| bases::put(&client, 9, which, base).await.ok();

    let other = Base { chain: at(2).chain, ..at(3) };
    assert_eq!(put(BaseKind::Last, &other).await, Some(PutOutcome::DifferentLog));
    assert_eq!(
        put(BaseKind::Last, &Base { number: 6, ..at(5) }).await,
        Some(PutOutcome::DifferentLog)
    );
    assert_eq!(put(BaseKind::First, &at(2)).await, None, "there is no last base yet");
    assert_eq!(put(BaseKind::Last, &at(3)).await, Some(PutOutcome::Stored));
    assert_eq!(put(BaseKind::Last, &at(2)).await, Some(PutOutcome::AlreadyStored));
    assert_eq!(
        put(BaseKind::First, &at(4)).await,
        None,
        "the first base cannot be ahead of the last"
    );
    assert_eq!(put(BaseKind::First, &at(2)).await, Some(PutOutcome::Stored));

    assert_eq!(bases::base(&client, 9, BaseKind::First).await.unwrap(), Some(at(2)));
    assert_eq!(bases::base(&client, 9, BaseKind::Last).await.unwrap(), Some(at(3)));
    let left = log::read(&client, 9, 2).await.unwrap();
    assert_eq!((left.batches[0].number, left.batches.len()), (3, 3));
    assert_eq!(put(BaseKind::Last, &at(5)).await, Some(PutOutcome::Stored));
    assert_eq!(
        put(BaseKind::First, &at(5)).await,
        Some(PutOutcome::Stored),
        "the log may be empty"
    );
    let after = Entry { incarnation: 7, partition: 9, lsn: 6, payload: vec![2] };
    log::append(&client, &[after], 0).await.unwrap();
    assert_eq!(log::read(&client, 9, 5).await.unwrap().batches[0].before, at(5).chain);
}
