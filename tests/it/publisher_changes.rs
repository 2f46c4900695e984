//! What a publisher changes with its own key, and what its page shows of it: block lists, pauses, and what
//! its pages reported.

use crate::harness::decision::reference_with;
use crate::harness::page::{BROWSER, Page, open};
use crate::harness::{Reader, Setup, TestServer, inventory, reference};
use serde_json::{Value, json};

const OWN: &str = "publisher:eu-tech-news";
const BLOCKS: &str = "/v1/publishers/eu-tech-news/blocks";
const PAGE: &str = "/reports/publishers/eu-tech-news";

/// Posts a change with the key of a party; returns status and body.
async fn post(server: &TestServer, path: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
    let mut call = server.reader.post(&format!("{}{path}", server.public)).json(body);
    if let Some(party) = key {
        call = call.bearer_auth(server.key(party));
    }
    let response = call.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
}

async fn block(server: &TestServer, body: Value) -> (u16, Value) {
    post(server, BLOCKS, Some(OWN), &body).await
}

async fn page(server: &TestServer) -> Page {
    open(server, PAGE, BROWSER, Some(OWN)).await
}

/// The cells of an entry of the block list.
fn set_by_the_publisher(kind: &str) -> Vec<String> {
    vec![kind.to_owned(), "you".to_owned()]
}

/// The advertisers of twenty decisions for the reference page.
async fn sponsors(server: &TestServer) -> Vec<String> {
    let mut found = Vec::new();
    for _ in 0..20 {
        found.push(server.decide(&reference()).await.advertiser().to_owned());
    }
    found
}

#[tokio::test]
async fn a_sponsor_blocked_with_the_publishers_key_is_not_shown_in_the_next_decision_and_is_audited()
 {
    let server = TestServer::start().await;
    assert!(sponsors(&server).await.contains(&"zahid-host".to_owned()));

    let (status, done) =
        block(&server, json!({ "advertiser": "zahid-host", "blocked": true })).await;

    assert_eq!(status, 200, "{done:#}");
    assert!(!sponsors(&server).await.contains(&"zahid-host".to_owned()));
    let url = format!("{}/v1/admin/history", server.ops);
    let history = server.reader.get(&url).bearer_auth(server.key("operator"));
    let history: Value = history.send().await.unwrap().json().await.unwrap();
    let entry = history.as_array().unwrap().last().unwrap().clone();
    assert_eq!(entry["number"], done["applied"], "{entry:#}");
    assert_eq!(entry["what"], "blocks of publishers/eu-tech-news");
    let key_id = server.key(OWN).split('_').nth(2).unwrap().to_owned();
    assert_eq!(entry["who"], json!(key_id));

    let (_, list) = server.get_as(OWN, BLOCKS).await;
    let blocked = json!([{ "id": "zahid-host", "name": "zahid.host", "own": true }]);
    assert_eq!(list["advertisers"], blocked);
    assert!(page(&server).await.rows("zahid-host").contains(&set_by_the_publisher("Sponsor")));

    let (status, _) = block(&server, json!({ "advertiser": "zahid-host", "blocked": false })).await;
    assert_eq!(status, 200);
    assert!(sponsors(&server).await.contains(&"zahid-host".to_owned()));
    assert!(page(&server).await.text.contains("You block nothing."));
}

#[tokio::test]
async fn categories_and_entities_are_blocked_as_well_and_the_operators_blocks_stay() {
    let server = TestServer::start().await;
    for body in [
        json!({ "category": "software", "blocked": true }),
        json!({ "entity": "zahid-host", "blocked": true }),
    ] {
        let (status, done) = block(&server, body.clone()).await;
        assert_eq!(status, 200, "{done:#}");
        assert!(!sponsors(&server).await.contains(&"zahid-host".to_owned()), "{body}");
        let mut undo = body;
        undo["blocked"] = json!(false);
        assert_eq!(block(&server, undo).await.0, 200);
        assert!(sponsors(&server).await.contains(&"zahid-host".to_owned()));
    }
    let (path, key) = ("/v1/publishers/kitchen-journal/blocks", Some("publisher:kitchen-journal"));
    let undo = json!({ "category": "gambling", "blocked": false });
    let (status, problem) = post(&server, path, key, &undo).await;
    assert_eq!(status, 422, "{problem:#}");
    let field = "publishers/kitchen-journal/blocks.categories";
    assert_eq!(problem["problems"][0]["field"], field, "{problem:#}");
    let (_, list) = server.get_as("publisher:kitchen-journal", path).await;
    assert_eq!(list["categories"][0]["own"], false, "{list:#}");
}

