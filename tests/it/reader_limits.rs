//! Limits by address and network, and servers that speak for their readers. What attacks gain:
//! `tests/attack`.

use crate::harness::reader::USER_AGENT;
use crate::harness::{Reader, Setup, TestServer, reference};
use serde_json::{Value, json};

/// A server behind a proxy that the test plays, with the default limits and a clock that stands still.
fn behind_a_proxy() -> Setup {
    Setup::default().default_limits().settings(|settings| {
        settings.windows.click_after_ms = 0;
        settings.limits.flood_per_second = 0;
        settings.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
}

/// A reader at this address behind the proxy.
fn reader_at(address: &str) -> Reader {
    Reader::with_header("x-forwarded-for", address)
}

/// The request with the publisher's key and these headers.
fn as_server(server: &TestServer, url: &str, headers: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let request = http.build().unwrap().get(url).bearer_auth(server.key("publisher:eu-tech-news"));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

#[tokio::test]
async fn a_publishers_server_reports_for_all_its_readers() {
    let server = behind_a_proxy().manual_clock().start().await;
    let mut counted = 0;
    for number in 0..40 {
        let unit = server.unit().await;
        let address = format!("198.51.{number}.7, 10.0.0.2");
        let mut headers = vec![("adjacent-reader-address", &*address)];
        if number % 2 == 0 {
            headers.push(("adjacent-reader-agent", USER_AGENT));
        }
        for url in [unit.impression_url(), unit.click_url("primary")] {
            let http = as_server(&server, url, &headers);
            assert!(http.send().await.unwrap().headers().get("adjacent-ignored").is_none());
        }
        counted += 1;
    }
    // A server that names no reader: its own address and agent say nothing, so they neither limit nor mark.
    for _ in 0..10 {
        let unit = server.unit().await;
        as_server(&server, unit.impression_url(), &[]).send().await.unwrap();
    }
    server.inner.ledger.barrier().await.unwrap();
    let scrape = server.scrape().await;
    assert_eq!(scrape.events("impression", "counted"), counted + 10);
    assert_eq!(scrape.events("click", "counted"), counted);
}

#[tokio::test]
async fn one_declared_reader_has_the_limits_of_its_address_in_every_spelling() {
    let server = behind_a_proxy().manual_clock().start().await;
    let spellings =
        ["198.51.100.7", "198.51.100.7:4711", "::ffff:198.51.100.7", "203.0.113.9, 198.51.100.7"];
    for number in 0..20 {
        let unit = server.unit().await;
        let headers = [("adjacent-reader-address", spellings[number % 4])];
        for url in [unit.impression_url(), unit.click_url("primary")] {
            as_server(&server, url, &headers).send().await.unwrap();
        }
    }
    server.inner.ledger.barrier().await.unwrap();
    let scrape = server.scrape().await;
    assert_eq!(scrape.events("click", "counted"), 3);
    assert_eq!(scrape.invalid("click", "rate_limited"), 17);
}

#[tokio::test]
async fn reader_headers_that_are_not_used_are_named() {
    let server = behind_a_proxy().manual_clock().start().await;
    let decide = format!("{}/v1/decisions", server.public);
    let key = server.key("publisher:eu-tech-news").to_owned();
    let warnings = async |key: Option<&str>, header: &'static str, value: &str| -> Value {
        let request = server.reader.post(&decide).header(header, value).json(&reference());
        let request = key.iter().fold(request, |request, key| request.bearer_auth(key));
        let reply: Value = request.send().await.unwrap().json().await.unwrap();
        reply["warnings"].clone()
    };
    let address = "adjacent-reader-address";
    assert_eq!(warnings(Some(&key), address, "198.51.100.7:4711").await, json!([]));
    assert_eq!(
        warnings(Some(&key), address, "unknown").await,
        json!(["Adjacent-Reader-Address: not an IP address: the reader's address is unknown"])
    );
    assert_eq!(
        warnings(None, "adjacent-reader-agent", USER_AGENT).await,
        json!(["Adjacent-Reader-Agent: accepted only with the publisher's secret key"])
    );

    let unit = server.unit().await;
    let unreadable = as_server(&server, unit.impression_url(), &[(address, "[::1")]);
    let reply = unreadable.send().await.unwrap();
    assert_eq!(reply.headers()["adjacent-ignored"], "Adjacent-Reader-Address");
    assert_eq!(reply.headers()["adjacent-recorded"], "1");
    // A browser's own header is not used, and is answered the same for a forged token.
    let browser = Reader::with_header("adjacent-reader-address", "198.51.100.9");
    for url in [unit.impression_url(), &format!("{}/e/forged", server.public)] {
        let reply = browser.get(url).send().await.unwrap();
        assert_eq!(reply.status(), 204);
        assert_eq!(reply.headers()["adjacent-ignored"], "Adjacent-Reader-Address");
    }
}

#[tokio::test]
async fn with_a_key_only_the_declared_address_says_where_the_reader_is() {
    let server = behind_a_proxy()
        .settings(|settings| {
            settings.server.geoip = Some("tests/data/country.mmdb".to_owned());
            settings.server.country_header = Some("cf-ipcountry".to_owned());
        })
        .start()
        .await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let basis = async |key: bool, declared: Option<&str>| -> String {
        let request = http.post(format!("{}/v1/decisions", server.public)).json(&reference());
        // The country and the address of the publisher's server, as a proxy in front of us sees it.
        let mut request =
            request.header("cf-ipcountry", "US").header("x-forwarded-for", "198.51.100.1");
        if key {
            request = request.bearer_auth(server.key("publisher:eu-tech-news"));
        }
        if let Some(address) = declared {
            request = request.header("adjacent-reader-address", address);
        }
        let reply: Value = request.send().await.unwrap().json().await.unwrap();
        let decision = &reply["decisions"]["article-end"];
        decision["label"]["region_basis"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(basis(true, None).await, "declared", "`viewer.region` of the page");
    assert_eq!(basis(true, Some("unknown")).await, "declared");
    assert_eq!(basis(true, Some("192.0.2.7")).await, "observed", "the table has it in DE");
}

#[tokio::test]
async fn the_flood_guard_works_on_the_reader_behind_a_trusted_proxy() {
    let server = behind_a_proxy()
        .settings(|settings| settings.limits.flood_per_second = 5)
        .manual_clock()
        .start()
        .await;
    let filled = async |address: &str, key: bool| -> usize {
        let reader = reader_at(address);
        let mut filled = 0;
        for _ in 0..20 {
            let mut request =
                reader.post(&format!("{}/v1/decisions", server.public)).json(&reference());
            if key {
                request = request.bearer_auth(server.key("publisher:eu-tech-news"));
            }
            let reply: Value = request.send().await.unwrap().json().await.unwrap();
            let reason = &reply["decisions"]["article-end"]["reason"];
            filled += usize::from(*reason != "overloaded");
        }
        filled
    };
    assert_eq!(filled("203.0.113.7", false).await, 5);
    assert_eq!(filled("203.0.113.8", false).await, 5, "another reader has a limit of its own");
    assert_eq!(
        filled("203.0.113.7, 203.0.113.9", false).await,
        5,
        "what the reader wrote is no reader"
    );
    assert_eq!(filled("127.0.0.1", false).await, 20, "the proxy itself");
    assert_eq!(filled("203.0.113.7", true).await, 20, "the publisher's server");
}
