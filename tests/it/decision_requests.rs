//! Decision requests: request formats, test requests, limits and rejections.

use crate::harness::decision::reference_with;
use crate::harness::inventory::PRICE_MICROS;
use crate::harness::{Decision, Reader, Setup, TestServer, inventory, reference};
use serde_json::{Value, json};

const BY_PARAMETERS: &str = "/v1/decisions?publisher=eu-tech-news&placement=article-end\
    &style=terminal&style=card&topic=ai-infrastructure&subject=%40alibaba%20cloud\
    &entity=european-commission&keyword=data%20centre&region=eu&language=en&viewer_region=DE\
    &url=https%3A%2F%2Fnews.example%2Fai-infrastructure%2Fx";

#[tokio::test]
async fn get_post_and_plain_text_requests_are_equivalent() {
    let server = TestServer::start().await;
    let address = format!("{}/v1/decisions", server.public);
    let plain = server.reader.post(&address).header("content-type", "text/plain");

    let posted = server.decision_response(&reference()).await;
    let plain: Value =
        plain.body(reference().to_string()).send().await.unwrap().json().await.unwrap();
    let by_get = server.reader.get(&format!("{}{BY_PARAMETERS}", server.public));
    let by_get: Value = by_get.send().await.unwrap().json().await.unwrap();

    for answer in [&plain, &by_get] {
        assert_eq!(stable_part(answer), stable_part(&posted));
    }
    let mut traces = Vec::new();
    for answer in [&posted, &by_get] {
        let (_, trace) = server.explain("operator", answer["request_id"].as_str().unwrap()).await;
        traces.push(trace["page"].clone());
    }
    assert_eq!(traces[0], traces[1], "both requests describe the same page");
}

/// The parts of a response that do not change with every request.
fn stable_part(answer: &Value) -> Value {
    let mut unit = answer["decisions"]["article-end"].clone();
    assert_eq!(unit["fill"], true, "{answer:#}");
    for name in ["decision_id", "event_urls", "impression_until", "click_until"] {
        unit.as_object_mut().unwrap().remove(name);
    }
    unit["transparency"]["why_url"] = Value::Null;
    unit["creative"]["click_url"] = Value::Null;
    unit["creative"]["command"]["copy_url"] = Value::Null;
    for cta in unit["creative"]["ctas"].as_array_mut().unwrap() {
        cta["click_url"] = Value::Null;
    }
    json!([unit, answer["warnings"]])
}

#[tokio::test]
async fn a_test_request_works_and_never_counts() {
    let server = Setup::default().inventory(inventory::with_origins()).start().await;
    let staging = Reader::with_header("origin", "https://staging.news.example");
    let address = format!("{}/v1/decisions", server.public);

    let requested = server.decide(&reference_with("/test", json!(true))).await;
    let staged: Value =
        staging.post(&address).json(&reference()).send().await.unwrap().json().await.unwrap();
    let staged = Decision(staged["decisions"]["article-end"].clone());

    for unit in [&requested, &staged] {
        assert!(unit.is_test() && unit.is_filled(), "{:#}", unit.0);
        assert!(server.reader.impression(unit).await.recorded);
        let click = server.click(unit, "primary").await;
        assert!(click.location.unwrap().starts_with("https://zahid.host/signup"));
        assert_eq!(server.verdicts(unit).await, ["impression invalid test", "click invalid test"]);
    }
    assert_eq!(reserved_micros(&server), 0);
    assert_eq!(server.scrape().await.spent(), 0);
    assert_eq!(server.metric("adjacent_decisions_total{outcome=\"test\"}").await, 2);
    assert_eq!(server.metric("adjacent_decisions_total{outcome=\"filled\"}").await, 0);
}

#[tokio::test]
async fn only_the_operator_can_force_a_creative() {
    let server = TestServer::start().await;
    let page = reference_with("/force_creative", json!("kontorbuch-books"));
    let address = format!("{}/v1/decisions", server.public);

    let anonymous = server.request_decisions(&page).await;
    let publisher = server.reader.post(&address).bearer_auth(server.key("publisher:eu-tech-news"));
    let publisher = publisher.json(&page).send().await.unwrap();
    let operator = server.reader.post(&address).bearer_auth(server.key("operator"));
    let operator: Value = operator.json(&page).send().await.unwrap().json().await.unwrap();

    assert_eq!(anonymous.status(), 403);
    assert_eq!(publisher.status(), 403);
    let unit = Decision(operator["decisions"]["article-end"].clone());
    assert_eq!(unit.creative(), "kontorbuch-books");
    assert!(unit.is_test());
}

