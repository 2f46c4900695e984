//! Nothing of a reader stays anywhere: files, logs and scrapes are searched for what was sent.

use crate::harness::Reader;
use crate::harness::Setup;
use crate::harness::decision::reference_with;
use crate::harness::process::Place;
use crate::harness::reader::AGENT;
use adjacent::decision_log;
use serde_json::Value;
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

/// What readers send and nobody may keep.
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

/// The reader of the canaries, behind a trusted proxy.
fn canary(address: &str) -> Reader {
    let agent = format!("{AGENT} Canarium/7");
    Reader::with([
        ("user-agent", &agent),
        ("accept", "*/*"),
        ("x-forwarded-for", address),
        ("referer", "https://news.example/canary-referer?canary-query"),
        ("cookie", "canary-cookie=1"),
        ("accept-language", "x-canary-body"),
    ])
}

#[tokio::test]
async fn no_file_log_or_scrape_holds_anything_of_a_reader() {
    let place = Place::new()
        .set("ADJACENT__LOGS__LEVEL", "debug")
        .set("ADJACENT__SERVER__TRUSTED_PROXIES", "[\"127.0.0.0/8\"]")
        .set("ADJACENT__LIMITS__CLICKS", "[{ count = 2, seconds = 60 }]");
    let mut process = place.serve();
    let url = "https://canary-body@news.example/story?canary-query=1#canary-fragment";
    let mut tokens = Vec::new();
    let mut id = String::new();
    for address in ["203.0.113.77", "2001:db8:ca:4a::1"] {
        let reader = canary(address);
        for _ in 0..4 {
            let page = reference_with("/page/url", json!(url));
            let answer = process.decide(&reader, &page).await.unwrap();
            let unit = crate::harness::Decision(answer["decisions"]["article-end"].clone());
            assert!(unit.fills());
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
        let bearer = reader.get(&format!("{}/v1/reports/advertisers/zahid-host", process.public));
        bearer.bearer_auth("canary-body").send().await.unwrap();
    }
    let scrape = Reader::new().get(&format!("{}/metrics", process.ops)).send().await.unwrap();
    let scrape = scrape.text().await.unwrap();
    process.signal("TERM");
    assert!(process.ends().success());

    let log = process.log();
    assert!(log.contains("stopped"), "the log was read to its end");
    let found = decision_log::find(
        &place.path("data/decisions"),
        uuid::Uuid::parse_str(&id).unwrap().as_u128(),
    );
    let found = format!("{:?}", found.unwrap().expect("the decision is on disk"));
    assert!(found.contains("/story"), "the path is what its publisher keeps: {found}");
    let mut places =
        vec![("the scrape", scrape.into_bytes()), ("the log", log.clone().into_bytes())];
    places.push(("a decision", found.into_bytes()));
    let files = files(&place.path("data"));
    assert!(
        files
            .iter()
            .any(|(name, bytes)| name.contains("journal") && contains(bytes, "zahid-launch"))
    );
    places.extend(files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())));
    for (name, bytes) in &places {
        for canary in CANARIES {
            assert!(!contains(bytes, canary), "{canary} in {name}");
        }
    }
    for address in [[203, 0, 113, 77].as_slice(), &[0x20, 0x01, 0x0d, 0xb8, 0x00, 0xca, 0x00, 0x4a]]
    {
        let holds = |bytes: &[u8]| bytes.windows(address.len()).any(|window| window == address);
        assert!(places.iter().all(|(_, bytes)| !holds(bytes)), "an address in binary");
    }
    assert!(tokens.iter().all(|token| !log.contains(token.as_str())), "a token in the log");
}

/// Every file of a folder and those in it.
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
async fn the_log_is_one_json_object_a_line_whatever_is_sent() {
    let place =
        Place::new().set("ADJACENT__LOGS__LEVEL", "debug").set("ADJACENT__LOGS__FORMAT", "json");
    let mut process = place.serve();
    let reader = Reader::new();

    for text in ["\r\n{\"forged\": 1}", "\u{1b}[31m", "\u{2028}", "\u{0}"] {
        process.decide(&reader, &reference_with("/publisher", json!(text))).await;
        process.decide(&reader, &reference_with("/page/topics", json!([text]))).await;
    }
    process.signal("TERM");
    process.ends();

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
async fn a_new_day_knows_no_visitor_of_the_day_before() {
    let server = Setup::default().clock().start().await;
    let address = "203.0.113.77".parse().unwrap();
    let key = || server.inner.visitors.key(address, AGENT, "eu-tech-news");
    let before = key();
    assert!(before == key(), "the same visitor, the same key");

    // The salt is looked after every ten seconds; a day passes at each look until then.
    let end = Instant::now() + Duration::from_secs(20);
    while before == key() {
        assert!(Instant::now() < end, "the salt stays");
        server.advance_ms(24 * 3_600_000);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    assert!(before != key());
}

#[tokio::test]
async fn who_asks_not_to_be_followed_is_not_observed_and_has_no_quota() {
    let server = Setup::default().limits().clock().start().await;
    let private = Reader::sending("sec-gpc", "1");
    let address = format!("{}/v1/decisions", server.public);

    for _ in 0..70 {
        let call = private.post(&address).json(&crate::harness::reference());
        let answer: Value = call.send().await.unwrap().json().await.unwrap();
        let unit = crate::harness::Decision(answer["decisions"]["article-end"].clone());
        assert!(unit.0["event_urls"].get("viewable").is_none(), "no viewport is observed");
        private.impression(&unit).await;
    }

    let scrape = server.scrape().await;
    assert_eq!(scrape.events("impression", "counted"), 70);
    assert_eq!(scrape.count("adjacent_rate_limited_total{class=\"impression\"}"), 0);
}

#[tokio::test]
async fn no_answer_sets_a_cookie_or_asks_for_credentials() {
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
