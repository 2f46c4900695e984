//! Verdicts and billing: a pure state machine over the records of one partition, driven by record time
//! alone.
//!
//! - An event that the traffic rules marked is invalid, and uses nothing up.
//! - The first valid event of its kind for a decision counts, later ones are duplicates; clicks
//!   count once per call to action, and a decision is billed for one click at most.
//! - Viewable, click and copy need their impression: before it they are pending for the grace period,
//!   then they are orphans. Whichever of the two comes first, they must be as far apart as the event
//!   windows say.
//! - No price is billed beyond the budget: such an event is invalid, `over_budget`.
//! - No event counts beyond a goal of its flight, and none of a decision whose impression came after that:
//!   such an event is invalid, `over_goal`.
//! - An event whose decision may have been evicted is `late`, and so is one of an incarnation that was
//!   declared gone before.
//! - A credit or refund is a new entry: nothing already written changes. One that finds nothing to
//!   return waits for it.
//!
//! What is applied in which order is decided elsewhere: a single instance has the order of its journal,
//! a fleet that of `order`.

use crate::domain::event::{EventKind, InvalidReason, Verdict};
use crate::domain::money::Micros;
use crate::journal::Entry;
use crate::ledger::outcome::{ApplyOutcome, EventVerdict};
use crate::ledger::partition::{PartitionState, Position};
use crate::ledger::record::{Event, InvalidRecord, Record, RecordId, Stamped};
use crate::ledger::state::State;
use std::sync::Arc;

const IMPRESSION: u8 = 0;
const VIEWABLE: u8 = 1;
const COPY: u8 = 2;
const BILLED_CLICK: u8 = 3;
/// Its impression came when the flight had reached a goal.
const OVER_GOAL: u8 = 4;
const FIRST_CTA: u8 = 5;

fn usage(event: &Event) -> u8 {
    match event.kind {
        EventKind::Impression => IMPRESSION,
        EventKind::Viewable => VIEWABLE,
        EventKind::Copy => COPY,
        EventKind::Click => {
            event.cta.as_ref().map_or(FIRST_CTA, |(at, _)| FIRST_CTA.saturating_add(*at))
        }
    }
}

/// How a journal entry follows the entries applied before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntryOutcome {
    /// The next entry of its incarnation and partition.
    Next(ApplyOutcome),
    /// Already applied; nothing changed.
    Duplicate,
    /// Entries before it are missing; it was applied all the same.
    Gap {
        missing: u64,
        /// The effect of the entry.
        applied: ApplyOutcome,
    },
}

/// Applies a journal entry, once per LSN: repeated entries have no effect.
pub(crate) fn apply_entry(state: &mut State, entry: &Entry) -> Result<EntryOutcome, InvalidRecord> {
    let partition = state.partition_mut(entry.partition);
    let position = partition.position(entry.incarnation);
    if entry.lsn <= position {
        return Ok(EntryOutcome::Duplicate);
    }
    let missing = entry.lsn - position - 1;
    let record = Record::decode(&entry.payload)?;
    let id = RecordId { incarnation: entry.incarnation, lsn: entry.lsn };
    let applied = apply_at(partition, id, &record, How { is_late: false, settles: true });
    Ok(if missing == 0 {
        EntryOutcome::Next(applied)
    } else {
        EntryOutcome::Gap { missing, applied }
    })
}

/// What is known of a record's place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// Its incarnation was declared gone before.
    pub(crate) is_late: bool,
    /// All records up to it are applied: events that waited long enough for their impression are settled.
    pub(crate) settles: bool,
}

/// Applies a record and notes its position.
pub(crate) fn apply_at(
    partition: &mut PartitionState,
    id: RecordId,
    stamped: &Stamped,
    How { is_late, settles }: How,
) -> ApplyOutcome {
    let position = partition.positions.entry(id.incarnation).or_default();
    *position = Position { lsn: id.lsn, stamp: stamped.stamp.max(position.stamp) };
    match is_late {
        true => apply_late(partition, id, &stamped.record),
        false => apply(partition, id, &stamped.record, settles),
    }
}

