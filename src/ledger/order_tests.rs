//! What the order of records in a fleet decides, by example.

use crate::domain::event::{EventKind, InvalidReason, Pricing, Verdict};
use crate::journal::Entry;
use crate::ledger::Record;
use crate::ledger::order::OrderedPartition;
use crate::ledger::partition::PartitionState;
use crate::ledger::properties::{event, micros};
use crate::ledger::record::{Credit, Refund, set_stamp};
use std::collections::BTreeMap;
use std::sync::Arc;

const PARTITION: u8 = 3;

fn shown(order: &[(u64, i64, EventKind)]) -> PartitionState {
    let mut ordered = OrderedPartition::default();
    let mut lsns: BTreeMap<u64, u64> = BTreeMap::new();
    for (incarnation, at_ms, kind) in order {
        let lsn = lsns.entry(*incarnation).or_default();
        *lsn += 1;
        let mut payload =
            Record::Event(Arc::new(event(*kind, 1, *at_ms, Pricing::Vcpm, 100))).encode();
        set_stamp(&mut payload, *at_ms);
        let entry = Entry { incarnation: *incarnation, partition: PARTITION, lsn: *lsn, payload };
        ordered.push(&entry).unwrap();
    }
    ordered.fold_to_stamp(i64::MAX, &mut |_| {});
    ordered.folded().clone()
}

#[test]
fn a_retry_that_arrives_before_the_impression_does_not_make_the_viewable_too_fast() {
    let (impression, retry, viewable) = (
        (1, 1_000, EventKind::Impression),
        (2, 1_600, EventKind::Impression),
        (2, 2_100, EventKind::Viewable),
    );
    let honest = shown(&[impression, retry, viewable]);
    assert_eq!(honest.accounts["c"].spent, micros(100));
    assert_eq!(shown(&[retry, viewable, impression]), honest);
}

#[test]
fn a_viewable_is_too_fast_by_its_decision_whenever_its_impression_arrives() {
    let too_fast = |state: &PartitionState| {
        state.views.totals[&EventKind::Viewable].invalid.get(&InvalidReason::TooFast).copied()
    };
    for impression_ms in [10, 899, 1_100, 2_000] {
        let impression = (1, impression_ms, EventKind::Impression);
        for (at_ms, expected) in [(899, Some(1)), (900, None), (1_101, None), (2_899, None)] {
            let viewable = (2, at_ms, EventKind::Viewable);
            let state = shown(&[viewable, impression]);
            assert_eq!(too_fast(&state), expected, "{impression_ms} {at_ms}");
            assert_eq!(shown(&[impression, viewable]), state);
        }
    }
}

#[test]
fn events_recorded_after_their_instance_was_declared_gone_are_late_wherever_they_arrive() {
    let mut ordered = OrderedPartition::default();
    let entry = |incarnation, lsn, stamp, record: Record| {
        let mut payload = record.encode();
        set_stamp(&mut payload, stamp);
        Entry { incarnation, partition: PARTITION, lsn, payload }
    };
    let join = |at_ms| Record::Join { at_ms, timeout_ms: 1_000, predecessors: vec![] };
    let impression =
        |seq| Record::Event(Arc::new(event(EventKind::Impression, seq, 2_000, Pricing::Cpm, 100)));
    let gone = Record::Gone { at_ms: 9_000, incarnation: 2, lsn: 2 };
    let entries = [
        entry(1, 1, 1, join(1)),
        entry(2, 1, 2, join(2)),
        entry(2, 2, 2_000, impression(1)),
        entry(1, 2, 9_000, gone),
        entry(2, 3, 2_001, impression(2)),
        entry(2, 4, 10_000, join(10_000)),
        entry(2, 5, 10_001, impression(3)),
    ];
    for order in [[0, 1, 2, 3, 4, 5, 6], [1, 2, 4, 5, 6, 0, 3]] {
        let mut ordered = OrderedPartition::default();
        for at in order {
            ordered.push(&entries[at]).unwrap();
        }
        ordered.fold_to_stamp(i64::MAX, &mut |_| {});
        let tally = &ordered.folded().views.totals[&EventKind::Impression];
        assert_eq!((tally.counted, tally.invalid[&InvalidReason::Late]), (2, 1));
    }
    for at in [0, 1, 2, 3] {
        ordered.push(&entries[at]).unwrap();
    }
    let mut verdicts = Vec::new();
    ordered.fold_to_stamp(i64::MAX, &mut |applied| {
        verdicts.extend(applied.verdicts.iter().map(|one| one.verdict));
    });
    ordered.push(&entries[4]).unwrap();
    assert!(!ordered.is_incomplete(), "what is late needs no earlier state");
    assert_eq!(verdicts, [Verdict::Counted]);
}

#[test]
fn a_credit_and_a_refund_wait_for_the_events_that_they_concern() {
    let impression = event(EventKind::Impression, 1, 5_000, Pricing::Cpm, 500);
    let attribution = impression.attribution.clone();
    let (by, note): (Box<str>, Box<str>) = ("test".into(), "test".into());
    let credit = Record::Credit(Box::new(Credit {
        id: impression.credit_id(),
        at_ms: 1_000,
        event: Arc::new(impression.clone()),
        micros: micros(300),
        by: by.clone(),
        note: note.clone(),
    }));
    let refund = Record::Refund(Box::new(Refund {
        id: 7,
        at_ms: 1_000,
        day: 0,
        day_starts_ms: 0,
        attribution,
        micros: micros(100),
        by,
        note,
    }));
    let mut ordered = OrderedPartition::default();
    let mut push = |lsn, stamp, record: Record| {
        let mut payload = record.encode();
        set_stamp(&mut payload, stamp);
        ordered.push(&Entry { incarnation: 1, partition: PARTITION, lsn, payload }).unwrap();
        ordered.provisional(&mut |_| {})
    };
    push(1, 1_000, credit);
    let waits = push(2, 1_000, refund);
    assert_eq!((waits.waiting(), waits.accounts.len()), (2, 0));
    let state = push(3, 5_000, Record::Event(Arc::new(impression)));
    assert_eq!((state.waiting(), state.accounts["c"].spent), (0, micros(100)));
    assert_eq!(state.accounts["c"].credited, micros(400));
}
