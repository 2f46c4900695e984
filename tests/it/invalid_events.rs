//! Invalid events, which are recorded with a reason and never billed, and rejected tokens.

use crate::harness::reader::{Ack, USER_AGENT};
use crate::harness::{Decision, Reader, Setup, TestServer, inventory, reference};
use adjacent::catalog::change::ExpectedVersion;
use adjacent::config::keys::TokenKeys;
use adjacent::publishing::apply::CatalogUpdate;
use reqwest::Method;
use std::sync::Arc;

/// A server with a publisher that lists its origins, on a manual clock.
async fn server() -> TestServer {
    Setup::default().inventory(inventory::with_origins()).manual_clock().start().await
}

#[tokio::test]
async fn events_of_bots_prefetches_and_foreign_pages_are_invalid_and_do_not_consume_the_token() {
    let server = server().await;
    let cases = [
        (Reader::with_headers([("user-agent", "Googlebot/2.1"), ("accept", "*/*")]), "bot"),
        (Reader::with_headers([("user-agent", "curl/8.5.0"), ("accept", "*/*")]), "bot"),
        (Reader::with_headers([("accept", "*/*")]), "bot"),
        (Reader::with_headers([("user-agent", "Mozilla/5.0"), ("accept", "*/*")]), "bot"),
        (Reader::with_headers([("user-agent", "node"), ("accept", "*/*")]), "bot"),
        (Reader::with_headers([("user-agent", "ChatGPT-User/1.0"), ("accept", "*/*")]), "agent"),
        (Reader::with_header("signature-agent", "\"https://chatgpt.com\""), "agent"),
        (Reader::with_header("signature-input", "sig=();tag=\"web-bot-auth\""), "agent"),
        (Reader::with_header("sec-fetch-dest", "iframe"), "bot"),
        (Reader::with_header("sec-purpose", "prefetch"), "prefetch"),
        (Reader::with_header("purpose", "preview"), "prefetch"),
        (Reader::with_header("x-purpose", "preview"), "prefetch"),
        (Reader::with_header("x-moz", "prefetch"), "prefetch"),
        (Reader::with_header("origin", "https://evil.example"), "wrong_origin"),
        (Reader::with_header("referer", "https://evil.example/a"), "wrong_origin"),
    ];

    for (reader, reason) in cases {
        let unit = server.unit().await;
        let ack = reader.impression(&unit).await;
        assert_eq!(
            (ack.status, ack.recorded),
            (204, true),
            "same response as for a valid event: {reason}"
        );
        server.reader.impression(&unit).await;
        let verdicts = server.verdicts(&unit).await;
        assert_eq!(verdicts, [&format!("impression invalid {reason}"), "impression counted"]);
    }
    server.assert_ledger_consistent().await;
}

#[tokio::test]
async fn a_click_of_a_bot_is_redirected_and_not_counted() {
    let server = server().await;
    let unit = server.unit().await;
    server.reader.impression(&unit).await;
    server.advance_ms(1_000);

    let bot = Reader::with_headers([("user-agent", "AhrefsBot/7.0"), ("accept", "*/*")]);
    let click = server.click_by(&bot, &unit, "primary").await;

    assert!(click.location.unwrap().starts_with("https://zahid.host/signup"));
    assert_eq!(server.verdicts(&unit).await, ["impression counted", "click invalid bot"]);
}

#[tokio::test]
async fn a_head_request_to_a_click_url_is_not_a_click() {
    let server = server().await;
    let unit = server.unit().await;
    server.reader.impression(&unit).await;
    server.advance_ms(1_000);

    let response =
        server.reader.request(Method::HEAD, unit.click_url("primary")).send().await.unwrap();

    assert_eq!(response.status(), 302);
    assert_eq!(server.scrape().await.events("click", "counted"), 0);
    assert_eq!(server.verdicts(&unit).await[0], "impression counted");
}

#[tokio::test]
async fn a_visitor_over_the_click_limit_is_rate_limited_and_others_are_not() {
    let server = Setup::default().default_limits().manual_clock().start().await;
    let mut units = Vec::new();
    for _ in 0..4 {
        let unit = server.unit().await;
        server.reader.impression(&unit).await;
        units.push(unit);
    }
    server.advance_ms(1_000);

    for unit in &units[..3] {
        server.click(unit, "primary").await;
        server.click(unit, "pricing").await;
    }
    let other =
        Reader::with_headers([("user-agent", &format!("{USER_AGENT} Other")), ("accept", "*/*")]);
    server.click_by(&other, &units[3], "primary").await;

    let counted = ["impression counted", "click counted", "click counted"];
    assert_eq!(
        server.verdicts(&units[0]).await,
        counted,
        "a second call to action of the unit does not use the limit"
    );
    assert_eq!(server.verdicts(&units[1]).await, counted);
    let limited =
        ["impression counted", "click invalid rate_limited", "click invalid rate_limited"];
    assert_eq!(server.verdicts(&units[2]).await, limited);
    assert_eq!(server.verdicts(&units[3]).await, ["impression counted", "click counted"]);
    assert!(server.metric("adjacent_rate_limited_total{class=\"click\"}").await > 0);
}

