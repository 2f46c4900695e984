//! The probabilities of all flights in a slot: they are those of the draw.

use crate::selection::{WORLDS, closed, input, labels, resolved};
use adjacent::catalog::synth;
use adjacent::domain::event::EventKind;
use adjacent::domain::event_kinds::EventKinds;
use adjacent::domain::weights::Weights;
use adjacent::selection::compile::compile;
use adjacent::selection::odds::Odds;
use adjacent::selection::resolve::PageInput;
use adjacent::selection::rules::Exclusions;
use adjacent::selection::snapshot::{State, Ticket, World};
use adjacent::selection::{choose, choose::Request, trace};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

fn sum(odds: &Odds) -> f64 {
    odds.empty + odds.chances.iter().map(|one| one.probability).sum::<f64>()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn probabilities_are_the_recorded_propensities_bit_for_bit_and_add_up_to_one(
        which in 0usize..4, input in input(), id: u128, now_ms in 0i64..4_000_000_000_000,
        spent in prop::collection::btree_set(0u32..300, 0..20),
        paced in prop::collection::btree_map(0u32..300, any::<u32>(), 0..40),
        tickets in prop::collection::btree_map(0u32..300, (prop_oneof![Just(0), Just(Ticket::ALL), any::<u32>()], 0u32..9), 0..40),
        masked in prop::collection::vec(0usize..300, 0..3),
        unreported in prop::sample::subsequence(EventKind::ALL, 0..=EventKind::ALL.len()), closed in closed(),
    ) {
        let base = &WORLDS[which];
        let ticket = |(place, (share, turn))| Ticket { place, share, turn };
        let state = State {
            spent: spent.into_iter().collect(),
            paced: paced.into_iter().collect(),
            tickets: tickets.into_iter().map(ticket).collect(),
            closed: closed.into_iter().collect(),
            ..State::default()
        };
        let world = World::new(base.snapshot.clone(), state);
        let page = resolved(&world.snapshot, &input);
        let request = Request { world: &world, page: &page, now_ms, id };
        let unreported = EventKinds::of(&unreported);
        let mut taken = Exclusions { masked, unreported, ..Exclusions::default() };
        let mut odds = Odds::default();
        for slot in 0..page.slots.len() {
            odds.compute(&request, slot, &taken);
            let chosen = choose::choose(&request, slot, &taken).result;

            prop_assert!((sum(&odds) - 1.0).abs() < 1e-9, "{}", sum(&odds));
            prop_assert!(odds.chances.iter().all(|one| one.probability >= 0.0));
            match &chosen {
                Ok(win) => {
                    prop_assert_eq!(odds.propensity(u32::try_from(win.place).unwrap()), Some(win.flight_propensity));
                    taken.advertisers.push(world.snapshot.flights[win.place].advertiser);
                }
                Err(_) => prop_assert!(odds.empty > 0.0),
            }
        }
    }

    #[test]
    fn every_candidate_of_a_trace_has_the_propensity_that_the_trace_shows(
        which in 0usize..4, input in input(), id: u128,
        tickets in prop::collection::btree_map(0u32..300, (0u32..1 << 30, 0u32..9), 0..40),
    ) {
        let base = &WORLDS[which];
        let ticket = |(place, (share, turn))| Ticket { place, share, turn };
        let state = State { tickets: tickets.into_iter().map(ticket).collect(), ..State::default() };
        let world = World::new(base.snapshot.clone(), state);
        let page = resolved(&world.snapshot, &input);
        let request = Request { world: &world, page: &page, now_ms: 0, id };
        let mut odds = Odds::default();
        odds.compute(&request, 0, &Exclusions::default());
        let traced = &trace::trace(&request, &[])[0];
        for one in traced.candidates.iter().filter(|one| one.probability > 0) {
            prop_assert_eq!(odds.propensity(u32::try_from(one.place).unwrap()), Some(one.probability));
        }
    }
}

/// A world in which every third flight has a ticket for a small share, and each fifth a throttle.
fn with_goals(flights: usize) -> World {
    let snapshot = Arc::new(compile(synth::inventory(flights, 5), &Weights::default(), &labels()));
    let places = 0..u32::try_from(snapshot.flights.len()).unwrap();
    let ticket = |place| Ticket { place, share: (place % 7 + 1) << 26, turn: place % 40 };
    let state = State {
        tickets: places.clone().filter(|place| place % 3 == 0).map(ticket).collect(),
        paced: places.filter(|place| place % 15 == 1).map(|place| (place, u32::MAX / 2)).collect(),
        ..State::default()
    };
    World::new(snapshot, state)
}

#[test]
fn flights_win_as_often_as_their_probabilities_say_over_all_tiers() {
    let snapshot = with_goals(300).snapshot;
    let tickets = (0..u32::try_from(snapshot.flights.len()).unwrap())
        .map(|place| Ticket { place, share: (place % 7 + 1) << 25, turn: place % 40 })
        .collect();
    // Without throttles probabilities are the same for all requests, and the lottery leaves some of the
    // slots to lower tiers.
    let world = World::new(snapshot, State { tickets, ..State::default() });
    let page = PageInput { topics: vec!["topic-3".into()], ..PageInput::default() };
    let page = resolved(&world.snapshot, &(page, "DE", 0));
    let (mut odds, none) = (Odds::default(), Exclusions::default());
    let (mut won, draws) = (HashMap::<u32, f64>::new(), 20_000u32);
    let mut empty = 0.0;
    for id in 0..draws {
        let request = Request { world: &world, page: &page, now_ms: 0, id: u128::from(id) << 9 };
        odds.compute(&request, 0, &none);
        match choose::choose(&request, 0, &none).result {
            Ok(win) => *won.entry(u32::try_from(win.place).unwrap()).or_default() += 1.0,
            Err(_) => empty += 1.0,
        }
    }
    assert!(odds.chances.len() > 15 && odds.empty > 0.0, "{} {}", odds.chances.len(), odds.empty);
    let draws = f64::from(draws);
    let expected = odds.chances.iter().map(|one| (won.get(&one.place), one.probability));
    for (won, probability) in expected.chain([(Some(&empty), odds.empty)]) {
        let (won, expected) = (won.copied().unwrap_or_default(), draws * probability);
        assert!((won - expected).abs() < 4.5 * expected.sqrt() + 5.0, "{won} {expected}");
    }
}
