//! The books of several machines on one Redis: sums that a start reads, a log that is cut behind
//! them, and what a machine knows when it finds neither.

use crate::harness::Redis;
use crate::harness::Setup;
use crate::harness::Store;
use crate::harness::TestServer;
use crate::harness::inventory::PRICE_MICROS;
use crate::harness::reference;
use crate::harness::until;
use adjacent::domain::money::Micros;
use adjacent::journal::Entry;
use adjacent::ledger::audit::Difference;
use adjacent::ledger::keeper::Kept;
use adjacent::store::Address;
use adjacent::store::Client;
use adjacent::store::bases;
use adjacent::store::bases::Base;
use adjacent::store::bases::Put;
use adjacent::store::bases::Which;
use adjacent::store::log;
use adjacent::token;

/// Where all events of the reference unit's campaign are.
fn keys() -> (String, String) {
    let partition = token::partition_of("zahid-launch");
    (format!("adj:{{p{partition:02}}}:log"), format!("adj:{{p{partition:02}}}:base"))
}

fn setup(redis: &Redis) -> Setup {
    Setup::default().on(redis).settings(|settings| {
        settings.store.log_hours = 1;
        // Passes are the tests' own.
        settings.store.bookkeeping_seconds = 3_600;
    })
}

async fn shows(server: &TestServer, count: usize) -> Vec<String> {
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
    let spent = state.accounts.get("zahid-launch").map_or(0, |account| account.spent.get());
    u64::try_from(spent).unwrap()
}

async fn spends(server: &TestServer, impressions: u64) {
    let due = impressions * PRICE_MICROS;
    until("all of it is billed", async || (spent(server) == due).then_some(())).await;
}

async fn pass(server: &TestServer) -> Kept {
    let inner = server.inner.clone();
    tokio::task::spawn_blocking(move || inner.keep_books()).await.unwrap().unwrap()
}

