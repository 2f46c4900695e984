//! Limits by address and network: what an attack gains over HTTP, on one instance and on three; and
//! servers that speak for their readers.

use crate::harness::reader::USER_AGENT;
use crate::harness::{Decision, Reader, Redis, Setup, TestServer, reference, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A server behind a proxy that the test plays, with the default limits and a clock that stands still.
fn behind_a_proxy() -> Setup {
    Setup::default().default_limits().settings(|settings| {
        settings.windows.click_after_ms = 0;
        settings.limits.flood_per_second = 0;
        settings.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
}

/// A reader at this address, with headers of its own.
fn reader_at<const N: usize>(address: &str, own: [(&'static str, &str); N]) -> Reader {
    let mut headers = BTreeMap::from([("user-agent", USER_AGENT), ("accept", "*/*")]);
    headers.extend(own);
    let [agent, accept] = [headers["user-agent"], headers["accept"]];
    let rest = headers.get("sec-gpc").copied().unwrap_or("0");
    Reader::with_headers([
        ("user-agent", agent),
        ("accept", accept),
        ("x-forwarded-for", address),
        ("sec-gpc", rest),
    ])
}

/// The most that one subject of a layer can have counted, as `GET /v1/limits` prints it.
async fn most(server: &TestServer, layer: &str, period: &str, kind: &str) -> u64 {
    let reply = server.reader.get(&format!("{}/v1/limits", server.public)).send().await.unwrap();
    let limits: Value = reply.json().await.unwrap();
    let layers = limits["layers"].as_array().unwrap();
    let layer = layers.iter().find(|one| one["layer"] == layer).unwrap();
    layer[period][kind].as_u64().unwrap()
}

/// Views and clicks a unit each with the readers; returns the counted clicks.
async fn clicked(server: &TestServer, readers: impl Iterator<Item = Reader>) -> u64 {
    let mut sent = 0;
    for reader in readers {
        let unit = server.unit().await;
        assert!(reader.impression(&unit).await.recorded);
        server.click_by(&reader, &unit, "primary").await;
        sent += 1;
    }
    let scrape = server.scrape().await;
    let counted = scrape.events("click", "counted");
    assert_eq!(counted + scrape.invalid("click", "rate_limited"), sent);
    counted
}

#[tokio::test]
async fn neither_gpc_nor_new_agents_buy_clicks_of_one_address() {
    let server = behind_a_proxy().manual_clock().start().await;
    let readers = (0..40).map(|number| {
        let agent = format!("{USER_AGENT} Rotated/{number}");
        reader_at("203.0.113.7", [("sec-gpc", "1"), ("user-agent", &agent)])
    });
    let counted = clicked(&server, readers).await;
    assert!(counted <= most(&server, "address_on_campaign", "minute", "clicks").await, "{counted}");
    assert_eq!(counted, 3);
}

#[tokio::test]
async fn new_addresses_of_a_56_a_48_or_a_24_have_the_limit_of_their_network() {
    let address = |network: &str, n: u32| match network {
        "/56" => format!("2001:db8:1:{:x}::1", n % 256),
        "/48" => format!("2001:db8:1:{:x}::1", n * 257),
        _ => format!("203.0.113.{n}"),
    };
    for (network, layer, expected) in
        [("/56", "subnet", 6), ("/48", "network", 12), ("/24", "network", 12)]
    {
        let server = behind_a_proxy().manual_clock().start().await;
        let readers = (0..40).map(|number| reader_at(&address(network, number), []));
        let counted = clicked(&server, readers).await;
        assert_eq!(counted, expected, "{network}");
        assert!(counted <= most(&server, layer, "minute", "clicks").await, "{network}");
    }
}

#[tokio::test]
async fn eight_units_of_one_call_use_eight_of_the_limit() {
    let server = behind_a_proxy().manual_clock().start().await;
    let keys: Vec<Value> =
        (0..8).map(|key| json!({ "name": "article-end", "key": format!("key-{key}") })).collect();
    let mut page = reference();
    page["placements"] = json!(keys);
    let reader = reader_at("203.0.113.7", []);
    let mut sent = 0;
    while sent < 90 {
        let response = server.decision_response(&page).await;
        for decision in response["decisions"].as_object().unwrap().values() {
            let unit = Decision(decision.clone());
            if unit.is_filled() {
                reader.impression(&unit).await;
                sent += 1;
            }
        }
    }
    let scrape = server.scrape().await;
    assert_eq!(scrape.events("impression", "counted"), 60);
    assert_eq!(scrape.invalid("impression", "rate_limited"), sent - 60);
}

#[tokio::test]
async fn three_instances_bill_of_one_address_what_one_instance_would() {
    let redis = Redis::start();
    let mut instances = Vec::new();
    for _ in 0..3 {
        instances.push(behind_a_proxy().with_store(&redis).start().await);
    }
    for server in &instances {
        wait_until("the salt of the day", async || {
            server.inner.events.renew_visitor_salt().await.ok()
        })
        .await;
    }
    for number in 0..12 {
        let agent = format!("{USER_AGENT} Rotated/{number}");
        let reader = reader_at("203.0.113.7", [("sec-gpc", "1"), ("user-agent", &agent)]);
        let server = &instances[number % 3];
        let unit = server.unit().await;
        assert!(reader.impression(&unit).await.recorded);
        server.click_by(&reader, &unit, "primary").await;
    }
    let net = most(&instances[0], "address_on_campaign", "minute", "clicks").await;
    let path = "/v1/reports/advertisers/zahid-host?by=topic";
    for server in &instances {
        wait_until("the clicks that a single instance would count", async || {
            let (status, report) = server.get_as("advertiser:zahid-host", path).await;
            assert_eq!(status, 200);
            let clicks = &report["total"][0]["clicks"];
            let counts = (clicks["gross"].as_u64()?, clicks["net"].as_u64()?);
            (counts.0 == 12 && counts.1 <= net).then_some(())
        })
        .await;
        server.assert_ledger_consistent().await;
    }
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
        let reader = reader_at(address, []);
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
