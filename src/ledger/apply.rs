//! The judgement: a pure state machine over records, by record time alone.
//!
//! - A claim of the traffic rules makes an event invalid, and uses nothing up.
//! - The first valid event of its kind for a decision counts, later ones are duplicates; clicks
//!   count once per call to action, and a decision is billed for one click at most.
//! - Viewable, click and copy need their impression: before it they are pending, for the grace;
//!   then they are orphans. So the order of arrival changes no bill.
//! - No price is billed beyond the budget: the event is then invalid, `over_budget`.

use crate::domain::event::EventKind;
use crate::domain::event::InvalidReason;
use crate::domain::event::Verdict;
use crate::domain::money::Micros;
use crate::ledger::account::Account;
use crate::ledger::dedupe::Used;
use crate::ledger::record::Attribution;
use crate::ledger::record::Event;
use crate::ledger::record::Minted;
use crate::ledger::record::Record;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;

/// The windows, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// From the decision to its impression.
    pub impression_ms: i64,
    /// From the decision to viewable, click and copy.
    pub click_ms: i64,
    /// Least time from impression to viewable.
    pub viewable_after_ms: i64,
    /// Least time from impression to click.
    pub click_after_ms: i64,
    /// How long an event waits for its impression.
    pub grace_ms: i64,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            impression_ms: 900_000,
            click_ms: 7_200_000,
            viewable_after_ms: 900,
            click_after_ms: 500,
            grace_ms: 60_000,
        }
    }
}

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The event.
    pub event: Arc<Event>,
    /// The judgement.
    pub verdict: Verdict,
    /// What was billed for it.
    pub billed: Micros,
}

/// How many events of one kind were judged how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All that were received.
    pub received: u64,
    /// Valid, first of their kind.
    pub counted: u64,
    /// Valid, seen before.
    pub duplicate: u64,
    /// Waiting for their impression.
    pub pending: u64,
    /// Invalid, by reason.
    pub invalid: BTreeMap<InvalidReason, u64>,
    /// What was billed for them.
    pub billed: Micros,
}

impl Tally {
    /// All that are invalid.
    pub fn invalid_total(&self) -> u64 {
        self.invalid.values().sum()
    }

    fn add(&mut self, verdict: Verdict, billed: Micros) {
        match verdict {
            Verdict::Counted => self.counted += 1,
            Verdict::Duplicate => self.duplicate += 1,
            Verdict::Pending => self.pending += 1,
            Verdict::Invalid(reason) => *self.invalid.entry(reason).or_default() += 1,
        }
        self.billed = self.billed.checked_add(billed).unwrap_or(Micros::MAX);
    }
}

/// Milliseconds of the finest report's interval: every zone's days begin at a quarter of an hour.
pub const QUARTER_MS: i64 = 900_000;

/// One row of the finest report: a quarter of an hour of decisions under one attribution.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey {
    /// Quarters of an hour since 1970-01-01T00Z of the decision.
    pub quarter: i64,
    /// What it is reported under.
    pub attribution: Arc<Attribution>,
    /// The call to action of a click.
    pub cta: Option<Box<str>>,
    /// What happened.
    pub kind: EventKind,
}

/// The ledger's whole state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Money, by campaign.
    pub accounts: HashMap<Box<str>, Account>,
    /// Judgements by kind.
    pub totals: BTreeMap<EventKind, Tally>,
    /// Judgements by time, attribution, call to action and kind.
    pub rows: BTreeMap<RowKey, Tally>,
    used: Used,
    /// When each decision's impression was received, while an event may still need it.
    shown: HashMap<Minted, i64>,
    /// Decisions in `shown`, by the moment after which nothing needs them.
    forget: BTreeSet<(i64, Minted)>,
    waiting: HashMap<Minted, Vec<Arc<Event>>>,
    deadlines: BTreeSet<(i64, Minted)>,
    credits: BTreeSet<u128>,
    applied: u64,
    latest_ms: i64,
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

/// Judges one record and says what became of it and of those that waited for it.
pub fn apply(state: &mut State, rules: &Rules, record: &Record) -> Vec<Judged> {
    state.applied += 1;
    state.latest_ms = state.latest_ms.max(record.at_ms().unwrap_or(0));
    match record {
        Record::Event(event) => {
            let mut judged = settle(state, rules, event.at_ms);
            state.tallies(event, |tally| tally.received += 1);
            judged.extend(arrive(state, rules, event));
            judged
        }
        Record::Budget { campaign, lifetime, daily } => {
            let account = state.accounts.entry(campaign.clone()).or_default();
            (account.lifetime, account.daily) = (*lifetime, *daily);
            Vec::new()
        }
        Record::Tick { at_ms } => settle(state, rules, *at_ms),
        Record::Credit { id, campaign, day, micros } => {
            if state.credits.insert(*id) {
                state.accounts.entry(campaign.clone()).or_default().credit(*day, *micros);
            }
            Vec::new()
        }
    }
}

