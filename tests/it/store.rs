//! The store that machines share, when it fails, refuses, or should not be used.

use crate::harness::Reader;
use crate::harness::Redis;
use crate::harness::Sentinels;
use crate::harness::Setup;
use crate::harness::Store;
use crate::harness::TestServer;
use crate::harness::process::Place;
use crate::harness::reference;
use crate::harness::scripted::Answer;
use crate::harness::scripted::Answer::Cut;
use crate::harness::scripted::Answer::Garbage;
use crate::harness::scripted::Answer::Leads;
use crate::harness::scripted::Answer::Says;
use crate::harness::scripted::Answer::Silence;
use crate::harness::scripted::Scripted;
use crate::harness::secure::Kind;
use crate::harness::secure::Secure;
use crate::harness::until;
use adjacent::ledger::Ledger;
use adjacent::ledger::Record;
use adjacent::ledger::Rules;
use adjacent::store::Address;
use adjacent::store::Client;
use adjacent::store::rights;
use std::path::Path;
use std::path::PathBuf;

/// An address with keys that all machines have.
struct At {
    url: String,
    keys: PathBuf,
}

impl Store for At {
    fn url(&self) -> String {
        self.url.clone()
    }

    fn keys(&self) -> PathBuf {
        self.keys.clone()
    }
}

async fn shows(server: &TestServer) {
    assert!(server.reader.impression(&server.unit().await).await.recorded, "it is on disk here");
}

/// Waits until so many impressions are counted; never were there more, and none came twice.
async fn counts(server: &TestServer, impressions: u64) {
    until("impressions", async || {
        let found = server.scrape().await;
        let (counted, twice) =
            (found.events("impression", "counted"), found.events("impression", "duplicate"));
        assert!(counted <= impressions && twice == 0, "{counted} of {impressions}, {twice} twice");
        (counted == impressions).then_some(())
    })
    .await;
}

/// What a batch is answered, how that is called, and whether a person must do something.
const ERRORS: &[(Answer, &str, bool)] = &[
    (Says("LOADING Redis is loading the dataset in memory"), "loading", false),
    (Says("BUSY Redis is busy running a script."), "busy", false),
    (Says("READONLY You can't write against a read only replica."), "read_only", false),
    (Says("MOVED 1 127.0.0.1:1"), "moved", false),
    (Says("ASK 1 127.0.0.1:1"), "moved", false),
    (Says("TRYAGAIN Multiple keys request during rehashing of slot"), "try_again", false),
    (Says("CLUSTERDOWN The cluster is down"), "cluster_down", false),
    (Says("NOREPLICAS Not enough good replicas to write."), "no_replicas", false),
    (Says("MASTERDOWN Link with MASTER is down"), "master_down", false),
    (Says("ERR Function not found"), "no_functions", false),
    (Garbage, "unreadable", false),
    (Cut, "cut_off", false),
    (Silence, "timeout", false),
    (Says("OOM command not allowed when used memory > 'maxmemory'."), "full", true),
    (Says("MISCONF Redis is configured to save RDB snapshots"), "disk", true),
    (Says("NOAUTH Authentication required."), "no_login", true),
    (Says("NOPERM this user has no permissions to run the 'fcall' command"), "no_right", true),
    (Says("WRONGTYPE Operation against a key"), "foreign", true),
    (Says("ERR something that nobody has thought of"), "refused", true),
];

#[tokio::test]
async fn whatever_the_store_answers_an_event_arrives_once_when_that_is_over() {
    let redis = Redis::start();
    let scripted = Scripted::before(&redis);
    let server = Setup::default().on(&scripted).start().await;
    // What it writes by itself once it has read the log is not counted below.
    let mut shown = 0;
    while shown < 2 {
        shows(&server).await;
        shown += 1;
        counts(&server, shown).await;
    }
    server.reaches("adjacent_journal_unshipped_records", 0).await;
    for (answer, trouble, for_a_person) in ERRORS {
        let series = format!("adjacent_store_troubles_total{{trouble=\"{trouble}\"}}");
        let met = async || server.scrape_now().await.count(&series);
        let before = met().await;
        let asked = scripted.asked();
        scripted.answers(Some(*answer));
        shows(&server).await;
        shown += 1;
        // One that waits long; and half an answer is also one that cannot be read, as it happens.
        let tries = if matches!(answer, Silence | Cut) { 1 } else { 2 };
        until(trouble, async || (met().await >= before + tries).then_some(())).await;
        if *for_a_person {
            server.reaches("adjacent_store_refuses", 1).await;
        }
        assert!(scripted.asked() - asked < 40, "{trouble}: asked all the time");
        scripted.answers(None);
        counts(&server, shown).await;
        server.reaches("adjacent_journal_unshipped_records", 0).await;
        server.reaches("adjacent_store_refuses", 0).await;
    }
    server.assert_books_balance().await;
}

