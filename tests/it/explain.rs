//! Explanations of live and past decisions: complete for the operator, redacted for other parties.

use crate::harness::decision::reference_with;
use crate::harness::{Setup, TestServer, inventory, reference, wait_until};
use adjacent::decision_log::Lookup;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

#[tokio::test]
async fn the_operator_reads_the_whole_trace_of_a_past_decision() {
    let server = TestServer::start().await;
    let unit = server.unit().await;

    let (status, explanation) = server.explain("operator", unit.id()).await;

    assert_eq!(status, 200);
    assert_eq!(explanation["agrees"], true);
    assert_eq!(explanation["publisher"], "eu-tech-news");
    assert_eq!(explanation["page"]["topics"], json!(["ai-infrastructure"]));
    let slot = &explanation["slots"][0];
    assert_eq!(slot["decision_id"], unit.id());
    assert_eq!(slot["result"]["creative"], unit.creative());
    assert_eq!(slot["candidates"][0]["flight"], "zahid-ai-europe");
    let removed = slot["removed"].as_array().unwrap();
    let kitchen = removed.iter().find(|entry| entry["flight"] == "kupferpfanne-kochen").unwrap();
    assert_eq!(kitchen["stage"], "topic");
    assert!(kitchen["reason"].as_str().unwrap().len() > 10, "{kitchen}");
}

#[tokio::test]
async fn a_live_decision_is_explained_only_to_the_operator() {
    let server = TestServer::start().await;
    let page = reference_with("/explain", json!(true));
    let address = format!("{}/v1/decisions", server.public);

    let operator = server.reader.post(&address).bearer_auth(server.key("operator"));
    let live: Value = operator.json(&page).send().await.unwrap().json().await.unwrap();
    let anonymous = server.request_decisions(&page).await;

    let id = live["decisions"]["article-end"]["decision_id"].as_str().unwrap();
    let (_, past) = server.explain("operator", id).await;
    assert_eq!(live["explanation"], past);
    assert_eq!(anonymous.status(), 403);
}

#[tokio::test]
async fn the_explanation_says_which_stated_fact_would_have_to_change() {
    let wanted = "regions = { any = [\"eu\", \"CH\"] }";
    let inventory = inventory::example_with(
        wanted,
        &format!("{wanted}, sentiment = {{ any = [\"positive\"] }}"),
    );
    let server = Setup::default().inventory(inventory).start().await;
    let page = async |sentiment: Value| {
        server.decision_response(&reference_with("/page/sentiment", sentiment)).await
    };
    let (positive, negative) = (page(json!("positive")).await, page(json!("negative")).await);

    assert_eq!(positive["decisions"]["article-end"]["flight"], "zahid-ai-europe");
    assert_ne!(negative["decisions"]["article-end"]["flight"], "zahid-ai-europe");
    let id = negative["decisions"]["article-end"]["decision_id"].as_str().unwrap();
    let path = format!("/v1/decisions/{id}/explain?want=zahid-git-push");
    let (_, explanation) = server.get_as("operator", &path).await;
    assert_eq!(explanation["agrees"], true, "{explanation:#}");
    assert_eq!(explanation["want"][0]["against"], json!(["sentiment"]));
    let changes = explanation["want"][0]["changes"].to_string();
    assert!(changes.contains("must target the page's sentiment"), "{changes}");
}

#[tokio::test]
async fn hundreds_of_different_decisions_replay_identically_also_after_a_restart() {
    let server = TestServer::start().await;
    let mut dice = StdRng::seed_from_u64(11);
    let mut ids = Vec::new();
    for _ in 0..200 {
        let answer = server.decision_response(&any_page(&mut dice)).await;
        ids.push(answer["request_id"].as_str().unwrap().to_owned());
    }

    for id in &ids {
        let (status, explanation) = server.explain("operator", id).await;
        assert_eq!((status, &explanation["agrees"]), (200, &json!(true)), "{explanation:#}");
    }
    let server = server.restart().await;
    for id in ids.iter().step_by(10) {
        let (status, explanation) = server.explain("operator", id).await;
        assert_eq!((status, &explanation["agrees"]), (200, &json!(true)), "{explanation:#}");
    }
}

/// A random decision request.
fn any_page(dice: &mut StdRng) -> Value {
    let topics =
        ["ai-infrastructure", "cooking", "rust", "policy", "cycling", "war", "unknown topic"];
    let entities = ["zahid.host", "Gitlift", "Apple", "European Commission", "unknown"];
    let countries = ["DE", "US", "GB", "AT", "JP", "unknown"];
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
async fn a_decision_limited_by_a_small_budget_replays_identically() {
    let server = Setup::default().inventory(inventory::with_budget_for(3)).start().await;

    for _ in 0..12 {
        let decision = server.decide(&reference()).await;
        server.reader.impression(&decision).await;
        let (_, explanation) = server.explain("operator", decision.id()).await;
        assert_eq!(explanation["agrees"], true, "{explanation:#}");
    }
}

#[tokio::test]
async fn the_explanation_says_why_a_creative_did_not_win() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    let want = async |creative: &str| {
        let path = format!("/v1/decisions/{}/explain?want={creative}", unit.id());
        server.get_as("operator", &path).await.1["want"][0].clone()
    };

    let (pan, won, unknown) =
        (want("kupferpfanne-pfanne").await, want("zahid-git-push").await, want("none-such").await);

    assert_eq!(pan["won"], false);
    assert!(pan["against"].as_array().unwrap().contains(&json!("topic")), "{pan}");
    assert!(!pan["changes"].as_array().unwrap().is_empty());
    assert_eq!(won["won"], true);
    assert!(unknown["changes"][0].as_str().unwrap().contains("`none-such`"));
}

