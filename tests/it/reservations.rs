//! Who may reserve a budget, what a decision's class means for its events, and
//! keys that speak for many readers.

use crate::harness::decision::reference_with;
use crate::harness::inventory::{PRICE_MICROS, replace_once};
use crate::harness::reader::USER_AGENT;
use crate::harness::{Decision, Reader, Setup, TestServer, inventory, reference, wait_until};
use adjacent::config::keys::{ApiKeys, Role};
use rand::prelude::*;
use secrecy::ExposeSecret;
use serde_json::Value;

/// The status, and the decision if there is one.
async fn ask(
    server: &TestServer,
    reader: &Reader,
    key: Option<&str>,
    body: &Value,
) -> (u16, Option<Decision>) {
    let request = reader.post(&format!("{}/v1/decisions", server.public)).json(body);
    let request = key.into_iter().fold(request, |request, key| request.bearer_auth(key));
    let reply = request.send().await.unwrap();
    let status = reply.status().as_u16();
    let body: Value = reply.json().await.unwrap();
    let decisions = body["decisions"].as_object();
    (status, decisions.and_then(|all| all.values().next().cloned()).map(Decision))
}

/// A new key, once the server accepts it.
async fn new_key(server: &TestServer, role: Role, owner: &str, per_second: Option<u32>) -> String {
    let now = server.state.clock.now();
    let mut keys = ApiKeys::open(&server.data()).unwrap();
    let (_, key) = keys.create(role, owner, (None, per_second), now).unwrap();
    let key = key.expose_secret().to_owned();
    wait_until("the new key", async || {
        let (status, _) = ask(server, &server.reader, Some(&key), &test_page()).await;
        (status == 200).then_some(())
    })
    .await;
    key
}

fn test_page() -> Value {
    let mut page = reference();
    page["test"] = true.into();
    page
}

#[tokio::test]
async fn a_reader_who_opens_a_prefetched_page_counts() {
    let server = Setup::default().inventory(inventory::with_origins()).manual_clock().start().await;
    let prefetch = Reader::with_header("sec-purpose", "prefetch;prerender");
    let (_, unit) = ask(&server, &prefetch, None, &reference()).await;
    let unit = unit.unwrap();
    assert!(server.reader.impression(&unit).await.recorded);
    assert_eq!(server.verdicts(&unit).await, ["impression counted"]);
}

#[tokio::test]
async fn events_of_a_decision_that_a_bot_requested_are_idle_for_every_reporter() {
    let server = Setup::default().inventory(inventory::with_origins()).manual_clock().start().await;
    let callers = [
        Reader::with_headers([("user-agent", "curl/8.5.0"), ("accept", "*/*")]),
        Reader::with_headers([("user-agent", "Googlebot/2.1"), ("accept", "*/*")]),
        Reader::with_header("origin", "https://evil.example"),
    ];

    for caller in &callers {
        let unit = wait_until("the reference unit", async || {
            let (_, decision) = ask(&server, caller, None, &reference()).await;
            decision.filter(|one| one.is_filled() && one.advertiser() == "zahid-host")
        })
        .await;
        assert!(server.reader.impression(&unit).await.recorded);
        server.advance_ms(1_000);
        server.click(&unit, "primary").await;
        let verdicts = server.verdicts(&unit).await;
        assert_eq!(verdicts, ["impression invalid idle", "click invalid idle"]);
    }

    let (_, report) =
        server.get_as("advertiser:zahid-host", "/v1/reports/advertisers/zahid-host").await;
    assert_eq!(report["rows"].as_array().map(Vec::len), Some(0), "{report:#}");
    assert_eq!(server.scrape().await.spent(), 0);
    server.assert_ledger_consistent().await;
}

#[tokio::test]
async fn a_declared_bot_of_a_server_with_a_key_is_idle() {
    let server = Setup::default().manual_clock().start().await;
    let key = server.key("publisher:eu-tech-news");
    for (agent, verdict) in
        [("Googlebot/2.1", "impression invalid idle"), (USER_AGENT, "impression counted")]
    {
        let caller = Reader::with_headers([
            ("user-agent", "node"),
            ("accept", "*/*"),
            ("adjacent-reader-agent", agent),
        ]);
        let (_, decision) = ask(&server, &caller, Some(key), &reference()).await;
        let unit = decision.unwrap();
        server.reader.impression(&unit).await;
        assert_eq!(server.verdicts(&unit).await, [verdict], "{agent}");
    }
}

