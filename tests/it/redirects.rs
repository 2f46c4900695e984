//! Click redirects: always to a stored landing page, regardless of the click URL.

use crate::harness::decision::reference_with;
use crate::harness::{Decision, Reader, Setup, TestServer, inventory, reference};
use serde_json::json;

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
