//! The event store in Redis: errors, failovers, permissions, TLS, and configurations that are rejected.

use crate::harness::process::Installation;
use crate::harness::scripted_redis::BatchReply::{
    ErrorReply, InvalidReply, NoReply, Redirect, TruncatedReply,
};
use crate::harness::scripted_redis::{BatchReply, ScriptedRedis};
use crate::harness::tls_redis::{TlsRedis, Topology};
use crate::harness::{Reader, Redis, Sentinels, Setup, Store, TestServer, reference, wait_until};
use adjacent::cluster;
use adjacent::cluster::OpenOptions;
use adjacent::cluster::log::SharedLog;
use adjacent::ledger::event_log::EventLog;
use adjacent::ledger::{Ledger, Record, Rules};
use adjacent::store::{Address, Client, acl};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A store URL with the key folder of the fleet.
struct StoreAt {
    url: String,
    keys: PathBuf,
}

impl Store for StoreAt {
    fn url(&self) -> String {
        self.url.clone()
    }

    fn keys(&self) -> PathBuf {
        self.keys.clone()
    }
}

async fn report_impression(server: &TestServer) {
    assert!(
        server.reader.impression(&server.unit().await).await.recorded,
        "the event is on the local disk"
    );
}

/// Waits until this number of impressions is counted; asserts that it is never exceeded and that there
/// is no duplicate.
async fn wait_for_impressions(server: &TestServer, impressions: u64) {
    wait_until("impressions", async || {
        let found = server.scrape().await;
        let (counted, duplicates) =
            (found.events("impression", "counted"), found.events("impression", "duplicate"));
        assert!(
            counted <= impressions && duplicates == 0,
            "{counted} of {impressions}, {duplicates} duplicates"
        );
        (counted == impressions).then_some(())
    })
    .await;
}

/// Reply to a batch, the error kind in the metric, and whether the operator must act.
const ERRORS: &[(BatchReply, &str, bool)] = &[
    (ErrorReply("LOADING Redis is loading the dataset in memory"), "loading", false),
    (ErrorReply("BUSY Redis is busy running a script."), "busy", false),
    (ErrorReply("READONLY You can't write against a read only replica."), "read_only", false),
    (ErrorReply("MOVED 1 127.0.0.1:1"), "moved", false),
    (ErrorReply("ASK 1 127.0.0.1:1"), "moved", false),
    (ErrorReply("TRYAGAIN Multiple keys request during rehashing of slot"), "try_again", false),
    (ErrorReply("CLUSTERDOWN The cluster is down"), "cluster_down", false),
    (ErrorReply("NOREPLICAS Not enough good replicas to write."), "no_replicas", false),
    (ErrorReply("MASTERDOWN Link with MASTER is down"), "master_down", false),
    (ErrorReply("ERR Function not found"), "functions_missing", false),
    (InvalidReply, "invalid_response", false),
    (TruncatedReply, "disconnected", false),
    (NoReply, "timeout", false),
    (ErrorReply("OOM command not allowed when used memory > 'maxmemory'."), "out_of_memory", true),
    (ErrorReply("MISCONF Redis is configured to save RDB snapshots"), "disk_error", true),
    (ErrorReply("NOAUTH Authentication required."), "authentication_failed", true),
    (
        ErrorReply("NOPERM this user has no permissions to run the 'fcall' command"),
        "permission_denied",
        true,
    ),
    (ErrorReply("WRONGTYPE Operation against a key"), "unexpected_data", true),
    (ErrorReply("ERR an unknown error"), "rejected", true),
];

