//! Scores compare prices in several currencies by dated exchange rates, and by nothing else: bills and reports
//! stay in their own currency, and a decision replays with the rate that it was made on.

use crate::harness::inventory::{example, replace_once};
use crate::harness::process::Installation;
use crate::harness::{Decision, Setup, TestServer, decision};
use crate::removed::{apply, served};
use crate::selection::{labels, resolved};
use adjacent::catalog::{files, synth, tables};
use adjacent::domain::inventory::Inventory;
use adjacent::domain::weights::Weights;
use adjacent::selection::choose::Request;
use adjacent::selection::compile::compile;
use adjacent::selection::resolve::PageInput;
use adjacent::selection::snapshot::{State, World};
use adjacent::selection::trace;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::Arc;

/// A flight that competes with the reference flight, sold in yen.
const IN_YEN: &str = r#"
[[advertisers]]
id = "yen"
name = "Yen"
domains = ["yen.example"]
currency = "JPY"
[[campaigns]]
id = "yen"
advertiser = "yen"
name = "Yen"
political = false
categories = ["software"]
budget = { lifetime_micros = 1000000000000 }
[[flights]]
id = "yen"
campaign = "yen"
tier = "standard"
pricing = "cpm"
price_micros = 1600000000
pacing = "asap"
targeting = { topics = { any = ["ai-agents"] }, regions = { any = ["eu"] } }
[[creatives]]
id = "yen"
flight = "yen"
styles = ["card"]
language = "en"
headline = "Yen"
ctas = [{ id = "primary", text = "Go", url = "https://yen.example/" }]
"#;

const TABLE: &str = r#"
[exchange_rates]
reference = "EUR"
rates = [
  { currency = "JPY", from = "2026-01-01", per_reference = "160" },
  { currency = "USD", from = "2026-01-01", per_reference = "1.16" },
]
"#;

/// The text of the default weights with this table of exchange rates in place of theirs.
fn weights_text(table: &str) -> String {
    let (plain, _) = files::WEIGHTS.1.split_once("[exchange_rates]").unwrap();
    format!("{plain}\n{table}")
}

fn weights(table: &str) -> Weights {
    tables::weights("weights.toml", &weights_text(table)).unwrap()
}

/// Replaces the weights through the admin API.
async fn put_weights(server: &TestServer, weights: &Weights) -> (u16, Value) {
    let url = format!("{}/v1/admin/weights?confirm=true", server.ops);
    let request = server.reader.request(reqwest::Method::PUT, &url);
    let request = request.bearer_auth(server.key("operator")).json(weights);
    let reply = request.send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap())
}

async fn with_yen(server: &TestServer) -> Value {
    let parts = toml::from_str::<Value>(IN_YEN).unwrap();
    let mut inventory = served(server).await;
    for (list, documents) in parts.as_object().unwrap() {
        let documents = documents.as_array().unwrap();
        inventory[list].as_array_mut().unwrap().extend(documents.iter().cloned());
    }
    inventory
}

/// The price that the score of a flight counted, and whether the replay gave the same decision.
async fn price(server: &TestServer, unit: &Decision, flight: &str) -> (Value, Value) {
    let (status, explanation) = server.explain("operator", unit.id()).await;
    assert_eq!(status, 200, "{explanation:#}");
    let candidates = explanation["slots"][0]["candidates"].as_array().unwrap();
    let found = candidates.iter().find(|one| one["flight"] == flight).unwrap();
    (found["terms"]["price"].clone(), explanation["agrees"].clone())
}

