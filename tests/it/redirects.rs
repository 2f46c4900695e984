//! Click redirects: always to a stored landing page, regardless of the click URL.

use crate::harness::decision::reference_with;
use crate::harness::{Decision, Reader, Setup, TestServer, inventory, reference};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use std::collections::BTreeMap;

const SIGNUP: &str = "https://zahid.host/signup?from=eu-tech-news&topic=ai-infrastructure\
    &utm_medium=sponsored&utm_source=adjacent";
const PRICING: &str = "https://zahid.host/pricing?utm_medium=sponsored&utm_source=adjacent";

#[tokio::test]
async fn each_call_to_action_redirects_to_its_stored_page() {
    let server = TestServer::start().await;
    let unit = server.unit().await;

    let reply = server.reader.get(unit.click_url("primary")).send().await.unwrap();
    let pricing = server.click(&unit, "pricing").await;

    assert_eq!(reply.status(), 302);
    assert_eq!(reply.headers()["location"], SIGNUP);
    assert_eq!(reply.headers()["referrer-policy"], "strict-origin");
    assert_eq!(reply.headers()["cache-control"], "no-store");
    assert_eq!(pricing.location.unwrap(), PRICING);
    assert_eq!(
        unit.text("/creative/click_url"),
        unit.click_url("primary"),
        "the headline links to the primary call to action"
    );
}

#[tokio::test]
async fn repeated_and_blank_parameters_are_preserved_with_macros_and_campaign_parameters() {
    let stored = "url = \"https://zahid.host/pricing\"";
    let rich = "url = \"https://zahid.host/p%20a?a=1&a=2&b=&c&d=%26&in={country}&of={campaign}&by={flight}\
        &at={placement}&unit={creative}&cta={cta}#plans\"";
    let server = Setup::default().inventory(inventory::example_with(stored, rich)).start().await;
    let unit = server.unit().await;

    let click = server.click(&unit, "pricing").await;

    let expected = "https://zahid.host/p%20a?a=1&a=2&b=&c&d=%26&in=DE&of=zahid-launch\
        &by=zahid-ai-europe&at=article-end&unit=zahid-git-push&cta=pricing\
        &utm_medium=sponsored&utm_source=adjacent#plans";
    assert_eq!(click.location.unwrap(), expected);
}

#[tokio::test]
async fn a_page_cannot_inject_text_into_the_landing_url() {
    let server = TestServer::start().await;
    let evil = json!([
        "\r\nSet-Cookie: a=b",
        "//evil.example",
        "ai-infrastructure",
        "javascript:alert(1)"
    ]);

    let unit = server.decide(&reference_with("/page/topics", evil)).await;
    let click = server.click(&unit, "primary").await;

    assert_eq!(click.location.unwrap(), SIGNUP);
}

#[tokio::test]
async fn a_thousand_manipulated_click_urls_redirect_only_to_stored_pages() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    let mut rng = StdRng::seed_from_u64(7);
    let extras = [
        "",
        "?url=https://evil.example",
        "?to=//evil.example",
        "/https://evil.example",
        "/..//evil.example",
        "%2F..%2Fevil.example",
        "?cta=9",
        "#@evil.example",
        "%0d%0aLocation:%20https://evil.example",
        ";url=evil",
        "/",
        "?u=javascript:alert(1)",
        "%00",
        "\\evil.example",
        "@evil.example",
    ];

    let mut locations = BTreeMap::new();
    for round in 0..1_000 {
        let url = if rng.random() { unit.click_url("primary") } else { unit.click_url("pricing") };
        let (path, token) = url.rsplit_once('/').unwrap();
        let mut letters: Vec<char> = token.chars().collect();
        match round % 4 {
            0 => {}
            1 => letters.truncate(rng.random_range(0..letters.len())),
            2 => {
                let at = rng.random_range(0..letters.len());
                letters[at] = char::from(rng.random_range(b'a'..=b'z'));
            }
            _ => letters.push('A'),
        }
        let token: String = letters.into_iter().collect();
        let extra = extras[rng.random_range(0..extras.len())];
        let ack = server.reader.fire(&format!("{path}/{token}{extra}")).await;
        assert!(matches!(ack.status, 302 | 404), "{round}: {ack:?}");
        *locations.entry(ack.location.unwrap_or_default()).or_insert(0) += 1;
    }

    let expected = ["", PRICING, SIGNUP];
    assert_eq!(locations.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    assert!(locations[SIGNUP] > 20 && locations[""] > 500, "{locations:?}");
}

#[tokio::test]
async fn request_headers_do_not_change_a_redirect() {
    let server = TestServer::start().await;
    let unit = server.unit().await;

    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example"),
        ("x-original-url", "https://evil.example"),
        ("referer", "https://evil.example"),
    ] {
        let ack = Reader::with_header(name, value).fire(unit.click_url("primary")).await;
        assert_eq!(ack.location.as_deref(), Some(SIGNUP), "{name}");
    }
}

#[tokio::test]
async fn unit_urls_come_from_the_configuration_and_not_from_the_host_header() {
    let server = TestServer::start().await;
    let url = format!("{}/v1/decisions", server.public);

    let request = server.reader.post(&url).header("host", "evil.example").json(&reference());
    let reply = request.send().await.unwrap();

    assert_eq!(reply.status(), 421);
    let request = server.reader.post(&url).header("host", "localhost").json(&reference());
    let body: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    let unit = Decision(body["decisions"]["article-end"].clone());
    assert!(unit.urls().iter().all(|unit_url| unit_url.starts_with(&server.public)));
}
