//! Verdicts and billing: a pure state machine over records, driven by record time alone.
//!
//! - An event that the traffic rules marked is invalid, and uses nothing up.
//! - The first valid event of its kind for a decision counts, later ones are duplicates; clicks
//!   count once per call to action, and a decision is billed for one click at most.
//! - Viewable, click and copy need their impression: before it they are pending for the grace period,
//!   then they are orphans. So the order of arrival changes no bill. In a fleet the grace period ends
//!   once every writer has recorded everything up to that time ([`Peers`]).
//! - No price is billed beyond the budget: such an event is invalid, `over_budget`.
//! - An event whose decision may have been evicted is `late`.
//! - A credit or refund is a new entry: nothing already written changes.
//!
//! Each of the 64 partitions is judged by its own records alone: its campaigns' money, its decisions,
//! its clock. So the order between two partitions changes nothing, and every reader that applies each
//! partition in order reaches the same state.

use crate::domain::event::{EventKind, InvalidReason, Verdict};
use crate::domain::money::Micros;
use crate::journal::{Entry, PARTITIONS};
use crate::ledger::outcome::{Adjustment, ApplyOutcome, EventVerdict};
#[cfg(doc)]
use crate::ledger::peers::Peers;
use crate::ledger::record::{Event, InvalidRecord, Record};
use crate::ledger::state::{Partition, State};
use std::sync::Arc;

/// Source of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The incarnation that recorded it.
    pub(crate) incarnation: u64,
    pub(crate) partition: u8,
}

const IMPRESSION: u8 = 0;
const VIEWABLE: u8 = 1;
const COPY: u8 = 2;
const BILLED_CLICK: u8 = 3;
const FIRST_CTA: u8 = 4;

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
    let partitions = usize::from(PARTITIONS);
    let positions = state.positions.entry(entry.incarnation).or_insert_with(|| vec![0; partitions]);
    let position = &mut positions[usize::from(entry.partition) % partitions];
    if entry.lsn <= *position {
        return Ok(EntryOutcome::Duplicate);
    }
    let missing = entry.lsn - *position - 1;
    let record = Record::decode(&entry.payload)?;
    *position = entry.lsn;
    let origin = Origin { incarnation: entry.incarnation, partition: entry.partition };
    let applied = apply(state, origin, &record);
    Ok(if missing == 0 {
        EntryOutcome::Next(applied)
    } else {
        EntryOutcome::Gap { missing, applied }
    })
}

/// Applies one record of a partition; returns its effect, including verdicts on events it settled.
pub(crate) fn apply(state: &mut State, origin: Origin, record: &Record) -> ApplyOutcome {
    let at = usize::from(origin.partition % PARTITIONS);
    state.applied += 1;
    let partition = &mut state.partitions[at];
    if let Some(at_ms) = record.at_ms() {
        partition.latest_ms = partition.latest_ms.max(at_ms);
        state.peers[at].advance(origin.incarnation, at_ms);
    }
    let latest_ms = partition.latest_ms;
    let mut applied = ApplyOutcome::default();
    match record {
        Record::Event(event) => {
            applied.verdicts = settle_expired(state, at, event.at_ms, event.at_ms);
            state.views.add_received(event);
            applied.verdicts.extend(judge(state, origin, event));
        }
        Record::Budget { campaign, lifetime, daily } => {
            let account = state.accounts.entry(campaign.clone()).or_default();
            (account.lifetime, account.daily) = (*lifetime, *daily);
        }
        Record::Tick { at_ms } => applied.verdicts = settle_expired(state, at, *at_ms, *at_ms),
        Record::Join { at_ms, timeout_ms, predecessors } => {
            state.peers[at].join(origin.incarnation, *at_ms, *timeout_ms, predecessors, latest_ms);
        }
        Record::Leave { at_ms } => {
            state.peers[at].leave(origin.incarnation);
            applied.verdicts = settle_expired(state, at, *at_ms, latest_ms);
        }
        Record::Lease { holder, requests, .. } => {
            applied.leases = state.lease(at, origin.incarnation, *holder, requests);
        }
        Record::Credit(credit) => applied.adjustment = state.credit(origin.partition, credit),
        Record::Refund(refund) => {
            let id = (origin.partition, refund.id);
            if !state.issued_credits.contains_key(&id) {
                let of = &refund.attribution;
                let micros = state.issue_credit(id, &of.campaign, refund.day, refund.micros);
                state.views.add_refund(refund.day_starts_ms, of, micros);
                applied.adjustment = Some(Adjustment {
                    at_ms: refund.at_ms,
                    attribution: of.clone(),
                    day: refund.day,
                    decided_at_ms: refund.day_starts_ms,
                    micros,
                    event: None,
                });
            }
        }
        Record::Rules(rules) => state.partitions[at].rules = *rules,
        Record::Opportunities(rows) => {
            rows.iter().for_each(|one| state.views.add_opportunities(one))
        }
    }
    applied
}

