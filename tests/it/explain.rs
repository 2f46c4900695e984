//! Why: any decision, live or past, whole for the operator and redacted for the others.

use crate::harness::Setup;
use crate::harness::TestServer;
use crate::harness::decision::reference_with;
use crate::harness::inventory;
use crate::harness::reference;
use crate::harness::until;
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::Value;
use serde_json::json;

#[tokio::test]
async fn the_operator_reads_the_whole_trace_of_a_past_decision() {
    let server = TestServer::start().await;
    let unit = server.unit().await;

    let (status, told) = server.explain("operator", unit.id()).await;

    assert_eq!(status, 200);
    assert_eq!(told["agrees"], true);
    assert_eq!(told["publisher"], "eu-tech-news");
    assert_eq!(told["page"]["topics"], json!(["ai-infrastructure"]));
    let slot = &told["slots"][0];
    assert_eq!(slot["decision_id"], unit.id());
    assert_eq!(slot["result"]["creative"], unit.creative());
    assert_eq!(slot["candidates"][0]["flight"], "zahid-ai-europe");
    let removed = slot["removed"].as_array().unwrap();
    let kitchen = removed.iter().find(|one| one["flight"] == "kupferpfanne-kochen").unwrap();
    assert_eq!(kitchen["stage"], "topic");
    assert!(kitchen["reason"].as_str().unwrap().len() > 10, "{kitchen}");
}

#[tokio::test]
async fn a_live_call_explains_itself_to_the_operator_alone() {
    let server = TestServer::start().await;
    let page = reference_with("/explain", json!(true));
    let address = format!("{}/v1/decisions", server.public);

    let operator = server.reader.post(&address).bearer_auth(server.key("operator"));
    let live: Value = operator.json(&page).send().await.unwrap().json().await.unwrap();
    let refused = server.ask(&page).await;

    let id = live["decisions"]["article-end"]["decision_id"].as_str().unwrap();
    let (_, past) = server.explain("operator", id).await;
    assert_eq!(live["explanation"], past);
    assert_eq!(refused.status(), 403);
}

#[tokio::test]
async fn hundreds_of_different_calls_are_made_again_alike_also_after_a_restart() {
    let server = TestServer::start().await;
    let mut dice = StdRng::seed_from_u64(11);
    let mut ids = Vec::new();
    for _ in 0..200 {
        let answer = server.answer(&any_page(&mut dice)).await;
        ids.push(answer["request_id"].as_str().unwrap().to_owned());
    }

    for id in &ids {
        let (status, told) = server.explain("operator", id).await;
        assert_eq!((status, &told["agrees"]), (200, &json!(true)), "{told:#}");
    }
    let server = server.restart().await;
    for id in ids.iter().step_by(10) {
        let (status, told) = server.explain("operator", id).await;
        assert_eq!((status, &told["agrees"]), (200, &json!(true)), "{told:#}");
    }
}

/// A page about anything, for anybody.
fn any_page(dice: &mut StdRng) -> Value {
    let topics = ["ai-infrastructure", "cooking", "rust", "policy", "cycling", "war", "unheard of"];
    let entities = ["zahid.host", "Gitlift", "Apple", "European Commission", "somebody"];
    let countries = ["DE", "US", "GB", "AT", "JP", "nowhere"];
    let mut page = reference();
    page["page"]["topics"] = json!(topics.sample(dice, 2).collect::<Vec<_>>());
    let role = if dice.random() { "subject" } else { "mention" };
    page["page"]["entities"] = json!([{ "name": entities.choose(dice), "role": role }]);
    page["page"]["commercial"] = json!(["allow", "allow", "house_only", "none"].choose(dice));
    page["viewer"]["region"] = json!(countries.choose(dice));
    page["publisher"] = json!(["eu-tech-news", "kitchen-journal"].choose(dice));
    page["placements"] = json!([{ "name": "article-end" }, { "name": "sidebar" }]);
    page["test"] = json!(dice.random_range(0..10) == 0);
    page
}

