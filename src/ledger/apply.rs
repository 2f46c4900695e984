//! The judgement: a pure state machine over records, by record time alone.
//!
//! - A claim of the traffic rules makes an event invalid, and uses nothing up.
//! - The first valid event of its kind for a decision counts, later ones are duplicates; clicks
//!   count once per call to action, and a decision is billed for one click at most.
//! - Viewable, click and copy need their impression: before it they are pending, for the grace;
//!   then they are orphans. So the order of arrival changes no bill.
//! - No price is billed beyond the budget: the event is then invalid, `over_budget`.
//! - An event that comes when its decision may have been forgotten is `late`.
//! - What is taken back is an entry of its own: nothing that was written changes.

use crate::domain::event::EventKind;
use crate::domain::event::InvalidReason;
use crate::domain::event::Verdict;
use crate::domain::money::Micros;
use crate::journal::Entry;
use crate::journal::PARTITIONS;
use crate::ledger::account::Account;
use crate::ledger::dedupe::Seen;
use crate::ledger::record::Attribution;
use crate::ledger::record::Credit;
use crate::ledger::record::Event;
use crate::ledger::record::InvalidRecord;
use crate::ledger::record::Minted;
use crate::ledger::record::Record;
use crate::ledger::rules::Rules;
use crate::ledger::views::Views;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

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

/// A credit or a refund that was given, by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Whose.
    pub campaign: Box<str>,
    /// For which day.
    pub day: i32,
    /// What was asked for.
    pub asked: Micros,
    /// What came back.
    pub micros: Micros,
}

/// What one record changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Events that were judged, the ones that waited included.
    pub judged: Vec<Judged>,
    /// What came back.
    pub returned: Option<Returned>,
}

/// The ledger's whole state: a fold over the journal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The windows in force.
    pub rules: Rules,
    /// Money, by campaign.
    pub accounts: BTreeMap<Box<str>, Account>,
    /// What was judged, added up.
    pub views: Views,
    seen: Seen,
    waiting: BTreeMap<Minted, Vec<Arc<Event>>>,
    deadlines: BTreeSet<(i64, Minted)>,
    /// Credits and refunds that were given.
    given: BTreeMap<u128, Given>,
    /// The last number applied of each partition, by incarnation.
    positions: BTreeMap<u64, Vec<u64>>,
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
    let applied = apply(state, &record);
    Ok(if missing == 0 { Fit::Next(applied) } else { Fit::Gap { missing, applied } })
}