#[tokio::test]
async fn bots_and_foreign_origins_reserve_no_money() {
    let server = Setup::default().inventory(inventory::with_origins()).start().await;
    let address = format!("{}/v1/decisions", server.public);
    let unbillable = [
        Reader::with_headers([("user-agent", "Googlebot/2.1"), ("accept", "*/*")]),
        Reader::with_headers([("accept", "*/*")]),
        Reader::with_header("sec-purpose", "prefetch"),
        Reader::with_header("origin", "https://evil.example"),
        Reader::with_header("referer", "https://evil.example/page"),
    ];

    for caller in unbillable {
        let reply = caller.post(&address).json(&reference()).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        assert_eq!(reserved_micros(&server), 0);
    }
    let publisher_page = Reader::with_header("origin", "https://news.example");
    publisher_page.post(&address).json(&reference()).send().await.unwrap();

    assert_eq!(reserved_micros(&server), i64::try_from(PRICE_MICROS).unwrap());
}

/// Sum of the reservations of all campaign budgets, in micros.
fn reserved_micros(server: &TestServer) -> i64 {
    let now_ms = server.state.clock.now_ms();
    let live = server.inner.world.live();
    live.bindings
        .campaign_budgets
        .iter()
        .map(|campaign_budget| campaign_budget.balance(now_ms).reserved.get())
        .sum()
}

#[tokio::test]
async fn a_field_that_identifies_a_reader_is_rejected() {
    let server = TestServer::start().await;

    for name in ["user", "user_id", "email", "ip", "device_id", "cookie"] {
        for pointer in ["", "/viewer", "/page"] {
            let page = reference_with(&format!("{pointer}/{name}"), json!("reader-1"));
            let reply = server.request_decisions(&page).await;
            assert_eq!(reply.status(), 422, "{pointer}/{name}");
            let problem: Value = reply.json().await.unwrap();
            assert_eq!(problem["field"], json!(format!("{pointer}/{name}")[1..].replace('/', ".")));
        }
        let call = format!("{}{BY_PARAMETERS}&{name}=reader-1", server.public);
        assert_eq!(server.reader.get(&call).send().await.unwrap().status(), 422, "{name}");
    }
}

