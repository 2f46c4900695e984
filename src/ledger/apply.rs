//! The judgement: a pure state machine over records, by record time alone.
//!
//! - A claim of the traffic rules makes an event invalid, and uses nothing up.
//! - The first valid event of its kind for a decision counts, later ones are duplicates; clicks
//!   count once per call to action, and a decision is billed for one click at most.
//! - Viewable, click and copy need their impression: before it they are pending, for the grace;
//!   then they are orphans. So the order of arrival changes no bill. Where machines share a store,
//!   the grace is over once everybody has said what there was until then ([`Peers`]).
//! - No price is billed beyond the budget: the event is then invalid, `over_budget`.
//! - An event that comes when its decision may have been forgotten is `late`.
//! - What is taken back is an entry of its own: nothing that was written changes.
//!
//! Each of the 64 partitions is judged by its own records alone: its campaigns' money, its
//! decisions, its clock. So the order between two partitions changes nothing, and whoever reads
//! each in its own order comes to the same end.

use crate::domain::event::EventKind;
use crate::domain::event::InvalidReason;
use crate::domain::event::Verdict;
use crate::domain::money::Micros;
use crate::journal::Entry;
use crate::journal::PARTITIONS;
use crate::ledger::leases::Leased;
#[cfg(doc)]
use crate::ledger::peers::Peers;
use crate::ledger::record::Attribution;
use crate::ledger::record::Event;
use crate::ledger::record::InvalidRecord;
use crate::ledger::record::Record;
use crate::ledger::state::Part;
use crate::ledger::state::State;
use std::sync::Arc;

/// Where a record comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The process start that recorded it.
    pub incarnation: u64,
    /// The partition.
    pub partition: u8,
}

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The process start that recorded it.
    pub by: u64,
    /// The event.
    pub event: Arc<Event>,
    /// The judgement.
    pub verdict: Verdict,
    /// What was billed for it.
    pub billed: Micros,
    /// It had waited until now: it was judged before, as pending.
    pub has_waited: bool,
}

/// Money that came back to a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// When it was given, in unix milliseconds.
    pub at_ms: i64,
    /// Whose, and what it is reported under.
    pub of: Arc<Attribution>,
    /// For which day, in the advertiser's zone.
    pub day: i32,
    /// The decision's time, or the first moment of the day, in unix milliseconds.
    pub decided_at_ms: i64,
    /// How much: never more than the day was billed.
    pub micros: Micros,
    /// The event that no longer counts; `None` for a refund.
    pub event: Option<Arc<Event>>,
}

/// What one record changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Events that were judged, the ones that waited included.
    pub judged: Vec<Judged>,
    /// What came back.
    pub returned: Option<Returned>,
    /// What process starts have of campaigns' money now.
    pub leased: Vec<Leased>,
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

/// How an entry of the journal fits behind those that were applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is the next of its partition.
    Next(Applied),
    /// It was applied before; nothing changed.
    Again,
    /// Entries before it are missing; it was applied all the same.
    Gap {
        /// How many.
        missing: u64,
        /// What it changed.
        applied: Applied,
    },
}

/// Applies an entry of the journal by its number: once, however often it comes.
pub fn apply_entry(state: &mut State, entry: &Entry) -> Result<Fit, InvalidRecord> {
    let partitions = usize::from(PARTITIONS);
    let positions = state.positions.entry(entry.incarnation).or_insert_with(|| vec![0; partitions]);
    let position = &mut positions[usize::from(entry.partition) % partitions];
    if entry.lsn <= *position {
        return Ok(Fit::Again);
    }
    let missing = entry.lsn - *position - 1;
    let record = Record::decode(&entry.payload)?;
    *position = entry.lsn;
    let origin = Origin { incarnation: entry.incarnation, partition: entry.partition };
    let applied = apply(state, origin, &record);
    Ok(if missing == 0 { Fit::Next(applied) } else { Fit::Gap { missing, applied } })
}

