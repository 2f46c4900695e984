//! Disk guard: with low disk space only house ads are served, since events of sold units could not be
//! recorded.

use crate::harness::process::{Installation, LOW_DISK_MIB};
use crate::harness::{Decision, Process, Reader, reference, wait_until};

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
