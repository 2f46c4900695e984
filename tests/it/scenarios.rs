//! Runs the scenario files in `tests/scenarios`: given an inventory, a page, state and a seed, they
//! specify the expected decision and trace. Operators can write scenarios, too.

use crate::selection::labels;
use adjacent::catalog::{check, files, tables};
use adjacent::selection::choose::Request;
use adjacent::selection::compile::compile;
use adjacent::selection::resolve::{PageInput, RegionSignals, SlotInput};
use adjacent::selection::rules::Mask;
use adjacent::selection::snapshot::{Snapshot, State, World};
use adjacent::selection::{resolve, trace};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// The behaviour it demonstrates, in one sentence.
    shows: String,
    /// TOML that is added to the example inventory.
    #[serde(default)]
    inventory: String,
    /// TOML that replaces the exchange rates of the default weights.
    #[serde(default)]
    weights: Option<String>,
    /// Part of the problem for which checks refuse this inventory with these weights.
    #[serde(default)]
    refused: Option<String>,
    #[serde(default = "noon")]
    now: jiff::Timestamp,
    #[serde(default)]
    seed: u64,
    publisher: String,
    #[serde(default)]
    viewer: Option<String>,
    page: PageInput<'static>,
    placements: Vec<SlotInput<'static>>,
    #[serde(default)]
    state: Counters,
    expect: Vec<Expected>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Counters {
    /// Flights whose budget is spent.
    spent: Vec<String>,
    /// Flights that are ahead of their pacing schedule.
    paced: Vec<String>,
    /// Flights whose reservation fails in the first slot.
    masked: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// The winning creative is one of these.
    #[serde(default)]
    creative: Vec<String>,
    #[serde(default)]
    no_fill: Option<String>,
    #[serde(default)]
    label: Option<String>,
    /// Flights and the reason why they were filtered.
    #[serde(default)]
    filtered: BTreeMap<String, String>,
    /// Flights in the draw and their probability, within 0.001.
    #[serde(default)]
    candidates: BTreeMap<String, f64>,
}

fn noon() -> jiff::Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn place(snapshot: &Snapshot, flight: &str) -> u32 {
    let found = snapshot
        .flights
        .iter()
        .position(|row| snapshot.inventory.flights[row.doc].id.as_str() == flight);
    u32::try_from(found.unwrap_or_else(|| panic!("no flight {flight}"))).unwrap()
}

fn places(snapshot: &Snapshot, flights: &[String]) -> Vec<u32> {
    let mut places: Vec<u32> = flights.iter().map(|flight| place(snapshot, flight)).collect();
    places.sort_unstable();
    places
}

fn run(scenario: &Scenario) -> Result<(), String> {
    let mut texts: Vec<(String, String)> =
        files::EXAMPLE.map(|(n, t)| (n.to_owned(), t.to_owned())).into();
    texts.push(("the scenario".into(), scenario.inventory.clone()));
    let inventory = files::parse(&texts).map_err(|problems| format!("{problems:#?}"))?;
    let (plain, _) = files::WEIGHTS.1.split_once("[exchange_rates]").unwrap();
    let weights = match &scenario.weights {
        Some(rates) => format!("{plain}\n{rates}"),
        None => files::WEIGHTS.1.to_owned(),
    };
    let weights =
        tables::weights("weights", &weights).map_err(|problems| format!("{problems:#?}"))?;
    let found = check::prices(&inventory, &weights, scenario.now.as_millisecond());
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    match &scenario.refused {
        Some(part) if !found.iter().any(|one| one.contains(part)) => {
            return Err(format!("expected to be refused with `{part}`, got {found:?}"));
        }
        None if !found.is_empty() => return Err(format!("refused: {found:?}")),
        _ => {}
    }
    let snapshot = Arc::new(compile(inventory, &weights, &labels()));
    let counters = &scenario.state;
    let state = State {
        number: 1,
        spent: places(&snapshot, &counters.spent),
        paced: places(&snapshot, &counters.paced).into_iter().map(|place| (place, 0)).collect(),
        ..State::default()
    };
    let world = World::new(snapshot.clone(), state);
    let publisher = snapshot.publisher_by_id[scenario.publisher.as_str()];
    let declared = scenario.viewer.as_deref().map(|country| country.parse().unwrap());
    let signals = RegionSignals { observed: None, declared };
    let page = resolve::page(&snapshot, publisher, &scenario.page, signals, &scenario.placements);
    let request = Request {
        world: &world,
        page: &page,
        now_ms: scenario.now.as_millisecond(),
        id: u128::from(scenario.seed) << 64,
    };
    let masks = places(&snapshot, &counters.masked)
        .into_iter()
        .map(|place| Mask::reservation_lost(place as usize))
        .collect();
    let slots = trace::trace(&request, &[masks]);
    let name = |place: usize| snapshot.inventory.flights[snapshot.flights[place].doc].id.as_str();
    for (slot, expected) in slots.iter().zip(&scenario.expect) {
        let found = match &slot.result {
            Ok(win) => snapshot.inventory.creatives[win.creative as usize].id.to_string(),
            Err(reason) => format!("no fill: {reason}"),
        };
        let allowed: Vec<String> = match &expected.no_fill {
            Some(reason) => vec![format!("no fill: {reason}")],
            None => expected.creative.clone(),
        };
        if !allowed.contains(&found) {
            return Err(format!(
                "expected one of {allowed:?}, got {found}; filtered: {:?}",
                slot.stages()
            ));
        }
        if let Some(label) = &expected.label {
            let text =
                snapshot.labels.find(page.viewer.country, &page.language).map(|label| label.text);
            if text != Some(label.as_str()) {
                return Err(format!("expected label {label}, got {text:?}"));
            }
        }
        for (flight, reason) in &expected.filtered {
            let by = slot
                .filtered
                .iter()
                .find(|(place, _)| name(*place) == flight)
                .map(|(_, by)| by.as_str());
            if by != Some(reason) {
                return Err(format!("{flight}: expected filter reason {reason}, got {by:?}"));
            }
        }
        for (flight, share) in &expected.candidates {
            let found = slot.candidates.iter().find(|c| name(c.place) == flight);
            let odds = found.map_or(0.0, |c| f64::from(c.probability) / 4_294_967_296.0);
            if (odds - share).abs() > 0.001 {
                return Err(format!("{flight}: expected probability {share}, got {odds:.4}"));
            }
        }
    }
    Ok(())
}

#[test]
fn every_scenario_gives_the_expected_decision() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut failures = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let scenario: Scenario =
            toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        count += 1;
        if let Err(failure) = run(&scenario) {
            failures.push(format!("{} ({}): {failure}", path.display(), scenario.shows));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(count >= 20, "{count} scenarios");
}
