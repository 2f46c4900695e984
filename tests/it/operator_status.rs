//! `adjacent status`: what runs and how it is going, with and without a server; and what a reload of the
//! settings says.

use crate::harness::process::Installation;
use crate::harness::{Process, Reader, decision::reference, wait_until};
use crate::operator_tools::{document, run, stderr, stdout};
use serde_json::{Value, json};

fn status(installation: &Installation) -> Value {
    document(&run(installation, &["status", "--json"]))
}

/// Names of the alerts; the free disk space of the test host must not matter.
fn alerts(status: &Value) -> Vec<&str> {
    let names = status["alerts"].as_array().unwrap().iter();
    let names = names.map(|alert| alert["name"].as_str().unwrap());
    names.filter(|name| *name != "AdjacentDiskFilling").collect()
}

async fn change(process: &Process, key: &str, path: &str, body: Value) {
    let request = Reader::new().post(&format!("{}/v1/admin/{path}", process.ops));
    let reply = request.bearer_auth(key).json(&body).send().await.unwrap();
    assert_eq!(reply.status(), 200, "{}", reply.text().await.unwrap());
}

#[tokio::test]
async fn status_has_readiness_the_last_change_traffic_and_who_paused_what() {
    let installation = Installation::new();
    let process = installation.serve();
    let arguments = ["keys", "create", "--role", "operator", "--owner", "alice", "--json"];
    let created = document(&run(&installation, &arguments));
    let (id, key) = (created["id"].as_str().unwrap(), created["key"].as_str().unwrap());
    wait_until("the new key", async || {
        let request = Reader::new().get(&format!("{}/v1/admin/head", process.ops));
        request.bearer_auth(key).send().await.ok()?.status().is_success().then_some(())
    })
    .await;
    let reader = Reader::new();
    let mut filled = 0;
    for _ in 0..5 {
        let decided = process.decide(&reader, &reference()).await.unwrap();
        filled += u64::from(decided["decisions"]["article-end"]["fill"] == true);
    }
    let pause = json!({ "what": "flight", "id": "zahid-ai-europe", "paused": true });
    change(&process, key, "pauses", pause).await;

    let found = status(&installation);
    assert_eq!((&found["running"], &found["ready"]), (&json!(true), &json!(true)), "{found:#}");
    assert_eq!(found["ops"], process.ops.trim_start_matches("http://"));
    assert_eq!(found["public_url"], process.public);
    let recent = &found["recent"][2];
    assert_eq!((&recent["slots"], &recent["filled"]), (&json!(5), &json!(filled)), "{found:#}");
    assert_eq!(found["catalog"]["what"], "pause flight zahid-ai-europe");
    assert_eq!(
        (&found["catalog"]["who"], &found["catalog"]["owner"]),
        (&json!(id), &json!("alice"))
    );
    let paused = &found["paused"][0];
    assert_eq!((&paused["id"], &paused["owner"]), (&json!("zahid-ai-europe"), &json!("alice")));
    assert_eq!(alerts(&found), [""; 0]);
    let text = stdout(&run(&installation, &["status"]));
    assert!(text.contains("ready, up ") && text.contains(&format!("alice ({id})")), "{text}");

    process.kill();
    let found = status(&installation);
    assert_eq!(found["running"], false, "{found:#}");
    assert_eq!(found["catalog"]["what"], "pause flight zahid-ai-europe");
    assert!(found["bytes"]["journal"].as_u64().unwrap() > 0, "{found:#}");
    let text = stdout(&run(&installation, &["status"]));
    assert!(text.starts_with("stopped: ") && text.contains("journal "), "{text}");
}

#[tokio::test]
async fn status_has_alerts_flights_behind_their_pace_and_budgets_that_are_nearly_spent() {
    let installation = Installation::new();
    installation.change(
        "inventory/zahid-host.toml",
        "pacing = \"asap\"",
        "goal_impressions = 1000000\nstarts = \"2020-01-01\"\nends = \"2036-01-01\"",
    );
    let process = installation.serve();
    installation.change("weights.toml", "entity_boost = 2.0", "entity_boost = nan");
    process.wait_for_log("invalid file not reloaded").await;

    let found = status(&installation);
    assert_eq!(alerts(&found), ["AdjacentReloadRefused"], "{found:#}");
    let behind = found["behind"].as_array().unwrap();
    let zahid = behind.iter().find(|one| one["flight"] == "zahid-ai-europe");
    assert!(zahid.unwrap()["pace"].as_f64().unwrap() < 0.5, "{found:#}");
    assert_eq!(found["budgets"], json!([]));
    let text = stdout(&run(&installation, &["status"]));
    assert!(text.contains("1 changes of files were refused"), "{text}");
}

#[tokio::test]
async fn a_reload_names_the_settings_that_apply_and_those_that_wait_for_a_restart() {
    let installation = Installation::new();
    let process = installation.serve();
    assert_eq!(status(&installation)["waiting_for_restart"], json!([]));

    installation.change(
        "adjacent.toml",
        "listen = \"127.0.0.1:8080\"",
        "listen = \"127.0.0.1:8090\"",
    );
    installation.change("adjacent.toml", "days = 90", "days = 80");
    installation.change("adjacent.toml", "topics = 16", "topics = 15");
    process.wait_for_log("applied: request.topics").await;
    // The command line overrides the listener, at the next start as well.
    process.wait_for_log("takes effect at the next start: decision_log.days").await;
    assert_eq!(status(&installation)["waiting_for_restart"], json!(["decision_log.days"]));
    let text = stdout(&run(&installation, &["status"]));
    assert!(text.contains("next start  changes decision_log.days"), "{text}");

    installation.change("adjacent.toml", "days = 80", "days = 90");
    wait_until("nothing that waits", async || {
        (status(&installation)["waiting_for_restart"] == json!([])).then_some(())
    })
    .await;
}

#[test]
fn status_without_a_data_directory_says_where_it_looked() {
    let installation = Installation::new();
    let output = run(&installation, &["status", "--data", "none"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("none; `adjacent serve`"), "{}", stderr(&output));
    let text = stdout(&run(&installation, &["status"]));
    assert!(text.contains("nothing was served yet"), "{text}");
}
