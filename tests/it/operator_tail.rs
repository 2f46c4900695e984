//! `adjacent tail`: decisions and events of a running server, as they happen.

use crate::harness::process::Installation;
use crate::harness::{Process, Reader, decision::reference, wait_until};
use crate::operator_tools::{run, stderr};
use serde_json::Value;
use std::process::{Child, Stdio};

/// Starts to watch; the process ends by itself after some lines.
fn tail(installation: &Installation, arguments: &[&str]) -> Child {
    let mut command = installation.command(&[&["tail", "--json"], arguments].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A decision whose unit is seen; returns its id.
async fn page_view(process: &Process, reader: &Reader) -> String {
    let decided = process.decide(reader, &reference()).await.unwrap();
    let decision = &decided["decisions"]["article-end"];
    let url = decision["event_urls"]["impression"].as_str().unwrap();
    let path = &url[url.find("/e/").unwrap()..];
    reader.get(&format!("{}{path}", process.public)).send().await.unwrap();
    decision["decision_id"].as_str().unwrap().to_owned()
}

/// Views pages until all watchers have seen enough; returns what each has printed, and the decisions.
async fn watched(process: &Process, watchers: Vec<Child>) -> (Vec<Vec<Value>>, Vec<String>) {
    let (reader, mut decisions, mut printed) = (Reader::new(), Vec::new(), Vec::new());
    for mut watcher in watchers {
        wait_until("a watcher that has seen enough", async || {
            decisions.push(page_view(process, &reader).await);
            watcher.try_wait().unwrap()
        })
        .await;
        let output = watcher.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        printed.push(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect());
    }
    (printed, decisions)
}

#[tokio::test]
async fn tail_follows_decisions_and_events_with_ids_to_explain_and_without_reader_data() {
    let installation = Installation::new();
    let process = installation.serve();
    let watchers = vec![
        tail(&installation, &["--count", "6"]),
        tail(&installation, &["--decisions", "--publisher", "eu-tech-news", "--count", "2"]),
        tail(
            &installation,
            &["--events", "--flight", "zahid-ai-europe", "--reason", "counted", "--count", "2"],
        ),
    ];
    let (printed, decisions) = watched(&process, watchers).await;

    for entry in printed.iter().flatten() {
        assert!(decisions.contains(&entry["decision"].as_str().unwrap().to_owned()), "{entry}");
        let fields: Vec<&String> = entry.as_object().unwrap().keys().collect();
        let known = [
            "number",
            "at",
            "kind",
            "decision",
            "publisher",
            "placement",
            "flight",
            "creative",
            "what",
            "cta",
            "verdict",
            "reason",
            "billed_micros",
            "class",
        ];
        assert!(fields.iter().all(|field| known.contains(&field.as_str())), "{fields:?}");
        assert!(!entry.to_string().contains("127.0.0.1"));
    }
    let kinds = |of: usize| printed[of].iter().map(|entry| &entry["kind"]).collect::<Vec<_>>();
    assert!(kinds(0).contains(&&"decision".into()) && kinds(0).contains(&&"event".into()));
    assert_eq!(kinds(1), ["decision", "decision"]);
    assert_eq!(kinds(2), ["event", "event"]);
    assert!(printed[2].iter().all(|entry| entry["billed_micros"] == 8_000), "{:?}", printed[2]);

    let explained = run(&installation, &["explain", printed[1][0]["decision"].as_str().unwrap()]);
    assert!(explained.status.success(), "{}", stderr(&explained));
}

#[tokio::test]
async fn tail_needs_a_running_server_and_ends_with_it() {
    let installation = Installation::new();
    let output = run(&installation, &["tail"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("no server runs"), "{}", stderr(&output));

    let mut process = installation.serve();
    let watchers = vec![tail(&installation, &["--count", "1"])];
    watched(&process, watchers).await;
    let watcher = tail(&installation, &[]);
    process.signal("TERM");
    assert!(process.wait_for_exit().success());
    let ended = watcher.wait_with_output().unwrap();
    assert!(!ended.status.success());
}