#[tokio::test]
async fn an_invalid_block_is_rejected_with_its_field_and_changes_nothing() {
    let server = TestServer::start().await;
    let head = server.inner.publishing.head().unwrap().unwrap().number;
    for (body, field, reason) in [
        (
            json!({ "advertiser": "zahid-hots", "blocked": true }),
            "publishers/eu-tech-news/blocks.advertisers",
            "did you mean `zahid-host`?",
        ),
        (
            json!({ "category": "no-such", "blocked": true }),
            "publishers/eu-tech-news/blocks.categories",
            "is not in categories",
        ),
    ] {
        let (status, problem) = block(&server, body).await;
        assert_eq!((status, &problem["code"]), (422, &json!("invalid_document")), "{problem:#}");
        assert_eq!(problem["problems"][0]["field"], field);
        assert!(problem["problems"][0]["reason"].as_str().unwrap().contains(reason), "{problem:#}");
    }
    for body in [
        json!({ "blocked": true }),
        json!({ "advertiser": "zahid-host", "category": "software", "blocked": true }),
        json!({ "advertiser": "Not An Id", "blocked": true }),
        json!({ "advertiser": "zahid-host", "blocked": true, "why": "x" }),
        json!({ "advertiser": "zahid-host" }),
    ] {
        let (status, problem) = block(&server, body).await;
        assert!([400, 422].contains(&status), "{problem:#}");
    }
    assert_eq!(server.inner.publishing.head().unwrap().unwrap().number, head);
    assert!(sponsors(&server).await.contains(&"zahid-host".to_owned()));
}

#[tokio::test]
async fn a_link_and_the_keys_of_other_parties_block_nothing_and_read_no_block_list() {
    let server = TestServer::start().await;
    let body = json!({ "advertiser": "zahid-host", "blocked": true });
    let link = server.publisher_link("eu-tech-news", 3_600_000);
    let by_link = format!("{BLOCKS}?link={link}");
    for path in [BLOCKS, &by_link] {
        assert_eq!(post(&server, path, None, &body).await.0, 401, "{path}");
        assert_eq!(open(&server, path, "*/*", None).await.status, 401, "{path}");
    }
    for party in ["publisher:kitchen-journal", "advertiser:zahid-host", "advertiser:gitlift"] {
        assert_eq!(post(&server, BLOCKS, Some(party), &body).await.0, 403, "{party}");
        assert_eq!(server.get_as(party, BLOCKS).await.0, 403, "{party}");
    }
    assert!(sponsors(&server).await.contains(&"zahid-host".to_owned()));
    assert_eq!(post(&server, BLOCKS, Some("operator"), &body).await.0, 200);
    let unknown = "/v1/publishers/no-such/blocks";
    assert_eq!(post(&server, unknown, Some("operator"), &body).await.0, 404);
    assert_eq!(server.get_as("operator", unknown).await.0, 404);
}

#[tokio::test]
async fn a_block_outlives_applied_files_and_a_restart() {
    let server = Setup::default().inventory(inventory::example()).start().await;
    let (status, _) = block(&server, json!({ "advertiser": "zahid-host", "blocked": true })).await;
    assert_eq!(status, 200);
    let wanted = adjacent::publishing::apply::CatalogUpdate {
        inventory: Some(adjacent::catalog::files::example()),
        ..Default::default()
    };
    let by = adjacent::catalog::AuditContext {
        who: "test".into(),
        what: "apply".into(),
        at: server.state.clock.now(),
        request: None,
    };
    let anything = adjacent::catalog::change::ExpectedVersion::Any;
    server.inner.publishing.apply(wanted, anything, &by).await.unwrap();
    assert!(!sponsors(&server).await.contains(&"zahid-host".to_owned()));

    let server = server.restart().await;

    assert!(!sponsors(&server).await.contains(&"zahid-host".to_owned()));
    assert!(page(&server).await.rows("zahid-host").contains(&set_by_the_publisher("Sponsor")));
}

