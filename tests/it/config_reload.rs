//! Configuration reload: files that change while the server runs, and invalid files.

use crate::harness::process::Installation;
use crate::harness::{Decision, Process, Reader, reference, wait_until};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Maximum time until a saved file takes effect.
const MAX_DELAY: Duration = Duration::from_secs(2);

async fn unit(process: &Process) -> Decision {
    let answer = process.decide(&Reader::new(), &reference()).await.unwrap();
    Decision(answer["decisions"]["article-end"].clone())
}

async fn weights(process: &Process) -> String {
    let reply = Reader::new().get(&format!("{}/version", process.ops)).send().await.unwrap();
    let version: Value = reply.json().await.unwrap();
    version["weights"].as_str().unwrap().to_owned()
}

async fn reloads(process: &Process, what: &str, result: &str) -> u64 {
    let series = format!("adjacent_config_reloads_total{{result=\"{result}\",what=\"{what}\"}}");
    process.scrape().await.count(&series)
}

#[tokio::test]
async fn saved_weights_are_served_within_two_seconds() {
    let installation = Installation::new();
    let process = installation.serve();
    let before = weights(&process).await;
    let saved = Instant::now();

    installation.change("weights.toml", "entity_boost = 2.0", "entity_boost = 2.5");
    wait_until("the new weights", async || (weights(&process).await != before).then_some(())).await;

    assert!(saved.elapsed() < MAX_DELAY, "{:?}", saved.elapsed());
    assert_eq!(reloads(&process, "weights", "applied").await, 1);
    let answer = process.decide(&Reader::new(), &reference()).await.unwrap();
    assert_eq!(answer["snapshot"]["weights"], weights(&process).await);
}

#[tokio::test]
async fn saved_labels_are_served_within_two_seconds() {
    let installation = Installation::new();
    let process = installation.serve();
    assert_eq!(unit(&process).await.label(), "Anzeige");
    let saved = Instant::now();

    installation.change("labels.toml", "text = \"Anzeige\"", "text = \"Bezahlte Anzeige\"");
    let check = async || (unit(&process).await.label() == "Bezahlte Anzeige").then_some(());
    wait_until("the new label", check).await;

    assert!(saved.elapsed() < MAX_DELAY, "{:?}", saved.elapsed());
    assert_eq!(reloads(&process, "labels", "applied").await, 1);
}

#[tokio::test]
async fn a_saved_inventory_is_served_within_two_seconds() {
    let installation = Installation::new();
    let process = installation.serve();
    let saved = Instant::now();

    installation.change(
        "inventory/zahid-host.toml",
        "Run your AI side-project on zahid.host",
        "Run it on zahid.host",
    );
    let check = async || {
        (unit(&process).await.text("/creative/headline") == "Run it on zahid.host").then_some(())
    };
    wait_until("the new headline", check).await;

    assert!(saved.elapsed() < MAX_DELAY, "{:?}", saved.elapsed());
    assert_eq!(reloads(&process, "inventory", "applied").await, 1);
}

#[tokio::test]
async fn an_invalid_file_leaves_the_served_state_unchanged_and_is_counted_and_logged() {
    let installation = Installation::new();
    let process = installation.serve();
    let before = weights(&process).await;
    let mistakes = [
        ("weights", "weights.toml", "entity_boost = 2.0", "entity_boost = -1.0"),
        ("labels", "labels.toml", "text = \"Anzeige\"", "text = Anzeige"),
        ("inventory", "inventory/zahid-host.toml", "price_micros", "price_micro"),
        ("config", "adjacent.toml", "flush_ms", "flush_mss"),
    ];

    for (what, file, from, to) in mistakes {
        installation.change(file, from, to);
        let check = async || (reloads(&process, what, "refused").await >= 1).then_some(());
        wait_until(&format!("{what} refused"), check).await;
    }

    assert_eq!(weights(&process).await, before);
    assert_eq!(unit(&process).await.label(), "Anzeige");
    process.wait_for_log("weights.toml:5:").await;
    process.wait_for_log("did you mean `price_micros`?").await;
    installation.change("weights.toml", "entity_boost = -1.0", "entity_boost = 3.0");
    wait_until("the corrected weights", async || (weights(&process).await != before).then_some(()))
        .await;
}

#[tokio::test]
async fn sighup_reloads_every_file() {
    let installation = Installation::new();
    let elsewhere = installation.path("elsewhere.toml");
    std::fs::rename(installation.path("config/weights.toml"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, installation.path("config/weights.toml")).unwrap();
    let process = installation.serve();
    let before = weights(&process).await;

    // The target of the symbolic link is in a folder that is not watched.
    let text = std::fs::read_to_string(&elsewhere).unwrap();
    std::fs::write(&elsewhere, text.replace("entity_boost = 2.0", "entity_boost = 2.5")).unwrap();
    process.signal("HUP");

    wait_until("the new weights", async || (weights(&process).await != before).then_some(())).await;
}

#[tokio::test]
async fn reloadable_settings_apply_at_runtime() {
    let installation = Installation::new();
    let process = installation.serve();
    let topics = async || {
        let reply =
            Reader::new().get(&format!("{}/v1/limits", process.public)).send().await.unwrap();
        reply.json::<Value>().await.unwrap()["request"]["topics"].as_u64().unwrap()
    };
    assert_eq!(topics().await, 16);

    installation.change("adjacent.toml", "topics = 16", "topics = 3");

    wait_until("the new limit", async || (topics().await == 3).then_some(())).await;
}

#[test]
fn a_typo_in_the_settings_exits_with_64_and_reports_its_position() {
    let installation = Installation::new();
    installation.change("adjacent.toml", "flush_ms", "flush_mss");
    let text = std::fs::read_to_string(installation.path("config/adjacent.toml")).unwrap();
    let line = text.lines().position(|line| line.starts_with("flush_mss")).unwrap() + 1;

    let output = installation
        .command(&["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"])
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(64));
    let output_text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output_text.contains(&format!("adjacent.toml:{line}:1: ")), "{output_text}");
    assert!(output_text.contains("did you mean `flush_ms`?"), "{output_text}");
}

#[test]
fn an_occupied_port_or_a_missing_public_url_exits_with_64() {
    let installation = Installation::new();
    let occupied = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let occupied = occupied.local_addr().unwrap().to_string();
    let run = |listen: &str| {
        let output =
            installation.command(&["--listen", listen, "--ops-listen", "127.0.0.1:0"]).output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };

    for (listen, expected) in [(occupied.as_str(), "cannot bind"), ("0.0.0.0:0", "public_url")] {
        let (code, output_text) = run(listen);
        assert_eq!(code, Some(64), "{output_text}");
        assert!(output_text.contains(expected), "{output_text}");
    }
}
