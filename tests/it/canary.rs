//! Weights that a part of the requests gets: they begin, grow, are served to all, or end because they do worse.

use crate::funnel::{ask, cli, with_nordwind};
use crate::harness::decision::page_on;
use crate::harness::{Redis, Setup, TestServer, wait_until};
use crate::removed::{apply, served};
use crate::weights_versions::{draft, send, weights_with};
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/v1/admin/weights/versions";
const CANARY: &str = "/v1/admin/weights/canary";

async fn get(server: &TestServer, path: &str) -> Value {
    send(server, (Method::GET, path), &Value::Null, None).await.1
}

async fn begin(server: &TestServer, name: &str, request: &Value) -> Value {
    let path = format!("{PATH}/{name}/canary");
    let (status, reply) = send(server, (Method::POST, &path), request, None).await;
    assert_eq!(status, 200, "{reply:#}");
    reply
}

/// The weights of each of some decisions.
async fn decided(server: &TestServer, count: usize) -> Vec<String> {
    let mut found = Vec::new();
    for _ in 0..count {
        let reply = server.decision_response(&page_on("ai-agents")).await;
        found.push(reply["snapshot"]["weights"].as_str().unwrap().to_owned());
    }
    found
}

/// Every recorded decision of the server is reproduced bit for bit.
async fn assert_reproduced(server: &TestServer, least: u64) {
    let (key, data) = (server.key("operator").to_owned(), server.data());
    let found = cli(&data, &["replay", "--json"], &key).await;
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    let slots = &found["slots"];
    assert!(slots["checked"].as_u64().unwrap() >= least, "{found:#}");
    assert_eq!((&slots["different"], &found["without_world"]), (&json!(0), &json!(0)), "{found:#}");
}

#[tokio::test]
async fn a_canary_gets_its_part_of_the_requests_and_every_decision_of_both_is_reproduced() {
    let server = TestServer::start().await;
    let main = get(&server, "/v1/admin/head").await["weights"].as_str().unwrap().to_owned();
    assert_eq!(apply(&server, &with_nordwind(&server).await).await.0, 200);
    let weights = weights_with(json!({ "sharpness": 3.0, "price_weight": 1.0 }));
    let own = draft(&server, "sharper", &weights).await.1["hash"].as_str().unwrap().to_owned();
    ask(&server).await;
    begin(&server, "sharper", &json!({ "percent": 40 })).await;
    let found = decided(&server, 100).await;
    let of_canary = found.iter().filter(|hash| **hash == own).count();
    assert!((20..60).contains(&of_canary), "{of_canary} of 100");
    assert!(found.iter().all(|hash| *hash == own || *hash == main));
    assert_eq!(get(&server, &format!("{PATH}/sharper")).await["state"], "canary");
    ask(&server).await;

    // Another share, another inventory, and a restart.
    begin(&server, "sharper", &json!({ "percent": 70 })).await;
    decided(&server, 40).await;
    let mut inventory = served(&server).await;
    let flights = inventory["flights"].as_array_mut().unwrap();
    let flight = flights.iter_mut().find(|one| one["id"] == "nordwind-draw").unwrap();
    flight["weight"] = json!(1.5);
    assert_eq!(apply(&server, &inventory).await.0, 200);
    let found = decided(&server, 60).await;
    assert!(found.contains(&own) && found.contains(&main));
    let report = get(&server, CANARY).await["running"].take();
    assert_eq!((&report["version"], &report["percent"]), (&json!("sharper"), &json!(70.0)));
    let arms = ["served", "canary"].map(|arm| report[arm]["decisions"].as_u64().unwrap());
    assert!(arms[0] > 50 && arms[1] > 70, "{report:#}");
    let server = server.restart().await;
    let found = decided(&server, 40).await;
    assert!(found.contains(&own) && found.contains(&main), "after a restart");
    for id in 0..3 {
        let decision = server.decide(&page_on("ai-agents")).await;
        let (status, explained) = server.explain("operator", decision.id()).await;
        assert_eq!(status, 200, "{id}: {explained:#}");
    }

    let (status, _) = send(&server, (Method::DELETE, CANARY), &Value::Null, None).await;
    assert_eq!(status, 204);
    assert!(decided(&server, 40).await.iter().all(|hash| *hash == main));
    assert_reproduced(&server, 300).await;
    let history = get(&server, "/v1/admin/history").await;
    let kinds: Vec<&Value> =
        history.as_array().unwrap().iter().filter(|one| one["kind"] == "canary").collect();
    assert_eq!(kinds.len(), 3, "{kinds:#?}");
}