/// Applies one record; returns its effect, including verdicts on events it settled.
pub(crate) fn apply(
    partition: &mut PartitionState,
    id: RecordId,
    record: &Record,
    settles: bool,
) -> ApplyOutcome {
    partition.applied += 1;
    if let Some(at_ms) = record.at_ms().filter(|_| !record.is_membership()) {
        partition.latest_ms = partition.latest_ms.max(at_ms);
    }
    let mut applied = ApplyOutcome::default();
    match record {
        Record::Event(event) => {
            applied.verdicts = settle_expired(partition, settles);
            partition.views.add_received(event);
            judge(partition, id, event, &mut applied);
        }
        Record::Budget { campaign, lifetime, daily } => {
            let account = partition.accounts.entry(campaign.clone()).or_default();
            (account.lifetime, account.daily) = (*lifetime, *daily);
        }
        Record::Tick { .. } => applied.verdicts = settle_expired(partition, settles),
        Record::Join { timeout_ms, predecessors, .. } => {
            partition.writers.join(id.incarnation, id.lsn, *timeout_ms, predecessors);
        }
        Record::Leave { .. } => partition.writers.leave(id.incarnation, id.lsn),
        Record::Gone { incarnation, lsn, .. } => partition.writers.declare_gone(*incarnation, *lsn),
        Record::Lease { holder, requests, .. } => {
            applied.leases = partition.lease(id.incarnation, *holder, requests);
        }
        Record::GoalLease { holder, requests, .. } => {
            applied.leases = partition.lease_goals(id.incarnation, *holder, requests);
        }
        Record::Goals { flight, goals } => {
            let counts = partition.flights.entry(flight.clone()).or_default();
            counts.set_goals(*goals);
            applied.goals = Some((flight.clone(), counts.clone()));
        }
        Record::Credit(credit) => {
            applied.adjustments.extend(partition.credit(id.incarnation, credit));
        }
        Record::Refund(refund) => {
            applied.adjustments.extend(partition.refund(id.incarnation, refund));
        }
        Record::Rules(rules) => partition.rules = *rules,
        Record::Opportunities(rows) => {
            rows.iter().for_each(|one| partition.views.add_opportunities(one))
        }
    }
    applied
}

/// Applies a record of an incarnation that was declared gone before. Its events count for nothing and
/// its requests have no effect, so it makes no difference when it is applied.
fn apply_late(partition: &mut PartitionState, id: RecordId, record: &Record) -> ApplyOutcome {
    match record {
        Record::Event(event) => {
            partition.applied += 1;
            partition.views.add_received(event);
            let reason = event.invalid_reason.unwrap_or(InvalidReason::Late);
            let verdict = Verdict::Invalid(reason);
            let verdicts = vec![partition.record_verdict(id, event, verdict, Micros::ZERO)];
            ApplyOutcome { verdicts, ..ApplyOutcome::default() }
        }
        Record::Budget { .. }
        | Record::Goals { .. }
        | Record::Tick { .. }
        | Record::Rules(_)
        | Record::Lease { .. }
        | Record::GoalLease { .. } => {
            partition.applied += 1;
            ApplyOutcome::default()
        }
        _ => apply(partition, id, record, false),
    }
}

/// Settles pending events whose grace period is over, if it `settles`; evicts decisions no longer needed.
fn settle_expired(partition: &mut PartitionState, settles: bool) -> Vec<EventVerdict> {
    let (mut judged, latest_ms) = (Vec::new(), partition.latest_ms);
    partition.uses.evict(latest_ms, partition.rules.life_ms());
    if !settles {
        return judged;
    }
    let grace_ms = partition.rules.grace_ms;
    while let Some((deadline, decision_key)) = partition.deadlines.first().copied() {
        if deadline >= latest_ms {
            break;
        }
        partition.deadlines.pop_first();
        let waiting = partition.pending.remove(&decision_key).unwrap_or_default();
        let (late, still_pending): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(_, event)| event.at_ms + grace_ms < latest_ms);
        if !still_pending.is_empty() {
            partition.pending.insert(decision_key, still_pending);
        }
        for (by, event) in late {
            let verdict = Verdict::Invalid(InvalidReason::OrphanClick);
            judged.push(partition.record_final_verdict(by, &event, verdict, Micros::ZERO));
        }
    }
    judged
}