#[tokio::test]
async fn an_event_arrives_once_after_every_kind_of_redis_error() {
    let redis = Redis::start();
    let scripted = ScriptedRedis::in_front_of(&redis);
    let server = Setup::default().with_store(&scripted).start().await;
    // The records that the server writes itself after reading the log must not disturb the counts
    // below.
    let mut shown = 0;
    while shown < 2 {
        report_impression(&server).await;
        shown += 1;
        wait_for_impressions(&server, shown).await;
    }
    server.wait_for_metric("adjacent_journal_unshipped_records", 0).await;
    for (reply, kind, needs_operator) in ERRORS {
        let series = format!("adjacent_store_errors_total{{kind=\"{kind}\"}}");
        let count = async || server.scrape_now().await.count(&series);
        let before = count().await;
        let sent = scripted.batch_count();
        scripted.set_reply(Some(*reply));
        report_impression(&server).await;
        shown += 1;
        // A timeout takes long, and a truncated reply may also be counted as an invalid one.
        let attempts = if matches!(reply, NoReply | TruncatedReply) { 1 } else { 2 };
        wait_until(kind, async || (count().await >= before + attempts).then_some(())).await;
        if *needs_operator {
            server.wait_for_metric("adjacent_store_blocked", 1).await;
        }
        assert!(scripted.batch_count() - sent < 40, "{kind}: retries without a pause");
        scripted.set_reply(None);
        wait_for_impressions(&server, shown).await;
        server.wait_for_metric("adjacent_journal_unshipped_records", 0).await;
        server.wait_for_metric("adjacent_store_blocked", 0).await;
    }
    server.assert_ledger_consistent().await;
}

#[tokio::test]
async fn flushed_functions_are_loaded_again() {
    let redis = Redis::start();
    let server = Setup::default().with_store(&redis).start().await;
    report_impression(&server).await;
    wait_for_impressions(&server, 1).await;
    assert_eq!(redis.cli(&["FUNCTION", "FLUSH"]), "OK");
    report_impression(&server).await;
    wait_for_impressions(&server, 2).await;
}

#[tokio::test]
async fn a_batch_follows_a_redirect_to_another_node() {
    let redis = Redis::start();
    let scripted = ScriptedRedis::cluster_in_front_of(&redis);
    let server = Setup::default().with_store(&scripted).start().await;
    for (shown, how) in [(1, "MOVED"), (2, "ASK")] {
        scripted.set_reply(Some(Redirect(how)));
        report_impression(&server).await;
        wait_for_impressions(&server, shown).await;
    }
    assert_eq!(server.metric("adjacent_store_errors_total{kind=\"moved\"}").await, 0);
}

#[tokio::test]
async fn a_blocked_store_is_logged_once_with_the_required_action() {
    let redis = Redis::start();
    let scripted = ScriptedRedis::in_front_of(&redis);
    let installation = Installation::new().set("ADJACENT__STORE__URL", &scripted.url());
    let process = installation.serve();
    scripted.set_reply(Some(ErrorReply(
        "NOPERM this user has no permissions to run the 'fcall' command",
    )));
    let reader = Reader::new();
    let response = process.decide(&reader, &reference()).await.unwrap();
    let url = response["decisions"]["article-end"]["event_urls"]["impression"].as_str().unwrap();
    assert!(reader.fire(url).await.recorded);
    let sent = scripted.batch_count();
    wait_until("several retries", async || (scripted.batch_count() > sent + 4).then_some(())).await;
    let log = process.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("permission_denied")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(
        lines[0].contains("adjacent store acl")
            && lines[0].contains("events wait in the local journal")
    );

    scripted.set_reply(None);
    wait_until("the recovery", async || process.log().contains("store recovered").then_some(()))
        .await;
}

/// A ledger on Redis, without the task that ships its journal.
pub fn ledger(folder: &Path, incarnation: u64, redis: &Redis) -> (Ledger, Arc<SharedLog>) {
    let Ok(Address::Redis(address)) = redis.url().parse() else { panic!("{}", redis.url()) };
    let options = OpenOptions {
        folder,
        incarnation,
        segment_bytes: 1_000,
        rules: Rules::default(),
        listener: Box::new(|_| {}),
    };
    cluster::open_shared(options, Client::new(address)).unwrap()
}

pub async fn write_records(ledger: &Ledger, count: usize) {
    for _ in 0..count {
        ledger.write(3, &Record::Rules(Rules::default())).await.unwrap();
    }
}

