//! `adjacent simulate`, and the completions of shells.

use crate::harness::process::Installation;
use crate::operator_tools::{document, run, stderr, stdout};
use std::path::Path;

#[tokio::test]
async fn simulated_traffic_is_counted_and_billed_like_real_traffic() {
    let installation = Installation::new();
    let process = installation.serve();
    let arguments =
        ["simulate", "--rate", "40", "--for", "3s", "--seed", "7", "--bots", "10", "--json"];

    let found = document(&run(&installation, &arguments));

    let sent = |field: &str| found["sent"][field].as_u64().unwrap();
    assert_eq!(sent("failed_requests"), 0, "{found:#}");
    assert!(sent("page_views") > 60 && sent("filled") > 40 && sent("bots") > 0, "{found:#}");
    assert!(sent("impressions") > 20 && sent("viewables") > 10, "{found:#}");
    let scrape = process.scrape().await;
    let received: u64 = ["impression", "viewable", "click", "copy"]
        .iter()
        .map(|kind| scrape.count(&format!("adjacent_events_received_total{{kind=\"{kind}\"}}")))
        .sum();
    // A click that is slow to reach the disk redirects without saying so, and is recorded all the same.
    let events = ["impressions", "viewables", "clicks", "copies"].map(sent);
    assert_eq!(received, events.iter().sum::<u64>(), "every event is recorded");
    let counted = scrape.count("adjacent_events_total{kind=\"impression\",verdict=\"counted\"}");
    assert!(counted > 0 && counted < sent("impressions"), "those of bots do not count: {counted}");
    let status = document(&run(&installation, &["status", "--json"]));
    assert_eq!(status["recent"][2]["slots"], sent("slots"));
}

#[tokio::test]
async fn a_server_with_a_public_url_gets_no_simulated_traffic() {
    let installation =
        Installation::new().set("ADJACENT__SERVER__PUBLIC_URL", "https://units.example");
    let _process = installation.serve();
    let output = run(&installation, &["simulate", "--for", "1s"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("server.public_url is set"), "{}", stderr(&output));
}

#[test]
fn completions_of_every_shell_have_the_verbs_and_their_options() {
    let installation = Installation::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&run(&installation, &["completions", shell]));
        assert!(script.contains("simulate") && script.contains("ops-listen"), "{shell}");
    }
    assert_eq!(run(&installation, &["completions", "cmd"]).status.code(), Some(64));
    // The shell itself, where there is one.
    if Path::new("/bin/bash").exists() {
        let script = stdout(&run(&installation, &["completions", "bash"]));
        let file = installation.path("completions");
        std::fs::write(&file, script).unwrap();
        let check = std::process::Command::new("/bin/bash").arg("-n").arg(&file).output().unwrap();
        assert!(check.status.success(), "{}", stderr(&check));
    }
}