#[tokio::test]
async fn functions_that_were_thrown_away_are_loaded_again() {
    let redis = Redis::start();
    let server = Setup::default().on(&redis).start().await;
    shows(&server).await;
    counts(&server, 1).await;
    assert_eq!(redis.ask(&["FUNCTION", "FLUSH"]), "OK");
    shows(&server).await;
    counts(&server, 2).await;
}

#[tokio::test]
async fn a_batch_follows_its_slot_to_another_node() {
    let redis = Redis::start();
    let scripted = Scripted::cluster_before(&redis);
    let server = Setup::default().on(&scripted).start().await;
    for (shown, how) in [(1, "MOVED"), (2, "ASK")] {
        scripted.answers(Some(Leads(how)));
        shows(&server).await;
        counts(&server, shown).await;
    }
    assert_eq!(server.metric("adjacent_store_troubles_total{trouble=\"moved\"}").await, 0);
}

#[tokio::test]
async fn a_refusal_is_told_once_with_what_to_do() {
    let redis = Redis::start();
    let scripted = Scripted::before(&redis);
    let place = Place::new().set("ADJACENT__STORE__URL", &scripted.url());
    let process = place.serve();
    scripted.answers(Some(Says("NOPERM this user has no permissions to run the 'fcall' command")));
    let reader = Reader::new();
    let answer = process.decide(&reader, &reference()).await.unwrap();
    let url = answer["decisions"]["article-end"]["event_urls"]["impression"].as_str().unwrap();
    assert!(reader.fire(url).await.recorded);
    let asked = scripted.asked();
    until("some tries", async || (scripted.asked() > asked + 4).then_some(())).await;
    let log = process.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("no_right")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("adjacent store acl") && told[0].contains("events wait here"));

    scripted.answers(None);
    until("that it is over", async || process.log().contains("well again").then_some(())).await;
}

/// A ledger on a store whose journal nobody sends yet.
fn ledger(folder: &Path, incarnation: u64, redis: &Redis) -> Ledger {
    let Ok(Address::Redis(place)) = redis.url().parse() else { panic!("{}", redis.url()) };
    let (rules, client) = (Rules::default(), Client::new(place));
    Ledger::open_shared(folder, incarnation, 1_000, rules, Box::new(|_| {}), client).unwrap()
}

async fn records(ledger: &Ledger, count: usize) {
    for _ in 0..count {
        ledger.write(3, &Record::Rules(Rules::default())).await.unwrap();
    }
}

#[tokio::test]
async fn what_the_store_lost_before_anybody_read_it_is_sent_again() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let ledger = ledger(folder.path(), 1, &redis);
    let shared = ledger.shared().unwrap();
    records(&ledger, 3).await;
    assert!(shared.send_files().await.unwrap());
    // Its head is gone with it: what is left is an order that fits what was read.
    assert_eq!(redis.ask(&["FLUSHALL"]), "OK");
    assert!(shared.follow().await.unwrap());

    assert_eq!(shared.standing().rewinds, 1);
    assert!(shared.send_files().await.unwrap());
    assert!(shared.follow().await.unwrap());
    assert_eq!(shared.standing().rewinds, 1, "found once");
    assert_eq!(ledger.state().applied(), 3);
}

#[tokio::test]
async fn what_follows_a_hole_in_the_files_is_told_and_holds_nothing_up() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let old = ledger(folder.path(), 1, &redis);
    records(&old, 100).await;
    drop(old);
    let mut segments = adjacent::journal::segments(folder.path()).unwrap();
    assert!(segments.len() > 3, "{}", segments.len());
    std::fs::remove_file(folder.path().join(segments.remove(1).name())).unwrap();

    let new = ledger(folder.path(), 2, &redis);
    records(&new, 3).await;
    let shared = new.shared().unwrap();
    // The first time the hole is found on the way; then it is left out.
    until("all that can be sent", async || shared.send_files().await.unwrap().then_some(())).await;
    assert!(shared.standing().refuses);
    assert_eq!(shared.standing().unsent, 0, "this process goes on");
}

#[tokio::test]
async fn what_was_read_from_files_is_not_sent_again_from_memory() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let ledger = ledger(folder.path(), 1, &redis);
    let shared = ledger.shared().unwrap();
    records(&ledger, 10).await;
    assert!(shared.send_files().await.unwrap());

    let sending = tokio::spawn(shared.clone().ship());
    records(&ledger, 1).await;
    until("the last one is sent", async || (shared.standing().unsent == 0).then_some(())).await;
    assert_eq!(shared.shipped(), 11);
    sending.abort();
}