#[tokio::test]
async fn the_page_and_the_api_show_what_is_paused() {
    let server = TestServer::start().await;
    let path = "/v1/publishers/eu-tech-news/pauses";
    assert!(page(&server).await.text.contains("Nothing is paused."));
    for body in [
        json!({ "path": "/live/", "paused": true }),
        json!({ "topic": "ai-infrastructure", "paused": true }),
    ] {
        assert_eq!(post(&server, path, Some(OWN), &body).await.0, 200);
    }
    let (_, pauses) = server.get_as(OWN, path).await;
    assert_eq!(
        pauses,
        json!({ "site": false, "paths": ["/live/"], "topics": ["ai-infrastructure"] })
    );
    let page = page(&server).await;
    assert!(page.rows("/live/").contains(&vec!["Path".to_owned()]));
    assert!(page.rows("ai-infrastructure").contains(&vec!["Topic".to_owned()]));
}

#[tokio::test]
async fn problems_and_unknown_names_are_on_the_page_without_query_and_without_reader_data() {
    let server = TestServer::start().await;
    assert!(page(&server).await.text.contains("No call yet."));
    let mut odd = reference();
    odd["page"]["url"] = json!("https://news.example/ai/x?email=reader@mail.example#me");
    odd["page"]["topics"] = json!(["ai-infrastructure", "knitting for cats"]);
    odd["page"]["colour"] = json!("blue");
    odd["viewer"]["region"] = json!("reader@mail.example");
    for _ in 0..3 {
        server.decision_response(&odd).await;
    }
    server.decide(&reference_with("/placements/0/name", json!("no-such-place"))).await;
    let long = reference_with("/placements/0/name", json!("x".repeat(200)));
    assert_eq!(server.request_decisions(&long).await.status(), 422);
    let bot = Reader::with_header("user-agent", "Googlebot/2.1 (+http://www.google.com/bot.html)");
    let mut crawled = reference();
    crawled["page"]["topics"] = json!(["only crawled"]);
    let url = format!("{}/v1/decisions", server.public);
    assert_eq!(bot.post(&url).json(&crawled).send().await.unwrap().status(), 200);

    let page = page(&server).await;

    let section = page.section("What your pages report");
    assert!(section.contains("5 calls, the last one at "), "{section}");
    let row = |text: &str, page: &str, count: u64| {
        format!(
            "<td class=\"words\">{text}</td><td class=\"address\">{page}</td>\
             <td class=\"num\">{count}</td>"
        )
    };
    for expected in [
        row("page.colour: unknown field, ignored", "news.example/ai/x", 3),
        row("viewer.region: ignored", "news.example/ai/x", 3),
        row(
            "placements: `no-such-place` is no placement of this publisher",
            "news.example/ai-infrastructure/x",
            1,
        ),
    ] {
        assert!(section.contains(&expected), "{expected}\n{section}");
    }
    assert!(section.contains("the name and the key must have 1 to 128 characters"), "{section}");
    assert_eq!(page.rows("knitting-for-cats")[0][0], "3");
    for absent in ["mail.example", "only crawled", "#me"] {
        assert!(!page.text.contains(absent), "{absent}");
    }
    let other = open(&server, "/reports/publishers/kitchen-journal", BROWSER, Some("operator"));
    assert!(other.await.text.contains("No call yet."));
}

#[tokio::test]
async fn what_many_pages_report_takes_a_bounded_number_of_rows() {
    let server = TestServer::start().await;
    for number in 0..120 {
        let mut odd = reference_with("/page/url", json!(format!("https://news.example/{number}")));
        odd["page"]["topics"] = json!([format!("unheard of {number}")]);
        odd["page"]["colour"] = json!("blue");
        server.decision_response(&odd).await;
    }
    let page = page(&server).await;
    let section = page.section("What your pages report");
    assert_eq!(section.matches("<tr><td class=\"words\">").count(), 50);
    assert_eq!(section.matches("<tr><th scope=\"row\">unheard-of").count(), 50);
    assert!(section.contains("unheard-of-119"), "the latest are kept");
}
