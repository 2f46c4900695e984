//! Properties of verdicts and billing, on generated records.

use crate::domain::attribution::{AttributionKey, PageKey};
use crate::domain::event::{EventKind, InvalidReason, Pricing, Tier, Verdict};
use crate::domain::money::Micros;
use crate::journal::Entry;
use crate::ledger::apply::{EntryOutcome, apply, apply_entry};
use crate::ledger::record::{Credit, DecisionKey, Event, RecordId, Refund};
use crate::ledger::{Record, Rules, State, audit};
use proptest::prelude::*;
use std::sync::Arc;

/// The partition of all records.
const PARTITION: u8 = 3;
const HERE: RecordId = RecordId { incarnation: 1, lsn: 0 };

pub(crate) fn micros(amount: i64) -> Micros {
    Micros::try_from(amount).unwrap()
}

pub(crate) fn event(kind: EventKind, seq: u64, at_ms: i64, pricing: Pricing, price: i64) -> Event {
    let billed = match (kind, pricing) {
        (EventKind::Impression, Pricing::Cpm)
        | (EventKind::Viewable, Pricing::Vcpm)
        | (EventKind::Click, Pricing::Cpc) => price,
        _ => 0,
    };
    Event {
        kind,
        cta: (kind == EventKind::Click).then(|| (0, "primary".into())),
        at_ms,
        decision_key: DecisionKey { incarnation: 1, partition: PARTITION, seq },
        decision: u128::from(seq) << 8,
        decided_at_ms: 0,
        day: 0,
        attribution: Arc::new(AttributionKey {
            advertiser: "a".into(),
            currency: "EUR".parse().unwrap(),
            campaign: "c".into(),
            flight: "f".into(),
            creative: "u".into(),
            variant: 0,
            page: PageKey {
                publisher: "p".into(),
                placement: "s".into(),
                region: "DE".into(),
                ..PageKey::default()
            },
            tier: Tier::Standard,
        }),
        pricing,
        price: micros(billed),
        invalid_reason: None,
    }
}

fn record(event: Event) -> Record {
    Record::Event(Arc::new(event))
}

fn budget(lifetime: i64, daily: Option<i64>) -> Record {
    Record::Budget {
        campaign: "c".into(),
        lifetime: Some(micros(lifetime)),
        daily: daily.map(micros),
    }
}

fn run(records: &[Record]) -> State {
    let mut state = State::default();
    for record in records {
        apply(state.partition_mut(PARTITION), HERE, record, true);
    }
    state
}

fn spent(state: &State) -> i64 {
    state.account("c").map_or(0, |account| account.spent.get())
}

prop_compose! {
    fn any_event()(
        kind in prop::sample::select(EventKind::ALL), seq in 0u64..6, at_ms in 0i64..200_000,
        invalid_reason in prop::option::weighted(0.1, prop::sample::select(InvalidReason::ALL)),
        price in 0i64..2_000, pricing in prop::sample::select(Pricing::ALL),
    ) -> Record {
        let mut made = event(kind, seq, at_ms, pricing, price);
        made.invalid_reason = invalid_reason;
        record(made)
    }
}

/// A record of one of three instances.
fn any_record() -> impl Strategy<Value = (u64, Record)> {
    let time = 0i64..400_000;
    let join = (time.clone(), 0i64..300_000, 1u64..4).prop_map(|(at_ms, timeout_ms, before)| {
        Record::Join { at_ms, timeout_ms, predecessors: vec![before] }
    });
    let record = prop_oneof![
        8 => any_event(),
        1 => time.clone().prop_map(|at_ms| Record::Tick { at_ms }),
        1 => join,
        1 => time.prop_map(|at_ms| Record::Leave { at_ms }),
    ];
    (1u64..4, record)
}

