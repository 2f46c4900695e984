//! Properties of all pages: escaped text, nothing inline, and the embed snippet of the demo.

use super::advertiser::{
    AdvertiserReport, AdvertiserView, Breakdown, BreakdownRow, CampaignRow, FlightRow, ResponseRow,
    advertiser,
};
use super::chart::Chart;
use super::console::{ConsoleView, console};
use super::demo::{DemoView, demo, embed_line};
use super::docs::docs;
use super::failure::{FailureView, failure};
use super::figures::{FiguresView, figures};
use super::guide::{GUIDES, guide};
use super::index::{IndexView, index};
use super::notice::{NoticeField, NoticeForm, NoticeInput, NoticeWords};
use super::publisher::{
    BlockRow, EmbedProblem, Embeds, GapRow, Gaps, NoFillRow, PlacementTag, PublisherReport,
    PublisherView, SellerLines, Setup, SiteBreakdown, SiteRow, SponsorRow, SponsorTable, publisher,
};
use super::report_parts::{DateForm, FunnelRow, InvalidEventsRow, KeyFigure, ReportContent};
use super::search::search;
use super::why::{WhyView, why};
use super::*;
use crate::domain::label::LabelTable;
use serde_json::json;

const EVIL: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";

fn links() -> Vec<Link> {
    vec![Link::new("Demo", "/demo").with_note("An article with a unit"), Link::new(EVIL, "/docs")]
}

fn demo_view(links: &[Link]) -> DemoView<'_> {
    DemoView {
        base_url: "https://units.example",
        publisher: "eu-tech-news",
        placement: "article-end",
        region: "eu",
        topics: vec![("ai-infrastructure".into(), EVIL.into())],
        entities: vec![("zahid-host".into(), EVIL.into())],
        countries: vec![("DE".into(), "Germany".into())],
        explain: Some("/demo/explain/"),
        links,
        ..DemoView::default()
    }
}

/// The report of a publisher, filled with markup in every text.
fn site() -> PublisherReport {
    let text = || EVIL.to_owned();
    let row = SiteRow { name: text(), remark: text(), revenue: text(), ..SiteRow::default() };
    let sponsor = SponsorRow { advertiser: text(), placement: text(), ..SponsorRow::default() };
    let gap = GapRow { name: text(), remark: text(), ..GapRow::default() };
    let problem = EmbedProblem { page: text(), text: text(), ..EmbedProblem::default() };
    PublisherReport {
        id: text(),
        facts: vec![KeyFigure { name: text(), value: text(), remark: text() }],
        no_fills: vec![NoFillRow { reason: text(), words: text(), ..NoFillRow::default() }],
        sponsors: SponsorTable { rows: vec![sponsor.clone()], totals: vec![sponsor] },
        gaps: vec![Gaps { column: text(), rows: vec![gap], left_off: 1 }],
        breakdowns: vec![SiteBreakdown {
            heading: text(),
            column: text(),
            rows: vec![row.clone()],
            totals: vec![row],
            ..SiteBreakdown::default()
        }],
        blocks: vec![BlockRow { id: text(), name: text(), kind: text(), own: true }],
        pauses: vec![(text(), text())],
        blockable: vec![text()],
        change_calls: text(),
        embeds: Embeds {
            last: Some(text()),
            problems: vec![problem.clone()],
            unknown: vec![problem],
            ..Embeds::default()
        },
        setup: Setup {
            tags: vec![PlacementTag {
                id: text(),
                name: text(),
                tag: text(),
                preview: text(),
                ..PlacementTag::default()
            }],
            has_preview: true,
            sellers: SellerLines::Lines {
                ads_txt: text(),
                sellers_json: text(),
                url: text(),
                has_site: false,
            },
        },
        downloads: links(),
        call: text(),
        ..PublisherReport::default()
    }
}

