//! `adjacent migrate`: all data reaches the other store with every figure unchanged, or none does.

use crate::harness::inventory::PRICE_MICROS;
use crate::harness::{Redis, RedisCluster, Setup, Store, TestServer, wait_until};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

fn migrate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adjacent"));
    command.args(["migrate", "--json"]).args(arguments).output().unwrap()
}

fn data(folder: &Path) -> String {
    folder.join("data").display().to_string()
}

/// Output of a successful migration without mismatches.
fn migrate_ok(arguments: &[&str]) -> Value {
    let output = migrate(arguments);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{stdout} {}", String::from_utf8_lossy(&output.stderr));
    let reply: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(reply["differences"], json!([]));
    reply
}

/// Error of a migration that exits with 64.
fn migrate_error(arguments: &[&str]) -> String {
    let output = migrate(arguments);
    assert_eq!(output.status.code(), Some(64), "{}", String::from_utf8_lossy(&output.stderr));
    let reply: Value = serde_json::from_slice(&output.stdout).unwrap();
    reply["error"].as_str().unwrap().to_owned()
}

async fn report(server: &TestServer) -> Value {
    let path = "/v1/reports/advertisers/zahid-host?by=topic,creative,region";
    let (status, mut report) = server.get_as("advertiser:zahid-host", path).await;
    assert_eq!(status, 200);
    let rows = report["rows"].take();
    json!({ "rows": rows, "total": report["total"].take() })
}

async fn show_units(server: &TestServer, count: usize) {
    for _ in 0..count {
        let unit = server.unit().await;
        assert!(server.reader.impression(&unit).await.recorded);
    }
    server.wait_until_applied().await;
}

async fn pause_campaign(server: &TestServer) {
    let url = format!("{}/v1/admin/pauses", server.ops);
    let body = json!({ "what": "campaign", "id": "kupferpfanne-herbst", "paused": true });
    let request = server.reader.post(&url).bearer_auth(server.key("operator")).json(&body);
    let status = request.send().await.unwrap().status();
    assert!(status == 200 || status == 404, "{status}");
}

/// Head of every partition's log: batch number and hash chain.
fn log_heads(redis: &Redis) -> Vec<String> {
    let head = |partition| redis.cli(&["HGETALL", &format!("adj:{{p{partition:02}}}:head")]);
    (0..64).map(head).collect()
}