proptest! {
    #[test]
    fn no_order_of_arrival_changes_the_bill(
        order in Just(vec![
            (EventKind::Impression, 1_000), (EventKind::Viewable, 2_500), (EventKind::Click, 4_000),
            (EventKind::Copy, 5_000), (EventKind::Click, 6_000), (EventKind::Impression, 7_000),
        ]).prop_shuffle(),
        pricing in prop::sample::select(Pricing::ALL),
        price in 1i64..1_000,
    ) {
        let records: Vec<Record> =
            order.iter().map(|(kind, at)| record(event(*kind, 7, *at, pricing, price))).collect();
        let state = run(&records);

        let due = if pricing == Pricing::Flat { 0 } else { price };
        prop_assert_eq!(spent(&state), due);
        for (kind, received) in [(EventKind::Impression, 2), (EventKind::Click, 2)] {
            let totals = state.totals();
    let tally = &totals[&kind];
            prop_assert_eq!((tally.received, tally.counted, tally.duplicate), (received, 1, 1));
        }
    }

    #[test]
    fn spend_never_exceeds_the_budget(
        records in prop::collection::vec(any_event(), 0..60),
        lifetime in 0i64..4_000, daily in prop::option::of(0i64..2_000),
    ) {
        let all: Vec<Record> = std::iter::once(budget(lifetime, daily)).chain(records).collect();
        let state = run(&all);
        prop_assert!(spent(&state) <= lifetime);
        prop_assert!(daily.is_none_or(|daily| spent(&state) <= daily));
        prop_assert_eq!(audit::inconsistencies(&state), vec![]);
    }

    #[test]
    fn the_order_between_two_partitions_changes_nothing(
        records in prop::collection::vec((any_record(), any::<bool>()), 0..60), seed in any::<u64>(),
    ) {
        let in_second_partition = |record: Record| match record {
            Record::Event(event) => {
                let mut event = Event::clone(&event);
                event.decision_key.partition = PARTITION + 1;
                let mut attribution = AttributionKey::clone(&event.attribution);
                attribution.campaign = "d".into();
                event.attribution = Arc::new(attribution);
                Record::Event(Arc::new(event))
            }
            other => other,
        };
        let side = |second: bool| records.iter().filter(move |(_, at)| *at == second);
        let first_half: Vec<_> =
            side(false).map(|((by, one), _)| (PARTITION, *by, one.clone())).collect();
        let second_half: Vec<_> =
            side(true).map(|((by, one), _)| (PARTITION + 1, *by, in_second_partition(one.clone()))).collect();
        let of = |order: &[(u8, u64, Record)]| {
            let mut state = State::default();
            for (partition, incarnation, record) in order {
                let id = RecordId { incarnation: *incarnation, lsn: 0 };
                apply(state.partition_mut(*partition), id, record, true);
            }
            state
        };

        let sequential = of(&[first_half.clone(), second_half.clone()].concat());
        let (mut mixed, mut left) = (Vec::new(), [first_half, second_half].map(Vec::into_iter));
        let mut random = seed;
        loop {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let first = usize::from(random >> 63 == 1);
            match left[first].next().or_else(|| left[1 - first].next()) {
                Some(next) => mixed.push(next),
                None => break,
            }
        }
        prop_assert_eq!(of(&mixed), sequential);
    }

    #[test]
    fn every_record_twice_bills_once(records in prop::collection::vec(any_event(), 0..40)) {
        let twice: Vec<Record> = records.iter().flat_map(|one| [one.clone(), one.clone()]).collect();
        prop_assert_eq!(spent(&run(&records)), spent(&run(&twice)));
    }

    #[test]
    fn an_encoded_record_decodes_to_itself((_, one) in any_record()) {
        prop_assert_eq!(Record::decode(&one.encode()).map(|found| found.record), Ok(one));
    }

    #[test]
    fn arbitrary_bytes_decode_or_fail_without_a_panic(bytes: Vec<u8>) {
        let _ = Record::decode(&bytes);
    }

    #[test]
    fn rows_add_up_to_the_totals(records in prop::collection::vec(any_event(), 0..60)) {
        let state = run(&records);
        for (kind, total) in &state.totals() {
            let views = state.views();
            let (mut received, mut counted, mut billed) = (0, 0, 0);
            for (_, quarter) in views.range(i64::MIN..i64::MAX) {
                for (_, row) in quarter.events.iter().filter(|(key, _)| key.kind == *kind) {
                    received += row.received;
                    counted += row.counted;
                    billed += row.billed.get();
                }
            }
            prop_assert_eq!((received, counted, billed), (total.received, total.counted, total.billed.get()));
        }
    }
}

