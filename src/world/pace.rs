//! Pacing of the flights being served: what is delivered, what is due by now, and which share of its slots
//! each flight is to win next.
//!
//! Flights with a goal or a share of voice share the lottery of their tier. Other flights have the throttle of
//! their campaign's budget: of today, or of its lifetime.

use crate::domain::campaign::Pacing;
use crate::domain::event::{EventKind, Pricing};
use crate::domain::goal;
use crate::domain::money::Micros;
use crate::pacing::plan::{Expected, Pace, Plan, Seen};
use crate::pacing::voice::Voice;
use crate::selection::compiled::{FlightRow, place_bit};
use crate::selection::snapshot::Ticket;
use crate::world::budget::{Budget, BudgetBalance};
use crate::world::live::{Bindings, Live};
use crate::world::slot_counts::SlotCounts;
use crate::world::traffic_history::{Audience, Course, TrafficHistory};
use std::collections::HashMap;
use std::sync::Arc;

/// What a won slot is assumed to deliver until that is measured, in events of a kind.
pub(crate) const fn assumed(kind: EventKind) -> f64 {
    match kind {
        EventKind::Click | EventKind::Copy => 0.005,
        EventKind::Impression | EventKind::Viewable => 0.9,
    }
}

/// Pace of each paced flight: delivered divided by due; 1 is on pace. With a share of voice it is the share won
/// since the process start, divided by the share sold.
pub(crate) fn paces(live: &Live, now_ms: i64) -> Vec<(String, f64)> {
    let snapshot = live.snapshot();
    let rows = snapshot.flights.iter().enumerate().filter_map(|(place, flight)| {
        let name = snapshot.inventory.flights[flight.doc].id.to_string();
        Some((name, pace(live, place, now_ms)?))
    });
    rows.collect()
}

/// Pace of a flight: delivered divided by due; 1 is on pace, `None` if it has nothing to spread or is not
/// running.
pub(crate) fn pace(live: &Live, place: usize, now_ms: i64) -> Option<f64> {
    let flight = &live.snapshot().flights[place];
    let is_running = (flight.starts_ms..flight.ends_ms).contains(&now_ms);
    let document = &live.snapshot().inventory.flights[flight.doc];
    if let Some(share) = document.share_percent.filter(|_| is_running) {
        let (entered, won) = slots(live, place);
        return (entered > 0).then(|| won as f64 / entered as f64 / (share / 100.0));
    }
    let target = targets(live, place, now_ms).into_iter().next()?;
    if target.plan.curve == Pacing::Asap {
        return None;
    }
    let due = target.plan.goal * target.plan.due(&Expected::FLAT, now_ms);
    let delivered = target.seen.delivered + target.seen.outstanding;
    is_running.then(|| delivered.round() / due.ceil().max(1.0))
}

/// What a flight is to deliver, and what it has delivered.
struct Target {
    plan: Plan,
    seen: Seen,
    /// What a won slot is assumed to deliver.
    worth: f64,
}

/// How long a share is kept without a look at what was delivered, in milliseconds.
const LOOK_EVERY_MS: i64 = 1_000;

/// How far ahead the slots of flights with a share are compared with those of others, in milliseconds.
const SHARE_AHEAD_MS: i64 = 86_400_000;

/// The shares of all paced flights, with what was measured of each; outlives every snapshot.
#[derive(Default)]
pub(crate) struct Pacer {
    /// The snapshot's, and its paced flights, in order of their places.
    bindings: Option<Arc<Bindings>>,
    flights: Vec<PacedFlight>,
    history: TrafficHistory,
}

/// What was measured of a flight, and its share.
struct PacedFlight {
    id: Box<str>,
    measured: Measured,
    /// The traffic that it may expect, and its hours; read again with each other history.
    expected: Option<(Course, Course)>,
    /// When its share was computed, and its slots then.
    at_ms: i64,
    slots: (u64, u64),
    share: f64,
    supply: f64,
    /// The slots that it needs until its end over those that it may expect; 0 before any were measured.
    scarcity: f64,
}

/// What a flight is measured by.
enum Measured {
    /// Its goals, or its campaign's budget.
    Amounts(Vec<Pace>),
    /// Its share of voice.
    Voice(Option<Voice>),
}

/// The paced flights of a state: throttles and tickets, sorted by place.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Shares {
    pub(crate) paced: Vec<(u32, u32)>,
    pub(crate) tickets: Vec<Ticket>,
}

