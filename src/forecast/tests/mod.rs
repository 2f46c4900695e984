//! Forecasts on small worlds whose figures can be worked out by hand.

mod goals;
mod input;
mod measure;
mod reading;

use crate::decision_log::line::DecisionLine;
use crate::decision_log::{SlotLine, WorldLine};
use crate::domain::event::NoFill;
use crate::domain::goal::ByGoal;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::forecast;
use crate::forecast::history::Sample;
use crate::forecast::{Effort, FlightForecast, ForecastVerdict, Forecasts, Measured, Sources};
use crate::selection::compile::compile;
use crate::selection::page::{RegionBasis, Viewer};
use crate::selection::resolve;
use crate::selection::resolve::{PageInput, RegionSignals, SlotInput};
use crate::selection::snapshot::Snapshot;
use crate::selection::translate::Names;
use serde_json::{Value, json};
use std::sync::Arc;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn at(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// Monday.
fn now() -> i64 {
    at("2026-06-29T00:00:00Z")
}

fn labels() -> LabelTable {
    toml::from_str(include_str!("../../../config/labels.toml")).unwrap()
}

/// A flight of next week with these fields in place of the usual ones.
fn flight(id: &str, fields: Value) -> Value {
    let mut flight = json!({
        "id": id, "campaign": format!("of-{id}"), "tier": "standard", "pricing": "flat",
        "starts": "2026-06-29", "ends": "2026-07-05",
    });
    for (name, value) in fields.as_object().unwrap() {
        flight[name] = value.clone();
    }
    flight
}

/// An inventory of these flights, each of an advertiser of its own, with two sites and three topics.
fn inventory(flights: &[Value]) -> Value {
    let named = |id: &str| json!({ "id": id, "name": id });
    let site = |id: &str| {
        json!({ "id": id, "name": id, "default_country": "DE", "language": "en",
            "placements": [{ "id": "top", "styles": ["card"] }, { "id": "end", "styles": ["card"] }] })
    };
    let id = |flight: &Value| flight["id"].as_str().unwrap().to_owned();
    let payer = |flight: &Value| json!({ "id": id(flight), "name": id(flight), "currency": "EUR", "domains": ["a.example"] });
    let campaign = |flight: &Value| {
        json!({ "id": format!("of-{}", id(flight)), "advertiser": id(flight), "name": "C",
            "political": false, "categories": ["software"] })
    };
    let creative = |flight: &Value| {
        json!({ "id": format!("c-{}", id(flight)), "flight": id(flight), "state": "live",
            "styles": ["card"], "language": "en", "headline": "H", "body": "B",
            "ctas": [{ "id": "go", "text": "Go", "url": "https://a.example/" }] })
    };
    json!({
        "topics": [named("ai"), named("food"), named("rare")],
        "categories": [named("software")],
        "advertisers": flights.iter().map(payer).collect::<Vec<_>>(),
        "campaigns": flights.iter().map(campaign).collect::<Vec<_>>(),
        "flights": flights,
        "creatives": flights.iter().map(creative).collect::<Vec<_>>(),
        "publishers": [site("one"), site("two")],
    })
}

fn read(document: &Value) -> Inventory {
    let mut inventory: Inventory = serde_json::from_value(document.clone()).unwrap();
    inventory.sort();
    inventory
}

fn old() -> Arc<Snapshot> {
    Arc::new(compile(read(&inventory(&[])), &Weights::default(), &labels()))
}

/// A page of a site about a topic, with one slot, or two.
fn line(old: &Snapshot, (site, topic): (&str, &str), slots: &[&str], at_ms: i64) -> DecisionLine {
    let input = PageInput { topics: vec![topic.into()], ..PageInput::default() };
    let slot = |name: &&str| SlotInput { name: (*name).to_owned().into(), ..SlotInput::default() };
    let slots: Vec<SlotInput<'_>> = slots.iter().map(slot).collect();
    let publisher = old.publisher_by_id[site];
    let mut page = resolve::page(old, publisher, &input, RegionSignals::default(), &slots);
    page.viewer = Viewer { country: "DE".parse().ok(), basis: RegionBasis::Observed };
    let number = u128::from(at_ms.unsigned_abs());
    DecisionLine {
        request: number << 80 | crate::selection::dice::stable_id(&number.to_string()) as u128,
        at_ms,
        state: 1,
        page: Arc::new(page),
        url: None,
        forced: None,
        test: false,
        slots: smallvec::smallvec![SlotLine { masked: Vec::new(), result: Err(NoFill::NoCandidate) }; slots.len()],
    }
}

/// Four weeks of pages of site one, each about `ai` and then one about `food`, every `minutes` minutes.
fn pages(minutes: i64, slots: &[&str], skip: impl Fn(i64) -> bool) -> Sample {
    let old = old();
    let times = (now() - 28 * DAY..now()).step_by(usize::try_from(minutes * 60_000).unwrap());
    let mut even = false;
    let lines = times.filter(|at_ms| !skip(*at_ms)).map(|at_ms| {
        even = !even;
        line(&old, ("one", if even { "ai" } else { "food" }), slots, at_ms)
    });
    Sample::of(lines.collect(), Names::of(&old), now())
}

fn usual() -> Sample {
    pages(15, &["top"], |_| false)
}

fn run(sample: &Sample, flights: &[Value], wanted: &[&str]) -> Forecasts {
    let measured = Measured { delivered: Some(Default::default()), ..Measured::default() };
    run_with(sample, flights, wanted, &measured)
}

fn run_with(sample: &Sample, flights: &[Value], wanted: &[&str], measured: &Measured) -> Forecasts {
    let weights = Weights::default();
    let sources = Sources { sample, measured, weights: &weights, labels: &labels(), now_ms: now() };
    let wanted: Vec<String> = wanted.iter().map(|id| (*id).to_owned()).collect();
    forecast::forecast(&sources, &read(&inventory(flights)), &wanted)
}

fn one(sample: &Sample, flights: &[Value]) -> FlightForecast {
    run(sample, flights, &[flights[0]["id"].as_str().unwrap()]).forecasts.remove(0)
}

fn topic(topic: &str) -> Value {
    json!({ "topics": { "any": [topic] } })
}
