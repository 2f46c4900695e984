//! Recorded decisions on a generated inventory, replayed.

use super::*;
use crate::catalog::change::{ExpectedVersion, HeadUpdate};
use crate::catalog::{AuditContext, Catalog, files, synth, tables};
use crate::decision_log::line::Chosen;
use crate::decision_log::{DecisionLine, DecisionLog, SlotLine, WorldLine, properties};
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::region::Regions;
use crate::domain::weights::Weights;
use crate::forecast::Measured;
use crate::replay::side::Side;
use crate::replay::tally::Parties;
use crate::selection::choose;
use crate::selection::choose::Request;
use crate::selection::resolve;
use crate::selection::resolve::{PageInput, RegionSignals, SlotInput};
use crate::selection::rules::{Exclusions, Mask};
use crate::selection::snapshot::{Snapshot, State, Ticket, World};
use rand::prelude::*;
use rand_pcg::Pcg64;
use std::collections::HashMap;
use std::sync::Arc;

/// 2026-06-15 10:00 UTC.
const NOW_MS: i64 = 1_781_517_600_000;

/// A data directory with a catalog and recorded decisions.
struct Recorder {
    folder: tempfile::TempDir,
    catalog: Catalog,
    log: DecisionLog,
    labels: LabelTable,
    rng: Pcg64,
    count: u32,
    state: u64,
}

/// A version of the catalog in the recorder.
struct Served {
    snapshot: Arc<Snapshot>,
    world: WorldLine,
}

impl Recorder {
    fn new(seed: u64) -> Recorder {
        let folder = tempfile::tempdir().unwrap();
        let decisions = folder.path().join("decisions");
        let options = properties::options(1 << 20);
        let (name, text) = files::LABELS;
        Recorder {
            catalog: Catalog::open(&folder.path().join("catalog")).unwrap(),
            log: DecisionLog::start(&decisions, 7, NOW_MS, options).unwrap(),
            labels: tables::labels(name, text, &Regions::build(&[]).unwrap()).unwrap(),
            rng: Pcg64::seed_from_u64(seed),
            count: 0,
            state: 0,
            folder,
        }
    }

    fn put(&self, inventory: &Inventory, weights: &Weights) -> Served {
        let mut inventory = inventory.clone();
        inventory.sort();
        let parts = HeadUpdate {
            inventory: Some(&inventory),
            weights: Some(weights),
            labels: Some(&self.labels),
            detail: None,
            ..HeadUpdate::default()
        };
        let by = AuditContext {
            who: "test".into(),
            what: "test".into(),
            at: jiff::Timestamp::UNIX_EPOCH,
            request: None,
        };
        let hashes = self.catalog.put(&parts, ExpectedVersion::Any, &by).unwrap().hashes;
        let (inventory, weights, labels) =
            (hashes.inventory.unwrap(), hashes.weights.unwrap(), hashes.labels.unwrap());
        let snapshot = Arc::new(self.catalog.snapshot(&inventory, &weights, &labels).unwrap());
        Served { snapshot, world: WorldLine { inventory, weights, labels, ..WorldLine::default() } }
    }

    /// Records decisions on a version, on a new state every fifty of them.
    fn record(&mut self, on: &Served, decisions: u32) {
        let mut world = None;
        for number in 0..decisions {
            if number % 50 == 0 {
                let state = self.state_of(&on.snapshot);
                match number {
                    0 => self
                        .log
                        .record_world(WorldLine { state: state.clone(), ..on.world.clone() }),
                    _ => self.log.record_state(&state, None),
                }
                world = Some(World::new(on.snapshot.clone(), state));
            }
            let world = world.as_ref().unwrap();
            let line = self.decide(world);
            assert!(self.log.record_decision(&line));
            if number % 500 == 0 {
                self.log.flush();
            }
        }
        self.log.flush();
    }

    fn state_of(&mut self, snapshot: &Snapshot) -> State {
        self.state += 1;
        let mut state = State { number: self.state, ..State::default() };
        for place in 0..u32::try_from(snapshot.flights.len()).unwrap() {
            match self.rng.random_range(0..20) {
                0 => state.spent.push(place),
                1 => state.paced.push((place, self.rng.random())),
                2 => state.paused.push(place),
                3 => {
                    let (share, supply) =
                        (self.rng.random_range(0.0..0.6), self.rng.random_range(1.0..1e5));
                    state.tickets.push(Ticket::new(place, share, supply));
                }
                _ => {}
            }
        }
        state
    }

