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