#[tokio::test]
async fn records_lost_by_redis_before_they_were_read_are_sent_again() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let (ledger, shared) = ledger(folder.path(), 1, &redis);
    write_records(&ledger, 3).await;
    assert!(shared.send_files().await.unwrap());
    // The head is lost too, so that the empty log is consistent with what was read.
    assert_eq!(redis.cli(&["FLUSHALL"]), "OK");
    assert!(shared.follow().await.unwrap());

    assert_eq!(shared.status().rewinds, 1);
    assert!(shared.send_files().await.unwrap());
    assert!(shared.follow().await.unwrap());
    assert_eq!(shared.status().rewinds, 1, "the loss is detected once");
    assert_eq!(ledger.state().applied(), 3);
}

#[tokio::test]
async fn records_after_a_missing_segment_are_reported_and_block_nothing() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let (old, _) = ledger(folder.path(), 1, &redis);
    write_records(&old, 100).await;
    drop(old);
    let mut segments = adjacent::journal::segments(folder.path()).unwrap();
    assert!(segments.len() > 3, "{}", segments.len());
    std::fs::remove_file(folder.path().join(segments.remove(1).name())).unwrap();

    let (new, shared) = ledger(folder.path(), 2, &redis);
    write_records(&new, 3).await;
    // The first attempt detects the gap; the next ones skip it.
    wait_until("all records that can be sent", async || {
        shared.send_files().await.unwrap().then_some(())
    })
    .await;
    assert!(shared.status().is_blocked);
    assert_eq!(shared.status().unsent, 0, "this process keeps sending");
}

#[tokio::test]
async fn records_sent_from_files_are_not_sent_again_from_memory() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let (ledger, shared) = ledger(folder.path(), 1, &redis);
    write_records(&ledger, 10).await;
    assert!(shared.send_files().await.unwrap());

    let sending = tokio::spawn(shared.clone().ship());
    write_records(&ledger, 1).await;
    wait_until("the last record is sent", async || (shared.status().unsent == 0).then_some(()))
        .await;
    assert_eq!(shared.shipped(), 11);
    sending.abort();
}

#[tokio::test]
async fn a_shipped_segment_is_read_again_only_after_redis_lost_it() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let (ledger, shared) = ledger(folder.path(), 1, &redis);
    write_records(&ledger, 100).await;
    assert!(shared.send_files().await.unwrap());
    let first = adjacent::journal::segments(folder.path()).unwrap().remove(0).path;
    // Reading a folder in its place fails.
    std::fs::remove_file(&first).unwrap();
    std::fs::create_dir(&first).unwrap();

    write_records(&ledger, 1).await;
    assert!(shared.send_files().await.unwrap());
    assert_eq!(shared.status().unsent, 0);
    assert_eq!(redis.cli(&["FLUSHALL"]), "OK");
    shared.send_files().await.unwrap_err();
}

#[tokio::test]
async fn records_are_confirmed_once_a_replica_has_them() {
    let sentinels = Sentinels::start();
    let server = Setup::default().with_store(&sentinels).start().await;
    report_impression(&server).await;
    server.wait_for_metric("adjacent_journal_unconfirmed_records", 0).await;

    let replica = sentinels.suspend_replica();
    report_impression(&server).await;
    server.wait_for_metric("adjacent_journal_unshipped_records", 0).await;
    assert!(server.metric("adjacent_journal_unconfirmed_records").await >= 1);
    drop(replica);
    server.wait_for_metric("adjacent_journal_unconfirmed_records", 0).await;
}