    fn page(&mut self, on: &Snapshot) -> crate::selection::page::Page {
        let rng = &mut self.rng;
        let inventory = &on.inventory;
        let some = |rng: &mut Pcg64, most: usize, ids: Vec<&str>| -> Vec<String> {
            let count = rng.random_range(0..=most);
            (0..count).map(|_| (*ids.choose(rng).unwrap()).to_owned()).collect()
        };
        let topics = some(rng, 2, inventory.topics.iter().map(|one| one.id.as_str()).collect());
        let entities = some(rng, 2, inventory.entities.iter().map(|one| one.id.as_str()).collect());
        let language = ["en", "de", "fr"].choose(rng).unwrap();
        let input: PageInput<'_> = serde_json::from_value(serde_json::json!({
            "topics": topics, "entities": entities,
            "language": language,
        }))
        .unwrap();
        let publisher = rng.random_range(0..on.publishers.len());
        let country = ["DE", "FR", "US", "GB"].choose(rng).unwrap();
        let signals = RegionSignals { observed: country.parse().ok(), declared: None };
        let slots: Vec<SlotInput<'_>> = on.publishers[publisher]
            .placements
            .iter()
            .take(rng.random_range(1..=3))
            .map(|(id, _)| SlotInput { name: (&**id).into(), ..SlotInput::default() })
            .collect();
        resolve::page(on, u32::try_from(publisher).unwrap(), &input, signals, &slots)
    }

    /// A decision, of which some lose a reservation.
    fn decide(&mut self, world: &World) -> DecisionLine {
        self.count += 1;
        let at_ms = NOW_MS + i64::from(self.count) * 100;
        let random: u64 = self.rng.random();
        let request = (u128::try_from(at_ms).unwrap() << 80) | (u128::from(random) << 8);
        let page = Arc::new(self.page(&world.snapshot));
        let mut taken = Exclusions::default();
        let mut slots = Vec::new();
        for slot in 0..page.slots.len() {
            taken.begin_slot(&[]);
            let asked = Request { world, page: &page, now_ms: at_ms, id: request };
            let mut masked = Vec::new();
            let result = loop {
                if let Some(reason) = choose::gave_up(&masked) {
                    break Err(reason);
                }
                match choose::choose(&asked, slot, &taken).result {
                    Ok(win) if self.rng.random_range(0..30) == 0 => {
                        let mask = Mask::reservation_lost(win.place);
                        taken.exclude(mask);
                        masked.push(mask);
                    }
                    other => break other,
                }
            };
            if let Ok(win) = &result {
                taken.advertisers.push(world.snapshot.flights[win.place].advertiser);
            }
            slots.push(SlotLine {
                masked,
                result: result.as_ref().map(Chosen::from).map_err(|no| *no),
            });
        }
        let (test, forced, url) = (false, None, None);
        DecisionLine {
            request,
            at_ms,
            state: self.state,
            page,
            url,
            forced,
            test,
            slots: slots.into(),
        }
    }

    fn with<T>(&self, run: impl FnOnce(&std::path::Path, &Recorded<'_>) -> T) -> T {
        let snapshot_of = |line: &WorldLine| {
            self.catalog.snapshot(&line.inventory, &line.weights, &line.labels).map(Arc::new)
        };
        let measured = Measured::default();
        let recorded =
            Recorded { catalog: &self.catalog, snapshot_of: &snapshot_of, measured: &measured };
        run(&self.folder.path().join("decisions"), &recorded)
    }

    fn replay(&self, before: Documents, after: Documents) -> ReplayReport {
        let span = Span { times: 0..i64::MAX, part: 1.0 };
        let question = Question { span, before, after, clicked: None };
        let mut go_on = |_| ControlFlow::Continue(());
        self.with(|folder, recorded| replay(folder, &question, recorded, &mut go_on)).unwrap()
    }

    fn reproduce(&self) -> Reproduction {
        let span = Span { times: 0..i64::MAX, part: 1.0 };
        let mut go_on = |_| ControlFlow::Continue(());
        self.with(|folder, recorded| reproduce(folder, &span, recorded, &mut go_on)).unwrap()
    }
}

fn other_weights() -> Weights {
    Weights { sharpness: 2.5, relevance_cap: 20.0, ..Weights::default() }
}

/// The same with other ranks: a heavier flight, without another one, with a new advertiser's.
fn other_inventory(inventory: &Inventory) -> Inventory {
    let mut other = inventory.clone();
    other.flights[3].weight *= 40.0;
    let gone = other.flights.remove(7).id;
    other.creatives.retain(|creative| creative.flight != gone);
    other
}

#[test]
fn recorded_decisions_are_reproduced_bit_for_bit_on_all_versions() {
    let mut recorder = Recorder::new(1);
    let inventory = synth::inventory(300, 5);
    let first = recorder.put(&inventory, &Weights::default());
    recorder.record(&first, 2_000);
    let second = recorder.put(&other_inventory(&inventory), &other_weights());
    recorder.record(&second, 2_000);
    let found = recorder.reproduce();
    assert_eq!((found.decisions, found.slots.different), (4_000, 0), "{found:?}");
    assert!(found.slots.checked > 4_500, "{found:?}");
    let report = recorder.replay(Documents::default(), Documents::default());
    let reproduced = report.reproduced.as_ref().unwrap();
    assert!(reproduced.checked > 3_000 && reproduced.different == 0, "{reproduced:?}");
    // Nothing changes, exactly.
    assert_eq!((report.changed, report.fill.difference, report.fill.plus_minus), (0.0, 0.0, 0.0));
    assert!(report.contexts.is_empty());
    let rows =
        report.advertisers.rows.iter().chain(&report.flights.rows).chain(&report.topics.rows);
    for row in rows {
        assert!((row.share.difference, row.slots.plus_minus) == (0.0, 0.0), "{row:?}");
    }
}

