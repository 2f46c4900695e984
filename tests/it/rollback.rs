//! Rolling back undoes changes of content; pauses are a book of their own.

use crate::harness::process::Installation;
use crate::harness::{Redis, Setup, TestServer, inventory, reference, wait_until};
use serde_json::{Value, json};

const FLIGHT: &str = "zahid-ai-europe";
const CREATIVE: &str = "zahid-git-push";

async fn call(server: &TestServer, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = server.reader.request(method, &format!("{}/v1/admin/{path}", server.ops));
    let request = request.bearer_auth(server.key("operator")).json(body);
    let reply = request.send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap_or(Value::Null))
}

async fn post(server: &TestServer, path: &str, body: Value) -> Value {
    let (status, reply) = call(server, "POST", path, &body).await;
    assert_eq!(status, 200, "{path}: {reply}");
    reply
}

async fn document(server: &TestServer, path: &str) -> Value {
    let (status, reply) = call(server, "GET", path, &json!({})).await;
    assert_eq!(status, 200, "{path}: {reply}");
    reply
}

async fn price(server: &TestServer) -> i64 {
    document(server, &format!("flights/{FLIGHT}")).await["price_micros"].as_i64().unwrap()
}

async fn set_price(server: &TestServer, price: i64) {
    let mut flight = document(server, &format!("flights/{FLIGHT}")).await;
    flight["price_micros"] = json!(price);
    let (status, reply) = call(server, "PUT", &format!("flights/{FLIGHT}"), &flight).await;
    assert_eq!(status, 200, "{reply}");
}

async fn pause(server: &TestServer, what: &str, id: &str, paused: bool) {
    let reason = if paused { json!("a complaint") } else { Value::Null };
    let body = json!({"what": what, "id": id, "paused": paused, "reason": reason});
    post(server, "pauses", body).await;
}