/// Every page, filled with markup in every text.
fn pages() -> Vec<(&'static str, String)> {
    let links = links();
    let text = || EVIL.to_owned();
    let row =
        BreakdownRow { name: text(), remark: text(), spend: text(), ..BreakdownRow::default() };
    let chart = Chart {
        description: text(),
        unit: text(),
        first: text(),
        last: text(),
        values: vec![(9, text())],
    };
    let numbers = AdvertiserReport {
        time_zone: text(),
        facts: vec![KeyFigure { name: text(), value: text(), remark: text() }],
        steps: vec![FunnelRow { name: text(), share: text(), net_raw: 5, ..FunnelRow::default() }],
        responses: vec![ResponseRow { text: text(), creative: text(), ..ResponseRow::default() }],
        refused: vec![InvalidEventsRow {
            words: text(),
            reason: text(),
            ..InvalidEventsRow::default()
        }],
        campaigns: vec![CampaignRow { name: text(), used_raw: (1, 2), ..CampaignRow::default() }],
        flights: vec![FlightRow { id: text(), goal_raw: Some((1, 2)), ..FlightRow::default() }],
        breakdowns: vec![Breakdown {
            heading: text(),
            column: text(),
            charts: vec![chart],
            rows: vec![row.clone()],
            totals: vec![row],
        }],
        downloads: links.clone(),
        call: text(),
        ..AdvertiserReport::default()
    };
    let report = |content| AdvertiserView {
        name: EVIL,
        form: DateForm { from: text(), to: text(), link: text() },
        content,
        links: &links,
    };
    let own = |content| PublisherView {
        name: EVIL,
        form: DateForm { from: text(), to: text(), link: text() },
        content,
        links: &links,
    };
    let failed =
        FailureView { title: EVIL, detail: EVIL, help: EVIL, is_missing: true, links: &links };
    let table: LabelTable = toml::from_str(include_str!("../../../config/labels.toml")).unwrap();
    let mut words = table.words[0].page.clone().unwrap();
    (words.heading, words.label, words.fraud) = (EVIL.into(), EVIL.into(), EVIL.into());
    let reader = WhyView {
        language: EVIL,
        direction: EVIL,
        words: &words,
        because: EVIL,
        never: EVIL,
        label: EVIL,
        shown_by: EVIL,
        on_behalf_of: EVIL,
        paid_by: EVIL,
        matched: Some(EVIL),
        country: Some(EVIL),
        site: Some(EVIL),
        decision: EVIL,
        privacy_url: "/v1/privacy",
        report_url: None,
        notice: Some(NoticeForm {
            words: NoticeWords::of(&"de".parse().unwrap()),
            input: NoticeInput {
                reason: EVIL.to_owned(),
                explanation: EVIL.to_owned(),
                name: EVIL.to_owned(),
                email: EVIL.to_owned(),
                good_faith: true,
            },
            problems: NoticeField::ALL.to_vec(),
        }),
    };
    let document = json!({
        "info": {"title": EVIL, "version": EVIL, "description": EVIL},
        "paths": {"/v1/x": {"parameters": [{"name": EVIL, "in": EVIL, "description": EVIL}],
            "post": {"summary": EVIL, "description": EVIL,
            "requestBody": {"content": {"application/json": {"example": {"a": EVIL},
                "schema": {"properties": {"a": {"type": EVIL, "description": EVIL}}}}}},
            "responses": {"200": {"description": EVIL}}}}},
    });
    let schema = json!({"properties": {EVIL: {"description": EVIL},
        "group": {"description": EVIL, "properties": {EVIL: {"description": EVIL}}}}});
    let operator = ConsoleView { version: EVIL, weights: &schema, links: &links };
    let reply = json!({"text": EVIL, "list": [EVIL], "rows": [{"a": EVIL, EVIL: EVIL}], "facts": {"a": EVIL}});
    let described = json!({"properties": {"text": {"description": EVIL}, "facts": {"description": EVIL,
        "properties": {"a": {"description": EVIL}}}}});
    let figured = FiguresView {
        title: EVIL,
        lead: EVIL,
        path: "/v1/limits",
        reply: &reply,
        schema: &described,
        links: &links,
    };
    let mut steered = demo_view(&links);
    steered.query.entities = EVIL.into();
    steered.query.topic = EVIL.into();
    let start = IndexView { version: EVIL, groups: vec![(text(), links.clone())], links: &links };
    vec![
        ("index", index(&start)),
        ("demo", demo(&steered)),
        ("why", why(&reader)),
        ("advertiser", advertiser(&report(ReportContent::Report(Box::new(numbers))))),
        ("advertiser, refused", advertiser(&report(ReportContent::InvalidField(text(), text())))),
        ("publisher", publisher(&own(ReportContent::Report(Box::new(site()))))),
        ("publisher, refused", publisher(&own(ReportContent::InvalidField(text(), text())))),
        ("failure", failure(&failed)),
        ("console", console(&operator)),
        ("figures", figures(&figured)),
        ("search", search(EVIL, "https://units.example", &links)),
        ("docs", docs(&document, "/openapi.json", &links)),
    ]
    .into_iter()
    .chain(GUIDES.iter().map(|own| (own.menu, guide(own, "https://units.example", &links))))
    .collect()
}