/// Ends the wait of events whose grace is over at `now_ms`, and forgets what nothing needs.
fn settle(state: &mut State, rules: &Rules, now_ms: i64) -> Vec<Judged> {
    let mut judged = Vec::new();
    while let Some((deadline, minted)) = state.deadlines.first().copied() {
        if deadline >= now_ms {
            break;
        }
        state.deadlines.pop_first();
        let waiting = state.waiting.remove(&minted).unwrap_or_default();
        let (late, still): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|event| event.at_ms + rules.grace_ms < now_ms);
        for event in late {
            judged.push(state.settled(
                &event,
                Verdict::Invalid(InvalidReason::OrphanClick),
                Micros::ZERO,
            ));
        }
        if !still.is_empty() {
            state.waiting.insert(minted, still);
        }
    }
    while let Some((until, minted)) = state.forget.first().copied() {
        if until >= now_ms {
            break;
        }
        state.forget.pop_first();
        state.shown.remove(&minted);
    }
    judged
}

fn arrive(state: &mut State, rules: &Rules, event: &Arc<Event>) -> Vec<Judged> {
    let age = event.at_ms - event.decided_at_ms;
    let window = match event.kind {
        EventKind::Impression => rules.impression_ms,
        _ => rules.click_ms,
    };
    if let Some(reason) = event.claimed {
        return vec![state.judged(event, Verdict::Invalid(reason), Micros::ZERO)];
    }
    if age > window {
        return vec![state.judged(event, Verdict::Invalid(InvalidReason::Expired), Micros::ZERO)];
    }
    if event.kind != EventKind::Impression {
        return match state.shown.get(&event.minted).copied() {
            Some(shown_ms) => {
                let (verdict, billed) = follow(state, rules, event, shown_ms);
                vec![state.judged(event, verdict, billed)]
            }
            None => {
                state.waiting.entry(event.minted).or_default().push(event.clone());
                state.deadlines.insert((event.at_ms + rules.grace_ms, event.minted));
                vec![state.judged(event, Verdict::Pending, Micros::ZERO)]
            }
        };
    }
    if !state.used.mark(event.minted, IMPRESSION) {
        return vec![state.judged(event, Verdict::Duplicate, Micros::ZERO)];
    }
    let (verdict, billed) = state.bill(event);
    let mut judged = vec![state.judged(event, verdict, billed)];
    state.shown.insert(event.minted, event.at_ms);
    state.forget.insert((event.decided_at_ms + rules.click_ms + rules.grace_ms, event.minted));
    // In the order of their times, so that the order of arrival decides nothing.
    let mut waiting = state.waiting.remove(&event.minted).unwrap_or_default();
    waiting.sort_by_key(|waiting| (waiting.at_ms, usage(waiting)));
    for waited in waiting {
        let (verdict, billed) = follow(state, rules, &waited, event.at_ms);
        judged.push(state.settled(&waited, verdict, billed));
    }
    judged
}

/// An event whose impression is known.
fn follow(state: &mut State, rules: &Rules, event: &Event, shown_ms: i64) -> (Verdict, Micros) {
    let least = match event.kind {
        EventKind::Viewable => rules.viewable_after_ms,
        EventKind::Click => rules.click_after_ms,
        EventKind::Copy | EventKind::Impression => 0,
    };
    // Before its impression was received, an event's distance from it is not known.
    if (0..least).contains(&(event.at_ms - shown_ms)) {
        return (Verdict::Invalid(InvalidReason::TooFast), Micros::ZERO);
    }
    if !state.used.mark(event.minted, usage(event)) {
        return (Verdict::Duplicate, Micros::ZERO);
    }
    if event.kind == EventKind::Click
        && event.price > Micros::ZERO
        && !state.used.mark(event.minted, BILLED_CLICK)
    {
        return (Verdict::Counted, Micros::ZERO);
    }
    state.bill(event)
}

impl State {
    /// Whether something waits whose grace is over at `now_ms`: a tick would settle it.
    pub fn overdue(&self, now_ms: i64) -> bool {
        self.deadlines.first().is_some_and(|(deadline, _)| *deadline < now_ms)
    }

    /// How many records it has applied.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The latest time on record, in unix milliseconds.
    pub fn latest_ms(&self) -> i64 {
        self.latest_ms
    }

    /// Bills the event's price, if it has one.
    fn bill(&mut self, event: &Event) -> (Verdict, Micros) {
        if event.price == Micros::ZERO {
            return (Verdict::Counted, Micros::ZERO);
        }
        let account = self.accounts.entry(event.attribution.campaign.clone()).or_default();
        if account.bill(event.day, event.price) {
            (Verdict::Counted, event.price)
        } else {
            (Verdict::Invalid(InvalidReason::OverBudget), Micros::ZERO)
        }
    }

    fn judged(&mut self, event: &Arc<Event>, verdict: Verdict, billed: Micros) -> Judged {
        self.tallies(event, |tally| tally.add(verdict, billed));
        Judged { event: event.clone(), verdict, billed }
    }

    /// The same for an event that was pending until now.
    fn settled(&mut self, event: &Arc<Event>, verdict: Verdict, billed: Micros) -> Judged {
        self.tallies(event, |tally| tally.pending -= 1);
        self.judged(event, verdict, billed)
    }

    fn tallies(&mut self, event: &Event, change: impl Fn(&mut Tally)) {
        let key = RowKey {
            quarter: event.decided_at_ms.div_euclid(QUARTER_MS),
            attribution: event.attribution.clone(),
            cta: event.cta.as_ref().map(|(_, id)| id.clone()),
            kind: event.kind,
        };
        change(self.totals.entry(event.kind).or_default());
        change(self.rows.entry(key).or_default());
    }
}