#[test]
fn a_click_waits_for_its_impression_and_then_is_orphaned() {
    let click = record(event(EventKind::Click, 1, 1_000, Pricing::Cpc, 50));
    let mut state = run(std::slice::from_ref(&click));
    assert_eq!(state.totals()[&EventKind::Click].pending, 1);

    let judged =
        apply(state.partition_mut(PARTITION), HERE, &Record::Tick { at_ms: 61_001 }, true).verdicts;
    assert_eq!(judged[0].verdict, Verdict::Invalid(InvalidReason::OrphanClick));
    assert_eq!((state.totals()[&EventKind::Click].pending, spent(&state)), (0, 0));

    let impression = record(event(EventKind::Impression, 1, 40_000, Pricing::Cpc, 50));
    assert_eq!(spent(&run(&[click, impression])), 50);
}

#[test]
fn events_that_are_too_fast_or_too_late_are_invalid_and_use_nothing_up() {
    let impression = record(event(EventKind::Impression, 1, 1_000, Pricing::Cpc, 50));
    let fast = record(event(EventKind::Click, 1, 1_499, Pricing::Cpc, 50));
    let good = record(event(EventKind::Click, 1, 1_500, Pricing::Cpc, 50));
    let late = record(event(EventKind::Click, 1, 7_200_001, Pricing::Cpc, 50));
    let state = run(&[impression, fast, good, late]);

    let totals = state.totals();
    let tally = &totals[&EventKind::Click];
    assert_eq!(tally.counted, 1);
    assert_eq!(tally.invalid[&InvalidReason::TooFast], 1);
    assert_eq!(tally.invalid[&InvalidReason::Expired], 1);
    assert_eq!(spent(&state), 50);
}

#[test]
fn a_viewable_counts_though_its_impression_took_longer_to_arrive() {
    for impression_at in [1_000, 1_099, 1_200, 9_000] {
        let viewable = record(event(EventKind::Viewable, 1, 1_100, Pricing::Vcpm, 50));
        let impression = record(event(EventKind::Impression, 1, impression_at, Pricing::Vcpm, 50));
        for order in [[&viewable, &impression], [&impression, &viewable]] {
            let state = run(&order.map(Clone::clone));
            assert_eq!(state.totals()[&EventKind::Viewable].counted, 1, "{impression_at}");
        }
    }
    // No unit can be in view for a second so soon after its decision.
    let fast = record(event(EventKind::Viewable, 1, 899, Pricing::Vcpm, 50));
    let impression = record(event(EventKind::Impression, 1, 10, Pricing::Vcpm, 50));
    let state = run(&[impression, fast]);
    assert_eq!(state.totals()[&EventKind::Viewable].invalid[&InvalidReason::TooFast], 1);
}

fn credit(id: u128, event: &Event) -> Record {
    let micros = event.price;
    Record::Credit(Box::new(Credit {
        id,
        at_ms: 9_000,
        event: Arc::new(event.clone()),
        micros,
        by: "test".into(),
        note: "bot".into(),
    }))
}

fn refund(id: u128, amount: i64) -> Record {
    let attribution = event(EventKind::Impression, 0, 0, Pricing::Flat, 0).attribution;
    Record::Refund(Box::new(Refund {
        id,
        at_ms: 9_000,
        day: 0,
        day_starts_ms: 0,
        attribution,
        micros: micros(amount),
        by: "test".into(),
        note: "broken page".into(),
    }))
}

