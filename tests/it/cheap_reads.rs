//! What unknown callers, and parties with a key, can make the server do: reads, rows, versions. Each test runs an
//! attack and asserts the small number that remains of it.

use crate::harness::decision::reference_with;
use crate::harness::{TestServer, reference, wait_until};
use futures_util::future::join_all;
use serde_json::json;
use std::collections::BTreeMap;

/// How often each status was answered to these requests, all sent at once.
async fn statuses(requests: Vec<reqwest::RequestBuilder>) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in join_all(requests.into_iter().map(reqwest::RequestBuilder::send)).await {
        let answer = answer.unwrap();
        let retry = answer.headers().get("retry-after");
        assert_eq!(retry.is_some(), matches!(answer.status().as_u16(), 429 | 503));
        *counts.entry(answer.status().as_u16()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn a_hundred_requests_of_one_address_for_why_pages_read_the_decision_log_two_dozen_times() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    let ids = [unit.id().to_owned(), uuid::Uuid::now_v7().to_string()];
    let why = |at: usize| server.reader.get(&format!("{}/w/{}", server.public, ids[at % 2]));

    let answered = statuses((0..100).map(why).collect()).await;

    let served = [200, 404].map(|status| answered.get(&status).copied().unwrap_or(0));
    assert!((10..=24).contains(&served.iter().sum::<usize>()), "{answered:?}");
    assert!(answered.keys().all(|status| [200, 404, 429, 503].contains(status)), "{answered:?}");
    let decision = server.decide(&reference()).await;
    assert!(decision.is_filled(), "decisions pass no gate");
    assert_eq!(server.explain("operator", unit.id()).await.0, 200, "nor do operators wait");
}

#[tokio::test]
async fn a_publishers_key_gets_events_of_twenty_decisions_at_once_and_an_operator_of_all() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    server.reader.impression(&unit).await;
    let url = format!("{}/v1/decisions/{}/events", server.public, unit.id());
    let events = |party: &str| server.reader.get(&url).bearer_auth(server.key(party));

    let answered = statuses((0..60).map(|_| events("publisher:eu-tech-news")).collect()).await;

    let served = answered[&200];
    assert!((4..=21).contains(&served), "{answered:?}");
    for _ in 0..60 {
        let (status, reply) =
            server.get_as("operator", &format!("/v1/decisions/{}/events", unit.id())).await;
        assert_eq!((status, reply["events"].as_array().unwrap().len()), (200, 1));
    }
    let (status, foreign) = server
        .get_as("publisher:kitchen-journal", &format!("/v1/decisions/{}/events", unit.id()))
        .await;
    assert_eq!((status, &foreign["events"]), (200, &json!([])));
}

#[tokio::test]
async fn a_publishers_key_makes_thirty_versions_at_once_and_an_operator_any_number() {
    let server = TestServer::start().await;
    let url = format!("{}/v1/publishers/eu-tech-news/pauses", server.public);
    let pause = async |party: &str, number: usize| {
        let body = json!({ "path": format!("/{number}/"), "paused": true });
        let request = server.reader.post(&url).bearer_auth(server.key(party));
        request.json(&body).send().await.unwrap().status().as_u16()
    };
    let mut made = 0;
    for number in 0..31 {
        made += usize::from(pause("publisher:eu-tech-news", number).await == 200);
    }
    assert_eq!(made, 30);
    for number in 100..120 {
        assert_eq!(pause("operator", number).await, 200);
    }
    let folder = server.data().join("catalog/inventory");
    let versions = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(versions, 1 + 30 + 20);
}

/// Waits until a publisher's report by country has these rows: country and requests.
async fn wait_for_rows(server: &TestServer, expected: &[(&str, i64)]) {
    wait_until("the rows by country", async || {
        let rows = rows(server, "region").await;
        let found: Vec<(&str, i64)> = rows.iter().map(|(name, count)| (&**name, *count)).collect();
        (found == expected).then_some(())
    })
    .await;
}

async fn rows(server: &TestServer, by: &str) -> Vec<(String, i64)> {
    server.wait_until_applied().await;
    let path = format!("/v1/reports/publishers/eu-tech-news?by={by}");
    let (status, report) = server.get_as("operator", &path).await;
    assert_eq!(status, 200, "{report}");
    // Unfilled slots have rows of their own, without a currency.
    let mut rows = BTreeMap::<String, i64>::new();
    for row in report["rows"].as_array().unwrap() {
        let value = row["keys"][0].as_str().unwrap().to_owned();
        *rows.entry(value).or_default() += row["requests"].as_i64().unwrap();
    }
    rows.into_iter().collect()
}

#[tokio::test]
async fn countries_that_only_a_reader_declares_make_no_rows() {
    let server = TestServer::start().await;
    let countries = ["AT", "CH", "DE", "FR", "GB", "IE", "IT", "JP", "NL", "US"];
    for country in countries {
        let page = reference_with("/viewer/region", json!(country));
        let decision = server.decide(&page).await;
        if decision.is_filled() {
            server.reader.impression(&decision).await;
        }
    }
    wait_for_rows(&server, &[("unknown", 10)]).await;

    let url = format!("{}/v1/decisions", server.public);
    let keyed = server.reader.post(&url).bearer_auth(server.key("publisher:eu-tech-news"));
    let answer = keyed.json(&reference()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    wait_for_rows(&server, &[("DE", 1), ("unknown", 10)]).await;
}

#[tokio::test]
async fn text_that_expands_makes_no_longer_names_and_no_long_line_of_the_log() {
    let server = TestServer::start().await;
    // 16 KiB of a character that stands for 18.
    let names: Vec<String> = (0..100).map(|number| format!("{number}{}", "ﷺ".repeat(45))).collect();
    let mut page = reference_with("/page/keywords", json!(names[..60]));
    page["page"]["entities"] = json!(names[60..92]);
    page["page"]["topics"] = json!(names[92..]);
    assert!(page.to_string().len() < 16 * 1024);

    let answer = server.decision_response(&page).await;
    let id = answer["request_id"].as_str().unwrap();
    let (status, explanation) = server.explain("operator", id).await;

    assert_eq!((status, &explanation["agrees"]), (200, &json!(true)));
    let unknown = explanation["page"]["unknown"].as_array().unwrap();
    assert!(unknown.len() <= 8, "{unknown:?}");
    assert!(unknown.iter().all(|name| name.as_str().unwrap().len() <= 128));
}
