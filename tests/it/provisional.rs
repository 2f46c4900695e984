//! What a fleet's records show before every instance has sent its own: reports mark it as provisional, and
//! an audit of one instance's directory says that it is partial.

use crate::harness::inventory::PRICE_MICROS;
use crate::harness::{Redis, Setup, TestServer, wait_until};
use crate::proxy::{Proxy, ProxyMode};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const REMARK: &str = "are provisional";

async fn report(server: &TestServer, party: &str, id: &str) -> Value {
    let path = format!("/v1/reports/{party}/{id}?by=topic");
    let (status, report) = server.get_as("operator", &path).await;
    assert_eq!(status, 200, "{report:#}");
    report
}

async fn page(server: &TestServer) -> String {
    let url = format!("{}/reports/zahid-host", server.public);
    let request = server.reader.get(&url).bearer_auth(server.key("advertiser:zahid-host"));
    request.send().await.unwrap().text().await.unwrap()
}

fn final_until(report: &Value) -> Option<i64> {
    let text = report["final_until"].as_str()?;
    Some(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// Waits until everything that an instance has is final.
async fn wait_until_final(server: &TestServer) -> Value {
    wait_until("nothing is provisional", async || {
        let report = report(server, "advertisers", "zahid-host").await;
        (report["provisional"] == false && final_until(&report).is_some()).then_some(report)
    })
    .await
}

#[tokio::test]
async fn what_one_instance_has_is_provisional_while_another_one_is_silent() {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let proxied_url = format!("redis://127.0.0.1:{}", proxy.port());
    let setup = || Setup::default().with_store(&redis).manual_clock();
    let connected = setup().start().await;
    let silent = setup().settings(|settings| settings.store.url = proxied_url).start().await;
    // Both are known to the other one.
    connected.wait_for_metric("adjacent_instances", 2).await;
    wait_until_final(&connected).await;
    wait_until_final(&silent).await;

    proxy.set_mode(ProxyMode::Refuse);
    let cut_ms = connected.state.clock.now_ms();
    connected.advance_ms(30_000);
    let unit = connected.unit().await;
    connected.reader.impression(&unit).await;
    let seen = wait_until("the impression", async || {
        let report = report(&connected, "advertisers", "zahid-host").await;
        (report["total"][0]["impressions"]["net"] == 1).then_some(report)
    })
    .await;
    assert_eq!(seen["provisional"], true, "{seen:#}");
    assert!(final_until(&seen).unwrap() <= cut_ms + 20_000, "{seen:#}");
    let publisher = report(&connected, "publishers", "eu-tech-news").await;
    assert_eq!(publisher["provisional"], true, "{publisher:#}");
    assert!(!page(&connected).await.contains(REMARK), "half a minute is not worth a remark");

    connected.advance_ms(90_000);
    assert!(page(&connected).await.contains(REMARK));
    let scrape = connected.scrape().await;
    assert!(scrape.value("adjacent_ledger_final_seconds") > 100.0);
    assert!(scrape.count("adjacent_ledger_provisional_records") > 0);

    proxy.set_mode(ProxyMode::Forward);
    let after = wait_until_final(&connected).await;
    assert_eq!(after["total"][0]["impressions"]["net"], 1);
    assert!(!page(&connected).await.contains(REMARK));
    assert_eq!(connected.metric("adjacent_ledger_provisional_records").await, 0);
}

#[tokio::test]
async fn verdicts_that_the_records_of_another_instance_change_are_counted_and_the_sums_agree() {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let proxied_url = format!("redis://127.0.0.1:{}", proxy.port());
    let setup = || Setup::default().with_store(&redis).manual_clock();
    let connected = setup().start().await;
    let silent = setup().settings(|settings| settings.store.url = proxied_url).start().await;
    connected.wait_for_metric("adjacent_instances", 2).await;
    wait_until_final(&connected).await;
    wait_until_final(&silent).await;
    let unit = connected.unit().await;
    let (_, token) = unit.impression_url().split_once("/e/").unwrap();

    // The first impression is on the disk of the silent one; the retry seems to be the only one.
    proxy.set_mode(ProxyMode::Refuse);
    assert!(silent.reader.fire(&format!("{}/e/{token}", silent.public)).await.recorded);
    connected.advance_ms(1_600);
    connected.reader.impression(&unit).await;
    connected.advance_ms(300);
    connected.click(&unit, "primary").await;
    let shown = ["impression counted", "click invalid too_fast"];
    assert_eq!(connected.verdicts(&unit).await, shown);
    assert_eq!(connected.scrape().await.spent(), PRICE_MICROS);

    proxy.set_mode(ProxyMode::Forward);
    wait_until("the final verdicts", async || {
        let verdicts = connected.verdicts(&unit).await;
        (verdicts == ["impression counted", "impression duplicate", "click counted"]).then_some(())
    })
    .await;
    let report = wait_until_final(&connected).await;
    wait_until_final(&silent).await;
    let (own, other) = (connected.scrape().await, silent.scrape().await);
    let changes = |kind: &str, from: &str, to: &str| {
        let labels = format!("from=\"{from}\",kind=\"{kind}\",to=\"{to}\"");
        own.count(&format!("adjacent_verdict_changes_total{{{labels}}}"))
    };
    assert_eq!(changes("impression", "counted", "duplicate"), 1);
    assert_eq!(changes("click", "invalid", "counted"), 1);
    let unbilled = "adjacent_unbilled_micros_total{campaign=\"zahid-launch\",currency=\"EUR\"}";
    assert_eq!((own.spent(), own.count(unbilled)), (PRICE_MICROS, PRICE_MICROS));
    assert_eq!((other.spent(), other.count(unbilled)), (PRICE_MICROS, 0));
    assert_eq!(report["total"][0]["spend_micros"], PRICE_MICROS);
    own.assert_every_event_is_accounted_for();
    other.assert_every_event_is_accounted_for();
}

#[tokio::test]
async fn a_single_instance_is_final_at_once() {
    let server = Setup::default().manual_clock().start().await;
    server.reader.impression(&server.unit().await).await;

    let report = report(&server, "advertisers", "zahid-host").await;

    assert_eq!(report["provisional"], false);
    assert_eq!(report["final_until"], report["complete_through"]);
    assert_eq!(server.metric("adjacent_ledger_final_seconds").await, 0);
}

/// Runs `audit` on a data directory: its text and its JSON.
fn audit(data: &Path) -> (String, Value) {
    let run = |arguments: &[&str]| {
        let data = data.display().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_adjacent"));
        let done = command.args(["audit", "--data", &data]).args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    (run(&[]), serde_json::from_str(&run(&["--json"])).unwrap())
}

#[tokio::test]
async fn an_audit_of_one_instance_of_a_fleet_says_that_it_is_partial() {
    let redis = Redis::start();
    let shows = Setup::default().with_store(&redis).start().await;
    let clicks = Setup::default().with_store(&redis).start().await;
    let unit = shows.unit().await;
    shows.reader.impression(&unit).await;
    let (_, token) = unit.click_url("primary").split_once("/c/").unwrap();
    let click = clicks.reader.fire(&format!("{}/c/{token}", clicks.public)).await;
    assert_eq!(click.status, 302);
    for server in [shows, clicks] {
        server.wait_until_applied().await;
        let data = server.data();
        let _folder = server.end();
        // Both with and without the state that the instance saved.
        for _ in 0..2 {
            let (text, json) = audit(&data);
            assert!(text.contains("partial: only this instance's own records"), "{text}");
            assert!(text.contains("`adjacent audit --store URL`"), "{text}");
            assert_eq!(
                (&json["partial"], &json["differences"]),
                (&true.into(), &Value::Array(vec![]))
            );
            let mut export = Command::new(env!("CARGO_BIN_EXE_adjacent"));
            let done = export.arg("export").arg("--data").arg(&data).output().unwrap();
            assert!(String::from_utf8_lossy(&done.stderr).contains("adjacent export --store URL"));
            std::fs::remove_file(data.join("journal/shared.ledger")).ok();
        }
    }

    let alone = Setup::default().start().await;
    alone.reader.impression(&alone.unit().await).await;
    let data = alone.data();
    let _folder = alone.end();
    let (text, json) = audit(&data);
    assert!(!text.contains("partial"), "{text}");
    assert_eq!(json["partial"], false);
}