/// What is paused by hand: kind and id.
async fn paused(server: &TestServer) -> Vec<String> {
    let rows = document(server, "pauses").await;
    let rows = rows.as_array().unwrap().iter();
    let by_hand = rows.filter(|row| row["in_inventory"] == false);
    by_hand
        .map(|row| format!("{} {}", row["what"].as_str().unwrap(), row["id"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_plain_rollback_undoes_the_last_change_of_content_and_the_next_one_the_change_before_it()
{
    let server = TestServer::start().await;
    set_price(&server, 9_000_000).await;
    pause(&server, "flight", FLIGHT, true).await;
    set_price(&server, 10_000_000).await;
    pause(&server, "campaign", "zahid-launch", true).await;

    post(&server, "rollback", json!({})).await;
    assert_eq!(price(&server).await, 9_000_000);
    post(&server, "rollback", json!({})).await;
    assert_eq!(price(&server).await, 8_000_000);

    assert_eq!(paused(&server).await, ["campaign zahid-launch", "flight zahid-ai-europe"]);
    let (status, reply) = call(&server, "POST", "rollback", &json!({})).await;
    assert_eq!((status, &reply["code"]), (409, &json!("cannot_roll_back")), "{reply}");
    assert!(reply["detail"].as_str().unwrap().contains("no change of content"), "{reply}");
    let history = document(&server, "history").await;
    let kinds: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .skip(3)
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["content", "pause", "content", "pause", "rollback", "rollback"]);
}

#[tokio::test]
async fn rolling_back_to_a_number_applies_its_content_and_keeps_the_present_pauses() {
    let server = TestServer::start().await;
    pause(&server, "flight", FLIGHT, true).await;
    set_price(&server, 9_000_000).await;
    let when_paused = document(&server, "head").await["number"].clone();
    pause(&server, "flight", FLIGHT, false).await;
    pause(&server, "creative", CREATIVE, true).await;
    set_price(&server, 10_000_000).await;

    let reply = post(&server, "rollback", json!({ "number": when_paused })).await;

    assert_eq!(price(&server).await, 9_000_000, "{reply}");
    assert_eq!(paused(&server).await, [format!("creative {CREATIVE}")], "of that time: the flight");
    let (status, again) =
        call(&server, "POST", "rollback", &json!({ "number": when_paused })).await;
    assert_eq!((status, &again["code"]), (409, &json!("cannot_roll_back")), "{again}");
    assert_eq!(call(&server, "POST", "rollback", &json!({ "number": 99 })).await.0, 404);
    // A plain rollback goes on from that change.
    post(&server, "rollback", json!({})).await;
    assert_eq!(price(&server).await, 8_000_000);
}

#[tokio::test]
async fn everything_that_can_be_paused_stays_paused_through_files_documents_and_rollbacks() {
    let server = TestServer::start().await;
    let example = document(&server, "inventory").await;
    for (what, id) in [
        ("advertiser", "zahid-host"),
        ("campaign", "zahid-launch"),
        ("flight", FLIGHT),
        ("publisher", "kitchen-journal"),
    ] {
        pause(&server, what, id, true).await;
    }
    post(&server, &format!("creatives/{CREATIVE}/state"), json!({"state": "paused"})).await;
    let own = format!("{}/v1/publishers/eu-tech-news/pauses", server.public);
    for body in
        [json!({"path": "/live/", "paused": true}), json!({"topic": "rust", "paused": true})]
    {
        let request = server.reader.post(&own).bearer_auth(server.key("publisher:eu-tech-news"));
        assert_eq!(request.json(&body).send().await.unwrap().status(), 200);
    }
    let all = paused(&server).await;
    assert_eq!(all.len(), 7, "{all:?}");

    // The whole list, one document as its file has it, and a rollback.
    assert_eq!(call(&server, "PUT", "inventory", &json!({"inventory": example})).await.0, 200);
    assert_eq!(paused(&server).await, all, "a whole list");
    for path in [format!("flights/{FLIGHT}"), format!("creatives/{CREATIVE}")] {
        let (list, id) = path.split_once('/').unwrap();
        let documents = example[list].as_array().unwrap();
        let original = documents.iter().find(|one| one["id"] == id).unwrap();
        assert_eq!(call(&server, "PUT", &path, original).await.0, 200);
    }
    assert_eq!(paused(&server).await, all, "single documents");
    set_price(&server, 9_000_000).await;
    post(&server, "rollback", json!({})).await;
    assert_eq!(paused(&server).await, all, "a rollback");
    assert!(
        !server.decide(&reference()).await.is_filled()
            || server.decide(&reference()).await.advertiser() != "zahid-host"
    );

    post(&server, &format!("creatives/{CREATIVE}/state"), json!({"state": "live"})).await;
    assert_eq!(paused(&server).await.len(), 6, "resumed by hand");
}

#[tokio::test]
async fn the_list_of_pauses_says_who_paused_what_since_when_and_why() {
    let server = TestServer::start().await;
    pause(&server, "flight", FLIGHT, true).await;
    let own = format!("{}/v1/publishers/eu-tech-news/pauses", server.public);
    let request = server.reader.post(&own).bearer_auth(server.key("publisher:eu-tech-news"));
    let body = json!({"path": "/live/", "paused": true, "reason": "breaking news"});
    assert_eq!(request.json(&body).send().await.unwrap().status(), 200);

    let rows = document(&server, "pauses").await;

    let row = &rows[0];
    assert_eq!((&row["what"], &row["id"]), (&json!("flight"), &json!(FLIGHT)));
    assert_eq!((&row["in_inventory"], &row["reason"]), (&json!(false), &json!("a complaint")));
    assert_eq!(row["number"], 4);
    assert!(row["since"].is_string() && row["by"].is_string(), "{row}");
    let row = &rows[1];
    assert_eq!((&row["path"], &row["reason"]), (&json!("/live/"), &json!("breaking news")));
    assert_ne!(row["by"], rows[0]["by"], "the publisher's key");
    let long = json!({"what": "flight", "id": FLIGHT, "paused": true, "reason": "x".repeat(501)});
    assert_eq!(call(&server, "POST", "pauses", &long).await.0, 422);
}

#[tokio::test]
async fn a_history_of_an_older_version_is_read_and_rolled_back() {
    let server = TestServer::start().await;
    set_price(&server, 9_000_000).await;
    pause(&server, "flight", FLIGHT, true).await;
    let folder = server.end();
    // Older versions wrote neither the kind nor anything else about an entry.
    let path = folder.path().join("data/catalog/audit.log");
    let text = std::fs::read_to_string(&path).unwrap();
    let older = text.lines().map(|line| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        let fields = entry.as_object_mut().unwrap();
        ["kind", "pause", "restores", "files"].iter().for_each(|name| drop(fields.remove(*name)));
        entry.to_string() + "\n"
    });
    std::fs::write(&path, older.collect::<String>()).unwrap();
    let server = Setup::default().in_folder(&folder).start().await;

    let history = document(&server, "history").await;
    let last = history.as_array().unwrap().last().unwrap();
    assert_eq!(last["kind"], "pause");
    assert_eq!(document(&server, "pauses").await[0]["number"], last["number"]);
    post(&server, "rollback", json!({})).await;

    assert_eq!(price(&server).await, 8_000_000);
    assert_eq!(paused(&server).await, [format!("flight {FLIGHT}")]);
}

#[tokio::test]
async fn instances_of_a_fleet_share_pauses_kinds_and_rollbacks() {
    let redis = Redis::start();
    let start = async || Setup::default().with_store(&redis).start().await;
    let (one, other) = (start().await, start().await);
    set_price(&one, 9_000_000).await;
    pause(&other, "creative", CREATIVE, true).await;
    post(&other, "rollback", json!({})).await;

    let undone = async || (price(&one).await == 8_000_000).then_some(());
    wait_until("the rollback on the other instance", undone).await;
    for server in [&one, &other] {
        assert_eq!(paused(server).await, [format!("creative {CREATIVE}")]);
        let history = document(server, "history").await;
        let kinds: Vec<&Value> =
            history.as_array().unwrap().iter().map(|one| &one["kind"]).collect();
        assert!(
            kinds.ends_with(&[&json!("content"), &json!("pause"), &json!("rollback")]),
            "{kinds:?}"
        );
    }
}

#[tokio::test]
async fn an_instance_that_joins_a_fleet_with_an_older_file_undoes_nothing_and_reports_its_file() {
    let redis = Redis::start();
    let start =
        async || Setup::default().inventory(inventory::example()).with_store(&redis).start().await;
    let one = start().await;
    set_price(&one, 9_000_000).await;

    // Its data directory is empty, and its file is elsewhere.
    let other = start().await;

    assert_eq!(price(&other).await, 9_000_000);
    assert_eq!(price(&one).await, 9_000_000);
    let waiting = document(&other, "pending").await;
    assert_eq!(waiting[0]["part"], "inventory", "{waiting}");
    let reason = waiting[0]["reason"].as_str().unwrap();
    assert!(reason.contains("(replace flights/zahid-ai-europe) after this file"), "{reason}");
    // What one instance serves again is what the file of the other one has.
    post(&one, "rollback", json!({})).await;
    let none = async || (document(&other, "pending").await == json!([])).then_some(());
    wait_until("nothing waits", none).await;
    assert_eq!(price(&other).await, 8_000_000);
}

fn run(installation: &Installation, arguments: &[&str]) -> (Option<i32>, String) {
    let output = installation.command(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn the_command_line_rolls_back_without_a_server() {
    let installation = Installation::new();
    let missing = run(&installation, &["rollback", "--yes"]);
    assert_eq!(missing.0, Some(64), "{}", missing.1);
    assert!(!installation.path("data/catalog").exists(), "nothing is created");
    for price in ["= 8_000_000", "= 9_000_000", "= 10_000_000"] {
        if price != "= 8_000_000" {
            let before = if price == "= 9_000_000" { "= 8_000_000" } else { "= 9_000_000" };
            installation.change("inventory/zahid-host.toml", before, price);
        }
        assert_eq!(run(&installation, &["apply", "config", "--yes"]).0, Some(0));
    }

    let unanswered = run(&installation, &["rollback"]);
    assert_eq!(unanswered.0, Some(64), "{}", unanswered.1);
    let first = run(&installation, &["rollback", "--yes"]);
    assert!(first.1.contains("price_micros: 10000000 → 9000000"), "{}", first.1);
    assert!(first.1.contains("rolled back to the content of change 2, as change 4"), "{}", first.1);
    let second = run(&installation, &["rollback", "--yes"]);
    assert!(second.1.contains("price_micros: 9000000 → 8000000"), "{}", second.1);
    let third = run(&installation, &["rollback", "--yes"]);
    assert_eq!(third.0, Some(64), "{}", third.1);
    let same = run(&installation, &["rollback", "1", "--yes"]);
    assert!(same.0 == Some(64) && same.1.contains("is what is served"), "{}", same.1);
    assert_eq!(run(&installation, &["rollback", "3", "--yes"]).0, Some(0));
}
