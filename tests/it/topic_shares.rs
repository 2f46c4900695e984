//! The bound on the part that one advertiser takes of a topic's slots in a day.

use crate::harness::decision::page_on;
use crate::harness::inventory::example;
use crate::harness::{Decision, Setup, TestServer, wait_until};
use adjacent::catalog::AuditContext;
use adjacent::catalog::change::ExpectedVersion;
use adjacent::domain::weights::{Fairness, Weights};
use adjacent::publishing::apply::CatalogUpdate;
use reqwest::Method;
use serde_json::Value;

const GREEDY: &str = r#"
[[advertisers]]
id = "greedy"
name = "Greedy"
domains = ["greedy.example"]
currency = "EUR"
[[campaigns]]
id = "greedy"
advertiser = "greedy"
name = "Greedy"
political = false
categories = ["software"]
[[flights]]
id = "greedy"
campaign = "greedy"
tier = "sponsorship"
pricing = "flat"
targeting = { topics = { any = ["devops", "rust"] } }
[[creatives]]
id = "greedy"
flight = "greedy"
styles = ["card"]
language = "en"
headline = "Headline"
ctas = [{ id = "primary", text = "Go", url = "https://greedy.example/" }]
"#;

/// Bounds one topic.
async fn bound(server: &TestServer) {
    let topics = [("devops".to_owned(), 40.0)].into();
    let fairness = Fairness { max_share_percent: None, topics };
    let weights = Weights { fairness: Some(fairness), ..Weights::default() };
    let update =
        CatalogUpdate { weights: Some(weights), confirm: true, ..CatalogUpdate::default() };
    let by = AuditContext {
        who: "test".into(),
        what: "bound a topic".into(),
        at: server.state.clock.now(),
        request: None,
    };
    server.inner.publishing.apply(update, ExpectedVersion::Any, &by).await.unwrap();
}

async fn shares(server: &TestServer) -> Value {
    let url = format!("{}/v1/admin/topic-shares", server.ops);
    let reply = server.reader.get(&url).bearer_auth(server.key("operator")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    reply.json().await.unwrap()
}

/// A topic's slots, and those of `greedy` with whether it gets no more.
async fn share(server: &TestServer, topic: &str) -> (u64, u64, bool) {
    let document = shares(server).await;
    let found = document["topics"].as_array().unwrap().iter().find(|one| one["topic"] == topic);
    let Some(found) = found else { return (0, 0, false) };
    let advertisers = found["advertisers"].as_array().unwrap();
    let own = advertisers.iter().find(|one| one["advertiser"] == "greedy");
    let slots = |value: &Value| value["slots"].as_u64().unwrap();
    (slots(found), own.map_or(0, slots), own.is_some_and(|own| own["closed"] == true))
}

async fn ask(server: &TestServer, topic: &str, pages: usize) -> Vec<Decision> {
    let mut decisions = Vec::new();
    for _ in 0..pages {
        decisions.push(server.decide(&page_on(topic)).await);
    }
    decisions
}

fn greedy(decisions: &[Decision]) -> usize {
    decisions.iter().filter(|one| one.is_filled() && one.advertiser() == "greedy").count()
}

async fn wait_until_closed(server: &TestServer, is_closed: bool) {
    wait_until("the state follows the shares", async || {
        (share(server, "devops").await.2 == is_closed).then_some(())
    })
    .await;
}

async fn explained(server: &TestServer, decision: &Decision) -> Value {
    let url = format!("{}/v1/decisions/{}/explain", server.ops, decision.id());
    let reply = server.reader.get(&url).bearer_auth(server.key("operator")).send().await.unwrap();
    reply.json().await.unwrap()
}

#[tokio::test]
async fn an_advertiser_over_its_part_of_a_topic_gets_no_more_of_it_until_others_had_theirs() {
    let inventory = format!("{}\n{GREEDY}", example());
    let begin: jiff::Timestamp = "2027-03-01T00:10:00Z".parse().unwrap();
    let server = Setup::default().inventory(inventory).manual_clock_at(begin).start().await;
    bound(&server).await;

    let first = ask(&server, "devops", 5).await;
    assert_eq!((greedy(&first), share(&server, "devops").await), (5, (5, 5, false)));
    let more = ask(&server, "devops", 45).await;
    wait_until_closed(&server, true).await;
    let (slots, taken, _) = share(&server, "devops").await;
    assert_eq!((slots, taken), (50, 5 + greedy(&more) as u64));

    // Up to the bound again, others get the slots, and on other topics nothing changes.
    let others = ask(&server, "devops", 5).await;
    assert_eq!(greedy(&others), 0);
    assert_eq!(greedy(&ask(&server, "rust", 20).await), 20);
    let document = explained(&server, &others[0]).await;
    assert_eq!(document["agrees"], true, "{document:#}");
    let removed = document["slots"][0]["removed"].as_array().unwrap();
    let own = removed.iter().find(|one| one["flight"] == "greedy").unwrap();
    assert_eq!(own["stage"], "topic_share");
    assert_eq!(explained(&server, &first[0]).await["agrees"], true);
    let scrape = server.scrape().await;
    assert!(scrape.value("adjacent_topic_share_max_ratio{topic=\"devops\"}") > 0.4);
    assert_eq!(scrape.count("adjacent_topic_shares_closed"), 1);

    let needed = taken * 10 / 4;
    ask(&server, "devops", usize::try_from(needed).unwrap()).await;
    wait_until("below the bound it wins again", async || {
        (greedy(&ask(&server, "devops", 5).await) > 0).then_some(())
    })
    .await;

    // What the day had before a restart still counts.
    wait_until("it has more than its part again", async || {
        ask(&server, "devops", 10).await;
        share(&server, "devops").await.2.then_some(())
    })
    .await;
    let before = share(&server, "devops").await;
    // A start takes the weights of their file.
    let server = server.restart().await;
    bound(&server).await;
    wait_until_closed(&server, true).await;
    assert_eq!(share(&server, "devops").await, before);
    server.advance_ms(86_400_000);
    wait_until("another day", async || {
        (server.scrape().await.count("adjacent_topic_shares_closed") == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_bound_of_an_unknown_topic_is_refused_with_the_nearest_one() {
    let server = TestServer::start().await;
    let url = format!("{}/v1/admin/weights?confirm=true", server.ops);
    let mut weights = serde_json::to_value(Weights::default()).unwrap();
    weights["fairness"] = serde_json::json!({ "topics": { "cloud-computin": 40.0 } });
    let call = server.reader.request(Method::PUT, &url).bearer_auth(server.key("operator"));
    let reply = call.json(&weights).send().await.unwrap();
    assert_eq!(reply.status(), 422);
    let text = reply.text().await.unwrap();
    assert!(text.contains("did you mean `cloud-computing`?"), "{text}");
}