/// Judges one record of a partition and says what became of it and of those that waited for it.
pub fn apply(state: &mut State, origin: Origin, record: &Record) -> Applied {
    let at = usize::from(origin.partition % PARTITIONS);
    state.applied += 1;
    let part = &mut state.parts[at];
    if let Some(at_ms) = record.at_ms() {
        part.latest_ms = part.latest_ms.max(at_ms);
        state.peers[at].heard(origin.incarnation, at_ms);
    }
    let latest_ms = part.latest_ms;
    let mut applied = Applied::default();
    match record {
        Record::Event(event) => {
            applied.judged = settle(state, at, event.at_ms, event.at_ms);
            state.views.received(event);
            applied.judged.extend(arrive(state, origin, event));
        }
        Record::Budget { campaign, lifetime, daily } => {
            let account = state.accounts.entry(campaign.clone()).or_default();
            (account.lifetime, account.daily) = (*lifetime, *daily);
        }
        Record::Tick { at_ms } => applied.judged = settle(state, at, *at_ms, *at_ms),
        Record::Here { at_ms, silent_ms, after } => {
            state.peers[at].here(origin.incarnation, *at_ms, *silent_ms, after, latest_ms);
        }
        Record::Gone { at_ms } => {
            state.peers[at].gone(origin.incarnation);
            applied.judged = settle(state, at, *at_ms, latest_ms);
        }
        Record::Lease { of, wants, .. } => {
            applied.leased = state.lease(at, origin.incarnation, *of, wants);
        }
        Record::Credit(credit) => applied.returned = state.credit(origin.partition, credit),
        Record::Refund(refund) => {
            let id = (origin.partition, refund.id);
            if !state.given.contains_key(&id) {
                let of = &refund.attribution;
                let micros = state.give(id, &of.campaign, refund.day, refund.micros);
                state.views.refunded(refund.day_starts_ms, of, micros);
                applied.returned = Some(Returned {
                    at_ms: refund.at_ms,
                    of: of.clone(),
                    day: refund.day,
                    decided_at_ms: refund.day_starts_ms,
                    micros,
                    event: None,
                });
            }
        }
        Record::Rules(rules) => state.parts[at].rules = *rules,
        Record::Asked(asked) => asked.iter().for_each(|one| state.views.asked(one)),
    }
    applied
}

/// Ends the wait of events whose grace is over for everybody who writes here, or at `alone_ms` where
/// nobody is waited for; and forgets what nothing needs at `now_ms`.
fn settle(state: &mut State, at: usize, now_ms: i64, alone_ms: i64) -> Vec<Judged> {
    let mut judged = Vec::new();
    let until_ms = state.peers[at].low_ms(state.parts[at].latest_ms).unwrap_or(alone_ms);
    let grace_ms = state.parts[at].rules.grace_ms;
    loop {
        let part = &mut state.parts[at];
        let Some((deadline, minted)) = part.deadlines.first().copied() else { break };
        if deadline >= until_ms {
            break;
        }
        part.deadlines.pop_first();
        let waiting = part.waiting.remove(&minted).unwrap_or_default();
        let (late, still): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(_, event)| event.at_ms + grace_ms < until_ms);
        if !still.is_empty() {
            part.waiting.insert(minted, still);
        }
        for (by, event) in late {
            let verdict = Verdict::Invalid(InvalidReason::OrphanClick);
            judged.push(state.settled(by, &event, verdict, Micros::ZERO));
        }
    }
    let part = &mut state.parts[at];
    part.seen.sweep(now_ms, part.rules.life_ms());
    judged
}