#[tokio::test]
async fn a_canary_that_fills_nothing_ends_by_itself_within_seconds_and_says_why() {
    let server = TestServer::start().await;
    // A floor that no flight on a page without an entity reaches.
    let weights = weights_with(json!({ "relevance_floor": 7.9 }));
    let (status, reply) = draft(&server, "too-strict", &weights).await;
    assert_eq!(status, 201, "{reply:#}");
    begin(&server, "too-strict", &json!({ "percent": 50 })).await;
    let stopped = wait_until("the end of the canary", async || {
        decided(&server, 10).await;
        get(&server, CANARY).await["stopped"].as_str().map(str::to_owned)
    })
    .await;
    assert!(stopped.starts_with("end canary too-strict: fill "), "{stopped}");
    assert_eq!(get(&server, CANARY).await["running"], Value::Null);
    let history = get(&server, "/v1/admin/history").await;
    let last = history.as_array().unwrap().last().unwrap();
    assert_eq!((&last["what"], &last["who"]), (&json!(stopped), &json!("canary")));
    let main = &get(&server, "/v1/admin/head").await["weights"];
    assert!(decided(&server, 20).await.iter().all(|hash| hash == main));
    let scrape = server.scrape().await;
    assert_eq!(scrape.count("adjacent_canary_stopped_total{guardrail=\"fill\"}"), 1);
    assert_eq!(scrape.count("adjacent_canary_share_ratio"), 0);
    let (key, data) = (server.key("operator").to_owned(), server.data());
    let status = cli(&data, &["status"], &key).await;
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.contains(&stopped), "{status}");
    assert_reproduced(&server, 50).await;
}

#[tokio::test]
async fn a_good_canary_grows_by_itself_until_it_is_active_and_can_be_undone() {
    let server =
        Setup::default().settings(|settings| settings.canary.minimum_decisions = 1).start().await;
    let main = get(&server, "/v1/admin/head").await["weights"].clone();
    let weights = weights_with(json!({ "sharpness": 1.1 }));
    let own = draft(&server, "good", &weights).await.1["hash"].clone();
    begin(&server, "good", &json!({ "auto": true, "step_seconds": 1 })).await;
    wait_until("the version is active", async || {
        // The catalog has it a moment before decisions do.
        let all = decided(&server, 30).await.iter().all(|hash| *hash == own);
        (all && get(&server, "/v1/admin/head").await["weights"] == own).then_some(())
    })
    .await;
    let status = get(&server, CANARY).await;
    assert_eq!((&status["running"], &status["stopped"]), (&Value::Null, &Value::Null));
    let history = get(&server, "/v1/admin/history").await;
    let last: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .take(3)
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    let expected = [
        "activate weights good",
        "canary good: 10 % of the requests",
        "canary good: 1 % of the requests",
    ];
    assert_eq!(last, expected);
    assert_reproduced(&server, 60).await;
    let rollback = "/v1/admin/rollback";
    let (status, reply) = send(&server, (Method::POST, rollback), &json!({}), None).await;
    assert_eq!(status, 200, "{reply:#}");
    assert_eq!(get(&server, "/v1/admin/head").await["weights"], main);
}

#[tokio::test]
async fn all_instances_serve_the_canary_to_the_same_requests_and_end_it_together() {
    let redis = Redis::start();
    let one = Setup::default().with_store(&redis).start().await;
    let two = Setup::default().with_store(&redis).start().await;
    let weights = weights_with(json!({ "sharpness": 1.5 }));
    let own = draft(&one, "spring", &weights).await.1["hash"].as_str().unwrap().to_owned();
    begin(&one, "spring", &json!({ "percent": 50 })).await;
    wait_until("the canary on the other", async || {
        decided(&two, 5).await.contains(&own).then_some(())
    })
    .await;
    let (status, _) = send(&two, (Method::DELETE, CANARY), &Value::Null, None).await;
    assert_eq!(status, 204);
    wait_until("no canary", async || get(&one, CANARY).await["running"].is_null().then_some(()))
        .await;
    assert!(!decided(&one, 30).await.contains(&own));
    for server in [&one, &two] {
        assert_reproduced(server, 5).await;
    }
}

#[tokio::test]
async fn a_plan_that_is_none_and_the_verbs_of_the_command_line() {
    let server = TestServer::start().await;
    assert_eq!(draft(&server, "spring", &weights_with(json!({ "sharpness": 1.5 }))).await.0, 201);
    let path = format!("{PATH}/spring/canary");
    for request in [
        json!({}),
        json!({ "percent": 0 }),
        json!({ "percent": 101 }),
        json!({ "percent": 5, "auto": true }),
        json!({ "auto": true, "step_seconds": 0 }),
    ] {
        let (status, problem) = send(&server, (Method::POST, &path), &request, None).await;
        assert_eq!((status, &problem["code"]), (422, &json!("invalid_field")), "{request}");
    }
    let (key, data) = (server.key("operator").to_owned(), server.data());
    let run = async |arguments: &[&str]| {
        let found = cli(&data, &[&["weights", "canary"], arguments].concat(), &key).await;
        let text =
            String::from_utf8_lossy(&[&found.stdout[..], &found.stderr].concat()).into_owned();
        (found.status.code().unwrap(), text)
    };
    assert_eq!(run(&[]).await, (0, "there is no canary\n".to_owned()));
    let (code, text) = run(&["spring", "--percent", "5"]).await;
    assert!(code == 0 && text.starts_with("canary spring: 5 % of the requests"), "{text}");
    decided(&server, 5).await;
    let (code, text) = run(&[]).await;
    assert!(code == 0 && text.contains("the others"), "{text}");
    let (code, text) = run(&["sprin", "--percent", "5"]).await;
    assert!(code == 64 && text.contains("did you mean `spring`?"), "{text}");
    let (code, text) = run(&["--off"]).await;
    assert!(code == 0 && text.contains("no canary"), "{text}");
    let (code, text) = run(&["spring", "--percent", "100"]).await;
    assert!(code == 0 && text.contains("`spring` is active"), "{text}");
}