fn judge(
    partition: &mut PartitionState,
    id: RecordId,
    event: &Arc<Event>,
    applied: &mut ApplyOutcome,
) {
    if let Some(reason) = rejection_reason(partition, event) {
        let verdict = Verdict::Invalid(reason);
        applied.verdicts.push(partition.record_verdict(id, event, verdict, Micros::ZERO));
        return;
    }
    let key = event.decision_key;
    if event.kind != EventKind::Impression {
        let shown = partition.uses.impression_ms(key);
        let (verdict, billed) =
            match shown.filter(|shown_ms| is_in_grace(partition, event, *shown_ms)) {
                Some(impression_ms) => judge_after_impression(partition, event, impression_ms),
                None => {
                    partition.pending.entry(key).or_default().push((id, event.clone()));
                    partition.deadlines.insert((event.at_ms + partition.rules.grace_ms, key));
                    (Verdict::Pending, Micros::ZERO)
                }
            };
        applied.verdicts.push(partition.record_verdict(id, event, verdict, billed));
        issue_waiting(partition, event, verdict, applied);
        return;
    }
    if !partition.uses.mark(key, event.decided_at_ms, IMPRESSION) {
        let verdict = Verdict::Duplicate;
        applied.verdicts.push(partition.record_verdict(id, event, verdict, Micros::ZERO));
        // Another instance received it earlier, by its clock.
        if partition.uses.impression_ms(key).is_some_and(|shown_ms| event.at_ms < shown_ms) {
            partition.uses.set_impression(key, event.decided_at_ms, event.at_ms);
        }
        return;
    }
    let (verdict, billed) = partition.count(event, true);
    if verdict == Verdict::Invalid(InvalidReason::OverGoal) {
        partition.uses.mark(key, event.decided_at_ms, OVER_GOAL);
    }
    applied.verdicts.push(partition.record_verdict(id, event, verdict, billed));
    issue_waiting(partition, event, verdict, applied);
    partition.uses.set_impression(key, event.decided_at_ms, event.at_ms);
    // Those that waited for it, by the time at which they were received.
    let waiting = partition.pending.remove(&key).unwrap_or_default();
    let (mut due, too_late): (Vec<_>, Vec<_>) =
        waiting.into_iter().partition(|(_, waiting)| is_in_grace(partition, waiting, event.at_ms));
    if !too_late.is_empty() {
        // Orphans, as soon as they are settled.
        partition.pending.insert(key, too_late);
    }
    due.sort_by_key(|(_, waiting)| (waiting.at_ms, usage(waiting)));
    for (by, waited) in due {
        let (verdict, billed) = judge_after_impression(partition, &waited, event.at_ms);
        let judged = partition.record_final_verdict(by, &waited, verdict, billed);
        applied.verdicts.push(judged);
        issue_waiting(partition, &waited, verdict, applied);
    }
}

/// Whether an impression came before the end of the grace period of an event that needs it.
fn is_in_grace(partition: &PartitionState, event: &Event, impression_ms: i64) -> bool {
    impression_ms <= event.at_ms + partition.rules.grace_ms
}

fn issue_waiting(
    partition: &mut PartitionState,
    event: &Event,
    verdict: Verdict,
    applied: &mut ApplyOutcome,
) {
    if verdict == Verdict::Counted && partition.waiting() > 0 {
        applied.adjustments.extend(partition.issue_waiting(event));
    }
}

/// Why an event is invalid, regardless of other events.
fn rejection_reason(partition: &PartitionState, event: &Event) -> Option<InvalidReason> {
    let rules = &partition.rules;
    let window_ms = match event.kind {
        EventKind::Impression => rules.impression_ms,
        _ => rules.click_ms,
    };
    if let Some(invalid_reason) = event.invalid_reason {
        Some(invalid_reason)
    } else if event.at_ms - event.decided_at_ms > window_ms {
        Some(InvalidReason::Expired)
    } else if event.decided_at_ms + rules.life_ms() < partition.latest_ms {
        Some(InvalidReason::Late)
    } else {
        None
    }
}

/// The verdict on an event whose impression is known. They may have been received in either order.
fn judge_after_impression(
    partition: &mut PartitionState,
    event: &Event,
    impression_ms: i64,
) -> (Verdict, Micros) {
    let least = match event.kind {
        EventKind::Viewable => partition.rules.viewable_after_ms,
        EventKind::Click => partition.rules.click_after_ms,
        EventKind::Copy | EventKind::Impression => 0,
    };
    // The second in view begins after the decision. The impression may have taken longer to arrive than
    // the viewable, so its time says less about that second.
    let elapsed_ms = match event.kind {
        EventKind::Viewable => event.at_ms - event.decided_at_ms,
        _ => (event.at_ms - impression_ms).abs(),
    };
    if elapsed_ms < least {
        return (Verdict::Invalid(InvalidReason::TooFast), Micros::ZERO);
    }
    if !partition.uses.mark(event.decision_key, event.decided_at_ms, usage(event)) {
        return (Verdict::Duplicate, Micros::ZERO);
    }
    if partition.uses.is_marked(event.decision_key, OVER_GOAL) {
        return (Verdict::Invalid(InvalidReason::OverGoal), Micros::ZERO);
    }
    let bills = event.kind != EventKind::Click
        || event.price == Micros::ZERO
        || partition.uses.mark(event.decision_key, event.decided_at_ms, BILLED_CLICK);
    partition.count(event, bills)
}
