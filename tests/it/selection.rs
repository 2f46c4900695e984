//! Properties of the selection, on random inventories and random pages.

use adjacent::catalog::{files, synth};
use adjacent::domain::event::EventKind;
use adjacent::domain::event::NoFill;
use adjacent::domain::event_kinds::EventKinds;
use adjacent::domain::inventory::Inventory;
use adjacent::domain::label::LabelTable;
use adjacent::domain::targeting::PageFacts;
use adjacent::domain::weights::Weights;
use adjacent::selection::choose::{Outcome, Request};
use adjacent::selection::compile::compile;
use adjacent::selection::filter_reason::FilterReason;
use adjacent::selection::page::Commercial;
use adjacent::selection::resolve::{EntityInput, PageInput, RegionSignals, SlotInput};
use adjacent::selection::rules::{Exclusions, Mask};
use adjacent::selection::slot_stage::SlotStage;
use adjacent::selection::snapshot::{Snapshot, State, Ticket, World};
use adjacent::selection::{choose, resolve, slot_stage, trace};
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

pub fn labels() -> LabelTable {
    toml::from_str(include_str!("../../config/labels.toml")).unwrap()
}

fn world(flights: usize, seed: u64) -> World {
    let snapshot = compile(synth::inventory(flights, seed), &Weights::default(), &labels());
    World::new(Arc::new(snapshot), State::default())
}

pub static WORLDS: LazyLock<Vec<World>> = LazyLock::new(|| {
    [(300, 0), (700, 1), (1100, 2), (1500, 3)]
        .map(|(flights, seed)| {
            let mut inventory = with_context_keys(&synth::inventory(flights, seed));
            target_facts(&mut inventory);
            World::new(
                Arc::new(compile(inventory, &Weights::default(), &labels())),
                State::default(),
            )
        })
        .into()
});

/// Worlds with few candidates in a draw and a relevance floor, so that both leave flights out.
static NARROW: LazyLock<Vec<World>> = LazyLock::new(|| {
    let weights = Weights { max_candidates: 3, ..Weights::default() };
    let floor = Weights { relevance_floor: 1.3, ..weights.clone() };
    [(300, 4, weights), (700, 5, floor)]
        .map(|(flights, seed, weights)| {
            let snapshot = compile(synth::inventory(flights, seed), &weights, &labels());
            World::new(Arc::new(snapshot), State::default())
        })
        .into()
});

fn with_context_keys(inventory: &Inventory) -> Inventory {
    let mut document = serde_json::to_value(inventory).unwrap();
    document["context_keys"] = json!([
        { "id": "paywall", "values": ["free", "metered", "premium"] },
        { "id": "series", "max_characters": 20 },
    ]);
    serde_json::from_value(document).unwrap()
}

/// Lets every third flight target a value of each page fact, and every fourth exclude one.
fn target_facts(inventory: &mut Inventory) {
    for (number, flight) in inventory.flights.iter_mut().enumerate() {
        let mut targeting = serde_json::to_value(&flight.targeting).unwrap();
        for (shift, fact) in PageFacts::all().into_iter().enumerate() {
            let list = |every: usize| -> Vec<&serde_json::Value> {
                let at = number / every % fact.values.len();
                fact.values
                    .iter()
                    .skip(at)
                    .take(usize::from((number + shift) % every == 0))
                    .collect()
            };
            targeting[fact.name] = json!({ "any": list(3), "none": list(4) });
        }
        targeting["custom"] = match number % 7 {
            0 => json!({ "paywall": { "any": ["free", "Metered"] } }),
            1 => json!({ "paywall": { "none": ["free"] }, "series": { "any": ["über 1", "a"] } }),
            2 => {
                json!({ "series": { "any": ["a"], "none": ["b"] }, "paywall": { "any": ["free"] } })
            }
            _ => json!({}),
        };
        flight.targeting = serde_json::from_value(targeting).unwrap();
    }
}

pub fn slot(name: &str) -> SlotInput<'_> {
    SlotInput { name: name.into(), ..SlotInput::default() }
}

