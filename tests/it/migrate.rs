//! Everything moves to another store with every number as it was, or nothing does.

use crate::harness::Cluster;
use crate::harness::Redis;
use crate::harness::Setup;
use crate::harness::Store;
use crate::harness::TestServer;
use crate::harness::inventory::PRICE_MICROS;
use crate::harness::until;
use serde_json::Value;
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::process::Output;

fn migrate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adjacent"));
    command.args(["migrate", "--json"]).args(arguments).output().unwrap()
}

fn data(folder: &Path) -> String {
    folder.join("data").display().to_string()
}

/// What a move says that found no difference.
fn moved(arguments: &[&str]) -> Value {
    let output = migrate(arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said} {}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["differences"], json!([]));
    said
}

/// Why a move is refused that the operator can mend.
fn refused(arguments: &[&str]) -> String {
    let output = migrate(arguments);
    assert_eq!(output.status.code(), Some(64), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    said["error"].as_str().unwrap().to_owned()
}

async fn report(server: &TestServer) -> Value {
    let path = "/v1/reports/advertisers/zahid-host?by=topic,creative,region";
    let (status, mut report) = server.get_as("advertiser:zahid-host", path).await;
    assert_eq!(status, 200);
    let rows = report["rows"].take();
    json!({ "rows": rows, "total": report["total"].take() })
}

async fn shows(server: &TestServer, count: usize) {
    for _ in 0..count {
        let unit = server.unit().await;
        assert!(server.reader.impression(&unit).await.recorded);
    }
    server.settled().await;
}

async fn stop_a_campaign(server: &TestServer) {
    let url = format!("{}/v1/admin/stops", server.ops);
    let body = json!({ "what": "campaign", "id": "kupferpfanne-herbst", "stopped": true });
    let call = server.reader.post(&url).bearer_auth(server.key("operator")).json(&body);
    let status = call.send().await.unwrap().status();
    assert!(status == 200 || status == 404, "{status}");
}

/// The chain of every log.
fn chains(redis: &Redis) -> Vec<String> {
    let head = |partition| redis.ask(&["HGETALL", &format!("adj:{{p{partition:02}}}:head")]);
    (0..64).map(head).collect()
}

#[tokio::test]
async fn a_data_directory_moves_to_a_redis_with_every_number_and_a_second_time_changes_nothing() {
    let redis = Redis::start();
    let server = TestServer::start().await;
    shows(&server, 6).await;
    stop_a_campaign(&server).await;
    let before = report(&server).await;
    let number = server.inner.catalog.head().unwrap().unwrap().number;
    let folder = server.end();
    let (data, url) = (data(folder.path()), redis.url());

    let said = moved(&["--data", &data, "--to", &url]);
    assert_eq!(said["changes"], number);
    let chain = chains(&redis);
    assert_eq!(moved(&["--data", &data, "--to", &url])["records"], said["records"]);
    assert_eq!(chains(&redis), chain, "nothing was written twice");

    // What came in between goes on behind it.
    let server = Setup::default().in_folder(&folder).start().await;
    shows(&server, 3).await;
    let later = report(&server).await;
    drop(server.end());
    moved(&["--data", &data, "--from", "embedded", "--to", &url]);

    // Two machines serve from there: that of the directory, and a fresh one.
    let keys = |settings: &mut adjacent::config::Settings| settings.store.keys = Some(data.clone());
    let old = Setup::default().in_folder(&folder).on(&redis).settings(keys).start().await;
    let new = Setup::default().on(&redis).settings(keys).start().await;
    assert_ne!(before, later);
    for server in [&old, &new] {
        assert_eq!(report(server).await, later);
        assert_eq!(server.inner.catalog.head().unwrap().unwrap().number, number);
        server.assert_books_balance().await;
    }
    shows(&old, 1).await;
    until("the new one counts what the old one took", async || {
        let total = report(&new).await["total"][0]["spend_micros"].clone();
        (total == 10 * PRICE_MICROS).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_redis_moves_to_a_cluster_and_a_move_that_broke_off_goes_on() {
    let (from, between, to) = (Redis::start(), Redis::start(), Cluster::of_primaries());
    let server = Setup::default().on(&from).start().await;
    shows(&server, 12).await;
    let before = report(&server).await;
    let folder = server.end();

    let said = moved(&["--from", &from.url(), "--to", &between.url()]);
    assert_eq!(chains(&between), chains(&from));
    // As if it had broken off before this one.
    let sold = (0..64)
        .map(|at| format!("adj:{{p{at:02}}}"))
        .max_by_key(|key| from.ask(&["XLEN", &format!("{key}:log")]).parse::<u64>().unwrap());
    let sold = sold.unwrap();
    between.ask(&["DEL", &format!("{sold}:log"), &format!("{sold}:head")]);
    assert_ne!(chains(&between), chains(&from));
    assert_eq!(moved(&["--from", &from.url(), "--to", &between.url()]), said);
    assert_eq!(chains(&between), chains(&from));

    moved(&["--from", &between.url(), "--to", &to.url()]);
    let keys = from.keys().display().to_string();
    let keys = |settings: &mut adjacent::config::Settings| settings.store.keys = Some(keys);
    let server = Setup::default().in_folder(&folder).on(&to).settings(keys).start().await;
    assert_eq!(report(&server).await, before);
    server.assert_books_balance().await;
}

#[tokio::test]
async fn a_store_that_is_used_or_holds_what_is_anothers_is_refused_and_stays_as_it_is() {
    let (redis, empty) = (Redis::start(), Redis::start());
    let server = Setup::default().on(&redis).start().await;
    shows(&server, 2).await;
    let alone = TestServer::start().await;
    shows(&alone, 2).await;
    let held = data(alone.data().parent().unwrap());

    let why = refused(&["--data", &held, "--to", &empty.url()]);
    assert!(why.contains("is held by a running server"), "{why}");
    let folder = alone.end();
    let data = data(folder.path());
    let why = refused(&["--data", &data, "--to", &redis.url()]);
    assert!(why.contains("1 instances use --to: stop them first"), "{why}");
    let why = refused(&["--from", &redis.url(), "--to", &empty.url()]);
    assert!(why.contains("1 instances use --from: stop them first"), "{why}");
    drop(server.end());
    let chain = chains(&redis);
    let why = refused(&["--data", &data, "--to", &redis.url()]);
    assert!(why.contains("holds records of another store"), "{why}");
    assert_eq!(chains(&redis), chain);
    let why = refused(&["--from", &redis.url(), "--to", &redis.url()]);
    assert!(why.contains("are the same store"), "{why}");
    let why = refused(&["--from", &redis.url(), "--to", "embedded"]);
    assert!(why.contains("many journals do not become one"), "{why}");
    assert_eq!(empty.ask(&["DBSIZE"]), "0");
}

#[tokio::test]
async fn sums_whose_records_were_removed_are_refused_because_they_cannot_be_sent() {
    let redis = Redis::start();
    let small = |settings: &mut adjacent::config::Settings| {
        settings.store.segment_bytes = 2_000;
        settings.store.keep_days = 1;
    };
    let server = Setup::default().settings(small).clock().start().await;
    let mut removed = 0;
    for _ in 0..3 {
        shows(&server, 20).await;
        server.advance_ms(2 * 86_400_000);
        let inner = server.inner.clone();
        let books = tokio::task::spawn_blocking(move || inner.keep_books()).await.unwrap();
        removed += books.unwrap().removed;
    }
    assert!(removed > 0);
    let folder = server.end();

    let why = refused(&["--data", &data(folder.path()), "--to", &redis.url()]);
    assert!(why.contains("were removed when store.keep_days had passed"), "{why}");
    assert_eq!(redis.ask(&["DBSIZE"]), "0");
}

#[tokio::test]
async fn a_log_that_was_cut_moves_with_the_sums_it_begins_with() {
    let (from, to) = (Redis::start(), Redis::start());
    let hour = |settings: &mut adjacent::config::Settings| {
        settings.store.log_hours = 1;
        settings.store.bookkeeping_seconds = 3_600;
    };
    let server = Setup::default().on(&from).settings(hour).clock().start().await;
    for _ in 0..40 {
        shows(&server, 1).await;
    }
    for _ in 0..2 {
        let inner = server.inner.clone();
        let kept = tokio::task::spawn_blocking(move || inner.keep_books()).await.unwrap().unwrap();
        assert!(kept.differences.is_empty());
        server.advance_ms(2 * 3_600_000);
    }
    shows(&server, 2).await;
    let before = report(&server).await;
    let now = server.inner.clock.now();
    let folder = server.end();
    let partition = adjacent::token::partition_of("zahid-launch");
    let base = format!("adj:{{p{partition:02}}}:base");
    assert!(from.ask(&["HGET", &base, "fn"]).parse::<u64>().unwrap() > 20);

    let said = moved(&["--from", &from.url(), "--to", &to.url()]);
    assert_eq!(moved(&["--from", &from.url(), "--to", &to.url()]), said);
    assert_eq!(to.ask(&["HGET", &base, "fn"]), from.ask(&["HGET", &base, "fn"]));

    let keys = from.keys().display().to_string();
    let keys = |settings: &mut adjacent::config::Settings| settings.store.keys = Some(keys);
    let setup = Setup::default().in_folder(&folder).on(&to).settings(keys);
    // Reports end today: the hours that passed may have ended the day.
    let server = setup.clock_at(now).start().await;
    shows(&server, 1).await;
    server.assert_books_balance().await;
    assert_eq!(before["total"][0]["spend_micros"], 42 * PRICE_MICROS);
    assert_eq!(report(&server).await["total"][0]["spend_micros"], 43 * PRICE_MICROS);
}