fn arrive(state: &mut State, origin: Origin, event: &Arc<Event>) -> Vec<Judged> {
    let (by, at) = (origin.incarnation, usize::from(origin.partition % PARTITIONS));
    if let Some(reason) = refusal(&state.parts[at], event) {
        return vec![state.judged(by, event, Verdict::Invalid(reason), Micros::ZERO)];
    }
    if event.kind != EventKind::Impression {
        let shown = state.parts[at].seen.shown(event.minted);
        return match shown.filter(|shown_ms| is_in_grace(state, at, event, *shown_ms)) {
            Some(shown_ms) => {
                let (verdict, billed) = follow(state, at, event, shown_ms);
                vec![state.judged(by, event, verdict, billed)]
            }
            None => {
                let part = &mut state.parts[at];
                part.waiting.entry(event.minted).or_default().push((by, event.clone()));
                part.deadlines.insert((event.at_ms + part.rules.grace_ms, event.minted));
                vec![state.judged(by, event, Verdict::Pending, Micros::ZERO)]
            }
        };
    }
    if state.parts[at].seen.mark(event.minted, event.decided_at_ms, IMPRESSION) {
        let (verdict, billed) = state.bill(at, event);
        let mut judged = vec![state.judged(by, event, verdict, billed)];
        judged.extend(show(state, at, event));
        return judged;
    }
    let mut judged = vec![state.judged(by, event, Verdict::Duplicate, Micros::ZERO)];
    // The same browser on another machine, whose record is earlier and came later.
    let shown = state.parts[at].seen.shown(event.minted);
    if state.peers[at].share() && shown.is_some_and(|shown_ms| event.at_ms < shown_ms) {
        judged.extend(show(state, at, event));
    }
    judged
}

/// A decision was shown: what waited for it is judged, in the order of the records' times, so that
/// the order of arrival decides nothing.
fn show(state: &mut State, at: usize, impression: &Event) -> Vec<Judged> {
    let Event { minted, decided_at_ms, at_ms, .. } = *impression;
    state.parts[at].seen.show(minted, decided_at_ms, at_ms);
    let waiting = state.parts[at].waiting.remove(&minted).unwrap_or_default();
    let (mut due, still): (Vec<_>, Vec<_>) =
        waiting.into_iter().partition(|(_, event)| is_in_grace(state, at, event, at_ms));
    if !still.is_empty() {
        state.parts[at].waiting.insert(minted, still);
    }
    due.sort_by_key(|(_, waiting)| (waiting.at_ms, usage(waiting)));
    let mut judged = Vec::with_capacity(due.len());
    for (by, waited) in due {
        let (verdict, billed) = follow(state, at, &waited, at_ms);
        judged.push(state.settled(by, &waited, verdict, billed));
    }
    judged
}

/// Whether an impression came before the grace of an event that needs it was over. On one machine
/// one that did not has been settled by then; among several an earlier one may still come.
fn is_in_grace(state: &State, at: usize, event: &Event, shown_ms: i64) -> bool {
    !state.peers[at].share() || shown_ms <= event.at_ms + state.parts[at].rules.grace_ms
}

/// Why an event cannot count, whatever else is known.
fn refusal(part: &Part, event: &Event) -> Option<InvalidReason> {
    let rules = &part.rules;
    let window_ms = match event.kind {
        EventKind::Impression => rules.impression_ms,
        _ => rules.click_ms,
    };
    if let Some(claimed) = event.claimed {
        Some(claimed)
    } else if event.at_ms - event.decided_at_ms > window_ms {
        Some(InvalidReason::Expired)
    } else if event.decided_at_ms + rules.life_ms() < part.latest_ms {
        Some(InvalidReason::Late)
    } else {
        None
    }
}

/// An event whose impression is known.
fn follow(state: &mut State, at: usize, event: &Event, shown_ms: i64) -> (Verdict, Micros) {
    let part = &mut state.parts[at];
    let least = match event.kind {
        EventKind::Viewable => part.rules.viewable_after_ms,
        EventKind::Click => part.rules.click_after_ms,
        EventKind::Copy | EventKind::Impression => 0,
    };
    // Before its impression was received, an event's distance from it is not known.
    if (0..least).contains(&(event.at_ms - shown_ms)) {
        return (Verdict::Invalid(InvalidReason::TooFast), Micros::ZERO);
    }
    if !part.seen.mark(event.minted, event.decided_at_ms, usage(event)) {
        return (Verdict::Duplicate, Micros::ZERO);
    }
    if event.kind == EventKind::Click
        && event.price > Micros::ZERO
        && !part.seen.mark(event.minted, event.decided_at_ms, BILLED_CLICK)
    {
        return (Verdict::Counted, Micros::ZERO);
    }
    state.bill(at, event)
}