impl Pacer {
    /// The shares at `now_ms`, of this instance among `instances` that deliver the same goals.
    pub(crate) fn shares(&mut self, live: &Live, instances: usize, now_ms: i64) -> Shares {
        self.follow(&live.bindings);
        let mut shares = Shares::default();
        let snapshot = live.snapshot();
        for (flight, place) in self.flights.iter_mut().zip(&live.bindings.paced) {
            let at = *place as usize;
            let row = &snapshot.flights[at];
            let document = &snapshot.inventory.flights[row.doc];
            let now_slots = slots(live, at);
            if flight.is_outdated(now_slots, now_ms) {
                if let Some(share) = document.share_percent {
                    flight.follow_share(share / 100.0, row.ends_ms, now_slots, now_ms);
                } else {
                    let expected = &flight.expected;
                    let (course, time) = expected.clone().unwrap_or_else(|| {
                        let hours = row.hours.as_deref();
                        let audience = Audience {
                            publishers: &document.targeting.publishers,
                            regions: &document.targeting.regions,
                            hours,
                            known: &snapshot.regions,
                        };
                        (self.history.of(&audience, now_ms), Course::flat(hours, now_ms))
                    });
                    let expected = Expected { traffic: &course, time: &time };
                    flight.update(&targets(live, at, now_ms), &expected, instances, now_ms);
                    flight.expected = Some((course, time));
                }
                let counts = live.bindings.slots[at].iter();
                counts.for_each(|counts| counts.set_scarcity(flight.scarcity));
            }
            if document.has_ticket() {
                shares.tickets.push(Ticket::new(*place, flight.share, flight.supply));
            } else {
                // With a share of 1 as well: what it may have is counted while it has a throttle.
                shares.paced.push((*place, Ticket::in_units(flight.share)));
            }
        }
        shares
    }

    /// Expects the traffic that was read.
    pub(crate) fn expect(&mut self, history: TrafficHistory) {
        self.history = history;
        self.flights.iter_mut().for_each(|flight| flight.expected = None);
    }

    /// Takes what was measured of the flights over to another snapshot.
    fn follow(&mut self, bindings: &Arc<Bindings>) {
        if self.bindings.as_ref().is_some_and(|known| Arc::ptr_eq(known, bindings)) {
            return;
        }
        self.bindings = Some(bindings.clone());
        let old = std::mem::take(&mut self.flights);
        let mut old: HashMap<Box<str>, PacedFlight> =
            old.into_iter().map(|flight| (flight.id.clone(), flight)).collect();
        let flights = bindings.paced_ids.iter().map(|id| {
            let fresh = || PacedFlight {
                id: id.clone(),
                measured: Measured::Amounts(Vec::new()),
                expected: None,
                at_ms: i64::MIN,
                slots: (0, 0),
                share: 0.0,
                supply: f64::INFINITY,
                scarcity: 0.0,
            };
            // Its goals, prices and targeting may be others now.
            let again = |flight| PacedFlight { at_ms: i64::MIN, expected: None, ..flight };
            let known = old.remove(id).map(again);
            known.unwrap_or_else(fresh)
        });
        self.flights = flights.collect();
    }
}

impl PacedFlight {
    /// Whether its share may be another one by now.
    fn is_outdated(&self, slots: (u64, u64), now_ms: i64) -> bool {
        let since = now_ms.saturating_sub(self.at_ms);
        let is_measured = match &self.measured {
            Measured::Amounts(paces) => paces.iter().all(Pace::is_measured),
            Measured::Voice(_) => true,
        };
        !(0..LOOK_EVERY_MS).contains(&since) || !is_measured && slots != self.slots
    }

    /// Of its goals or budget, the one that allows least decides.
    fn update(
        &mut self,
        targets: &[Target],
        expected: &Expected<'_>,
        instances: usize,
        now_ms: i64,
    ) {
        let fresh = || {
            let begin = |one: &Target| Pace::new(now_ms, one.seen.of_one_in(instances), one.worth);
            targets.iter().map(begin).collect()
        };
        let mut paces = match std::mem::replace(&mut self.measured, Measured::Voice(None)) {
            Measured::Amounts(paces) if paces.len() == targets.len() => paces,
            _ => fresh(),
        };
        (self.share, self.supply, self.scarcity) = (1.0, f64::INFINITY, 0.0);
        for (pace, target) in paces.iter_mut().zip(targets) {
            let (plan, seen) = (target.plan.of_one_in(instances), target.seen.of_one_in(instances));
            if pace.is_due(&plan, now_ms) {
                pace.advance(&plan, expected, now_ms, seen);
            }
            self.share = self.share.min(pace.share_now(&plan, expected, now_ms, &seen));
            let supply = pace.supply(&plan, expected).unwrap_or(f64::INFINITY);
            self.supply = self.supply.min(supply);
            self.scarcity = self.scarcity.max(pace.needed(&plan, &seen) / supply.max(1.0));
            self.slots = (seen.entered, seen.won);
        }
        self.measured = Measured::Amounts(paces);
        self.at_ms = now_ms;
    }

