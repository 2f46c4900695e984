//! No reader data is stored: files, logs and scrapes are searched for everything that was sent.

use crate::harness::decision::reference_with;
use crate::harness::process::Installation;
use crate::harness::reader::USER_AGENT;
use crate::harness::{Reader, Setup};
use adjacent::decision_log;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Data that readers send and that must not be stored.
const CANARIES: [&str; 9] = [
    "203.0.113.77",
    "203.0.113",
    "2001:db8:ca:4a",
    "Canarium",
    "canary-query",
    "canary-fragment",
    "canary-referer",
    "canary-cookie",
    "canary-body",
];

/// A reader that sends the canaries, behind a trusted proxy.
fn canary(address: &str) -> Reader {
    let agent = format!("{USER_AGENT} Canarium/7");
    Reader::with_headers([
        ("user-agent", &agent),
        ("accept", "*/*"),
        ("x-forwarded-for", address),
        ("referer", "https://news.example/canary-referer?canary-query"),
        ("cookie", "canary-cookie=1"),
        ("accept-language", "x-canary-body"),
    ])
}

#[tokio::test]
async fn no_file_log_or_scrape_contains_reader_data() {
    let installation = Installation::new()
        .set("ADJACENT__LOGS__LEVEL", "debug")
        .set("ADJACENT__SERVER__TRUSTED_PROXIES", "[\"127.0.0.0/8\"]")
        .set("ADJACENT__LIMITS__CLICKS", "[{ count = 2, seconds = 60 }]");
    let mut process = installation.serve();
    let url = "https://canary-body@news.example/story?canary-query=1#canary-fragment";
    let mut tokens = Vec::new();
    let mut id = String::new();
    for address in ["203.0.113.77", "2001:db8:ca:4a::1"] {
        let reader = canary(address);
        for _ in 0..4 {
            let page = reference_with("/page/url", json!(url));
            let response = process.decide(&reader, &page).await.unwrap();
            let unit = crate::harness::Decision(response["decisions"]["article-end"].clone());
            assert!(unit.is_filled());
            for url in unit.urls() {
                reader.fire(&url).await;
                tokens.push(url.rsplit('/').next().unwrap().to_owned());
            }
            id = unit.id().to_owned();
        }
        for (path, body) in [
            ("/v1/decisions?canary-query=1", "{\"canary-body\": "),
            (
                "/v1/decisions",
                "{\"publisher\": \"canary-body\", \"placements\": [{\"name\": \"a\"}]}",
            ),
            (
                "/v1/decisions",
                "{\"email\": \"canary-body\", \"publisher\": \"a\", \"placements\": []}",
            ),
            ("/e/canary-body", ""),
        ] {
            reader.post(&format!("{}{path}", process.public)).body(body).send().await.unwrap();
        }
        for path in [
            "/c/canary-body",
            "/w/canary-body",
            "/canary-body?canary-query",
            "/v1/unit?canary-query=1",
        ] {
            reader.fire(&format!("{}{path}", process.public)).await;
        }
        let request = reader.get(&format!("{}/v1/reports/advertisers/zahid-host", process.public));
        request.bearer_auth("canary-body").send().await.unwrap();
    }
    let scrape = Reader::new().get(&format!("{}/metrics", process.ops)).send().await.unwrap();
    let scrape = scrape.text().await.unwrap();
    process.signal("TERM");
    assert!(process.wait_for_exit().success());

    let log = process.log();
    assert!(log.contains("stopped"), "the log is complete");
    let decision = decision_log::find(
        &installation.path("data/decisions"),
        uuid::Uuid::parse_str(&id).unwrap().as_u128(),
        &mut Vec::new(),
    );
    let decision = format!("{:?}", decision.unwrap());
    assert!(decision.contains("/story"), "the path of the page is recorded: {decision}");
    let mut searched =
        vec![("the scrape", scrape.into_bytes()), ("the log", log.clone().into_bytes())];
    searched.push(("a decision", decision.into_bytes()));
    let files = files(&installation.path("data"));
    assert!(
        files
            .iter()
            .any(|(name, bytes)| name.contains("journal") && contains(bytes, "zahid-launch"))
    );
    searched.extend(files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())));
    for (name, bytes) in &searched {
        for canary in CANARIES {
            assert!(!contains(bytes, canary), "{canary} in {name}");
        }
    }
    for address in [[203, 0, 113, 77].as_slice(), &[0x20, 0x01, 0x0d, 0xb8, 0x00, 0xca, 0x00, 0x4a]]
    {
        let contains_address =
            |bytes: &[u8]| bytes.windows(address.len()).any(|window| window == address);
        assert!(searched.iter().all(|(_, bytes)| !contains_address(bytes)), "a binary IP address");
    }
    assert!(tokens.iter().all(|token| !log.contains(token.as_str())), "a token in the log");
}