#[tokio::test]
async fn a_file_that_the_store_has_is_read_again_only_when_the_store_lost_it() {
    let (redis, folder) = (Redis::start(), tempfile::tempdir().unwrap());
    let ledger = ledger(folder.path(), 1, &redis);
    let shared = ledger.shared().unwrap();
    records(&ledger, 100).await;
    assert!(shared.send_files().await.unwrap());
    let first = adjacent::journal::segments(folder.path()).unwrap().remove(0).path;
    // Nobody can read what is a folder.
    std::fs::remove_file(&first).unwrap();
    std::fs::create_dir(&first).unwrap();

    records(&ledger, 1).await;
    assert!(shared.send_files().await.unwrap());
    assert_eq!(shared.standing().unsent, 0);
    assert_eq!(redis.ask(&["FLUSHALL"]), "OK");
    shared.send_files().await.unwrap_err();
}

#[tokio::test]
async fn records_are_confirmed_when_a_replica_has_them() {
    let sentinels = Sentinels::start();
    let server = Setup::default().on(&sentinels).start().await;
    shows(&server).await;
    server.reaches("adjacent_journal_unconfirmed_records", 0).await;

    let replica = sentinels.stop_the_replica();
    shows(&server).await;
    server.reaches("adjacent_journal_unshipped_records", 0).await;
    assert!(server.metric("adjacent_journal_unconfirmed_records").await >= 1);
    drop(replica);
    server.reaches("adjacent_journal_unconfirmed_records", 0).await;
}

/// What the executable says, and how it leaves.
fn leaves(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let output = place.command(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

const PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];

#[test]
fn a_store_that_would_throw_events_away_is_refused_at_the_start() {
    let redis = Redis::start();
    redis.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let place = Place::new();
    let (code, said) = leaves(&place, &[&PORTS[..], &["--store", &redis.url()]].concat());
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("maxmemory-policy noeviction"), "{said}");
}

/// What a server on a leaked password could do worst.
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
    &["HGET", "somebody", "else"],
    &["XADD", "somebody", "*", "a", "b"],
    &["PUBLISH", "channel", "word"],
];

#[tokio::test]
async fn a_server_has_the_rights_that_it_needs_and_no_others() {
    let mut redis = Redis::start();
    let keys = redis.keys();
    let users = keys.join("users.acl");
    let lines = ["user default off".to_owned(), rights::service("app"), rights::loader("deploy")];
    let text = lines.join("\n").replace("PASSWORD-OF-", "s3cret-");
    std::fs::write(&users, text).unwrap();
    redis.again(&["--aclfile", users.to_str().unwrap(), "--enable-debug-command", "yes"]);
    let at = |user: &str| format!("redis://{user}:s3cret-{user}@127.0.0.1:{}", redis.port());
    let place = Place::new();

    let (code, said) = leaves(&place, &[&PORTS[..], &["--store", &at("app")]].concat());
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("adjacent store load") && !said.contains("s3cret"), "{said}");
    let (code, said) = leaves(&place, &["store", "load", "--store", &at("app")]);
    assert_eq!(code, Some(64), "{said}");
    let (code, said) = leaves(&place, &["store", "load", "--store", &at("deploy")]);
    assert_eq!(code, Some(0), "{said}");

    let server = Setup::default().on(&At { url: at("app"), keys }).start().await;
    shows(&server).await;
    counts(&server, 1).await;
    assert_eq!(server.metric("adjacent_store_troubles_total{trouble=\"no_right\"}").await, 0);
    let app = ["--user", "app", "--pass", "s3cret-app", "--no-auth-warning"];
    for forbidden in FORBIDDEN {
        let said = redis.ask(&[&app[..], forbidden].concat());
        assert!(said.starts_with("NOPERM"), "{forbidden:?}: {said}");
    }
    let deploy = ["--user", "deploy", "--pass", "s3cret-deploy", "--no-auth-warning"];
    for forbidden in [&["GET", "adj:{p00}:log"][..], &["FUNCTION", "FLUSH"], &["FLUSHALL"]] {
        let said = redis.ask(&[&deploy[..], forbidden].concat());
        assert!(said.starts_with("NOPERM"), "{forbidden:?}: {said}");
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_store_over_tls_is_trusted_by_its_own_authority_alone() {
    for secure in [Kind::Single, Kind::Sentinel, Kind::Cluster].map(Secure::start) {
        let ca = secure.authority().display().to_string();
        let trusting = |ca: Option<String>| {
            Setup::default().on(&secure).settings(|settings| settings.store.ca = ca)
        };
        let server = trusting(Some(ca)).start().await;
        shows(&server).await;
        counts(&server, 1).await;
        let place = Place::new().set("ADJACENT__STORE__URL", &secure.url());
        let (code, said) = leaves(&place, &PORTS);
        assert_eq!(code, Some(64), "{said}");
        assert!(said.contains("store.ca") || said.contains("does not answer"), "{said}");
        drop(trusting(None));
    }
}