#[tokio::test]
async fn a_decision_lost_to_a_smaller_budget_is_still_made_again_alike() {
    let server = Setup::default().inventory(inventory::sold(3)).start().await;

    for _ in 0..12 {
        let decision = server.decide(&reference()).await;
        server.reader.impression(&decision).await;
        let (_, told) = server.explain("operator", decision.id()).await;
        assert_eq!(told["agrees"], true, "{told:#}");
    }
}

#[tokio::test]
async fn a_creative_that_did_not_win_is_told_why() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    let want = async |creative: &str| {
        let path = format!("/v1/decisions/{}/explain?want={creative}", unit.id());
        server.get_as("operator", &path).await.1["want"][0].clone()
    };

    let (pan, won, nobody) =
        (want("kupferpfanne-pfanne").await, want("zahid-git-push").await, want("none-such").await);

    assert_eq!(pan["won"], false);
    assert!(pan["against"].as_array().unwrap().contains(&json!("topic")), "{pan}");
    assert!(!pan["changes"].as_array().unwrap().is_empty());
    assert_eq!(won["won"], true);
    assert!(nobody["changes"][0].as_str().unwrap().contains("no creative `none-such`"));
}

#[tokio::test]
async fn a_publisher_reads_who_was_there_and_nobodys_score() {
    let server = TestServer::start().await;
    let unit = server.unit().await;

    let (status, told) = server.explain("publisher:eu-tech-news", unit.id()).await;
    let (foreign, nothing) = server.explain("publisher:kitchen-journal", unit.id()).await;

    assert_eq!(status, 200);
    let text = told.to_string();
    for secret in ["score", "terms", "price", "weight_and", "8000000"] {
        assert!(!text.contains(secret), "{secret}: {told:#}");
    }
    assert!(told["slots"][0]["stages"].as_array().is_some_and(|stages| !stages.is_empty()));
    assert_eq!((foreign, &nothing["code"]), (404, &json!("decision_not_recorded")));
}

#[tokio::test]
async fn an_advertiser_reads_its_own_part_and_no_rivals_name() {
    let server = TestServer::start().await;
    let unit = server.decide(&reference_with("/page/entities", json!([]))).await;
    assert_eq!(unit.sponsor(), "zahid-host");

    let (_, rival) = server.explain("advertiser:gitlift", unit.id()).await;
    let (_, own) = server.explain("advertiser:zahid-host", unit.id()).await;

    let text = rival.to_string();
    for name in ["zahid", "kupferpfanne", "palisade", "kontorbuch", "veloria", "lernwerk", "house"]
    {
        assert!(!text.contains(name), "{name}: {rival:#}");
    }
    assert_eq!(rival["slots"][0]["removed"][0]["flight"], "gitlift-devops-americas");
    assert_eq!(own["slots"][0]["result"]["flight"], "zahid-ai-europe");
    assert!(!own.to_string().contains("gitlift"), "{own:#}");
}

#[tokio::test]
async fn an_unknown_decision_is_said_to_be_unknown() {
    let server = TestServer::start().await;

    for id in ["00000000-0000-7000-8000-000000000001", "nonsense", "..%2f..%2fetc"] {
        let (status, told) = server.explain("operator", id).await;
        assert_eq!((status, &told["code"]), (404, &json!("decision_not_recorded")), "{id}");
        let reader = server.reader.get(&format!("{}/w/{id}", server.public)).send().await.unwrap();
        assert_eq!(reader.status(), 404, "{id}");
    }
}

#[tokio::test]
async fn a_decision_is_on_disk_within_a_second() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    let began = std::time::Instant::now();
    let id = uuid::Uuid::parse_str(unit.id()).unwrap().as_u128();

    until("the decision on disk", async || {
        adjacent::decision_log::find(&server.data().join("decisions"), id).unwrap()
    })
    .await;

    assert!(began.elapsed().as_millis() < 1_000, "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_reader_is_told_why_who_paid_and_what_never_is_used() {
    let server = TestServer::start().await;
    let unit = server.unit().await;

    let page = server.reader.get(unit.text("/transparency/why_url")).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let text = page.text().await.unwrap();

    assert!(policy.contains("frame-ancestors 'none'"));
    for word in ["zahid.host", "Zahid Hosting GmbH", "AI infrastructure", "lang=\"de\"", "Anzeige"]
    {
        assert!(text.contains(word), "{word}: {text}");
    }
}