/// Settles pending events whose grace period is over for all writers of the partition, or at
/// `alone_ms` where no writer is awaited; evicts decisions no longer needed at `now_ms`.
fn settle_expired(state: &mut State, at: usize, now_ms: i64, alone_ms: i64) -> Vec<EventVerdict> {
    let mut judged = Vec::new();
    let until_ms =
        state.peers[at].low_watermark_ms(state.partitions[at].latest_ms).unwrap_or(alone_ms);
    let grace_ms = state.partitions[at].rules.grace_ms;
    loop {
        let partition = &mut state.partitions[at];
        let Some((deadline, decision_key)) = partition.deadlines.first().copied() else { break };
        if deadline >= until_ms {
            break;
        }
        partition.deadlines.pop_first();
        let waiting = partition.pending.remove(&decision_key).unwrap_or_default();
        let (late, still_pending): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(_, event)| event.at_ms + grace_ms < until_ms);
        if !still_pending.is_empty() {
            partition.pending.insert(decision_key, still_pending);
        }
        for (by, event) in late {
            let verdict = Verdict::Invalid(InvalidReason::OrphanClick);
            judged.push(state.record_final_verdict(by, &event, verdict, Micros::ZERO));
        }
    }
    let partition = &mut state.partitions[at];
    partition.uses.evict(now_ms, partition.rules.life_ms());
    judged
}

fn judge(state: &mut State, origin: Origin, event: &Arc<Event>) -> Vec<EventVerdict> {
    let (by, at) = (origin.incarnation, usize::from(origin.partition % PARTITIONS));
    if let Some(reason) = rejection_reason(&state.partitions[at], event) {
        return vec![state.record_verdict(by, event, Verdict::Invalid(reason), Micros::ZERO)];
    }
    if event.kind != EventKind::Impression {
        let shown = state.partitions[at].uses.impression_ms(event.decision_key);
        return match shown.filter(|impression_ms| is_in_grace(state, at, event, *impression_ms)) {
            Some(impression_ms) => {
                let (verdict, billed) = judge_after_impression(state, at, event, impression_ms);
                vec![state.record_verdict(by, event, verdict, billed)]
            }
            None => {
                let partition = &mut state.partitions[at];
                partition.pending.entry(event.decision_key).or_default().push((by, event.clone()));
                partition
                    .deadlines
                    .insert((event.at_ms + partition.rules.grace_ms, event.decision_key));
                vec![state.record_verdict(by, event, Verdict::Pending, Micros::ZERO)]
            }
        };
    }
    if state.partitions[at].uses.mark(event.decision_key, event.decided_at_ms, IMPRESSION) {
        let (verdict, billed) = state.bill(at, event);
        let mut judged = vec![state.record_verdict(by, event, verdict, billed)];
        judged.extend(record_impression(state, at, event));
        return judged;
    }
    let mut judged = vec![state.record_verdict(by, event, Verdict::Duplicate, Micros::ZERO)];
    // The same browser reported to another instance, whose earlier record arrived later.
    let shown = state.partitions[at].uses.impression_ms(event.decision_key);
    if state.peers[at].is_shared() && shown.is_some_and(|impression_ms| event.at_ms < impression_ms)
    {
        judged.extend(record_impression(state, at, event));
    }
    judged
}

/// Records a decision's impression and settles the events that waited for it, in order of their record
/// times, so that the order of arrival decides nothing.
fn record_impression(state: &mut State, at: usize, impression: &Event) -> Vec<EventVerdict> {
    let Event { decision_key, decided_at_ms, at_ms, .. } = *impression;
    state.partitions[at].uses.set_impression(decision_key, decided_at_ms, at_ms);
    let waiting = state.partitions[at].pending.remove(&decision_key).unwrap_or_default();
    let (mut due, still_pending): (Vec<_>, Vec<_>) =
        waiting.into_iter().partition(|(_, event)| is_in_grace(state, at, event, at_ms));
    if !still_pending.is_empty() {
        state.partitions[at].pending.insert(decision_key, still_pending);
    }
    due.sort_by_key(|(_, waiting)| (waiting.at_ms, usage(waiting)));
    let mut judged = Vec::with_capacity(due.len());
    for (by, waited) in due {
        let (verdict, billed) = judge_after_impression(state, at, &waited, at_ms);
        judged.push(state.record_final_verdict(by, &waited, verdict, billed));
    }
    judged
}

/// Whether an impression came before the end of the grace period of an event that needs it. On a
/// single instance a late one finds the event settled; in a fleet an earlier impression may still
/// arrive.
fn is_in_grace(state: &State, at: usize, event: &Event, impression_ms: i64) -> bool {
    !state.peers[at].is_shared()
        || impression_ms <= event.at_ms + state.partitions[at].rules.grace_ms
}

/// Why an event is invalid, regardless of other events.
fn rejection_reason(partition: &Partition, event: &Event) -> Option<InvalidReason> {
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

/// The verdict on an event whose impression is known.
fn judge_after_impression(
    state: &mut State,
    at: usize,
    event: &Event,
    impression_ms: i64,
) -> (Verdict, Micros) {
    let partition = &mut state.partitions[at];
    let least = match event.kind {
        EventKind::Viewable => partition.rules.viewable_after_ms,
        EventKind::Click => partition.rules.click_after_ms,
        EventKind::Copy | EventKind::Impression => 0,
    };
    // The distance of an event received before its impression is unknown.
    if (0..least).contains(&(event.at_ms - impression_ms)) {
        return (Verdict::Invalid(InvalidReason::TooFast), Micros::ZERO);
    }
    if !partition.uses.mark(event.decision_key, event.decided_at_ms, usage(event)) {
        return (Verdict::Duplicate, Micros::ZERO);
    }
    if event.kind == EventKind::Click
        && event.price > Micros::ZERO
        && !partition.uses.mark(event.decision_key, event.decided_at_ms, BILLED_CLICK)
    {
        return (Verdict::Counted, Micros::ZERO);
    }
    state.bill(at, event)
}