/// Exit code and output of the executable.
fn run(installation: &Installation, arguments: &[&str]) -> (Option<i32>, String) {
    let output = installation.command(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

const PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];

#[test]
fn a_redis_with_an_eviction_policy_is_rejected_at_startup() {
    let redis = Redis::start();
    redis.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let installation = Installation::new();
    let (code, output) = run(&installation, &[&PORTS[..], &["--store", &redis.url()]].concat());
    assert_eq!(code, Some(64), "{output}");
    assert!(output.contains("maxmemory-policy noeviction"), "{output}");
}

/// Commands that a leaked password must not allow.
const FORBIDDEN: &[&[&str]] = &[
    &["FLUSHALL"],
    &["FLUSHDB"],
    &["CONFIG", "SET", "maxmemory", "1"],
    &["KEYS", "*"],
    &["SCAN", "0"],
    &["EVAL", "return 1", "0"],
    &["SCRIPT", "FLUSH"],
    &["FUNCTION", "FLUSH"],
    &["FUNCTION", "LOAD", "#!lua name=x"],
    &["DEBUG", "SLEEP", "0"],
    &["DEL", "adj:{p00}:log"],
    &["RENAME", "adj:{p00}:log", "adj:{p00}:x"],
    &["RESTORE", "adj:{p00}:log", "0", "x"],
    &["ACL", "SETUSER", "mallory"],
    &["SHUTDOWN"],
    &["REPLICAOF", "127.0.0.1", "1"],
    &["MONITOR"],
    &["HGET", "unexpected_data", "field"],
    &["XADD", "unexpected_data", "*", "a", "b"],
    &["PUBLISH", "channel", "message"],
];

#[tokio::test]
async fn the_acl_users_have_only_the_permissions_that_they_need() {
    let mut redis = Redis::start();
    let keys = redis.keys();
    let users = keys.join("users.acl");
    let lines = ["user default off".to_owned(), acl::service("app"), acl::loader("deploy")];
    let text = lines.join("\n").replace("PASSWORD-OF-", "s3cret-");
    std::fs::write(&users, text).unwrap();
    redis.restart(&["--aclfile", users.to_str().unwrap(), "--enable-debug-command", "yes"]);
    let at = |user: &str| format!("redis://{user}:s3cret-{user}@127.0.0.1:{}", redis.port());
    let installation = Installation::new();

    let (code, output) = run(&installation, &[&PORTS[..], &["--store", &at("app")]].concat());
    assert_eq!(code, Some(64), "{output}");
    assert!(output.contains("adjacent store load") && !output.contains("s3cret"), "{output}");
    let (code, output) = run(&installation, &["store", "load", "--store", &at("app")]);
    assert_eq!(code, Some(64), "{output}");
    let (code, output) = run(&installation, &["store", "load", "--store", &at("deploy")]);
    assert_eq!(code, Some(0), "{output}");

    let server = Setup::default().with_store(&StoreAt { url: at("app"), keys }).start().await;
    report_impression(&server).await;
    wait_for_impressions(&server, 1).await;
    assert_eq!(server.metric("adjacent_store_errors_total{kind=\"permission_denied\"}").await, 0);
    let app = ["--user", "app", "--pass", "s3cret-app", "--no-auth-warning"];
    for forbidden in FORBIDDEN {
        let output = redis.cli(&[&app[..], forbidden].concat());
        assert!(output.starts_with("NOPERM"), "{forbidden:?}: {output}");
    }
    let deploy = ["--user", "deploy", "--pass", "s3cret-deploy", "--no-auth-warning"];
    for forbidden in [&["GET", "adj:{p00}:log"][..], &["FUNCTION", "FLUSH"], &["FLUSHALL"]] {
        let output = redis.cli(&[&deploy[..], forbidden].concat());
        assert!(output.starts_with("NOPERM"), "{forbidden:?}: {output}");
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_tls_connection_requires_the_configured_certificate_authority() {
    for redis in [Topology::Single, Topology::Sentinel, Topology::Cluster].map(TlsRedis::start) {
        let ca = redis.ca_file().display().to_string();
        let with_ca = |ca: Option<String>| {
            Setup::default().with_store(&redis).settings(|settings| settings.store.ca = ca)
        };
        let server = with_ca(Some(ca)).start().await;
        report_impression(&server).await;
        wait_for_impressions(&server, 1).await;
        let installation = Installation::new().set("ADJACENT__STORE__URL", &redis.url());
        let (code, output) = run(&installation, &PORTS);
        assert_eq!(code, Some(64), "{output}");
        assert!(output.contains("store.ca") || output.contains("unavailable"), "{output}");
        drop(with_ca(None));
    }
}