#[tokio::test]
async fn a_visitor_over_the_impression_limit_is_rate_limited() {
    let server = Setup::default().default_limits().manual_clock().start().await;

    for _ in 0..65 {
        let unit = server.decide(&reference()).await;
        server.reader.impression(&unit).await;
    }

    let scrape = server.scrape().await;
    assert_eq!(scrape.events("impression", "counted"), 60);
    assert_eq!(scrape.invalid("impression", "rate_limited"), 5);
    assert_eq!(scrape.count("adjacent_rate_limited_total{class=\"impression\"}"), 5);
}

#[tokio::test]
async fn a_forged_token_gets_the_response_of_a_valid_one_without_the_recorded_header() {
    let server = server().await;
    let unit = server.unit().await;
    let (good, forged) = (unit.impression_url(), tampered(unit.impression_url(), 60));

    let good = server.reader.get(good).send().await.unwrap();
    let bad = server.reader.get(&forged).send().await.unwrap();

    assert_eq!(
        (good.status(), bad.status()),
        (reqwest::StatusCode::NO_CONTENT, reqwest::StatusCode::NO_CONTENT)
    );
    let names = |reply: &reqwest::Response| {
        let mut names: Vec<String> = reply.headers().keys().map(|name| name.to_string()).collect();
        names.retain(|name| name != "adjacent-recorded");
        names.sort();
        names
    };
    assert_eq!(names(&good), names(&bad));
    assert!(!bad.headers().contains_key("adjacent-recorded"));
    assert_eq!(server.scrape().await.invalid("unknown", "forged"), 1);
}

#[tokio::test]
async fn an_escaped_token_is_the_same_token_and_escapes_of_other_characters_make_it_forged() {
    let server = server().await;
    let unit = server.unit().await;
    let (base, token) = unit.impression_url().split_once("/e/").unwrap();
    let escaped: String = token.bytes().map(|byte| format!("%{byte:02x}")).collect();

    for last in ["%2f", "%2B", "%25", "%ff", "%00"] {
        let ack = server.reader.fire(&format!("{base}/e/{}{last}", &token[..127])).await;
        assert_eq!((ack.status, ack.recorded), (204, false), "{last}");
    }
    let ack = server.reader.fire(&format!("{base}/e/{escaped}")).await;
    assert_eq!((ack.status, ack.recorded), (204, true));

    assert_eq!(server.scrape().await.invalid("unknown", "forged"), 5);
}

#[tokio::test]
async fn a_rejected_token_is_counted_by_the_reason_of_its_rejection() {
    let server = server().await;
    let unit = server.unit().await;
    let (view, click) = (unit.impression_url(), unit.click_url("primary"));

    // The first two of the 96 bytes are the version and the key id.
    for (url, status) in [
        (tampered(view, 0), 204),
        (tampered(view, 2), 204),
        (tampered(view, 60), 204),
        (format!("{}/e/short", server.public), 204),
        (view.replace("/e/", "/c/"), 404),
        (tampered(click, 2), 404),
    ] {
        assert_eq!(server.reader.fire(&url).await.status, status, "{url}");
    }

    let scrape = server.scrape().await;
    let counts = ["unknown_version", "unknown_key", "forged", "wrong_kind", "retired_key"]
        .map(|reason| scrape.invalid("unknown", reason));
    assert_eq!(counts, [1, 2, 2, 1, 0]);
    scrape.assert_every_event_is_accounted_for();
}

#[tokio::test]
async fn a_token_of_a_retired_key_is_rejected_as_such_and_its_click_still_redirects() {
    let server = server().await;
    let unit = server.unit().await;
    let keys = server.state.settings.get().store.keys().to_owned();
    let now = server.state.clock.now();
    let mut rotated = TokenKeys::open(&keys, now).unwrap();
    rotated.rotate(0, now).unwrap();
    rotated.retire(0, now).unwrap();
    server.state.keyring.store(Arc::new(rotated.keyring()));

    assert_eq!(server.reader.impression(&unit).await.status, 204);
    assert_eq!(server.click(&unit, "primary").await.status, 302);

    let scrape = server.scrape().await;
    assert_eq!(scrape.invalid("unknown", "retired_key"), 1);
    assert_eq!(scrape.invalid("unknown", "forged"), 0);
    assert_eq!(scrape.events("click", "counted"), 0);
}