#[tokio::test]
async fn errors_have_stable_codes() {
    let server = TestServer::start().await;
    let cases = [
        (reference_with("/publisher", json!("unknown")), 404, "unknown_publisher"),
        (reference_with("/placements", json!([])), 422, "refused"),
        (reference_with("/page/topics", json!("rust")), 422, "refused"),
        (reference_with("/page/keywords", json!(["x".repeat(200_000)])), 413, "too_large"),
    ];

    for (page, status, code) in cases {
        let reply = server.request_decisions(&page).await;
        assert_eq!(reply.status(), status, "{code}");
        assert_eq!(reply.headers()["content-type"], "application/problem+json");
        let problem: Value = reply.json().await.unwrap();
        assert_eq!(problem["status"], status);
        assert!(problem["code"].as_str().is_some_and(|code| !code.is_empty()), "{problem}");
        assert!(problem["request_id"].is_string());
        if status == 404 {
            assert_eq!(problem["code"], code);
        }
    }
    let broken =
        server.reader.post(&format!("{}/v1/decisions", server.public)).body("{\"publisher\": ");
    assert_eq!(broken.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn excess_or_unknown_input_is_dropped_with_a_warning_or_rejected_when_strict() {
    let server = TestServer::start().await;
    let mut page = reference();
    let more = (0..19).map(|n| format!("topic-{n}"));
    let topics: Vec<String> = ["ai-infrastructure".to_owned()].into_iter().chain(more).collect();
    page["page"]["topics"] = json!(topics);
    page["page"]["colour"] = json!("blue");

    let answer = server.decision_response(&page).await;
    page["strict"] = json!(true);
    let strict = server.request_decisions(&page).await;

    let warnings = answer["warnings"].to_string();
    assert!(warnings.contains("page.topics: 20 items exceed the limit of 16"), "{warnings}");
    assert!(warnings.contains("page.colour: unknown field"), "{warnings}");
    assert_eq!(Decision(answer["decisions"]["article-end"].clone()).advertiser(), "zahid-host");
    assert_eq!(strict.status(), 422);
    assert_eq!(strict.json::<Value>().await.unwrap()["field"], "page.topics");
}

#[tokio::test]
async fn a_page_states_facts_and_an_unknown_value_is_a_warning_or_rejected_when_strict() {
    let server = TestServer::start().await;
    let mut page = reference();
    page["page"]["sentiment"] = json!("Negative");
    let posted = server.decision_response(&page).await;
    let by_get = format!("{}{BY_PARAMETERS}&sentiment=negative", server.public);
    let by_get: Value = server.reader.get(&by_get).send().await.unwrap().json().await.unwrap();
    page["page"]["sentiment"] = json!("angry");
    let angry = server.decision_response(&page).await;
    page["strict"] = json!(true);
    let strict = server.request_decisions(&page).await;

    for (answer, sentiment) in [(&posted, "negative"), (&by_get, "negative"), (&angry, "")] {
        assert_eq!(answer["decisions"]["article-end"]["fill"], true, "{answer:#}");
        let (_, trace) = server.explain("operator", answer["request_id"].as_str().unwrap()).await;
        assert_eq!(trace["page"]["sentiment"].as_str().unwrap_or_default(), sentiment);
    }
    assert_eq!(posted["warnings"], json!([]));
    let warnings = angry["warnings"].to_string();
    assert!(warnings.contains("page.sentiment: must be one of positive, neutral"), "{warnings}");
    assert_eq!(strict.status(), 422);
    assert_eq!(strict.json::<Value>().await.unwrap()["field"], "page.sentiment");
}

#[tokio::test]
async fn the_facts_that_a_page_states_are_columns_of_its_reports() {
    let server = TestServer::start().await;
    let stated = json!({ "sentiment": "negative", "verified": true });
    for facts in [json!({}), stated.clone(), stated] {
        let mut page = reference();
        page["page"].as_object_mut().unwrap().extend(facts.as_object().unwrap().clone());
        let unit = server.decide(&page).await;
        server.reader.impression(&unit).await;
    }

    let server = server.restart().await;
    let path = "/v1/reports/advertisers/zahid-host?by=sentiment,verified";
    let (status, report) = server.get_as("advertiser:zahid-host", path).await;

    assert_eq!(status, 200, "{report:#}");
    let counted = |row: &Value| (row["keys"].to_string(), row["impressions"]["net"].as_u64());
    let mut rows: Vec<_> = report["rows"].as_array().unwrap().iter().map(counted).collect();
    rows.sort();
    let row = |keys: &[&str], count| (json!(keys).to_string(), Some(count));
    assert_eq!(rows, [row(&["negative", "true"], 2), row(&["none", "none"], 1)]);
}

#[tokio::test]
async fn an_html_unit_is_complete_and_has_an_impression_pixel() {
    let server = TestServer::start().await;
    let path = BY_PARAMETERS.replace("/v1/decisions", "/v1/unit");

    let page = server.reader.get(&format!("{}{path}", server.public)).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let text = page.text().await.unwrap();
    // Loaded only where the frame is large enough.
    let pixel = text.split("<source").nth(1).unwrap().split("srcset=\"").nth(1).unwrap();
    server.reader.fire(pixel.split('"').next().unwrap()).await;

    assert!(policy.starts_with("default-src 'none'") && !policy.contains("script"), "{policy}");
    assert!(text.contains("Anzeige") && text.contains("Run your AI side-project on zahid.host"));
    assert!(!text.contains("<script"));
    assert_eq!(server.scrape().await.events("impression", "counted"), 1);
}

#[tokio::test]
async fn a_unit_in_an_iframe_reserves_money_like_any_other() {
    let server = Setup::default().start().await;
    let path = BY_PARAMETERS.replace("/v1/decisions", "/v1/unit");

    let frame = Reader::with_header("sec-fetch-dest", "iframe");
    let page = frame.get(&format!("{}{path}", server.public)).send().await.unwrap();

    assert_eq!(page.status(), 200);
    assert_eq!(reserved_micros(&server), i64::try_from(PRICE_MICROS).unwrap());
}

#[tokio::test]
async fn a_flooding_address_gets_the_overload_response_and_reserves_nothing() {
    let low_limit =
        |settings: &mut adjacent::config::Settings| settings.limits.flood_per_second = 5;
    let server = Setup::default().settings(low_limit).start().await;

    let mut shed = 0;
    for _ in 0..60 {
        let decision = server.decide(&reference()).await;
        if !decision.is_filled() {
            assert_eq!(decision.reason(), "overloaded");
            shed += 1;
        }
    }

    assert!(shed > 0);
    let scrape = server.scrape().await;
    assert_eq!(scrape.count("adjacent_rate_limited_total{class=\"flood\"}"), shed);
    assert_eq!(scrape.count("adjacent_no_fill_total{reason=\"overloaded\"}"), shed);
    assert_eq!(scrape.count("adjacent_decisions_total{outcome=\"refused\"}"), shed);
}

#[tokio::test]
async fn a_decision_is_the_same_with_and_without_the_router() {
    let server = TestServer::start().await;
    let mut ignored = reference();
    ignored["page"]["mood"] = json!("calm");
    let elsewhere =
        json!({ "publisher": "unknown-site", "placements": [{ "name": "article-end" }] });
    let personal = json!({ "publisher": "eu-tech-news", "email": "a@b.example" });
    let bodies = [
        (200, reference().to_string()),
        (200, ignored.to_string()),
        (404, elsewhere.to_string()),
        (422, personal.to_string()),
        (422, json!({ "publisher": "eu-tech-news", "placements": [] }).to_string()),
        (400, "{".to_owned()),
        (413, " ".repeat(300_000)),
    ];
    for (status, body) in bodies {
        let mut answers = Vec::new();
        // The router decodes the path of the second.
        for path in ["/v1/decisions", "/v1/%64ecisions"] {
            let request = server.reader.post(&format!("{}{path}", server.public));
            let reply = request.body(body.clone()).send().await.unwrap();
            assert_eq!(reply.status(), status, "{path}: {body:.200}");
            let mut headers = reply.headers().clone();
            headers.remove("date");
            headers.remove("content-length");
            let mut answer: Value = reply.json().await.unwrap();
            if status == 200 {
                answer = stable_part(&answer);
            } else {
                answer["request_id"] = Value::Null;
            }
            answers.push((headers, answer));
        }
        assert_eq!(answers[0], answers[1], "{body:.200}");
        assert_eq!(answers[0].0["access-control-allow-origin"], "*");
    }
}

#[tokio::test]
async fn a_repeated_request_gets_the_answer_of_a_new_one_and_follows_its_reader_and_the_inventory()
{
    let server = Setup::default()
        .settings(|settings| {
            settings.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
            settings.server.country_header = Some("cf-ipcountry".to_owned());
        })
        .start()
        .await;
    let mut page = reference_with("/placements/0/styles", json!(["card"]));
    page["page"]["region"] = json!("atlantis");
    let ask = async |country: &str| -> Value {
        let call = server.reader.post(&format!("{}/v1/decisions", server.public)).json(&page);
        call.header("cf-ipcountry", country).send().await.unwrap().json().await.unwrap()
    };
    let known = "adjacent_decision_bodies_total{answer=\"known\"}";
    // Creatives are drawn; what the page and its reader decide is the label and the warning.
    let told = |answer: &Value| {
        let unit = &answer["decisions"]["article-end"];
        assert_eq!(unit["fill"], true, "{answer:#}");
        json!([unit["label"]["text"], unit["label"]["region_basis"], answer["warnings"]])
    };
    let first = ["DE", "US", ""].map(str::to_owned);
    let mut answers = Vec::new();
    for country in &first {
        answers.push(told(&ask(country).await));
    }
    assert_ne!(answers[0], answers[1], "another label");
    assert_ne!(answers[0], answers[2], "observed, and declared");
    assert!(answers[0][2][0].as_str().unwrap().starts_with("page.region: `atlantis`"));
    for _ in 0..3 {
        for (country, answer) in first.iter().zip(&answers) {
            assert_eq!(told(&ask(country).await), *answer, "{country}");
        }
    }
    assert_eq!(server.metric(known).await, 11, "all but the first");

    let url = format!("{}/v1/publishers/eu-tech-news/pauses", server.public);
    let pause = json!({ "topic": "ai-infrastructure", "paused": true, "reason": "breaking news" });
    let paused = server.reader.post(&url).bearer_auth(server.key("publisher:eu-tech-news"));
    assert_eq!(paused.json(&pause).send().await.unwrap().status(), 200);
    for country in &first {
        assert_eq!(ask(country).await["decisions"]["article-end"]["reason"], "paused");
    }
}