prop_compose! {
    pub fn input()(
        topics in prop::collection::vec(0usize..400, 0..4),
        sponsors in prop::collection::vec((0usize..40, any::<bool>()), 0..3),
        words in prop::collection::vec(0usize..200, 0..4),
        country in prop::sample::select(vec!["US", "DE", "FR", "JP", "NO", "MT", "ZA"]),
        region in prop::option::of(prop::sample::select(vec!["eu", "DE", "world", "americas"])),
        language in prop::sample::select(vec!["en", "de", "de-AT", "ja"]),
        sensitive in prop::bool::weighted(0.1),
        house_only in prop::bool::weighted(0.1),
        shown in prop::collection::vec(0usize..300, 0..2),
        publisher in 0u32..2,
        facts in prop::collection::vec(prop::option::of(0usize..6), PageFacts::all().len()),
        paywall in prop::sample::subsequence(vec!["FREE", "metered", "premium", "x"], 0..3),
        series in prop::sample::subsequence(vec!["UBER 1", "a", "b", "c"], 0..3),
    ) -> (PageInput<'static>, &'static str, u32) {
        let role = |subject| if subject { adjacent::selection::page::Role::Subject } else { adjacent::selection::page::Role::Mention };
        let mut page = PageInput {
            topics: topics.iter().map(|n| format!("topic-{n}").into()).collect(),
            entities: sponsors.iter().map(|(n, subject)| EntityInput::Named { name: format!("Sponsor {n}").into(), role: role(*subject) }).collect(),
            keywords: words.iter().map(|n| format!("word {n}").into()).collect(),
            region: region.map(Into::into),
            language: Some(language.into()),
            sensitive: if sensitive { vec!["accident".into()] } else { Vec::new() },
            commercial: if house_only { Commercial::HouseOnly } else { Commercial::Allow },
            shown: shown.iter().map(|n| format!("creative-{n}").into()).collect(),
            custom: serde_json::from_value(json!({ "paywall": paywall, "series": series })).unwrap(),
            ..PageInput::default()
        };
        for (fact, stated) in PageFacts::all().iter().zip(facts) {
            if let Some(at) = stated {
                let value = &fact.values[at % fact.values.len()];
                assert!(page.state(fact.name, value.as_str().unwrap_or(&value.to_string())));
            }
        }
        (page, country, publisher)
    }
}

prop_compose! {
    /// Advertisers that get no more slots of a topic.
    pub fn closed()(
        pairs in prop::collection::btree_set((0u32..60, 0u32..100), 0..1_000),
    ) -> BTreeSet<(u32, u32)> {
        pairs
    }
}