async fn audit(server: &TestServer) -> Vec<Difference> {
    let inner = server.inner.clone();
    tokio::task::spawn_blocking(move || inner.audit()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_start_reads_sums_and_the_log_is_cut_behind_them() {
    let redis = Redis::start();
    let server = setup(&redis).clock().start().await;
    let (log, base) = keys();
    let length = || redis.ask(&["XLEN", &log]).parse::<usize>().unwrap();
    let urls = shows(&server, 40).await;
    spends(&server, 40).await;
    let kept = pass(&server).await;
    assert!(kept.checkpoint && kept.differences.is_empty(), "{kept:?}");
    assert_eq!(length(), redis.ask(&["HGET", &base, "ln"]).parse::<usize>().unwrap());
    assert_eq!(redis.ask(&["HGET", &base, "fn"]), "", "nothing is old enough to go");

    server.advance_ms(2 * 3_600_000);
    let before = length();
    pass(&server).await;
    assert!(length() < before / 4, "{} of {before}", length());
    assert_eq!(audit(&server).await, vec![]);

    // One that starts now has the sums, and knows what was seen.
    let fresh = setup(&redis).clock().start().await;
    spends(&fresh, 40).await;
    shows(&fresh, 3).await;
    let (_, token) = urls[7].split_once("/e/").unwrap();
    assert!(fresh.reader.fire(&format!("{}/e/{token}", fresh.public)).await.recorded);
    for server in [&server, &fresh] {
        spends(server, 43).await;
        assert_eq!(audit(server).await, vec![]);
    }
}

#[tokio::test]
async fn a_machine_that_was_away_while_the_log_was_cut_reads_the_sums() {
    let redis = Redis::start();
    let away = setup(&redis).start().await;
    shows(&away, 5).await;
    spends(&away, 5).await;
    pass(&away).await;
    // Gone in good order, so that the bases are the other's to move; the log is cut without it.
    let file = away.data().join("journal/shared.ledger");
    let known = std::fs::read(&file).unwrap();
    let folder = away.end();
    let server = setup(&redis).clock().start().await;
    shows(&server, 40).await;
    spends(&server, 45).await;
    pass(&server).await;
    server.advance_ms(2 * 3_600_000);
    pass(&server).await;
    assert!(redis.ask(&["HGET", &keys().1, "fn"]).parse::<u64>().unwrap() > 5);

    std::fs::write(&file, &known).unwrap();
    let back = setup(&redis).in_folder(&folder).start().await;
    spends(&back, 45).await;
    assert_eq!(audit(&back).await, vec![]);
}

#[tokio::test]
async fn a_machine_that_starts_while_the_store_is_away_knows_what_was_billed() {
    let mut redis = Redis::start();
    let server = setup(&redis).start().await;
    shows(&server, 5).await;
    spends(&server, 5).await;
    pass(&server).await;
    redis.kill();

    let server = server.restart().await;
    assert_eq!(spent(&server), 5 * PRICE_MICROS);
    let house = server.decide(&reference()).await;
    assert_eq!(house.text("/tier"), "house", "what others have sold since is not known");
    assert!(server.reader.impression(&house).await.recorded);

    redis.again(&[]);
    let sold = async || (server.decide(&reference()).await.text("/tier") != "house").then_some(());
    until("the sponsor again", sold).await;
    shows(&server, 4).await;
    spends(&server, 9).await;
    assert_eq!(audit(&server).await, vec![]);
}

#[tokio::test]
async fn a_machine_that_knows_nothing_and_cannot_ask_sells_nothing() {
    let mut redis = Redis::start();
    let server = setup(&redis).start().await;
    shows(&server, 1).await;
    redis.kill();
    std::fs::remove_file(server.data().join("journal/shared.ledger")).ok();
    let server = server.restart().await;
    assert_eq!(server.decide(&reference()).await.text("/tier"), "house");
}

#[tokio::test]
async fn a_number_that_is_not_the_stores_is_found_by_the_next_pass() {
    let redis = Redis::start();
    let server = setup(&redis).start().await;
    shows(&server, 20).await;
    spends(&server, 20).await;
    pass(&server).await;
    let eleven = Micros::try_from(11).unwrap();
    server.inner.ledger.state().accounts.get_mut("zahid-launch").unwrap().bill(0, eleven);

    let kept = pass(&server).await;
    assert_eq!(kept.drift_micros, 11);
    assert_eq!(kept.differences[0].what, "spend of zahid-launch");
    assert_eq!(server.metric("adjacent_ledger_drift_micros").await, 11);
}

#[tokio::test]
async fn an_entry_that_somebody_took_out_of_the_store_is_found_by_the_next_pass() {
    let redis = Redis::start();
    let server = setup(&redis).start().await;
    for count in 1..=12 {
        // One batch each: what is taken out is neither the first nor the last.
        shows(&server, 1).await;
        spends(&server, count).await;
    }
    assert!(pass(&server).await.differences.is_empty());
    assert_eq!(server.metric("adjacent_ledger_differences").await, 0);
    shows(&server, 3).await;
    spends(&server, 15).await;
    let log = keys().0;
    let last = redis.ask(&["XREVRANGE", &log, "+", "-", "COUNT", "2"]);
    let id = last.lines().rfind(|line| line.ends_with("-0")).unwrap();
    assert_eq!(redis.ask(&["XDEL", &log, id]), "1");

    let inner = server.inner.clone();
    let told = tokio::task::spawn_blocking(move || inner.keep_books()).await.unwrap();
    assert!(told.unwrap_err().to_string().contains("changed while it was read"));
    assert_eq!(server.metric("adjacent_ledger_differences").await, 1);
}

#[tokio::test]
async fn what_only_a_machine_that_is_gone_had_told_is_missed_in_a_store_that_lost_all() {
    let mut redis = Redis::start();
    let (here, gone) = (setup(&redis).start().await, setup(&redis).start().await);
    shows(&here, 3).await;
    shows(&gone, 4).await;
    spends(&here, 7).await;
    assert_eq!(here.metric("adjacent_store_missing_records").await, 0);
    drop(gone);

    redis.kill();
    redis.again(&[]);
    spends(&here, 3).await;
    until("it is told", async || {
        (here.metric("adjacent_store_missing_records").await >= 4).then_some(())
    })
    .await;
}

#[tokio::test]
async fn sums_of_another_order_are_refused_and_none_cuts_what_a_start_needs() {
    let redis = Redis::start();
    let Ok(Address::Redis(place)) = redis.url().parse() else { panic!("{}", redis.url()) };
    let client = Client::new(place);
    for lsn in 1..=5 {
        let entry = Entry { incarnation: 7, partition: 9, lsn, payload: vec![1] };
        log::append(&client, &[entry]).await.unwrap();
    }
    let batches = log::read(&client, 9, 0).await.unwrap().batches;
    let at = |number: usize| Base {
        number: u64::try_from(number).unwrap(),
        chain: batches[number - 1].chain.clone(),
        sums: vec![0xff, u8::try_from(number).unwrap()],
    };
    let put = async |which, base: &Base| bases::put(&client, 9, which, base).await.ok();

    let other = Base { chain: at(2).chain, ..at(3) };
    assert_eq!(put(Which::Last, &other).await, Some(Put::Other));
    assert_eq!(put(Which::Last, &Base { number: 6, ..at(5) }).await, Some(Put::Other));
    assert_eq!(put(Which::First, &at(2)).await, None, "no last one has it yet");
    assert_eq!(put(Which::Last, &at(3)).await, Some(Put::Next));
    assert_eq!(put(Which::Last, &at(2)).await, Some(Put::Again));
    assert_eq!(put(Which::First, &at(4)).await, None, "the last one is not so far");
    assert_eq!(put(Which::First, &at(2)).await, Some(Put::Next));

    assert_eq!(bases::base(&client, 9, Which::First).await.unwrap(), Some(at(2)));
    assert_eq!(bases::base(&client, 9, Which::Last).await.unwrap(), Some(at(3)));
    let left = log::read(&client, 9, 2).await.unwrap();
    assert_eq!((left.batches[0].number, left.batches.len()), (3, 3));
    assert_eq!(put(Which::Last, &at(5)).await, Some(Put::Next));
    assert_eq!(put(Which::First, &at(5)).await, Some(Put::Next), "the log may be empty");
    let after = Entry { incarnation: 7, partition: 9, lsn: 6, payload: vec![2] };
    log::append(&client, &[after]).await.unwrap();
    assert_eq!(log::read(&client, 9, 5).await.unwrap().batches[0].before, at(5).chain);
}
