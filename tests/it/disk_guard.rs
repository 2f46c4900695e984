//! Disk guard: with low disk space only house ads are served, since events of sold units could not be
//! recorded. What cannot be written is rejected, and never ends the process.

use crate::harness::process::{Installation, LOW_DISK_MIB};
use crate::harness::{Decision, Process, Reader, reference, wait_until};
use std::process::Command;

const LOW_DISK_PERCENT: &str = "low_disk_percent = ";

async fn advertiser(process: &Process) -> String {
    let answer = process.decide(&Reader::new(), &reference()).await.unwrap();
    Decision(answer["decisions"]["article-end"].clone()).advertiser().to_owned()
}

#[tokio::test]
async fn low_disk_space_serves_house_ads_only_until_space_is_available() {
    let mut installation = Installation::new();
    installation.environment.retain(|(name, _)| name != LOW_DISK_MIB);
    // Thresholds that every disk is below, so that the test needs no full disk.
    installation.change(
        "adjacent.toml",
        &format!("{LOW_DISK_PERCENT}5"),
        &format!("{LOW_DISK_PERCENT}100"),
    );
    let low_disk_mib = "low_disk_mib = ";
    let unreachable_mib = i64::MAX;
    installation.change(
        "adjacent.toml",
        &format!("{low_disk_mib}4096"),
        &format!("{low_disk_mib}{unreachable_mib}"),
    );
    let process = installation.serve();

    let house = async || (advertiser(&process).await == "house").then_some(());
    wait_until("house ads only", house).await;
    let free = process.scrape().await.value("adjacent_store_free_ratio");
    assert!(free > 0.0 && free < 1.0, "{free}");
    process.wait_for_log("serving house ads only").await;

    installation.change(
        "adjacent.toml",
        &format!("{low_disk_mib}{unreachable_mib}"),
        &format!("{low_disk_mib}1"),
    );
    let sold = async || (advertiser(&process).await == "zahid-host").then_some(());
    wait_until("the advertiser again", sold).await;
    process.wait_for_log("serving all ads again").await;
}

/// Limits the size of the files that a process writes; nothing is limited without a number of bytes.
fn limit_file_size(process: &Process, bytes: Option<u64>) {
    let soft = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    let pid = process.id().to_string();
    let limit = format!("--fsize={soft}:unlimited");
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
}

/// Status and text of `/readyz`.
async fn ready(process: &Process) -> (u16, String) {
    let reply = Reader::new().get(&format!("{}/readyz", process.ops)).send().await.unwrap();
    (reply.status().as_u16(), reply.text().await.unwrap())
}

#[tokio::test]
async fn a_reached_file_size_limit_rejects_events_and_the_process_is_unready_until_it_is_raised() {
    // The limit concerns a log in a file as well.
    survive_file_size_limit(r#"exec "$0" "$@" 2>>server.log"#).await;
}

#[tokio::test]
async fn a_log_that_no_process_reads_ends_no_process_that_logs() {
    survive_file_size_limit(r#"exec "$0" "$@" 2> >(true)"#).await;
}

/// Reaches the file size limit in a server started by this script.
async fn survive_file_size_limit(script: &str) {
    let installation = Installation::new();
    let wrapper = ["bash", "-c", script].map(str::to_owned);
    let serve = || installation.serve_under(&wrapper).unwrap_or_else(|(_, log)| panic!("{log}"));
    let process = serve();
    let reader = Reader::new();
    let unit = async || {
        let answer = process.decide(&reader, &reference()).await.expect("a decision response");
        Decision(answer["decisions"]["article-end"].clone())
    };
    let mut acknowledged = 0;
    for _ in 0..5 {
        assert!(reader.impression(&unit().await).await.recorded);
        acknowledged += 1;
    }
    assert_eq!(ready(&process).await.0, 200);

    limit_file_size(&process, Some(1));
    for _ in 0..20 {
        let unit = unit().await;
        assert!(unit.is_filled(), "{:#}", unit.0);
        let ack = reader.impression(&unit).await;
        assert_eq!((ack.status, ack.recorded), (503, false));
    }
    let (status, reason) = ready(&process).await;
    assert_eq!(status, 503);
    assert!(reason.contains("file size limit"), "{reason}");

    limit_file_size(&process, None);
    // Without an event: an instance that is not ready gets none.
    wait_until("readiness", async || (ready(&process).await.0 == 200).then_some(())).await;
    for _ in 0..5 {
        assert!(reader.impression(&unit().await).await.recorded);
        acknowledged += 1;
    }
    process.kill();
    assert_eq!(serve().scrape().await.events("impression", "counted"), acknowledged);
}

#[tokio::test]
async fn a_segment_at_the_file_size_limit_is_continued_in_another_one() {
    let installation = Installation::new();
    let process = installation.serve();
    let reader = Reader::new();
    limit_file_size(&process, Some(16_384));
    let mut acknowledged = 0;
    wait_until("150 events in files of 16 KiB", async || {
        let answer = process.decide(&reader, &reference()).await.expect("a decision response");
        let unit = Decision(answer["decisions"]["article-end"].clone());
        acknowledged += u64::from(reader.impression(&unit).await.recorded);
        (acknowledged >= 150).then_some(())
    })
    .await;
    process.kill();
    let process = installation.serve();
    assert_eq!(process.scrape().await.events("impression", "counted"), acknowledged);
}