/// Judges one record and says what became of it and of those that waited for it.
pub fn apply(state: &mut State, record: &Record) -> Applied {
    state.applied += 1;
    state.latest_ms = state.latest_ms.max(record.at_ms().unwrap_or(0));
    let mut applied = Applied::default();
    match record {
        Record::Event(event) => {
            applied.judged = settle(state, event.at_ms);
            state.views.received(event);
            applied.judged.extend(arrive(state, event));
        }
        Record::Budget { campaign, lifetime, daily } => {
            let account = state.accounts.entry(campaign.clone()).or_default();
            (account.lifetime, account.daily) = (*lifetime, *daily);
        }
        Record::Tick { at_ms } => applied.judged = settle(state, *at_ms),
        Record::Credit(credit) => applied.returned = state.credit(credit),
        Record::Refund(refund) => {
            if !state.given.contains_key(&refund.id) {
                let of = &refund.attribution;
                let micros = state.give(refund.id, &of.campaign, refund.day, refund.micros);
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
        Record::Rules(rules) => state.rules = *rules,
        Record::Asked(asked) => asked.iter().for_each(|one| state.views.asked(one)),
    }
    applied
}

/// Ends the wait of events whose grace is over at `now_ms`, and forgets what nothing needs.
fn settle(state: &mut State, now_ms: i64) -> Vec<Judged> {
    let mut judged = Vec::new();
    let grace_ms = state.rules.grace_ms;
    while let Some((deadline, minted)) = state.deadlines.first().copied() {
        if deadline >= now_ms {
            break;
        }
        state.deadlines.pop_first();
        let waiting = state.waiting.remove(&minted).unwrap_or_default();
        let (late, still): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|event| event.at_ms + grace_ms < now_ms);
        for event in late {
            let verdict = Verdict::Invalid(InvalidReason::OrphanClick);
            judged.push(state.settled(&event, verdict, Micros::ZERO));
        }
        if !still.is_empty() {
            state.waiting.insert(minted, still);
        }
    }
    state.seen.sweep(now_ms, state.rules.life_ms());
    judged
}

fn arrive(state: &mut State, event: &Arc<Event>) -> Vec<Judged> {
    if let Some(reason) = refusal(state, event) {
        return vec![state.judged(event, Verdict::Invalid(reason), Micros::ZERO)];
    }
    if event.kind != EventKind::Impression {
        return match state.seen.shown(event.minted) {
            Some(shown_ms) => {
                let (verdict, billed) = follow(state, event, shown_ms);
                vec![state.judged(event, verdict, billed)]
            }
            None => {
                state.waiting.entry(event.minted).or_default().push(event.clone());
                state.deadlines.insert((event.at_ms + state.rules.grace_ms, event.minted));
                vec![state.judged(event, Verdict::Pending, Micros::ZERO)]
            }
        };
    }
    if !state.seen.mark(event.minted, event.decided_at_ms, IMPRESSION) {
        return vec![state.judged(event, Verdict::Duplicate, Micros::ZERO)];
    }
    let (verdict, billed) = state.bill(event);
    let mut judged = vec![state.judged(event, verdict, billed)];
    state.seen.show(event.minted, event.decided_at_ms, event.at_ms);
    // In the order of their times, so that the order of arrival decides nothing.
    let mut waiting = state.waiting.remove(&event.minted).unwrap_or_default();
    waiting.sort_by_key(|waiting| (waiting.at_ms, usage(waiting)));
    for waited in waiting {
        let (verdict, billed) = follow(state, &waited, event.at_ms);
        judged.push(state.settled(&waited, verdict, billed));
    }
    judged
}

/// Why an event cannot count, whatever else is known.
fn refusal(state: &State, event: &Event) -> Option<InvalidReason> {
    let rules = &state.rules;
    let window_ms = match event.kind {
        EventKind::Impression => rules.impression_ms,
        _ => rules.click_ms,
    };
    if let Some(claimed) = event.claimed {
        Some(claimed)
    } else if event.at_ms - event.decided_at_ms > window_ms {
        Some(InvalidReason::Expired)
    } else if event.decided_at_ms + rules.life_ms() < state.latest_ms {
        Some(InvalidReason::Late)
    } else {
        None
    }
}

/// An event whose impression is known.
fn follow(state: &mut State, event: &Event, shown_ms: i64) -> (Verdict, Micros) {
    let least = match event.kind {
        EventKind::Viewable => state.rules.viewable_after_ms,
        EventKind::Click => state.rules.click_after_ms,
        EventKind::Copy | EventKind::Impression => 0,
    };
    // Before its impression was received, an event's distance from it is not known.
    if (0..least).contains(&(event.at_ms - shown_ms)) {
        return (Verdict::Invalid(InvalidReason::TooFast), Micros::ZERO);
    }
    if !state.seen.mark(event.minted, event.decided_at_ms, usage(event)) {
        return (Verdict::Duplicate, Micros::ZERO);
    }
    if event.kind == EventKind::Click
        && event.price > Micros::ZERO
        && !state.seen.mark(event.minted, event.decided_at_ms, BILLED_CLICK)
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

    /// The credit or refund of this id, if it was given.
    pub fn given(&self, id: u128) -> Option<&Given> {
        self.given.get(&id)
    }

    /// Bills the event's price, if it has one.
    fn bill(&mut self, event: &Event) -> (Verdict, Micros) {
        if event.price == Micros::ZERO {
            return (Verdict::Counted, Micros::ZERO);
        }
        let campaign = &event.attribution.campaign;
        let fits = match self.accounts.get_mut(campaign) {
            Some(account) => account.bill(event.day, event.price),
            None => self.accounts.entry(campaign.clone()).or_default().bill(event.day, event.price),
        };
        if fits {
            (Verdict::Counted, event.price)
        } else {
            (Verdict::Invalid(InvalidReason::OverBudget), Micros::ZERO)
        }
    }

    /// Takes a counted event back, once; nothing happens to one that never counted.
    fn credit(&mut self, credit: &Credit) -> Option<Returned> {
        let event = &credit.event;
        if !self.views.has_counted(event) || self.given.contains_key(&credit.id) {
            return None;
        }
        let campaign = &event.attribution.campaign;
        let micros = self.give(credit.id, campaign, event.day, credit.micros);
        self.views.credited(event, micros);
        Some(Returned {
            at_ms: credit.at_ms,
            of: event.attribution.clone(),
            day: event.day,
            decided_at_ms: event.decided_at_ms,
            micros,
            event: Some(event.clone()),
        })
    }

    /// Gives money back to a campaign: at most what the day was billed.
    fn give(&mut self, id: u128, campaign: &str, day: i32, asked: Micros) -> Micros {
        let account = self.accounts.get_mut(campaign);
        let micros = account.map_or(Micros::ZERO, |account| account.credit(day, asked));
        self.given.insert(id, Given { campaign: campaign.into(), day, asked, micros });
        micros
    }

    fn judged(&mut self, event: &Arc<Event>, verdict: Verdict, billed: Micros) -> Judged {
        self.views.judged(event, verdict, billed);
        Judged { event: event.clone(), verdict, billed }
    }

    /// The same for an event that was pending until now.
    fn settled(&mut self, event: &Arc<Event>, verdict: Verdict, billed: Micros) -> Judged {
        self.views.settled(event, verdict, billed);
        Judged { event: event.clone(), verdict, billed }
    }
}