#[tokio::test]
async fn a_token_whose_inventory_version_is_gone_is_not_called_forged() {
    let server = server().await;
    let unit = server.unit().await;
    let stored = server.data().join("catalog/inventory");
    let setup = Setup::default().in_folder(&server.end());
    for version in std::fs::read_dir(&stored).unwrap() {
        std::fs::remove_file(version.unwrap().path()).unwrap();
    }
    std::fs::remove_file(stored.parent().unwrap().join("head.json")).unwrap();
    std::fs::remove_file(stored.parent().unwrap().join("audit.log")).unwrap();
    let other = inventory::example_with("price_micros = 8_000_000", "price_micros = 9_000_000");
    let server = setup.inventory(other).start().await;

    let on_this_server =
        |url: &str| format!("{}/{}", server.public, url.splitn(4, '/').last().unwrap());
    assert_eq!(server.reader.fire(&on_this_server(unit.impression_url())).await.status, 204);
    assert_eq!(server.reader.fire(&on_this_server(unit.click_url("primary"))).await.status, 404);

    let scrape = server.scrape().await;
    assert_eq!(scrape.invalid("unknown", "unreadable_inventory"), 2);
    assert_eq!(scrape.invalid("unknown", "forged"), 0);
}

/// The URL with one character of its token changed.
fn tampered(url: &str, at: usize) -> String {
    let (path, token) = url.rsplit_once('/').unwrap();
    let mut letters: Vec<char> = token.chars().collect();
    letters[at] = if letters[at] == 'A' { 'Q' } else { 'A' };
    format!("{path}/{}", letters.into_iter().collect::<String>())
}

#[tokio::test]
async fn a_token_reports_only_its_own_kind_on_every_route() {
    let server = server().await;
    let unit = server.unit().await;
    server.reader.impression(&unit).await;
    server.advance_ms(1_000);
    let forged = format!("{}/e/AQEAforged", server.public);
    let (click, reader) = (unit.click_url("primary").to_owned(), &server.reader);

    for url in [unit.impression_url(), unit.viewable_url(), unit.copy_url()] {
        for method in [Method::GET, Method::HEAD] {
            let request = reader.request(method, &url.replace("/e/", "/c/"));
            let ack = Ack::of(request.send().await.unwrap());
            assert_eq!((ack.status, ack.recorded, ack.location), (404, false, None));
        }
    }
    for method in [Method::GET, Method::POST] {
        let of = |url: &str| reader.request(method.clone(), url).send();
        let ack = Ack::of(of(&click.replace("/c/", "/e/")).await.unwrap());
        assert_eq!(ack, Ack::of(of(&forged).await.unwrap()), "{method}");
        assert_eq!((ack.status, ack.recorded), (204, false));
    }

    assert_eq!(server.verdicts(&unit).await, ["impression counted"]);
    assert_eq!(server.scrape().await.invalid("unknown", "wrong_kind"), 8);
    // The token is not used up.
    assert!(reader.fire(&click).await.recorded);
    assert_eq!(server.verdicts(&unit).await, ["impression counted", "click counted"]);
    server.assert_ledger_consistent().await;
}

#[tokio::test]
async fn a_malformed_token_never_causes_an_error() {
    let server = server().await;

    for token in ["x", "%00", "..%2F..", &"A".repeat(220), &"A".repeat(2_000), "é"] {
        let event = server.reader.fire(&format!("{}/e/{token}", server.public)).await;
        let click = server.reader.fire(&format!("{}/c/{token}", server.public)).await;
        assert_eq!((event.status, event.recorded), (204, false), "{token}");
        assert_eq!((click.status, click.location), (404, None), "{token}");
    }
}

#[tokio::test]
async fn a_unit_of_a_paused_flight_is_no_longer_billed() {
    let server = server().await;
    let unit: Decision = server.unit().await;
    let mut paused = adjacent::domain::inventory::Inventory::clone(
        &server.inner.world.live().snapshot().inventory,
    );
    let flight = paused.flights.iter_mut().find(|flight| flight.id.as_str() == "zahid-ai-europe");
    flight.unwrap().status = adjacent::domain::campaign::ServingStatus::Paused;
    let by = adjacent::catalog::AuditContext {
        who: "test".into(),
        what: "pause".into(),
        at: server.state.clock.now(),
        request: None,
    };

    let wanted = CatalogUpdate { inventory: Some(paused), ..CatalogUpdate::default() };
    server.inner.publishing.apply(wanted, ExpectedVersion::Any, &by).await.unwrap();
    server.reader.impression(&unit).await;

    assert_eq!(server.verdicts(&unit).await, ["impression invalid paused"]);
    assert_ne!(server.decide(&reference()).await.advertiser(), "zahid-host");
}