#[test]
fn what_is_replayed_is_what_the_other_configuration_does() {
    let mut recorder = Recorder::new(2);
    let inventory = synth::inventory(300, 5);
    let first = recorder.put(&inventory, &Weights::default());
    recorder.record(&first, 6_000);
    let (other, weights) = (other_inventory(&inventory), other_weights());
    let labels = recorder.labels.clone();
    let after = Documents {
        inventory: Some(other.clone()),
        weights: Some(weights.clone()),
        labels: Some(labels),
    };
    let report = recorder.replay(Documents::default(), after.clone());
    assert!(report.changed > 0.05, "{}", report.changed);
    let won = redrawn(&recorder, &after);
    let all: f64 = won.values().sum();
    for row in &report.advertisers.rows {
        let realised = won.get(&row.id).copied().unwrap_or_default() / all;
        let error = (realised - row.share.after).abs();
        // Four standard errors of the draw.
        let noise = 4.0 * (row.share.after * (1.0 - row.share.after) / all).sqrt() + 1e-3;
        assert!(error < noise, "{}: {realised} instead of {:?}", row.id, row.share);
    }
}

/// Draws every recorded page again, with other request ids, and counts the slots of each advertiser.
fn redrawn(recorder: &Recorder, after: &Documents) -> HashMap<String, f64> {
    let mut won = HashMap::new();
    let span = Span { times: 0..i64::MAX, part: 1.0 };
    let mut side = Side::new(after.clone());
    recorder.with(|folder, recorded| {
        let scanned = scan(folder, &span, &mut |step| {
            let version = side.version(step.world, recorded, &mut Parties::default()).unwrap();
            let world =
                World::new(version.snapshot.clone(), version.carry.state(&step.world.state));
            let page = version.carry.page(&step.line.page, None).unwrap();
            let mut taken = Exclusions::default();
            for slot in 0..page.slots.len() {
                let masked = &step.line.slots[slot].masked;
                let masks: Vec<Mask> =
                    masked.iter().filter_map(|mask| version.carry.mask(*mask)).collect();
                taken.begin_slot(&masks);
                if choose::gave_up(&masks).is_some() {
                    continue;
                }
                let id = step.line.request ^ (0x9E37_79B9 << 40);
                let request = Request { world: &world, page: &page, now_ms: step.line.at_ms, id };
                if let Ok(win) = choose::choose(&request, slot, &taken).result {
                    let advertiser = version.snapshot.flights[win.place].advertiser;
                    taken.advertisers.push(advertiser);
                    let inventory = &version.snapshot.inventory;
                    *won.entry(inventory.advertisers[advertiser].id.to_string()).or_default() +=
                        1.0;
                }
            }
            ControlFlow::Continue(())
        });
        scanned.unwrap();
    });
    won
}

#[test]
fn a_state_is_carried_over_by_the_names_of_its_flights() {
    let mut recorder = Recorder::new(3);
    let inventory = synth::inventory(300, 5);
    let first = recorder.put(&inventory, &Weights::default());
    let state = recorder.state_of(&first.snapshot);
    let after = Documents {
        inventory: Some(other_inventory(&inventory)),
        weights: Some(other_weights()),
        labels: Some(recorder.labels.clone()),
    };
    let gone = inventory.flights[7].id.to_string();
    let mut side = Side::new(after);
    recorder.with(|_, recorded| {
        let version = side.version(&first.world, recorded, &mut Parties::default()).unwrap();
        let carried = version.carry.state(&state);
        let names = |on: &Snapshot, places: Vec<u32>| -> Vec<String> {
            let id =
                |place: u32| on.inventory.flights[on.flights[place as usize].doc].id.to_string();
            let mut names: Vec<String> =
                places.into_iter().map(id).filter(|id| *id != gone).collect();
            names.sort_unstable();
            names
        };
        let lists = |of: &State| {
            let paced = of.paced.iter().map(|(place, _)| *place).collect();
            let tickets = of.tickets.iter().map(|one| one.place).collect();
            [of.spent.clone(), of.paused.clone(), paced, tickets]
        };
        for (old, new) in lists(&state).into_iter().zip(lists(&carried)) {
            assert!(old.len() > 5 && new.is_sorted());
            assert_eq!(names(&first.snapshot, old), names(&version.snapshot, new));
        }
    });
}