#[tokio::test]
async fn a_publisher_sees_the_candidates_without_scores_or_prices() {
    let server = TestServer::start().await;
    let unit = server.unit().await;

    let (status, explanation) = server.explain("publisher:eu-tech-news", unit.id()).await;
    let (status_of_other, reply_of_other) =
        server.explain("publisher:kitchen-journal", unit.id()).await;

    assert_eq!(status, 200);
    let text = explanation.to_string();
    for secret in ["score", "terms", "price", "weight_and", "8000000"] {
        assert!(!text.contains(secret), "{secret}: {explanation:#}");
    }
    assert!(explanation["slots"][0]["stages"].as_array().is_some_and(|stages| !stages.is_empty()));
    assert_eq!((status_of_other, &reply_of_other["code"]), (404, &json!("decision_not_recorded")));
}

#[tokio::test]
async fn an_advertiser_sees_its_own_result_and_no_other_advertisers_name() {
    let server = TestServer::start().await;
    let unit = server.decide(&reference_with("/page/entities", json!([]))).await;
    assert_eq!(unit.advertiser(), "zahid-host");

    let (_, other) = server.explain("advertiser:gitlift", unit.id()).await;
    let (_, own) = server.explain("advertiser:zahid-host", unit.id()).await;

    let text = other.to_string();
    for name in ["zahid", "kupferpfanne", "palisade", "kontorbuch", "veloria", "lernwerk", "house"]
    {
        assert!(!text.contains(name), "{name}: {other:#}");
    }
    assert_eq!(other["slots"][0]["removed"][0]["flight"], "gitlift-devops-americas");
    assert_eq!(own["slots"][0]["result"]["flight"], "zahid-ai-europe");
    assert!(!own.to_string().contains("gitlift"), "{own:#}");
}

#[tokio::test]
async fn an_unknown_decision_is_not_found() {
    let server = TestServer::start().await;

    for id in ["00000000-0000-7000-8000-000000000001", "nonsense", "..%2f..%2fetc"] {
        let (status, explanation) = server.explain("operator", id).await;
        assert_eq!((status, &explanation["code"]), (404, &json!("decision_not_recorded")), "{id}");
        let page = server.reader.get(&format!("{}/w/{id}", server.public)).send().await.unwrap();
        assert_eq!(page.status(), 404, "{id}");
    }
}

#[tokio::test]
async fn a_decision_is_on_disk_within_a_second() {
    let server = TestServer::start().await;
    let unit = server.unit().await;
    let started = std::time::Instant::now();
    let id = uuid::Uuid::parse_str(unit.id()).unwrap().as_u128();

    wait_until("the decision on disk", async || {
        let folder = server.data().join("decisions");
        let found = adjacent::decision_log::find(&folder, id, &mut Vec::new()).unwrap();
        matches!(found, Lookup::Found(_)).then_some(())
    })
    .await;

    assert!(started.elapsed().as_millis() < 1_000, "{:?}", started.elapsed());
}

#[tokio::test]
async fn the_why_page_names_the_payer_and_the_reasons() {
    let server = TestServer::start().await;
    let page = reference_with("/page/language", "de".into());
    let unit = wait_until("a unit of the reference advertiser", async || {
        Some(server.decide(&page).await).filter(|unit| unit.advertiser() == "zahid-host")
    })
    .await;

    let page = server.reader.get(unit.text("/transparency/why_url")).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let text = page.text().await.unwrap();

    assert!(policy.contains("frame-ancestors 'none'"));
    for expected in [
        "zahid.host",
        "Zahid Hosting GmbH",
        "AI infrastructure",
        "lang=\"de\"",
        "Anzeige",
        "Ton, ob sie geprüft ist",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[tokio::test]
async fn an_unreadable_decision_has_another_code_than_one_that_is_not_recorded() {
    let server = TestServer::start().await;
    let damaged = server.unit().await;
    let intact = server.unit().await;
    assert_eq!(server.explain("operator", intact.id()).await.0, 200);
    let log = server.data().join("decisions");
    let segment = std::fs::read_dir(&log).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&segment).unwrap();
    let id = uuid::Uuid::parse_str(damaged.id()).unwrap().as_u128() & !0xFF;
    let id = postcard::to_stdvec(&id).unwrap();
    let line = bytes.windows(id.len()).position(|part| part == id).unwrap();
    bytes[line + 30] ^= 1;
    std::fs::write(&segment, bytes).unwrap();

    for _ in 0..2 {
        let (status, problem) = server.explain("operator", damaged.id()).await;
        assert_eq!((status, &problem["code"]), (404, &json!("decision_unreadable")));
        let name = segment.file_name().unwrap().to_str().unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(name) && detail.contains("restore the file"), "{detail}");
        assert_eq!(server.metric("adjacent_decision_log_unreadable_total").await, 1);
    }
    let (_, problem) = server.explain("publisher:eu-tech-news", damaged.id()).await;
    assert_eq!(problem["code"], "decision_unreadable");
    assert!(!problem["detail"].as_str().unwrap().contains(".decisions"), "{problem}");
    let (status, explanation) = server.explain("operator", intact.id()).await;
    assert_eq!((status, &explanation["agrees"]), (200, &json!(true)));
}
