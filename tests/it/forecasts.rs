//! Forecasts by HTTP and on the command line.

use crate::harness::inventory::replace_once;
use crate::harness::process::Installation;
use crate::harness::{Setup, TestServer, reference};
use crate::removed::served;
use serde_json::{Value, json};
use std::process::Output;

/// Noon of a Monday.
const NOW: &str = "2026-06-01T12:00:00Z";
const HOUR_MS: i64 = 3_600_000;

async fn ask(server: &TestServer, party: &str, body: &Value) -> (u16, Value) {
    let url = format!("{}/v1/admin/forecasts", server.ops);
    let sent = server.reader.post(&url).bearer_auth(server.key(party)).json(body).send();
    let answer = sent.await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// The served reference flight with other fields, as a document.
async fn reference_flight(server: &TestServer, fields: Value) -> Value {
    let inventory = served(server).await;
    let flights = inventory["flights"].as_array().unwrap();
    let mut flight =
        flights.iter().find(|flight| flight["id"] == "zahid-ai-europe").unwrap().clone();
    for (name, value) in fields.as_object().unwrap() {
        flight[name] = value.clone();
    }
    flight
}

/// A server that answered a page an hour for five days.
async fn with_history() -> TestServer {
    let server = Setup::default().manual_clock_at(NOW.parse().unwrap()).start().await;
    for _ in 0..5 * 24 {
        server.decide(&reference()).await;
        server.advance_ms(HOUR_MS);
    }
    server
}

#[tokio::test]
async fn an_operator_gets_the_forecast_of_a_served_and_of_a_new_flight() {
    let server = with_history().await;
    let dates = json!({ "starts": "2026-06-08", "ends": "2026-06-14", "id": "new", "goal_impressions": 60 });
    let new = reference_flight(&server, dates).await;
    let body = json!({ "inventory": { "flights": [new] } });
    let (status, found) = ask(&server, "operator", &body).await;
    assert_eq!(status, 200, "{found}");
    let new = &found["forecasts"][0];
    assert_eq!(found["history"]["decisions"], 120, "{found}");
    assert_eq!(
        (new["flight"].as_str(), new["supply"].as_u64()),
        (Some("new"), Some(168)),
        "{found}"
    );
    assert_eq!(new["verdict"], "accept", "{found}");
    let notes = new["notes"].to_string();
    assert!(
        notes.contains("less than a week of history") && notes.contains("no creative"),
        "{notes}"
    );
    assert!(!notes.contains("no server runs"), "{notes}");

    let body = json!({ "flights": ["zahid-ai-europe"] });
    let (status, found) = ask(&server, "operator", &body).await;
    assert_eq!(
        (status, found["forecasts"][0]["verdict"].as_str()),
        (200, Some("no_goal")),
        "{found}"
    );
}

#[tokio::test]
async fn a_forecast_of_nothing_of_unknown_flights_and_of_invalid_documents_is_refused() {
    let server = TestServer::start().await;
    let (status, found) = ask(&server, "operator", &json!({})).await;
    assert_eq!((status, found["code"].as_str()), (422, Some("invalid_field")), "{found}");
    let (status, found) = ask(&server, "operator", &json!({ "flights": ["none"] })).await;
    assert_eq!((status, found["code"].as_str()), (404, Some("not_found")), "{found}");
    let wrong = reference_flight(&server, json!({ "campaign": "none" })).await;
    let (status, found) =
        ask(&server, "operator", &json!({ "inventory": { "flights": [wrong] } })).await;
    assert_eq!((status, found["code"].as_str()), (422, Some("invalid_document")), "{found}");
    assert!(found.to_string().contains("flights/zahid-ai-europe/campaign"), "{found}");
    let (status, found) =
        ask(&server, "operator", &json!({ "flights": ["zahid-ai-europe"] })).await;
    assert_eq!(
        (status, found["forecasts"][0]["verdict"].as_str()),
        (200, Some("no_history")),
        "{found}"
    );
    assert_eq!(ask(&server, "publisher:eu-tech-news", &json!({})).await.0, 403);
}

const FLIGHT: &str = "
[[flights]]
id = \"next\"
campaign = \"zahid-eu-launch\"
tier = \"standard\"
pricing = \"cpm\"
price_micros = 8_000_000
starts = \"2020-01-01\"
ends = \"2040-01-01\"
goal_impressions = 10_000
";

fn run(installation: &Installation, arguments: &[&str]) -> Output {
    installation.command(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn diff_apply_and_forecast_say_that_there_is_no_history() {
    let installation = Installation::new();
    let path = |name: &str| installation.path(name).display().to_string();
    let (config, data) = (path("config"), path("data"));
    stdout(&run(&installation, &["apply", &config, "--data", &data, "--yes"]));
    let own =
        std::fs::read_to_string(installation.path("config/inventory/zahid-host.toml")).unwrap();
    let id = own.split("[[campaigns]]\nid = \"").nth(1).unwrap().split('"').next().unwrap();
    let flight = replace_once(FLIGHT, "zahid-eu-launch", id);
    std::fs::write(installation.path("new.toml"), &flight).unwrap();

    let said = stdout(&run(&installation, &["forecast", &path("new.toml"), "--data", &data]));
    assert!(
        said.contains("next: less than a day of recorded decisions yet: nothing can be forecast"),
        "{said}"
    );
    let said =
        stdout(&run(&installation, &["forecast", &path("new.toml"), "--data", &data, "--json"]));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["forecasts"][0]["verdict"], "no_history", "{said}");

    std::fs::write(installation.path("config/inventory/next.toml"), &flight).unwrap();
    let nothing = "forecast: less than a day of recorded decisions yet: nothing can be forecast";
    let said = stdout(&run(&installation, &["diff", &config, "--data", &data]));
    assert!(said.contains(nothing), "{said}");
    let said = stdout(&run(&installation, &["diff", &config, "--data", &data, "--json"]));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["forecasts"]["forecasts"][0]["flight"], "next", "{said}");
    let said = stdout(&run(&installation, &["apply", &config, "--data", &data, "--yes"]));
    assert!(said.contains(nothing) && said.contains("applied as change"), "{said}");

    let none = run(&installation, &["forecast", "--flight", "none", "--data", &data]);
    assert_eq!(none.status.code(), Some(64));
    let weights = run(&installation, &["forecast", &path("config/weights.toml"), "--data", &data]);
    assert_eq!(weights.status.code(), Some(64));
    assert_eq!(run(&installation, &["forecast"]).status.code(), Some(64));
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the command reads the real clock")]
async fn a_forecast_without_a_server_reads_what_a_server_recorded() {
    let start = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(41);
    let server = Setup::default().manual_clock_at(start).start().await;
    for _ in 0..40 {
        server.decide(&reference()).await;
        server.advance_ms(HOUR_MS);
    }
    let data = server.data();
    let folder = server.end();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_adjacent"));
    let data = data.display().to_string();
    let said = command.args(["forecast", "--json", "--flight", "zahid-ai-europe", "--data", &data]);
    let said: Value = serde_json::from_str(&stdout(&said.output().unwrap())).unwrap();
    assert_eq!(said["history"]["decisions"], 40, "{said}");
    assert!(said["forecasts"][0]["supply"].as_u64().unwrap() > 0, "{said}");
    let notes = said["forecasts"][0]["notes"].to_string();
    assert!(notes.contains("no server runs"), "{notes}");
    drop(folder);
}
