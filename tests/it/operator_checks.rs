//! Warnings of `check`, errors in plain words, and the log line of each change.

use crate::harness::process::Installation;
use crate::harness::{Process, Reader};
use crate::operator_tools::{document, run, stderr, stdout};
use serde_json::json;

#[test]
fn check_warns_and_strict_fails() {
    let installation = Installation::new();
    let output = run(&installation, &["check", "--strict"]);
    assert!(output.status.success(), "{}", stderr(&output));

    let draft = "flight = \"zahid-ai-europe\"\nstate = \"draft\"";
    installation.change("inventory/zahid-host.toml", "flight = \"zahid-ai-europe\"", draft);
    installation.change("adjacent.toml", "lease_seconds = 30", "lease_seconds = 40");
    installation.change("weights.toml", "price_weight = 0.5", "price_weight = 0");

    let found = document(&run(&installation, &["check", "--json"]));
    let warnings: Vec<&str> =
        found["warnings"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(warnings.len(), 3, "{warnings:#?}");
    for expected in ["store.lease_seconds: ", "none of its creatives is live", "price_weight: is 0"]
    {
        assert!(warnings.iter().any(|one| one.contains(expected)), "{expected}: {warnings:#?}");
    }
    let output = run(&installation, &["check", "--strict"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("warning: store.lease_seconds"), "{}", stderr(&output));
    // The same warnings before a change.
    let output = run(&installation, &["diff", "config"]);
    assert!(stderr(&output).contains("none of its creatives is live"), "{}", stderr(&output));
}

#[test]
fn a_file_that_a_setting_names_must_exist_and_a_log_filter_must_be_valid() {
    for (from, to, expected) in [
        ("# ca = \"store-ca.pem\"", "ca = \"none.pem\"", "store.ca: there is no file `none.pem`"),
        ("# geoip = \"countries.mmdb\"", "geoip = \"none.mmdb\"", "none.mmdb"),
        ("level = \"info\"", "level = \"adjacent=inof\"", "logs.level: "),
    ] {
        let installation = Installation::new();
        installation.change("adjacent.toml", from, to);
        let output = run(&installation, &["check"]);
        assert_eq!(output.status.code(), Some(64), "{to}: {}", stdout(&output));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

#[test]
fn errors_in_files_say_what_was_expected_and_what_is_there() {
    let installation = Installation::new();
    installation.change("adjacent.toml", "topics = 16", "topics = \"16\"");
    installation.change("inventory/zahid-host.toml", "political = false", "political = \"no\"");
    installation.change(
        "inventory/zahid-host.toml",
        "as_of = \"2026-10-01\"",
        "as_of = \"01.10.2026\"",
    );
    let output = run(&installation, &["check"]);
    let said = stderr(&output);
    for expected in [
        "expected a whole number of at least 0, found the text \"16\"",
        "expected true or false, found the text \"no\"",
        "must be a day such as 2026-12-31 (got `01.10.2026`)",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let installation = Installation::new().set("ADJACENT__SERVER__TRIAL", "yes");
    let said = stderr(&run(&installation, &["status"]));
    assert!(said.contains("ADJACENT__SERVER__TRIAL: expected true or false"), "{said}");
}

async fn post(process: &Process, key: &str, path: &str, body: serde_json::Value) {
    let request = Reader::new().post(&format!("{}/v1/admin/{path}", process.ops));
    let request = request.header("Idempotency-Key", path).bearer_auth(key).json(&body);
    let reply = request.send().await.unwrap();
    assert!(reply.status().is_success(), "{}", reply.text().await.unwrap());
}

#[tokio::test]
async fn every_change_has_one_log_line_with_the_owner_of_the_key_and_its_effect() {
    let installation = Installation::new();
    let process = installation.serve();
    let arguments = ["keys", "create", "--role", "operator", "--owner", "alice", "--json"];
    let created = document(&run(&installation, &arguments));
    let (id, key) = (created["id"].as_str().unwrap(), created["key"].as_str().unwrap());
    process.wait_for_log(&format!("created {id} (operator of alice)")).await;

    let pause = json!({ "what": "flight", "id": "zahid-ai-europe", "paused": true });
    post(&process, key, "pauses", pause).await;
    let refund =
        json!({ "campaign": "zahid-launch", "day": "2026-11-25", "micros": 5, "note": "kindness" });
    post(&process, key, "refunds", refund).await;
    let path = format!("{}/v1/admin/flights/zahid-ai-europe", process.ops);
    let reader = Reader::new();
    let mut flight = reader
        .get(&path)
        .bearer_auth(key)
        .send()
        .await
        .unwrap()
        .json::<serde_json::Value>()
        .await
        .unwrap();
    flight["weight"] = json!(1.5);
    let change = reader.request(reqwest::Method::PUT, &path).bearer_auth(key).json(&flight);
    assert_eq!(change.send().await.unwrap().status(), 200);
    post(&process, key, "rollback", json!({})).await;
    run(&installation, &["keys", "revoke", id]);
    process.wait_for_log(&format!("revoked {id} (operator of alice)")).await;
    run(&installation, &["keys", "rotate"]);
    process.wait_for_log("token keys changed").await;

    let log = process.log();
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).collect::<Vec<_>>();
    let paused = lines("pause flight zahid-ai-europe");
    assert_eq!(paused.len(), 1, "{log}");
    for expected in ["catalog changed", "alice", id, "flights: 1 changed", "paused_by: nothing → "]
    {
        assert!(paused[0].contains(expected), "{expected}: {}", paused[0]);
    }
    let refunded = lines("refund of zahid-launch for 2026-11-25");
    assert_eq!(refunded.len(), 1, "{log}");
    assert!(refunded[0].contains("alice") && refunded[0].contains("kindness"), "{}", refunded[0]);
    assert_eq!(lines("roll back to").len(), 1, "{log}");
}