#[test]
fn the_reference_shows_shared_responses_with_the_description_of_the_operation() {
    let reference = "#/components/responses/not_found";
    let document = json!({
        "components": {"responses": {"not_found": {
            "description": "No such resource.",
            "content": {"application/problem+json": {"example": {"code": "not_found"}}},
        }}},
        "paths": {
            "/own": {"get": {"responses": {"404": {"$ref": reference, "description": "No such file."}}}},
            "/general": {"get": {"responses": {"404": {"$ref": reference}}}},
        },
    });
    let html = docs(&document, "/openapi.json", &[]);
    assert_eq!(html.matches("application/problem+json").count(), 2);
    assert_eq!(html.matches("No such file.").count(), 1);
    assert_eq!(html.matches("No such resource.").count(), 1);
}

#[test]
fn texts_are_escaped_on_every_page() {
    for (page, html) in pages() {
        assert!(html.contains("&#60;script&#62;alert(1)"), "{page} shows it as text");
        assert!(!html.contains("<script>") && !html.contains("<img"), "{page}");
        assert!(!html.contains("\"'>"), "{page}: an attribute was left");
    }
}

#[test]
fn every_page_complies_with_its_content_security_policy() {
    for (page, html) in pages() {
        // Code blocks contain text only.
        let outside = |part: &str| part.split_once("</pre>").map(|(_, after)| after.to_owned());
        let html: String =
            html.split("<pre").map(|part| outside(part).unwrap_or(part.to_owned())).collect();
        for never in [" style=", "<style", " onclick", " onload", "javascript:", "http://"] {
            assert!(!html.contains(never), "{page}: {never}");
        }
        let scripts = html.matches("<script ").count();
        let wanted = match page {
            "demo" | "publisher" => 2,
            "index" | "why" | "failure" | "figures" | "search" => 0,
            // The guides are named by their menu entries.
            _ => 1,
        };
        assert_eq!(scripts, wanted, "{page}");
    }
}

#[test]
fn the_demo_page_shows_the_snippet_that_it_uses() {
    let links = links();
    let view = demo_view(&links);
    let line = embed_line(&view);
    assert_eq!(
        line,
        "<script async src=\"https://units.example/embed/v1/adjacent.js\" \
         data-publisher=\"eu-tech-news\" data-placement=\"article-end\" \
         data-topics=\"ai-infrastructure\" \
         data-entities=\"@alibaba cloud,european-commission\" data-page-region=\"eu\" \
         data-sentiment=\"neutral\" data-verified=\"true\"></script>"
    );
    let html = demo(&view);
    assert!(html.contains(&line));
    assert!(html.contains("&#60;script async"));
}

#[test]
fn the_controls_reflect_the_query_parameters() {
    let links = links();
    let mut view = demo_view(&links);
    view.query = serde_json::from_value(json!({"viewer": "DE", "style": "card"})).unwrap();
    assert_eq!(view.query.topic, "ai-infrastructure");
    let html = demo(&view);
    assert!(html.contains("<option value=\"DE\" selected>"));
    assert!(html.contains("<option value=\"card\" selected>"));
    assert!(html.contains("data-viewer-region=\"DE\" data-styles=\"card\""));
}

#[test]
fn an_empty_openapi_document_renders_a_page() {
    for document in [json!(null), json!({}), json!({"paths": {"/x": {"get": null}}})] {
        assert!(docs(&document, "/openapi.json", &[]).contains("API reference"));
    }
}

#[test]
fn no_class_or_id_of_a_page_matches_ad_blocker_rules() {
    for (page, html) in pages() {
        for attribute in ["class=\"", "id=\"", "action=\""] {
            for value in html.split(attribute).skip(1) {
                let value = value.split('"').next().unwrap();
                for part in value.split([' ', '-', '/']) {
                    let blocked = ["ad", "ads", "advert", "advertiser", "banner", "sponsor"];
                    assert!(!blocked.contains(&part), "{page}: {value}");
                }
            }
        }
    }
}