    /// Follows the share of its slots that it won. Each instance keeps the share of its own slots.
    fn follow_share(&mut self, share: f64, ends_ms: i64, slots: (u64, u64), now_ms: i64) {
        let mut voice = match std::mem::replace(&mut self.measured, Measured::Voice(None)) {
            Measured::Voice(Some(voice)) => voice,
            _ => Voice::new(now_ms, slots, share),
        };
        voice.advance(share, now_ms, slots);
        let ahead = ends_ms.saturating_sub(now_ms).clamp(1, SHARE_AHEAD_MS);
        self.share = voice.part();
        self.supply = voice.supply(ahead as f64).unwrap_or(f64::INFINITY);
        (self.slots, self.at_ms) = (slots, now_ms);
        self.measured = Measured::Voice(Some(voice));
    }
}

/// The slots that a paced flight entered and won.
fn slots(live: &Live, place: usize) -> (u64, u64) {
    live.bindings.slots[place].as_deref().map(SlotCounts::get).unwrap_or_default()
}

/// What a flight is to deliver: each goal; without one, the budget of its campaign.
fn targets(live: &Live, place: usize, now_ms: i64) -> Vec<Target> {
    let snapshot = live.snapshot();
    let flight = &snapshot.flights[place];
    let document = &snapshot.inventory.flights[flight.doc];
    if live.bindings.paced.binary_search(&place_bit(place)).is_err() {
        return Vec::new();
    }
    let (entered, won) = slots(live, place);
    let set: Vec<_> = document.goals().set().collect();
    if document.share_percent.is_some() {
        return Vec::new();
    }
    if set.is_empty() {
        let balance = live.bindings.campaign_budgets[flight.campaign].balance(now_ms);
        return budget(live, flight, &balance, (entered, won)).into_iter().collect();
    }
    let goals = live.bindings.goals[place].iter().zip(set);
    let of_goal = |((kind, budget), (_, goal)): (&(EventKind, Arc<Budget>), (EventKind, u64))| {
        let balance = budget.balance(now_ms);
        let outstanding = match kind {
            // Most slots never get a click: what they reserve says nothing.
            EventKind::Click | EventKind::Copy => 0.0,
            _ => balance.reserved.get() as f64 / goal::UNIT.get() as f64,
        };
        let (starts_ms, ends_ms) = (flight.starts_ms, flight.ends_ms);
        Target {
            plan: Plan {
                starts_ms,
                ends_ms,
                curve: document.pacing,
                soft_end: flight.soft_end,
                goal: goal as f64,
            },
            seen: Seen { delivered: goal::units(balance.spent) as f64, outstanding, entered, won },
            worth: assumed(*kind),
        }
    };
    goals.map(of_goal).collect()
}

/// The budget of today, or of the lifetime, that a flight spends from.
fn budget(
    live: &Live,
    flight: &FlightRow,
    balance: &BudgetBalance,
    (entered, won): (u64, u64),
) -> Option<Target> {
    let inventory = &live.snapshot().inventory;
    let limits = &inventory.campaigns[flight.campaign].budget;
    let curve = inventory.flights[flight.doc].pacing;
    let (limit, (starts_ms, ends_ms), spent) = match (limits.daily_micros, limits.lifetime_micros) {
        (Some(daily), _) => {
            let today = (balance.today.starts_ms, balance.today.ends_ms);
            (daily, today, balance.spent_today)
        }
        (None, Some(lifetime)) => (lifetime, live.bindings.dates[flight.campaign]?, balance.spent),
        (None, None) => return None,
    };
    let (outstanding, event) = match flight.pricing {
        Pricing::Cpc => (Micros::ZERO, EventKind::Click),
        _ => (balance.reserved, EventKind::Impression),
    };
    let amount = |of: Micros| of.get() as f64;
    Some(Target {
        plan: Plan { starts_ms, ends_ms, curve, soft_end: false, goal: amount(limit) },
        seen: Seen { delivered: amount(spent), outstanding: amount(outstanding), entered, won },
        worth: assumed(event) * amount(flight.price),
    })
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