#[tokio::test]
async fn a_publisher_decides_who_requests_its_decisions() {
    let with = |value: &str| {
        let origins = inventory::with_origins();
        let line = "staging_origins = [\"https://staging.news.example\"]";
        replace_once(&origins, line, &format!("{line}\ndecide = \"{value}\""))
    };
    let page = Reader::with_header("origin", "https://news.example");
    let frame = Reader::with_header("referer", "https://news.example/a");
    let foreign = Reader::with_header("origin", "https://evil.example");
    for (value, expected) in [
        ("open", [200; 7]),
        ("origin", [200, 200, 403, 403, 200, 403, 200]),
        ("key", [403, 403, 403, 403, 200, 403, 403]),
    ] {
        let server = Setup::default().inventory(with(value)).start().await;
        let own = server.key("publisher:eu-tech-news").to_owned();
        let other = server.key("publisher:kitchen-journal").to_owned();
        let operator = server.key("operator").to_owned();
        let exchange = {
            let now = server.state.clock.now();
            let mut keys = ApiKeys::open(&server.data()).unwrap();
            keys.create(Role::Exchange, "big-exchange", (None, None), now).unwrap().1
        };
        let exchange = exchange.expose_secret();
        wait_until("the new key", async || {
            let page = reference_with("/publisher", "kitchen-journal".into());
            (ask(&server, &Reader::new(), Some(exchange), &page).await.0 == 200).then_some(())
        })
        .await;
        let bare = Reader::new();
        let calls: [(&Reader, Option<&str>); 7] = [
            (&page, None),
            (&frame, None),
            (&foreign, None),
            (&bare, None),
            (&bare, Some(&own)),
            (&bare, Some(&other)),
            (&bare, Some(exchange)),
        ];
        for (at, (reader, key)) in calls.into_iter().enumerate() {
            let (status, _) = ask(&server, reader, key, &reference()).await;
            assert_eq!(status, expected[at], "decide = {value}, call {at}");
        }
        assert_eq!(ask(&server, &bare, Some(&operator), &reference()).await.0, 200);
    }
}

#[tokio::test]
async fn an_exchange_with_a_key_reserves_money_and_is_limited_by_its_agreement() {
    let server = Setup::default()
        .inventory(inventory::with_budget_for(200))
        .settings(|settings| settings.limits.flood_per_second = 5)
        .manual_clock()
        .start()
        .await;
    let key = new_key(&server, Role::Exchange, "big-exchange", Some(50)).await;
    let caller = Reader::with_headers([("user-agent", "exchange/1.0"), ("accept", "*/*")]);
    server.advance_ms(2_000);

    let mut admitted = Vec::new();
    for _ in 0..80 {
        let (_, decision) = ask(&server, &caller, Some(&key), &reference()).await;
        admitted.extend(decision.filter(Decision::is_filled));
    }
    let units: Vec<_> = admitted.iter().filter(|one| one.advertiser() == "zahid-host").collect();
    for unit in &units {
        server.reader.impression(unit).await;
    }

    assert_eq!(admitted.len(), 50, "the agreed rate, not the limit of an address");
    let scrape = server.scrape().await;
    assert_eq!(scrape.spent(), u64::try_from(units.len()).unwrap() * PRICE_MICROS);
    assert!(units.len() > 10);
    assert_eq!(scrape.invalid("impression", "idle"), 0);
}

/// Events of all kinds of callers and reporters: no row of a report has more of them than units that were
/// served for the same class of decisions.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "prints the figures")]
async fn no_report_row_has_more_events_than_filled_requests_for_any_caller_and_reporter() {
    let server = Setup::default().inventory(inventory::with_origins()).manual_clock().start().await;
    let key = server.key("publisher:eu-tech-news").to_owned();
    let callers = [
        Reader::new(),
        Reader::with_headers([("user-agent", "curl/8.5.0"), ("accept", "*/*")]),
        Reader::with_header("origin", "https://evil.example"),
        Reader::with_header("origin", "https://staging.news.example"),
        Reader::with_header("sec-purpose", "prefetch;prerender"),
        Reader::with_header("sec-gpc", "1"),
        Reader::with_header("user-agent", "Mozilla/5.0 (compatible; ClaudeBot/1.0)"),
    ];
    let mut rng = rand_pcg::Pcg32::seed_from_u64(16);
    let mut units = Vec::new();
    for _ in 0..90 {
        let caller = callers.choose(&mut rng).unwrap();
        let key = rng.random_bool(0.2).then_some(&*key);
        let page = if rng.random_bool(0.1) { test_page() } else { reference() };
        let (_, decision) = ask(&server, caller, key, &page).await;
        units.extend(decision.filter(Decision::is_filled));
    }
    for _ in 0..600 {
        let (unit, reporter) = (units.choose(&mut rng).unwrap(), callers.choose(&mut rng).unwrap());
        let names = ["/event_urls/impression", "/event_urls/viewable", "/creative/click_url"];
        let url = unit.0.pointer(names.choose(&mut rng).unwrap()).and_then(Value::as_str);
        let Some(url) = url else { continue };
        let at = url.find("/e/").or_else(|| url.find("/c/")).unwrap();
        reporter.fire(&format!("{}{}", server.public, &url[at..])).await;
        server.advance_ms(rng.random_range(0..900));
    }

    let mut counted = 0;
    for by in ["day", "placement", "topic,region", "campaign,creative", "hour,flight"] {
        let path = format!("/v1/reports/publishers/eu-tech-news?by={by}");
        let (status, report) = server.get_as("publisher:eu-tech-news", &path).await;
        assert_eq!(status, 200, "{report:#}");
        let rows = report["rows"].as_array().unwrap();
        assert!(!rows.is_empty());
        for row in rows {
            let number = |value: &Value| value.as_u64().unwrap_or(0);
            let filled = number(&row["filled"]);
            for kind in ["impressions", "viewable", "copies"] {
                let net = number(&row[kind]["net"]);
                counted += net;
                assert!(net <= filled, "{net} {kind} of {filled} units: {row:#}");
            }
        }
    }
    println!("{counted} counted events in the rows of five reports, {} units", units.len());
    assert!(counted > 100);
    server.assert_ledger_consistent().await;
}
