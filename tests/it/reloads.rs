//! Files that change while it serves, and files that cannot be followed.

use crate::harness::Decision;
use crate::harness::Process;
use crate::harness::Reader;
use crate::harness::process::Place;
use crate::harness::reference;
use crate::harness::until;
use serde_json::Value;
use std::time::Duration;
use std::time::Instant;

/// How long a saved file may wait to be served.
const PROMISED: Duration = Duration::from_secs(2);

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
    let place = Place::new();
    let process = place.serve();
    let before = weights(&process).await;
    let saved = Instant::now();

    place.change("weights.toml", "entity_boost = 2.0", "entity_boost = 2.5");
    until("other weights", async || (weights(&process).await != before).then_some(())).await;

    assert!(saved.elapsed() < PROMISED, "{:?}", saved.elapsed());
    assert_eq!(reloads(&process, "weights", "applied").await, 1);
    let answer = process.decide(&Reader::new(), &reference()).await.unwrap();
    assert_eq!(answer["snapshot"]["weights"], weights(&process).await);
}

#[tokio::test]
async fn saved_labels_are_served_within_two_seconds() {
    let place = Place::new();
    let process = place.serve();
    assert_eq!(unit(&process).await.label(), "Anzeige");
    let saved = Instant::now();

    place.change("labels.toml", "text = \"Anzeige\"", "text = \"Bezahlte Anzeige\"");
    let look = async || (unit(&process).await.label() == "Bezahlte Anzeige").then_some(());
    until("the other label", look).await;

    assert!(saved.elapsed() < PROMISED, "{:?}", saved.elapsed());
    assert_eq!(reloads(&process, "labels", "applied").await, 1);
}

#[tokio::test]
async fn a_saved_inventory_is_served_within_two_seconds() {
    let place = Place::new();
    let process = place.serve();
    let saved = Instant::now();

    place.change(
        "inventory/zahid-host.toml",
        "Run your AI side-project on zahid.host",
        "Run it on zahid.host",
    );
    let look = async || {
        (unit(&process).await.text("/creative/headline") == "Run it on zahid.host").then_some(())
    };
    until("the other headline", look).await;

    assert!(saved.elapsed() < PROMISED, "{:?}", saved.elapsed());
    assert_eq!(reloads(&process, "inventory", "applied").await, 1);
}

#[tokio::test]
async fn a_broken_file_keeps_what_was_served_and_is_counted_and_named() {
    let place = Place::new();
    let process = place.serve();
    let before = weights(&process).await;
    let breaks = [
        ("weights", "weights.toml", "entity_boost = 2.0", "entity_boost = -1.0"),
        ("labels", "labels.toml", "text = \"Anzeige\"", "text = Anzeige"),
        ("inventory", "inventory/zahid-host.toml", "price_micros", "price_micro"),
        ("config", "adjacent.toml", "flush_ms", "flush_mss"),
    ];

    for (what, file, from, to) in breaks {
        place.change(file, from, to);
        let look = async || (reloads(&process, what, "refused").await >= 1).then_some(());
        until(&format!("{what} refused"), look).await;
    }

    assert_eq!(weights(&process).await, before);
    assert_eq!(unit(&process).await.label(), "Anzeige");
    process.says("weights.toml:5:").await;
    process.says("did you mean `price_micros`?").await;
    place.change("weights.toml", "entity_boost = -1.0", "entity_boost = 3.0");
    until("mended weights", async || (weights(&process).await != before).then_some(())).await;
}

#[tokio::test]
async fn a_hang_up_reads_every_file_again() {
    let place = Place::new();
    let elsewhere = place.path("elsewhere.toml");
    std::fs::rename(place.path("config/weights.toml"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, place.path("config/weights.toml")).unwrap();
    let process = place.serve();
    let before = weights(&process).await;

    // Behind a link into a folder that nobody watches, a change does not tell of itself.
    let text = std::fs::read_to_string(&elsewhere).unwrap();
    std::fs::write(&elsewhere, text.replace("entity_boost = 2.0", "entity_boost = 2.5")).unwrap();
    process.signal("HUP");

    until("other weights", async || (weights(&process).await != before).then_some(())).await;
}

#[tokio::test]
async fn settings_that_can_change_while_serving_do() {
    let place = Place::new();
    let process = place.serve();
    let topics = async || {
        let reply =
            Reader::new().get(&format!("{}/v1/limits", process.public)).send().await.unwrap();
        reply.json::<Value>().await.unwrap()["request"]["topics"].as_u64().unwrap()
    };
    assert_eq!(topics().await, 16);

    place.change("adjacent.toml", "topics = 16", "topics = 3");

    until("the other limit", async || (topics().await == 3).then_some(())).await;
}

#[test]
fn a_typo_in_the_settings_ends_with_64_and_says_where() {
    let place = Place::new();
    place.change("adjacent.toml", "flush_ms", "flush_mss");
    let text = std::fs::read_to_string(place.path("config/adjacent.toml")).unwrap();
    let line = text.lines().position(|line| line.starts_with("flush_mss")).unwrap() + 1;

    let output = place
        .command(&["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"])
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&format!("adjacent.toml:{line}:1: ")), "{said}");
    assert!(said.contains("did you mean `flush_ms`?"), "{said}");
}

#[test]
fn a_listener_that_is_taken_or_open_without_an_address_is_the_operators_to_mend() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let run = |listen: &str| {
        let output = place.command(&["--listen", listen, "--ops-listen", "127.0.0.1:0"]).output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };

    for (listen, why) in [(taken.as_str(), "cannot be bound"), ("0.0.0.0:0", "public_url")] {
        let (code, said) = run(listen);
        assert_eq!(code, Some(64), "{said}");
        assert!(said.contains(why), "{said}");
    }
}