#[tokio::test]
async fn an_inventory_with_two_currencies_is_refused_until_the_weights_have_rates() {
    let server = TestServer::start().await;
    let before = served(&server).await;
    let mixed = with_yen(&server).await;

    let (status, problem) = apply(&server, &mixed).await;
    assert_eq!(status, 422, "{problem:#}");
    let text = problem.to_string();
    for part in
        ["yen", "is in JPY, whose exchange rate to EUR is missing", "`exchange_rates.rates`"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(served(&server).await, before);

    assert_eq!(put_weights(&server, &weights(TABLE)).await.0, 200);
    let (status, reply) = apply(&server, &mixed).await;
    assert_eq!(status, 200, "{reply:#}");
    // Nor can the rates go while the prices need them: the first two flights are named.
    let (status, problem) = put_weights(&server, &weights("")).await;
    assert_eq!(status, 422, "{problem:#}");
    let text = problem.to_string();
    for part in ["yen", "price of flight `kontorbuch-europe` in EUR", "add `exchange_rates`"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn a_decision_replays_with_its_own_rate_and_is_billed_in_its_own_currency() {
    let server = TestServer::start().await;
    put_weights(&server, &weights(TABLE)).await;
    assert_eq!(apply(&server, &with_yen(&server).await).await.0, 200);
    let mut units = Vec::new();
    for _ in 0..40 {
        let unit = server.decide(&decision::page_on("ai-agents")).await;
        server.reader.impression(&unit).await;
        units.push(unit);
    }
    let other = weights(&TABLE.replace("\"160\"", "\"320\""));
    assert_eq!(put_weights(&server, &other).await.0, 200);
    let later = server.decide(&decision::page_on("ai-agents")).await;
    let server = server.restart().await;

    let yen = |rate: &str, micros: i64| {
        json!({
            "pricing": "cpm", "micros": 1_600_000_000, "currency": "JPY",
            "reference": {
                "currency": "EUR", "micros": micros, "rate": rate, "rate_from": "2026-01-01",
            },
        })
    };
    for unit in &units {
        assert_eq!(price(&server, unit, "yen").await, (yen("160", 10_000_000), json!(true)));
    }
    assert_eq!(price(&server, &later, "yen").await, (yen("320", 5_000_000), json!(true)));
    let (own, _) = price(&server, &later, "zahid-ai-europe").await;
    assert_eq!(own["reference"], json!({ "currency": "EUR", "micros": 8_000_000 }));
    let won = units.iter().filter(|unit| unit.advertiser() == "yen").count() as u64;
    assert!(won > 5, "{won}");
    let path = "/v1/reports/advertisers/yen?by=flight";
    let (_, report) = server.get_as("operator", path).await;
    assert_eq!(report["total"][0]["currency"], "JPY");
    assert_eq!(report["total"][0]["spend_micros"], won * 1_600_000);
    server.assert_ledger_consistent().await;
}

fn run(installation: &Installation, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adjacent"));
    command.args(arguments).current_dir(installation.path("")).output().unwrap()
}

#[test]
fn the_command_line_refuses_prices_without_rates_with_file_and_line() {
    let installation = Installation::new();
    std::fs::write(installation.path("config/inventory/yen.toml"), IN_YEN).unwrap();
    let (config, data) = (installation.path("config"), installation.path("data"));
    let (config, data) = (config.to_str().unwrap(), data.to_str().unwrap());
    for verb in ["check", "apply"] {
        let output = run(&installation, &[verb, config, "--data", data]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{text}");
        assert!(text.contains("inventory/yen.toml:19:1"), "{verb}: {text}");
        assert!(
            text.contains("is in JPY, whose exchange rate to EUR is missing"),
            "{verb}: {text}"
        );
    }

    let file = installation.path("config/weights.toml");
    let plain = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, weights_text(TABLE)).unwrap();
    let output = run(&installation, &["check", config, "--data", data]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("warning: the exchange rate of JPY is of 2026-01-01"), "{text}");
    assert_eq!(
        run(&installation, &["apply", config, "--data", data, "--yes"]).status.code(),
        Some(0)
    );
    // A file with the inventory alone is compared by the served weights.
    let inventory = format!("{config}/inventory");
    assert_eq!(run(&installation, &["check", &inventory, "--data", data]).status.code(), Some(0));
    std::fs::write(&file, plain).unwrap();
    let output = run(&installation, &["apply", file.to_str().unwrap(), "--data", data, "--yes"]);
    assert_eq!(output.status.code(), Some(64), "rates that served prices need");
}

#[test]
fn an_invalid_rate_has_file_line_column_and_path() {
    let problem = |from: &str, to: &str| {
        let text = weights_text(&replace_once(TABLE, from, to));
        tables::weights("w.toml", &text).unwrap_err()[0].to_string()
    };
    let row = "{ currency = \"JPY\", from = \"2026-01-01\", per_reference = \"160\" },";
    for (from, to, expected) in [
        ("\"160\"", "160.5", "a decimal number in quotes"),
        ("\"160\"", "\"1e3\"", "`1e3` is not a rate"),
        ("\"160\"", "\"0\"", "`0` is not a rate"),
        ("\"JPY\"", "\"YEN\"", "`YEN` is not a currency"),
        ("\"JPY\"", "\"EUR\"", "exchange_rates.rates[0].currency: must not be the reference"),
        ("\"2026-01-01\"", "\"2026-02-30\"", "parsed date is not valid"),
        ("per_reference", "per_refernce", "did you mean `per_reference`?"),
        (row, &format!("{row}\n{row}"), "exchange_rates.rates[1].from: must be another day"),
    ] {
        let found = problem(from, to);
        assert!(found.starts_with("w.toml:") && found.contains(expected), "{to}: {found}");
    }
}

#[test]
fn rates_are_text_and_weights_without_them_have_the_hash_that_they_always_had() {
    let stored = serde_json::to_value(weights(TABLE)).unwrap();
    assert_eq!(stored["exchange_rates"]["rates"][0]["per_reference"], "160");
    assert!(serde_json::to_value(weights("")).unwrap().get("exchange_rates").is_none());
}

/// The inventory with the prices of some advertisers in another currency, of which `numerator` / 1,000 are
/// one euro.
fn converted(inventory: &Inventory, numerator: u64, every: usize) -> Inventory {
    let mut document = serde_json::to_value(inventory).unwrap();
    let mut moved = Vec::new();
    for (number, one) in document["advertisers"].as_array_mut().unwrap().iter_mut().enumerate() {
        if number % every == 0 {
            one["currency"] = "JPY".into();
            moved.push(one["id"].clone());
        }
    }
    let campaigns = document["campaigns"].as_array().unwrap().iter();
    let moved: Vec<Value> = campaigns
        .filter(|one| moved.contains(&one["advertiser"]))
        .map(|one| one["id"].clone())
        .collect();
    for flight in document["flights"].as_array_mut().unwrap() {
        if let Some(micros) =
            flight["price_micros"].as_u64().filter(|_| moved.contains(&flight["campaign"]))
        {
            assert_eq!(micros * numerator % 1_000, 0, "exact");
            flight["price_micros"] = (micros * numerator / 1_000).into();
        }
    }
    serde_json::from_value(document).unwrap()
}

/// The probability of each flight on a page, in units of 2^-32.
fn propensities(
    inventory: &Inventory,
    weights: &Weights,
    page: &PageInput<'_>,
) -> BTreeMap<String, u32> {
    let snapshot = Arc::new(compile(inventory.clone(), weights, &labels()));
    let world = World::new(snapshot.clone(), State::default());
    let page = resolved(&snapshot, &(page.clone(), "DE", 0));
    let now_ms = 1_800_000_000_000;
    let slots = trace::trace(&Request { world: &world, page: &page, now_ms, id: 7 }, &[]);
    let name =
        |place: usize| snapshot.inventory.flights[snapshot.flights[place].doc].id.to_string();
    slots[0].candidates.iter().map(|one| (name(one.place), one.probability)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn prices_converted_by_their_rate_leave_all_propensities_the_same(
        seed in 0u64..50,
        numerator in 1u64..400_000,
        every in 1usize..4,
        price_weight in 0.1f64..3.0,
        topic in 0usize..20,
    ) {
        let table = format!(
            "[exchange_rates]\nreference = \"EUR\"\nrates = [{{ currency = \"JPY\", from = \"2026-01-01\", \
             per_reference = \"{}.{:03}\" }}]",
            numerator / 1_000,
            numerator % 1_000,
        );
        let weights = Weights { price_weight, ..weights(&table) };
        let inventory = synth::inventory(200, seed);
        let page = PageInput { topics: vec![format!("topic-{topic}").into()], ..PageInput::default() };

        let before = propensities(&inventory, &weights, &page);
        let after = propensities(&converted(&inventory, numerator, every), &weights, &page);

        prop_assume!(before.len() > 1);
        prop_assert_eq!(before.len(), after.len());
        for (flight, chance) in &before {
            // Logarithms are exact to 2^-31, and each of a few terms is rounded once.
            prop_assert!(chance.abs_diff(after[flight]) <= 256, "{flight}: {chance}, {}", after[flight]);
        }
    }
}

#[tokio::test]
async fn a_start_with_a_file_of_two_currencies_is_refused_and_a_served_one_goes_on() {
    let mixed = format!("{}\n{IN_YEN}", example());
    let started = Setup::default().inventory(mixed).try_build().await;
    let error = started.err().expect("the start is refused").to_string();
    assert!(error.contains("is in JPY, whose exchange rate to EUR is missing"), "{error}");

    let server = TestServer::start().await;
    put_weights(&server, &weights(TABLE)).await;
    assert_eq!(apply(&server, &with_yen(&server).await).await.0, 200);
    // The default weights file, which a start reads, has no rate of the yen.
    let server = server.restart().await;
    assert!(
        served(&server).await["flights"].as_array().unwrap().iter().any(|one| one["id"] == "yen")
    );
    server.unit().await;
}
