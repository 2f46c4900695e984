//! The decision for a page: advertiser, label, or the no-fill reason.

use crate::harness::decision::{page_on, reference_with};
use crate::harness::{Decision, Setup, TestServer, inventory, reference, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn the_reference_page_gets_the_reference_unit_labelled_for_germany() {
    let server = TestServer::start().await;

    let answer = server.decision_response(&reference()).await;

    let unit = Decision(answer["decisions"]["article-end"].clone());
    assert_eq!((unit.advertiser(), unit.label()), ("zahid-host", "Anzeige"));
    assert_eq!(unit.text("/label/language"), "de");
    assert_eq!(unit.text("/label/region_basis"), "declared");
    assert_eq!(unit.text("/creative/style"), "terminal");
    assert_eq!(unit.text("/creative/proof/text"), "4,200+ EU-deployed projects");
    assert_eq!(unit.text("/creative/command/text"), "git push zahid main");
    assert_eq!(unit.text("/creative/price/text"), "from €0/mo");
    assert!(unit.text("/creative/kicker").starts_with("reading about AI infrastructure?"));
    assert!(
        unit.text("/creative/body").starts_with("Put what you just read about AI infrastructure")
    );
    assert_eq!(unit.text("/transparency/paid_by"), "Zahid Hosting GmbH");
    assert_eq!(unit.text("/rel"), "sponsored nofollow noopener");
    assert_eq!(answer["warnings"], json!([]));
    assert_eq!(answer["snapshot"]["stale"], false);
}

#[tokio::test]
async fn headline_and_body_repeat_only_the_names_that_they_list_and_else_show_their_fallback() {
    let headline = "headline = \"Run your AI side-project on zahid.host\"";
    let slot = "headline = { text = \"Run <b>{topic}</b>\", fallback = \"Run it\", echo = [\"ai-agents\"] }";
    let inventory = inventory::example_with(headline, slot);
    let server = Setup::default().inventory(inventory).start().await;
    let on = async |topic: &str| {
        let page = reference_with("/page/topics", json!([topic]));
        server.decide(&page).await
    };

    let (listed, unlisted) = (on("ai-agents").await, on("ai-infrastructure").await);

    assert_eq!(listed.text("/creative/headline"), "Run <b>agents</b>");
    assert!(listed.text("/creative/body").contains("read about agents to work"));
    assert_eq!(unlisted.text("/creative/headline"), "Run it");
    assert!(unlisted.text("/creative/body").contains("read about AI infrastructure to work"));
    let mut as_html = reference_with("/page/topics", json!(["ai-agents"]));
    as_html["render"] = json!("html");
    let html = server.decide(&as_html).await;
    assert!(
        html.text("/html").contains("Run &#60;b&#62;agents&#60;/b&#62;"),
        "{}",
        html.text("/html")
    );
}

#[tokio::test]
async fn each_country_has_its_own_reviewed_label() {
    let server = TestServer::start().await;
    let labels = std::fs::read_to_string("config/labels.toml").unwrap();

    let mut seen = BTreeSet::new();
    for country in ["DE", "AT", "FR", "BE", "CH", "IE"] {
        let unit = server.decide(&reference_with("/viewer/region", json!(country))).await;
        assert_eq!(unit.advertiser(), "zahid-host", "{country}");
        assert!(labels.contains(&format!("text = \"{}\"", unit.label())), "{}", unit.label());
        seen.insert(unit.label().to_owned());
    }
    let unknown = server.decide(&reference_with("/viewer", json!({}))).await;

    assert!(seen.len() >= 4, "{seen:?}");
    assert_eq!(unknown.text("/label/region_basis"), "publisher_default");
}

#[tokio::test]
async fn another_topic_gets_another_advertiser_or_a_house_ad() {
    let server = TestServer::start().await;

    let cooking = server.decide(&page_on("cooking")).await;
    let unknown = server.decide(&page_on("an unknown topic")).await;

    assert_eq!(cooking.advertiser(), "kupferpfanne");
    assert_eq!(cooking.text("/creative/style"), "card", "its creative has no terminal style");
    assert_eq!(unknown.advertiser(), "house");
}

#[tokio::test]
async fn a_no_fill_has_a_reason() {
    let server = TestServer::start().await;
    let mut card_only = reference();
    card_only["publisher"] = json!("kitchen-journal");
    card_only["placements"][0]["styles"] = json!(["terminal"]);
    let cases = [
        (reference_with("/page/commercial", json!("none")), "commercial_off"),
        (reference_with("/placements/0/name", json!("unknown")), "unknown_placement"),
        (card_only, "style_mismatch"),
    ];

    for (page, reason) in cases {
        let decision = server.decide(&page).await;
        assert!(!decision.is_filled());
        assert_eq!(decision.reason(), reason);
        assert!(is_uuid(decision.id()), "a no-fill has a decision id, too");
        let series = format!("adjacent_no_fill_total{{reason=\"{reason}\"}}");
        assert_eq!(server.metric(&series).await, 1);
    }
}

#[tokio::test]
async fn a_house_only_or_sensitive_page_shows_no_advertiser() {
    let server = TestServer::start().await;

    let house_only = server.decide(&reference_with("/page/commercial", json!("house_only"))).await;
    let declared = server.decide(&reference_with("/page/sensitive", json!(["obituary"]))).await;
    let by_topic = server.decide(&page_on("war")).await;

    for decision in [house_only, declared, by_topic] {
        assert_eq!(decision.advertiser(), "house", "{:#}", decision.0);
    }
}

#[tokio::test]
async fn an_article_about_the_advertiser_or_its_competitor_does_not_show_it() {
    let server = TestServer::start().await;
    let article = |name: &str, role: &str| {
        reference_with("/page/entities", json!([{ "name": name, "role": role }]))
    };

    for subject in ["zahid.host", "Gitlift", "Gitlift Actions"] {
        let decision = server.decide(&article(subject, "subject")).await;
        assert_ne!(decision.advertiser(), "zahid-host", "{subject}");
    }
    let mentioned = server.decide(&article("Gitlift", "mention")).await;

    assert_eq!(mentioned.advertiser(), "zahid-host");
    // Counted for a sample of decisions, which later ones complete.
    wait_until("three subject conflicts", async || {
        server.decide(&article("Gitlift", "subject")).await;
        let series = "adjacent_candidates_removed_total{stage=\"subject_conflict\"}";
        (server.metric(series).await >= 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_placements_of_a_page_never_show_the_same_advertiser() {
    let server = TestServer::start().await;
    let mut page = reference();
    page["page"]["topics"] = json!(["ai-infrastructure", "web-security", "small-business"]);
    page["placements"] = json!([{ "name": "article-end" }, { "name": "sidebar" }]);

    let mut pairs = BTreeSet::new();
    for _ in 0..40 {
        let answer = server.decision_response(&page).await;
        let advertiser =
            |key: &str| Decision(answer["decisions"][key].clone()).advertiser().to_owned();
        let (first, second) = (advertiser("article-end"), advertiser("sidebar"));
        assert_ne!(first, second);
        pairs.insert((first, second));
    }

    assert!(pairs.len() > 1, "the draw must vary: {pairs:?}");
}

#[tokio::test]
async fn an_advertiser_already_shown_on_the_page_and_its_competitor_are_excluded() {
    let server = TestServer::start().await;
    let mut british = reference_with("/viewer/region", json!("GB"));
    let before = server.decide(&british).await;
    british["page"]["shown"] = json!(["zahid-git-push"]);

    let competitor = server.decide(&british).await;
    let again = server.decide(&reference_with("/page/shown", json!(["zahid-git-push"]))).await;

    assert_eq!(before.advertiser(), "gitlift");
    assert_eq!(competitor.advertiser(), "house");
    assert_ne!(again.advertiser(), "zahid-host");
}

#[tokio::test]
async fn a_placement_requested_twice_needs_two_keys() {
    let server = TestServer::start().await;
    let twice = json!([{ "name": "article-end" }, { "name": "article-end" }]);
    let keyed =
        json!([{ "name": "article-end", "key": "a" }, { "name": "article-end", "key": "b" }]);

    let same = server.decision_response(&reference_with("/placements", twice)).await;
    let both = server.decision_response(&reference_with("/placements", keyed)).await;

    assert_eq!(same["decisions"].as_object().unwrap().len(), 1);
    assert!(same["warnings"][0].as_str().unwrap().contains("duplicate key `article-end`"));
    let keys: Vec<&String> = both["decisions"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["a", "b"]);
    assert_ne!(both["decisions"]["a"]["decision_id"], both["decisions"]["b"]["decision_id"]);
}

#[tokio::test]
async fn a_campaign_without_budget_is_replaced_by_the_next() {
    let server = Setup::default().inventory(inventory::with_budget_for(1)).start().await;

    let first = server.unit().await;
    server.reader.impression(&first).await;
    let next = server.decide(&reference()).await;

    assert_eq!(next.advertiser(), "house");
}

#[tokio::test]
async fn a_decision_reports_the_versions_of_inventory_and_weights() {
    let server = TestServer::start().await;

    let answer = server.decision_response(&reference()).await;
    let version: Value = server
        .reader
        .get(&format!("{}/version", server.ops))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();

    assert_eq!(answer["snapshot"]["inventory"], version["inventory"]);
    assert_eq!(answer["snapshot"]["weights"], version["weights"]);
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// A unit without what belongs to its own decision, and the rest, whose values must differ.
fn split(unit: &Value, now: jiff::Timestamp) -> (Value, BTreeSet<String>) {
    let (mut rest, mut own) = (unit.clone(), BTreeSet::new());
    let mut take = |pointer: &str| {
        let Some(value) = rest.pointer_mut(pointer).map(Value::take) else { return };
        own.extend(value.as_str().map(str::to_owned));
    };
    for pointer in ["/decision_id", "/event_urls/impression", "/event_urls/viewable"] {
        take(pointer);
    }
    let command = "/creative/command/copy_url";
    for pointer in ["/creative/ctas/0/click_url", "/creative/ctas/1/click_url", command] {
        take(pointer);
    }
    for (pointer, of) in [
        ("/transparency/why_url", unit["decision_id"].as_str().unwrap()),
        ("/creative/click_url", unit["creative"]["ctas"][0]["click_url"].as_str().unwrap()),
    ] {
        assert!(rest.pointer(pointer).and_then(Value::as_str).unwrap().ends_with(of), "{unit:#}");
        *rest.pointer_mut(pointer).unwrap() = Value::Null;
    }
    for pointer in ["/impression_until", "/click_until"] {
        let until: jiff::Timestamp = rest[&pointer[1..]].as_str().unwrap().parse().unwrap();
        *rest.pointer_mut(pointer).unwrap() = json!(until.as_second() - now.as_second());
    }
    rest.as_object_mut().unwrap().remove("markdown");
    (rest, own)
}

#[tokio::test]
async fn a_unit_that_was_shown_before_is_the_one_that_is_written_anew_with_ids_and_urls_of_its_own()
{
    let mut now: jiff::Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
    let server = Setup::default().manual_clock_at(now).start().await;
    let pages = [
        reference(),
        page_on("ai-infrastructure"),
        page_on("cooking"),
        reference_with("/page/language", json!("de")),
        reference_with("/viewer/region", json!("US")),
        reference_with("/viewer", json!({})),
        reference_with("/placements/0/styles", json!(["card"])),
        reference_with("/placements/0/styles", json!(["line"])),
    ];
    let mut units: std::collections::BTreeMap<String, Value> = Default::default();
    let (mut own, mut count, mut compared) = (BTreeSet::new(), 0, 0);
    for (number, page) in pages.iter().enumerate() {
        let mut page = page.clone();
        // What has a fragment beside it is always written anew.
        for render in ["markdown", "json", "json", "json", "json", "json", "json", "markdown"] {
            page["render"] = json!(render);
            server.advance_ms(61_000);
            now += jiff::SignedDuration::from_secs(61);
            let answer = server.decision_response(&page).await;
            let unit = &answer["decisions"]["article-end"];
            if unit["fill"] != true {
                continue;
            }
            let (rest, values) = split(unit, now);
            count += values.len();
            own.extend(values);
            let of = format!("{number} {} {}", unit["flight"], unit["creative"]["variant"]);
            let of = format!("{of} {} {}", unit["creative"]["id"], unit["transparency"]["why"]);
            compared += usize::from(units.contains_key(&of));
            assert_eq!(*units.entry(of).or_insert(rest.clone()), rest, "{render} {page:#}");
            let decision = Decision(unit.clone());
            let (status, explained) = server.explain("operator", decision.id()).await;
            assert_eq!((status, &explained["request_id"]), (200, &answer["request_id"]));
        }
    }
    assert_eq!(own.len(), count, "every id and every token is new");
    assert!(compared > 20, "{compared}");
    assert!(server.metric("adjacent_units_written_total{answer=\"known\"}").await > 10);
}

#[tokio::test]
async fn events_of_a_unit_that_was_shown_before_count_for_its_own_decision() {
    let server = TestServer::start().await;
    let mut decided = Vec::new();
    for _ in 0..6 {
        decided.push(server.decide(&reference()).await);
    }
    let known = server.metric("adjacent_units_written_total{answer=\"known\"}").await;
    assert!(known > 0);
    for decision in &decided {
        server.reader.get(decision.impression_url()).send().await.unwrap();
    }
    server.wait_until_applied().await;
    for decision in &decided {
        assert_eq!(server.verdicts(decision).await, ["impression counted"]);
    }
}

#[tokio::test]
async fn a_claim_and_a_price_are_shown_until_they_end_however_often_the_unit_was_shown() {
    let at: jiff::Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
    let end = "valid_until = \"2036-12-31T23:59:59Z\"";
    let price = inventory::example_with(end, "valid_until = \"2026-12-01T13:00:00Z\"");
    let both = inventory::replace_once(&price, end, "valid_until = \"2026-12-01T14:00:00Z\"");
    let server = Setup::default().inventory(both).manual_clock_at(at).start().await;
    let page = reference_with("/placements/0/styles", json!(["terminal"]));
    let shown = async || {
        let mut last = json!([]);
        for _ in 0..4 {
            let unit = server.decide(&page).await;
            assert_eq!(unit.advertiser(), "zahid-host");
            let creative = &unit.0["creative"];
            last = json!([creative["price"].is_null(), creative["proof"].is_null()]);
        }
        last
    };
    for (gone, hour) in [([false, false], 0), ([true, false], 1), ([true, true], 2)] {
        assert_eq!(shown().await, json!(gone), "{hour} h later");
        server.advance_ms(3_600_000);
    }
}