#[test]
fn a_credit_reverses_one_event_once_and_history_stays() {
    let shown = [1, 2].map(|seq| event(EventKind::Impression, seq, 1_000, Pricing::Cpm, 500));
    let mut records = shown.clone().map(record).to_vec();
    let before = run(&records);
    records.extend([credit(1, &shown[0]), credit(1, &shown[0])]);
    let state = run(&records);

    let totals = state.totals();
    let tally = &totals[&EventKind::Impression];
    assert_eq!((tally.received, tally.counted, tally.credited_events()), (2, 1, 1));
    assert_eq!((tally.billed, tally.credited), (micros(1_000), micros(500)));
    assert_eq!((spent(&before), spent(&state)), (1_000, 500));
    assert_eq!(audit::inconsistencies(&state), vec![]);
}

#[test]
fn an_event_that_never_counted_cannot_be_credited() {
    let bot = Event {
        invalid_reason: Some(InvalidReason::Bot),
        ..event(EventKind::Impression, 1, 1_000, Pricing::Cpm, 500)
    };
    let state = run(&[record(bot.clone()), credit(1, &bot)]);
    assert_eq!(state.totals()[&EventKind::Impression].credited_events(), 0);
    assert_eq!(state.issued_credit(1), None);
}

#[test]
fn a_refund_applies_once_and_never_exceeds_what_was_billed() {
    let shown = record(event(EventKind::Impression, 1, 1_000, Pricing::Cpm, 500));
    let state = run(&[shown.clone(), refund(1, 200), refund(1, 200)]);
    assert_eq!(spent(&state), 300);
    assert_eq!(spent(&run(&[shown, refund(2, 900)])), 0);
}

#[test]
fn changed_event_windows_apply_to_later_events_only() {
    let shown = |seq| record(event(EventKind::Impression, seq, 500_000, Pricing::Cpm, 100));
    let narrow = Rules { impression_ms: 1_000, ..Rules::default() };
    let state = run(&[shown(1), Record::Rules(narrow), shown(2)]);

    let totals = state.totals();
    let tally = &totals[&EventKind::Impression];
    assert_eq!((tally.counted, tally.invalid[&InvalidReason::Expired]), (1, 1));
}

#[test]
fn an_event_of_an_evicted_decision_is_late_and_never_billed() {
    let first = record(event(EventKind::Impression, 1, 1_000, Pricing::Cpm, 100));
    let tick = Record::Tick { at_ms: Rules::default().life_ms() + 1 };
    // The clock was set back: by its own time the event would still count.
    let again = record(event(EventKind::Impression, 1, 2_000, Pricing::Cpm, 100));
    let state = run(&[first, tick, again]);

    assert_eq!(state.totals()[&EventKind::Impression].invalid[&InvalidReason::Late], 1);
    assert_eq!(spent(&state), 100);
}

#[test]
fn an_entry_is_applied_once_per_lsn() {
    let shown = record(event(EventKind::Impression, 1, 1_000, Pricing::Cpm, 100));
    let entry = |lsn| Entry { incarnation: 7, partition: 3, lsn, payload: shown.encode() };
    let mut state = State::default();
    assert!(matches!(apply_entry(&mut state, &entry(1)), Ok(EntryOutcome::Next(_))));
    assert_eq!(apply_entry(&mut state, &entry(1)), Ok(EntryOutcome::Duplicate));
    assert!(matches!(apply_entry(&mut state, &entry(4)), Ok(EntryOutcome::Gap { missing: 2, .. })));
}

#[test]
fn a_newer_record_format_is_rejected() {
    let mut bytes = budget(1, None).encode();
    bytes[0] = 9;
    assert!(Record::decode(&bytes).unwrap_err().to_string().contains("newer"));
}
