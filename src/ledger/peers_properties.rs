//! Properties of verdicts in a fleet: each instance records in its own order, and how these orders are
//! interleaved changes nothing.

use crate::domain::event::{EventKind, InvalidReason, Pricing};
use crate::ledger::apply::{Origin, apply};
use crate::ledger::properties::event;
use crate::ledger::{Record, Rules, State, audit};
use proptest::prelude::*;
use std::sync::Arc;

const PARTITION: u8 = 3;
const SPOOL_MS: i64 = 6 * 3_600_000;
/// After every deadline of the events below.
const END_MS: i64 = 500_000;

fn rules() -> Record {
    let (viewable_after_ms, click_after_ms) = (0, 0);
    let spool_ms = SPOOL_MS;
    Record::Rules(Rules { viewable_after_ms, click_after_ms, spool_ms, ..Rules::default() })
}

fn here(at_ms: i64, after: &[u64]) -> Record {
    Record::Join { at_ms, timeout_ms: SPOOL_MS, predecessors: after.to_vec() }
}

fn record(kind: EventKind, seq: u64, at_ms: i64) -> Record {
    Record::Event(Arc::new(event(kind, seq, at_ms, Pricing::Cpc, 100)))
}

/// Applies records of instances, each named by its incarnation.
fn run(records: &[(u64, Record)]) -> State {
    let mut state = State::default();
    for (incarnation, record) in records {
        apply(&mut state, Origin { incarnation: *incarnation, partition: PARTITION }, record);
    }
    state
}

/// The first records: event windows, and every instance joins.
fn first_records(instances: u64) -> Vec<(u64, Record)> {
    let all = (1..=instances).map(|instance| (instance, here(0, &[])));
    std::iter::once((1, rules())).chain(all).collect()
}

/// How many events of a kind counted, were orphaned, and are pending.
fn found(state: &State, kind: EventKind) -> (u64, u64, u64) {
    let tally = state.views.totals.get(&kind).cloned().unwrap_or_default();
    let orphans = tally.invalid.get(&InvalidReason::OrphanClick).copied().unwrap_or(0);
    (tally.counted, orphans, tally.pending)
}

/// Interleaves the instances' records, each instance in its own order; `seed` picks the next.
fn interleave(instances: &[Vec<Record>], seed: u64) -> Vec<(u64, Record)> {
    let mut left: Vec<_> = instances.iter().map(|records| records.iter().cloned()).collect();
    let (mut order, mut seed) = (first_records(left.len() as u64), seed);
    while left.iter().any(|records| records.len() > 0) {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let of = usize::try_from(seed >> 33).unwrap() % left.len();
        if let Some(next) = left[of].next() {
            order.push((u64::try_from(of).unwrap() + 1, next));
        }
    }
    order
}

proptest! {
    #[test]
    fn bill_and_verdicts_do_not_depend_on_how_instances_records_are_interleaved(
        events in prop::collection::vec(
            (prop::sample::select(EventKind::ALL), 0u64..4, 0i64..200_000, 0usize..3), 0..40,
        ),
        seed: u64,
    ) {
        let mut instances = vec![Vec::new(); 3];
        let mut events = events;
        events.sort_by_key(|(_, _, at_ms, _)| *at_ms);
        for (kind, seq, at_ms, of) in events {
            instances[of].push(record(kind, seq, at_ms));
        }
        for (of, records) in (0i64..).zip(&mut instances) {
            let last = [Record::Tick { at_ms: END_MS }, Record::Leave { at_ms: END_MS + of }];
            records.extend(last);
        }
        let one = run(&interleave(&instances, 0));
        let other = run(&interleave(&instances, seed));

        prop_assert_eq!(&one.accounts, &other.accounts);
        prop_assert_eq!(&one.views, &other.views);
        prop_assert!(one.views.totals.values().all(|tally| tally.pending == 0));
        prop_assert_eq!(audit::inconsistencies(&one), vec![]);
    }
}

#[test]
fn a_click_waits_for_its_impression_on_another_instances_disk() {
    let mut order = first_records(2);
    order.extend([
        (1, record(EventKind::Click, 1, 10_000)),
        (1, Record::Tick { at_ms: 80_000 }),
        (1, record(EventKind::Impression, 9, 3_600_000)),
    ]);
    assert_eq!(
        found(&run(&order), EventKind::Click),
        (0, 0, 1),
        "the other instance may still record an impression"
    );

    let mut comes = order.clone();
    comes.push((2, record(EventKind::Impression, 1, 9_000)));
    assert_eq!(found(&run(&comes), EventKind::Click), (1, 0, 0));

    let leaves = (2, Record::Leave { at_ms: 3_700_000 });
    let ticks_later = (2, Record::Tick { at_ms: 70_001 });
    let restarts = (3, here(3_700_000, &[2]));
    for last in [leaves, ticks_later] {
        let state = run(&[order.clone(), vec![last]].concat());
        assert_eq!(found(&state, EventKind::Click), (0, 1, 0));
    }
    let tick = (1, Record::Tick { at_ms: 3_800_000 });
    let state = run(&[order, vec![restarts, tick]].concat());
    assert_eq!(found(&state, EventKind::Click), (0, 1, 0), "its predecessor writes nothing more");
}

#[test]
fn a_dead_instance_is_awaited_as_long_as_its_records_could_count_and_no_longer() {
    let mut order = first_records(2);
    order.push((1, record(EventKind::Click, 1, 10_000)));
    let waits = |at_ms: i64| {
        let tick = (1, Record::Tick { at_ms });
        found(&run(&[order.clone(), vec![tick]].concat()), EventKind::Click)
    };
    assert_eq!(waits(SPOOL_MS), (0, 0, 1));
    assert_eq!(waits(SPOOL_MS + 1), (0, 1, 0));
}

#[test]
fn an_impression_after_the_grace_period_saves_no_click_in_either_order() {
    let click = (1, record(EventKind::Click, 1, 10_000));
    let late = (2, record(EventKind::Impression, 1, 70_001));
    let ticks = [1, 2].map(|instance| (instance, Record::Tick { at_ms: END_MS }));
    for pair in [[click.clone(), late.clone()], [late.clone(), click.clone()]] {
        let state = run(&[first_records(2), pair.to_vec(), ticks.to_vec()].concat());
        assert_eq!(found(&state, EventKind::Click), (0, 1, 0));
    }
    // Another instance recorded the same page view earlier: both are one, and the click is in time.
    let early = (1, record(EventKind::Impression, 1, 70_000));
    for pair in [[late.clone(), early.clone()], [early, late]] {
        let events = [vec![click.clone()], pair.to_vec()].concat();
        let state = run(&[first_records(2), events, ticks.to_vec()].concat());
        assert_eq!(found(&state, EventKind::Click), (1, 0, 0));
        assert_eq!(found(&state, EventKind::Impression).0, 1);
    }
}