/// Every file in a folder and its subfolders, with its content.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

#[tokio::test]
async fn the_log_is_one_json_object_per_line_for_any_input() {
    let installation = Installation::new()
        .set("ADJACENT__LOGS__LEVEL", "debug")
        .set("ADJACENT__LOGS__FORMAT", "json");
    let mut process = installation.serve();
    let reader = Reader::new();

    for text in ["\r\n{\"forged\": 1}", "\u{1b}[31m", "\u{2028}", "\u{0}"] {
        process.decide(&reader, &reference_with("/publisher", json!(text))).await;
        process.decide(&reader, &reference_with("/page/topics", json!([text]))).await;
    }
    process.signal("TERM");
    process.wait_for_exit();

    for line in process.log().lines() {
        let parsed: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert!(
            parsed["fields"]["message"].is_string() && parsed.get("forged").is_none(),
            "{line}"
        );
        assert!(!line.contains('\u{1b}') && !line.contains('\u{2028}'));
    }
}

#[tokio::test]
async fn a_visitor_key_changes_every_day() {
    let server = Setup::default().manual_clock().start().await;
    let address = "203.0.113.77".parse().unwrap();
    let key = || server.inner.events.visitor_key(address, USER_AGENT, "eu-tech-news");
    let before = key();
    assert!(before == key(), "the key is stable within a day");

    // The salt is checked every ten seconds of real time; the clock advances a day per iteration.
    let end = Instant::now() + Duration::from_secs(20);
    while before == key() {
        assert!(Instant::now() < end, "the salt does not change");
        server.advance_ms(24 * 3_600_000);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    assert!(before != key());
}

#[tokio::test]
async fn a_reader_with_global_privacy_control_is_not_observed_and_keeps_the_limits_of_the_address()
{
    let without_flood =
        |settings: &mut adjacent::config::Settings| settings.limits.flood_per_second = 0;
    let server =
        Setup::default().default_limits().settings(without_flood).manual_clock().start().await;
    let private = Reader::with_header("sec-gpc", "1");
    let url = format!("{}/v1/decisions", server.public);

    for _ in 0..70 {
        let request = private.post(&url).json(&crate::harness::reference());
        let response: Value = request.send().await.unwrap().json().await.unwrap();
        let unit = crate::harness::Decision(response["decisions"]["article-end"].clone());
        assert!(unit.0["event_urls"].get("viewable").is_none(), "viewability is not observed");
        private.impression(&unit).await;
    }

    let scrape = server.scrape().await;
    // On one campaign; a visitor, who would have a key, has 60 in five minutes.
    assert_eq!(scrape.events("impression", "counted"), 60);
    assert_eq!(scrape.count("adjacent_rate_limited_total{class=\"impression\"}"), 10);
}

#[tokio::test]
async fn no_response_sets_a_cookie_or_requests_credentials() {
    let server = crate::harness::TestServer::start().await;
    let unit = server.unit().await;
    let paths = [
        "/",
        "/demo",
        "/docs",
        "/embed/v1/adjacent.js",
        "/v1/limits",
        "/v1/privacy",
        "/openapi.json",
    ];
    let pages = paths.map(|path| format!("{}{path}", server.public));

    for url in
        pages.into_iter().chain(unit.urls()).chain([unit.text("/transparency/why_url").to_owned()])
    {
        let reply =
            server.reader.get(&url).header("origin", "https://news.example").send().await.unwrap();
        for name in [
            "set-cookie",
            "access-control-allow-credentials",
            "etag-id",
            "accept-ch",
            "www-authenticate",
        ] {
            assert!(!reply.headers().contains_key(name), "{name} at {url}");
        }
        assert_eq!(reply.headers()["x-content-type-options"], "nosniff", "{url}");
    }
}