#[tokio::test]
async fn a_data_directory_migrates_to_redis_with_every_figure_and_a_second_run_changes_nothing() {
    let redis = Redis::start();
    let server = TestServer::start().await;
    show_units(&server, 6).await;
    pause_campaign(&server).await;
    let before = report(&server).await;
    let number = server.inner.publishing.head().unwrap().unwrap().number;
    let folder = server.end();
    let (data, url) = (data(folder.path()), redis.url());

    let first = migrate_ok(&["--data", &data, "--to", &url]);
    assert_eq!(first["changes"], number);
    let heads = log_heads(&redis);
    assert_eq!(migrate_ok(&["--data", &data, "--to", &url])["records"], first["records"]);
    assert_eq!(log_heads(&redis), heads, "nothing is written twice");

    // Later records are appended by the next migration.
    let server = Setup::default().in_folder(&folder).start().await;
    show_units(&server, 3).await;
    let later = report(&server).await;
    drop(server.end());
    migrate_ok(&["--data", &data, "--from", "embedded", "--to", &url]);

    // Two instances use the new store: one on the old data directory, and a new one.
    let keys = |settings: &mut adjacent::config::Settings| settings.store.keys = Some(data.clone());
    let old = Setup::default().in_folder(&folder).with_store(&redis).settings(keys).start().await;
    let new = Setup::default().with_store(&redis).settings(keys).start().await;
    assert_ne!(before, later);
    for server in [&old, &new] {
        assert_eq!(report(server).await, later);
        assert_eq!(server.inner.publishing.head().unwrap().unwrap().number, number);
        server.assert_ledger_consistent().await;
    }
    show_units(&old, 1).await;
    wait_until("the new instance counts an event that the old one accepted", async || {
        let total = report(&new).await["total"][0]["spend_micros"].clone();
        (total == 10 * PRICE_MICROS).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_redis_migrates_to_a_cluster_and_an_interrupted_migration_resumes() {
    let (from, between, to) =
        (Redis::start(), Redis::start(), RedisCluster::start_without_replicas());
    let server = Setup::default().with_store(&from).start().await;
    show_units(&server, 12).await;
    let before = report(&server).await;
    let folder = server.end();

    let first = migrate_ok(&["--from", &from.url(), "--to", &between.url()]);
    assert_eq!(log_heads(&between), log_heads(&from));
    // Simulate an interruption before this partition was copied.
    let busiest = (0..64)
        .map(|at| format!("adj:{{p{at:02}}}"))
        .max_by_key(|key| from.cli(&["XLEN", &format!("{key}:log")]).parse::<u64>().unwrap());
    let busiest = busiest.unwrap();
    between.cli(&["DEL", &format!("{busiest}:log"), &format!("{busiest}:head")]);
    assert_ne!(log_heads(&between), log_heads(&from));
    assert_eq!(migrate_ok(&["--from", &from.url(), "--to", &between.url()]), first);
    assert_eq!(log_heads(&between), log_heads(&from));

    migrate_ok(&["--from", &between.url(), "--to", &to.url()]);
    let keys = from.keys().display().to_string();
    let keys = |settings: &mut adjacent::config::Settings| settings.store.keys = Some(keys);
    let server = Setup::default().in_folder(&folder).with_store(&to).settings(keys).start().await;
    assert_eq!(report(&server).await, before);
    server.assert_ledger_consistent().await;
}

#[tokio::test]
async fn a_store_in_use_or_with_records_of_another_store_is_rejected_and_unchanged() {
    let (redis, empty) = (Redis::start(), Redis::start());
    let server = Setup::default().with_store(&redis).start().await;
    show_units(&server, 2).await;
    let embedded = TestServer::start().await;
    show_units(&embedded, 2).await;
    let data_in_use = data(embedded.data().parent().unwrap());

    let error = migrate_error(&["--data", &data_in_use, "--to", &empty.url()]);
    assert!(error.contains("is in use by a running server"), "{error}");
    let folder = embedded.end();
    let data = data(folder.path());
    let error = migrate_error(&["--data", &data, "--to", &redis.url()]);
    assert!(error.contains("1 instances are using --to: stop them first"), "{error}");
    let error = migrate_error(&["--from", &redis.url(), "--to", &empty.url()]);
    assert!(error.contains("1 instances are using --from: stop them first"), "{error}");
    drop(server.end());
    let heads = log_heads(&redis);
    let error = migrate_error(&["--data", &data, "--to", &redis.url()]);
    assert!(error.contains("has records of another store"), "{error}");
    assert_eq!(log_heads(&redis), heads);
    let error = migrate_error(&["--from", &redis.url(), "--to", &redis.url()]);
    assert!(error.contains("are the same store"), "{error}");
    let error = migrate_error(&["--from", &redis.url(), "--to", "embedded"]);
    assert!(error.contains("--to embedded is not supported"), "{error}");
    assert_eq!(empty.cli(&["DBSIZE"]), "0");
}

#[tokio::test]
async fn a_migration_is_rejected_after_expired_records_were_deleted() {
    let redis = Redis::start();
    let small = |settings: &mut adjacent::config::Settings| {
        settings.store.segment_bytes = 2_000;
        settings.store.keep_days = 1;
    };
    let server = Setup::default().settings(small).manual_clock().start().await;
    let mut removed = 0;
    for _ in 0..3 {
        show_units(&server, 20).await;
        server.advance_ms(2 * 86_400_000);
        let inner = server.inner.clone();
        let outcome =
            tokio::task::spawn_blocking(move || inner.reporting.reconcile()).await.unwrap();
        removed += outcome.unwrap().removed;
    }
    assert!(removed > 0);
    let folder = server.end();

    let error = migrate_error(&["--data", &data(folder.path()), "--to", &redis.url()]);
    assert!(error.contains("were deleted after store.keep_days"), "{error}");
    assert_eq!(redis.cli(&["DBSIZE"]), "0");
}

#[tokio::test]
async fn a_trimmed_log_migrates_with_its_base() {
    let (from, to) = (Redis::start(), Redis::start());
    let hour = |settings: &mut adjacent::config::Settings| {
        settings.store.log_hours = 1;
        settings.store.reconcile_interval_seconds = 3_600;
    };
    let server = Setup::default().with_store(&from).settings(hour).manual_clock().start().await;
    for _ in 0..40 {
        show_units(&server, 1).await;
    }
    for _ in 0..2 {
        let inner = server.inner.clone();
        let outcome = tokio::task::spawn_blocking(move || inner.reporting.reconcile())
            .await
            .unwrap()
            .unwrap();
        assert!(outcome.mismatches.is_empty());
        server.advance_ms(2 * 3_600_000);
    }
    show_units(&server, 2).await;
    let before = report(&server).await;
    let now = server.state.clock.now();
    let folder = server.end();
    let partition = adjacent::token::partition_of("zahid-launch");
    let base = format!("adj:{{p{partition:02}}}:base");
    assert!(from.cli(&["HGET", &base, "fn"]).parse::<u64>().unwrap() > 20);

    let first = migrate_ok(&["--from", &from.url(), "--to", &to.url()]);
    assert_eq!(migrate_ok(&["--from", &from.url(), "--to", &to.url()]), first);
    assert_eq!(to.cli(&["HGET", &base, "fn"]), from.cli(&["HGET", &base, "fn"]));

    let keys = from.keys().display().to_string();
    let keys = |settings: &mut adjacent::config::Settings| settings.store.keys = Some(keys);
    let setup = Setup::default().in_folder(&folder).with_store(&to).settings(keys);
    // The server starts at the advanced time: reports end today, and those hours may have crossed
    // midnight.
    let server = setup.manual_clock_at(now).start().await;
    show_units(&server, 1).await;
    server.assert_ledger_consistent().await;
    assert_eq!(before["total"][0]["spend_micros"], 42 * PRICE_MICROS);
    assert_eq!(report(&server).await["total"][0]["spend_micros"], 43 * PRICE_MICROS);
}