pub fn resolved(
    snapshot: &Snapshot,
    (page, country, publisher): &(PageInput<'_>, &str, u32),
) -> adjacent::selection::page::Page {
    let signals = RegionSignals { observed: None, declared: country.parse().ok() };
    resolve::page(snapshot, *publisher, page, signals, &[slot("article-end"), slot("sidebar")])
}

/// A page that is another one in one respect only.
fn varied_in(
    what: usize,
    (page, country, publisher): &(PageInput<'static>, &'static str, u32),
    (other, other_country, other_publisher): &(PageInput<'static>, &'static str, u32),
) -> (PageInput<'static>, &'static str, u32) {
    let (mut page, mut country, mut publisher) = (page.clone(), *country, *publisher);
    match what {
        0 => page.topics.clone_from(&other.topics),
        1 => page.entities.clone_from(&other.entities),
        2 => page.keywords.clone_from(&other.keywords),
        3 => page.region.clone_from(&other.region),
        4 => page.language.clone_from(&other.language),
        5 => page.sensitive.clone_from(&other.sensitive),
        6 => page.shown.clone_from(&other.shown),
        7 => page.custom.clone_from(&other.custom),
        8 => country = other_country,
        9 => publisher = *other_publisher,
        _ => {
            let (topics, entities) = (page.topics, page.entities);
            page = PageInput { topics, entities, ..other.clone() };
        }
    }
    (page, country, publisher)
}

/// Selects for all slots as the server does, assuming that every reservation succeeds.
fn choose_all(request: &Request<'_>) -> Vec<Outcome> {
    let mut taken = Exclusions::default();
    (0..request.page.slots.len())
        .map(|at| {
            let outcome = choose::choose(request, at, &taken);
            if let Ok(win) = &outcome.result {
                taken.advertisers.push(request.world.snapshot.flights[win.place].advertiser);
            }
            outcome
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_bitmap_index_and_the_linear_scan_choose_the_same(
        which in 0usize..4, input in input(), id: u128, now_ms in 0i64..4_000_000_000_000,
        spent in prop::collection::btree_set(0u32..300, 0..20),
        paced in prop::collection::btree_map(0u32..300, any::<u32>(), 0..40),
        tickets in prop::collection::btree_map(0u32..300, (prop_oneof![Just(0), Just(Ticket::ALL), any::<u32>()], 0u32..9), 0..40),
        closed in closed(),
    ) {
        let base = &WORLDS[which];
        let ticket = |(place, (share, turn))| Ticket { place, share, turn };
        let state = State {
            number: 1,
            spent: spent.into_iter().collect(),
            paced: paced.into_iter().collect(),
            paused: Vec::new(),
            tickets: tickets.into_iter().map(ticket).collect(),
            closed: closed.into_iter().collect(),
            ..State::default()
        };
        let world = World::new(base.snapshot.clone(), state);
        let page = resolved(&world.snapshot, &input);
        let request = Request { world: &world, page: &page, now_ms, id };

        let chosen = choose_all(&request);
        let traced = trace::trace(&request, &[]);

        for (chosen, traced) in chosen.iter().zip(&traced) {
            prop_assert_eq!(&chosen.result, &traced.result);
        }
    }

    #[test]
    fn a_known_answer_of_the_index_changes_no_decision_at_any_time_in_any_state(
        which in 0usize..4, input in input(), other in input(), varied in 0usize..11, ids: [u128; 2], times in [0i64..4_000_000_000_000, 0i64..4_000_000_000_000],
        spent in prop::collection::btree_set(0u32..300, 0..20),
        paced in prop::collection::btree_map(0u32..300, any::<u32>(), 0..40),
        tickets in prop::collection::btree_map(0u32..300, (prop_oneof![Just(0), Just(Ticket::ALL), any::<u32>()], 0u32..9), 0..40),
        closed in closed(), masked in prop::collection::vec(0usize..300, 0..2),
    ) {
        let base = &WORLDS[which];
        let ticket = |(place, (share, turn))| Ticket { place, share, turn };
        let state = State {
            number: 1,
            spent: spent.into_iter().collect(),
            paced: paced.into_iter().collect(),
            tickets: tickets.into_iter().map(ticket).collect(),
            closed: closed.into_iter().collect(),
            ..State::default()
        };
        let worlds = [State::default(), state].map(|state| World::new(base.snapshot.clone(), state));
        let page = resolved(&base.snapshot, &input);
        // Asked for the second time, an answer is kept.
        for _ in 0..2 {
            choose_all(&Request { world: &worlds[0], page: &page, now_ms: times[0], id: ids[0] });
        }
        let similar = resolved(&base.snapshot, &varied_in(varied, &input, &other));
        let moments = worlds.iter().zip(times.into_iter().zip(ids));
        for (page, (world, (now_ms, id))) in [&page, &similar].into_iter().flat_map(|page| moments.clone().map(move |one| (page, one))) {
            let request = Request { world, page, now_ms, id };
            let (chosen, traced) = (choose_all(&request), trace::trace(&request, &[]));
            for (chosen, traced) in chosen.iter().zip(&traced) {
                prop_assert_eq!(&chosen.result, &traced.result);
            }
            let taken = Exclusions { masked: masked.clone(), ..Exclusions::default() };
            let masks: Vec<Mask> = masked.iter().copied().map(Mask::reservation_lost).collect();
            let chosen = choose::choose(&request, 0, &taken).result;
            prop_assert_eq!(&chosen, &trace::trace(&request, &[masks])[0].result);
        }
    }

    #[test]
    fn the_no_fill_reason_is_the_latest_stage_that_a_flight_reached(
        which in 0usize..4, input in input(), id: u128, masked in prop::collection::vec(0usize..300, 0..3),
        rejected in prop::collection::vec(0usize..300, 0..3),
        unreported in prop::sample::subsequence(EventKind::ALL, 0..=EventKind::ALL.len()),
        unavailable in prop::collection::vec(prop::bool::weighted(0.98), 1_501), paced in any::<bool>(), closes in any::<bool>(),
    ) {
        let base = &WORLDS[which];
        let unavailable: Vec<u32> = (0u32..).zip(unavailable).filter(|(_, unavailable)| *unavailable).map(|(place, _)| place).collect();
        let state = match paced {
            true if closes => State {
                closed: (0..400).flat_map(|one| (0..200).map(move |topic| (one, topic))).collect(),
                ..State::default()
            },
            true => State { paced: unavailable.iter().map(|place| (*place, 0)).collect(), ..State::default() },
            false => State { spent: unavailable, ..State::default() },
        };
        let world = World::new(base.snapshot.clone(), state);
        let page = resolved(&world.snapshot, &input);
        let request = Request { world: &world, page: &page, now_ms: 0, id };
        let unreported = EventKinds::of(&unreported);
        let taken = Exclusions { masked, rejected, unreported, ..Exclusions::default() };
        let Err(reason) = choose::choose(&request, 0, &taken).result else { return Ok(()) };

        let context = request.slot_context(0, &taken);
        let flights = world.snapshot.flights.iter().enumerate();
        let latest = flights
            .map(|(place, flight)| context.rules(place, flight).collect::<Vec<_>>())
            .filter(|rules| rules.iter().all(|(passes, by)| *passes || !by.is_targeting()))
            .map(|rules| rules.into_iter().find(|(passes, _)| !passes).map_or(FilterReason::Relevance, |(_, by)| by))
            .max();
        let default = if page.commercial == Commercial::HouseOnly { NoFill::HouseOnly } else { NoFill::NoCandidate };
        prop_assert_eq!(reason, choose::early_no_fill(&context).or(latest.map(FilterReason::no_fill)).unwrap_or(default));
    }

    #[test]
    fn a_unit_never_needs_an_event_that_the_caller_cannot_report(
        which in 0usize..4, input in input(), id: u128,
        unreported in prop::sample::subsequence(EventKind::ALL, 0..=EventKind::ALL.len()),
    ) {
        let world = &WORLDS[which];
        let page = resolved(&world.snapshot, &input);
        let request = Request { world, page: &page, now_ms: 0, id };
        let mask = Mask::unreported(EventKinds::of(&unreported));
        let mut taken = Exclusions::default();
        taken.exclude(mask);
        let chosen = choose::choose(&request, 0, &taken);

        prop_assert_eq!(&chosen.result, &trace::trace(&request, &[vec![mask], vec![mask]])[0].result);
        if let Ok(win) = chosen.result {
            let flight = &world.snapshot.inventory.flights[world.snapshot.flights[win.place].doc];
            let terms = serde_json::to_value(flight).unwrap();
            let priced = terms["price_micros"].as_i64().unwrap_or_default() > 0;
            for kind in unreported {
                let (pricing, goal) = match kind {
                    EventKind::Impression => ("cpm", "goal_impressions"),
                    EventKind::Viewable => ("vcpm", "goal_viewables"),
                    EventKind::Click => ("cpc", "goal_clicks"),
                    EventKind::Copy => continue,
                };
                prop_assert!(!(priced && terms["pricing"] == pricing), "{}", terms);
                prop_assert!(terms[goal].is_null(), "{}", terms);
            }
        }
    }

    #[test]
    fn every_flight_is_either_filtered_with_a_reason_or_in_the_draw(which in 0usize..4, input in input(), id: u128) {
        let world = &WORLDS[which];
        let page = resolved(&world.snapshot, &input);
        for slot in trace::trace(&Request { world, page: &page, now_ms: 0, id }, &[]) {
            let mut seen: Vec<usize> = slot.filtered.iter().map(|(place, _)| *place).chain(slot.candidates.iter().map(|c| c.place)).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..world.snapshot.flights.len()).collect::<Vec<_>>());
            if let Ok(win) = &slot.result {
                let total: u64 = slot.candidates.iter().map(|c| u64::from(c.probability)).sum();
                prop_assert!(total.abs_diff(1 << 32) <= 4 * slot.candidates.len() as u64);
                prop_assert!(slot.candidates.iter().any(|c| c.place == win.place && c.probability == win.flight_propensity));
            }
        }
    }

    #[test]
    fn the_stage_of_one_flight_is_that_of_all_flights_and_agrees_with_the_trace(
        which in 0usize..4, input in input(), id: u128, now_ms in 0i64..4_000_000_000_000,
        spent in prop::collection::btree_set(0u32..300, 0..20),
        paced in prop::collection::btree_map(0u32..300, any::<u32>(), 0..40),
        tickets in prop::collection::btree_map(0u32..300, (prop_oneof![Just(0), Just(Ticket::ALL), any::<u32>()], 0u32..9), 0..40),
        closed in closed(),
    ) {
        let base = if which < 2 { &NARROW[which] } else { &WORLDS[which - 2] };
        let ticket = |(place, (share, turn))| Ticket { place, share, turn };
        let state = State {
            number: 1,
            spent: spent.into_iter().collect(),
            paced: paced.into_iter().collect(),
            paused: Vec::new(),
            tickets: tickets.into_iter().map(ticket).collect(),
            closed: closed.into_iter().collect(),
            ..State::default()
        };
        let state_tickets = state.tickets.clone();
        let world = World::new(base.snapshot.clone(), state);
        let page = resolved(&world.snapshot, &input);
        let request = Request { world: &world, page: &page, now_ms, id };
        let mut taken = Exclusions::default();
        for (slot, traced) in trace::trace(&request, &[]).iter().enumerate() {
            let result = traced.result.as_ref().map(|win| win.place).map_err(|reason| *reason);
            let context = request.slot_context(slot, &taken);
            let mut stages = vec![None; world.snapshot.flights.len()];
            slot_stage::of_all(&context, result, |place, stage| stages[place] = Some(stage));
            let filtered: BTreeMap<usize, FilterReason> = traced.filtered.iter().copied().collect();
            for (place, stage) in stages.into_iter().enumerate() {
                let stage = stage.unwrap();
                prop_assert_eq!(stage, slot_stage::of_flight(&context, place, result));
                let agrees = match (stage, filtered.get(&place)) {
                    (SlotStage::Won, None) => result == Ok(place),
                    (SlotStage::Draw, None) => result.is_ok(),
                    // A share that the slot is not in.
                    (SlotStage::Filtered(FilterReason::Paced), None) => {
                        state_tickets.iter().any(|one| one.place as usize == place)
                    }
                    (SlotStage::Unfillable, Some(FilterReason::Tier)) => result.is_err(),
                    (SlotStage::Filtered(own), Some(by)) => own == *by,
                    _ => false,
                };
                prop_assert!(agrees, "{place}: {stage:?}, {:?}", filtered.get(&place));
            }
            taken.advertisers.extend(result.ok().map(|place| world.snapshot.flights[place].advertiser));
        }
    }

    #[test]
    fn a_page_never_shows_an_advertiser_twice_or_beside_a_competitor(which in 0usize..4, input in input(), id: u128) {
        let world = &WORLDS[which];
        let page = resolved(&world.snapshot, &input);
        let wins: Vec<usize> = choose_all(&Request { world, page: &page, now_ms: 0, id })
            .iter().filter_map(|outcome| outcome.result.as_ref().ok()).map(|win| world.snapshot.flights[win.place].advertiser).collect();
        for (at, one) in wins.iter().enumerate() {
            for other in &wins[at + 1..] {
                prop_assert!(!world.snapshot.must_separate(*one, *other));
            }
        }
    }
}

#[test]
fn the_same_world_page_time_and_request_always_give_the_same_choice() {
    // Frozen: a change in any of these lines changes the replay of every logged decision.
    let world = world(500, 7);
    let page = PageInput { topics: vec!["topic-3".into()], ..PageInput::default() };
    let page = resolved(&world.snapshot, &(page, "DE", 0));
    let choices: Vec<String> = (1..=4u128)
        .map(|id| {
            let request = Request { world: &world, page: &page, now_ms: 0, id };
            let win = choose_all(&request).remove(0).result.unwrap();
            let creative = &world.snapshot.inventory.creatives[win.creative as usize].id;
            format!("{creative} {} {}", win.flight_propensity, win.score.ln_score.raw())
        })
        .collect();
    assert_matches_file(&choices, "tests/it/frozen_choices.txt");
}

/// Asserts that `lines` equal the content of a golden file. With `ADJACENT_BLESS` set, writes it.
pub fn assert_matches_file(lines: &[String], file: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let found = lines.join("\n") + "\n";
    if std::env::var_os("ADJACENT_BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = expected.lines().zip(found.lines()).position(|(one, other)| one != other);
    let place = differs.unwrap_or_else(|| expected.lines().count().min(found.lines().count()));
    let line = |text: &str| text.lines().nth(place).unwrap_or("(end of file)").to_owned();
    assert!(
        expected == found,
        "{file}:{}: expected `{}`, found `{}`; run with ADJACENT_BLESS=1 to update the file",
        place + 1,
        line(&expected),
        line(&found)
    );
}

#[test]
fn the_order_of_inventory_files_has_no_effect() {
    let mut texts: Vec<(String, String)> =
        files::EXAMPLE.map(|(n, t)| (n.to_owned(), t.to_owned())).into();
    let forward = files::parse(&texts).unwrap();
    texts.reverse();
    let backward = files::parse(&texts).unwrap();

    let hash =
        |inventory| compile(inventory, &Weights::default(), &labels()).inventory_hash.clone();
    assert_eq!(hash(forward), hash(backward));
}

#[test]
fn a_changed_weight_changes_only_decisions_that_depend_on_it() {
    let heavier =
        Weights { sharpness: 1.0, price_weight: 0.5, entity_boost: 3.0, ..Weights::default() };
    let inventory = synth::inventory(400, 3);
    let before = World::new(
        Arc::new(compile(inventory.clone(), &Weights::default(), &labels())),
        State::default(),
    );
    let after = World::new(Arc::new(compile(inventory, &heavier, &labels())), State::default());
    // The page has no entity, so the entity weight affects no draw.
    let page = PageInput { topics: vec!["topic-1".into()], ..PageInput::default() };
    for id in 0..200u128 {
        let winner = |world: &World| {
            let page = resolved(&world.snapshot, &(page.clone(), "DE", 0));
            let outcome = choose_all(&Request { world, page: &page, now_ms: 0, id }).remove(0);
            outcome
                .result
                .map(|win| world.snapshot.inventory.creatives[win.creative as usize].id.clone())
        };
        assert_eq!(winner(&before), winner(&after));
    }
}

#[test]
fn a_page_that_comes_again_is_answered_without_the_index() {
    let snapshot = compile(synth::inventory(300, 0), &Weights::default(), &labels());
    let world = &World::new(Arc::new(snapshot), State::default());
    let asked = |from: usize| {
        let before = world.snapshot.index_questions();
        for number in from..from + 100 {
            let input = PageInput {
                topics: vec![format!("topic-{number}").into()],
                language: Some("en".into()),
                ..PageInput::default()
            };
            let page = resolved(&world.snapshot, &(input, "DE", 0));
            choose_all(&Request { world, page: &page, now_ms: 0, id: number as u128 });
        }
        let after = world.snapshot.index_questions();
        [after[0] - before[0], after[1] - before[1]]
    };
    let rounds = [asked(0), asked(0), asked(0), asked(100)];
    assert!(rounds[0][1] >= 100 && rounds[1][1] >= 100, "{rounds:?}");
    // Two questions may share a place, and displace each other.
    assert!(rounds[2][0] >= 9 * rounds[2][1] && rounds[3][1] >= 90, "{rounds:?}");
}
