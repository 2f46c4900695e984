//! The state of one partition: its campaigns' money, its decisions, its clock. Partitions do not depend
//! on each other. Only [`apply`](crate::ledger::apply) changes it, record by record.

use crate::domain::event::{EventKind, InvalidReason, Verdict};
use crate::domain::money::Micros;
use crate::ledger::account::Account;
use crate::ledger::dedupe::DecisionUses;
use crate::ledger::flight_counts::FlightCounts;
use crate::ledger::leases::{LeaseGrant, Leased, Leases};
use crate::ledger::outcome::{Adjustment, EventVerdict};
use crate::ledger::record::{
    Credit, DecisionKey, Event, GoalLeaseRequest, LeaseRequest, RecordId, Refund,
};
use crate::ledger::rules::Rules;
use crate::ledger::views::PartitionViews;
use crate::ledger::writers::Writers;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An issued credit or refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IssuedCredit {
    pub(crate) campaign: Box<str>,
    /// The day it applies to.
    pub(crate) day: i32,
    /// The requested amount.
    pub(crate) requested: Micros,
    /// The credited amount.
    pub(crate) micros: Micros,
}

/// A credit or refund of events whose records have not come yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Waiting {
    Credit(Box<Credit>),
    Refund(Box<Refund>),
}

/// How far an incarnation's records are applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The last applied LSN.
    pub(crate) lsn: u64,
    /// The stamp of that record.
    pub(crate) stamp: i64,
}

/// The state of one partition: a fold over its records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartitionState {
    /// Spend and budget, by campaign.
    pub(crate) accounts: BTreeMap<Box<str>, Account>,
    /// Aggregates for reports and metrics.
    pub(crate) views: PartitionViews,
    /// The event windows in force.
    pub(super) rules: Rules,
    pub(super) uses: DecisionUses,
    /// Events waiting for their impression.
    pub(super) pending: BTreeMap<DecisionKey, Vec<(RecordId, Arc<Event>)>>,
    pub(super) deadlines: BTreeSet<(i64, DecisionKey)>,
    pub(super) latest_ms: i64,
    /// Issued credits and refunds, by id.
    pub(super) issued_credits: BTreeMap<u128, IssuedCredit>,
    /// Credits and refunds that found nothing to return yet, by id, each with the incarnation that
    /// recorded it.
    pub(super) waiting: BTreeMap<u128, (u64, Waiting)>,
    /// By incarnation.
    pub(super) positions: BTreeMap<u64, Position>,
    pub(super) applied: u64,
    pub(crate) writers: Writers,
    /// Leases on campaign budgets.
    pub(super) leases: BTreeMap<Box<str>, Leases>,
    /// Counted events and goals, by flight.
    pub(crate) flights: BTreeMap<Box<str>, FlightCounts>,
}

impl PartitionState {
    /// When the first pending event is due, in unix milliseconds.
    pub(super) fn deadline(&self) -> Option<i64> {
        self.deadlines.first().map(|(end, _)| *end)
    }

    /// Pending events that an incarnation recorded.
    pub(crate) fn pending_of(&self, by: u64) -> impl Iterator<Item = RecordId> {
        let pending = self.pending.values().flatten().map(|(id, _)| *id);
        pending.filter(move |id| id.incarnation == by)
    }

    /// How far the records of each incarnation are applied.
    pub(crate) fn positions(&self) -> &BTreeMap<u64, Position> {
        &self.positions
    }

    /// The last applied LSN of an incarnation.
    pub(crate) fn position(&self, incarnation: u64) -> u64 {
        self.positions.get(&incarnation).map_or(0, |position| position.lsn)
    }

    /// The leases on a campaign's budget.
    pub(crate) fn leases(&self, campaign: &str) -> Leases {
        self.leases.get(campaign).cloned().unwrap_or_default()
    }

    /// The refund with this id, if it found nothing to return yet.
    pub(crate) fn waiting_refund(&self, id: u128) -> Option<&Refund> {
        match self.waiting.get(&id)? {
            (_, Waiting::Refund(refund)) => Some(refund),
            (_, Waiting::Credit(_)) => None,
        }
    }

    /// Everything with leases.
    pub(crate) fn leased(&self) -> impl Iterator<Item = (Leased, &Leases)> {
        let budgets = self.leases.iter();
        let budgets = budgets.map(|(campaign, leases)| (Leased::Budget(campaign.clone()), leases));
        budgets.chain(self.flights.iter().flat_map(|(flight, counts)| {
            let goals = counts.all_leases().filter(|(_, leases)| !leases.is_empty());
            goals.map(|(kind, leases)| (Leased::Goal(flight.clone(), kind), leases))
        }))
    }

    /// Number of credits and refunds that found nothing to return yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Names the differences to another state that no report shows.
    pub(crate) fn internal_mismatches(&self, other: &PartitionState, at: u8) -> Vec<String> {
        [
            (self.applied != other.applied, "number of records"),
            (self.positions != other.positions, "last LSNs by incarnation"),
            (self.issued_credits != other.issued_credits, "credits and refunds"),
            (self.waiting != other.waiting, "waiting credits and refunds"),
            (self.rules != other.rules, "event windows"),
            (self.uses != other.uses, "used decisions"),
            (self.pending != other.pending, "pending events"),
            (self.deadlines != other.deadlines, "deadlines"),
            (self.latest_ms != other.latest_ms, "clock"),
            (self.writers != other.writers, "writers"),
            (self.leases != other.leases, "budget leases"),
            (self.flights != other.flights, "counts and goals of flights"),
        ]
        .into_iter()
        .filter(|(differs, _)| *differs)
        .map(|(_, what)| format!("{what} of partition {at}"))
        .collect()
    }

    /// Grants lease requests, as far as the budget allows.
    pub(super) fn lease(
        &mut self,
        origin: u64,
        of: u64,
        requests: &[LeaseRequest],
    ) -> Vec<LeaseGrant> {
        let mut granted = Vec::with_capacity(requests.len());
        for LeaseRequest { campaign, day, micros } in requests {
            let left = self.accounts.get(campaign).and_then(|account| account.left(*day));
            let leases = self.leases.entry(campaign.clone()).or_default();
            let most = if of == origin { Micros::MAX } else { leases.held_by(of) };
            let micros = leases.request(of, most.min(*micros), left);
            if leases.is_empty() {
                self.leases.remove(campaign);
            }
            granted.push(LeaseGrant { of: Leased::Budget(campaign.clone()), holder: of, micros });
        }
        granted
    }

    /// Grants lease requests, as far as the goals allow.
    pub(super) fn lease_goals(
        &mut self,
        origin: u64,
        of: u64,
        requests: &[GoalLeaseRequest],
    ) -> Vec<LeaseGrant> {
        let mut granted = Vec::with_capacity(requests.len());
        for GoalLeaseRequest { flight, kind, micros } in requests {
            let Some(counts) = self.flights.get_mut(flight) else { continue };
            let left = counts.left(*kind);
            let Some(leases) = counts.leases_mut(*kind) else { continue };
            let most = if of == origin { Micros::MAX } else { leases.held_by(of) };
            let micros = leases.request(of, most.min(*micros), left);
            let goal = Leased::Goal(flight.clone(), *kind);
            granted.push(LeaseGrant { of: goal, holder: of, micros });
        }
        granted
    }

    /// Counts the event as far as the goals of its flight allow it, and bills its price if it `bills` and
    /// the budget allows it.
    pub(super) fn count(&mut self, event: &Event, bills: bool) -> (Verdict, Micros) {
        let flight = &event.attribution.flight;
        if self.flights.get(flight).is_some_and(|counts| counts.has_reached_goal(event.kind)) {
            return (Verdict::Invalid(InvalidReason::OverGoal), Micros::ZERO);
        }
        let (verdict, billed) = match bills && event.price > Micros::ZERO {
            true => self.bill(event),
            false => (Verdict::Counted, Micros::ZERO),
        };
        if verdict == Verdict::Counted && event.kind != EventKind::Copy {
            let incarnation = event.decision_key.incarnation;
            match self.flights.get_mut(flight) {
                Some(counts) => counts.count(event.kind, incarnation),
                None => {
                    self.flights.entry(flight.clone()).or_default().count(event.kind, incarnation);
                }
            }
        }
        (verdict, billed)
    }

    /// Bills the event's price if the budget allows it.
    fn bill(&mut self, event: &Event) -> (Verdict, Micros) {
        let campaign = &event.attribution.campaign;
        let fits = match self.accounts.get_mut(campaign) {
            Some(account) => account.bill(event.day, event.price),
            None => self.accounts.entry(campaign.clone()).or_default().bill(event.day, event.price),
        };
        if fits {
            if let Some(leases) = self.leases.get_mut(campaign) {
                leases.deduct(event.decision_key.incarnation, event.price);
            }
            (Verdict::Counted, event.price)
        } else {
            (Verdict::Invalid(InvalidReason::OverBudget), Micros::ZERO)
        }
    }

    /// Reverses a counted event, once. Waits for an event that has not counted.
    pub(super) fn credit(&mut self, by: u64, credit: &Credit) -> Option<Adjustment> {
        let (event, id) = (&credit.event, credit.id);
        if self.issued_credits.contains_key(&id) {
            return None;
        }
        if !self.views.has_counted(event) {
            let waits = || (by, Waiting::Credit(Box::new(credit.clone())));
            self.waiting.entry(id).or_insert_with(waits);
            return None;
        }
        let micros = self.issue_credit(id, &event.attribution.campaign, event.day, credit.micros);
        self.views.add_credit(event, micros);
        if let Some(counts) = self.flights.get_mut(&event.attribution.flight) {
            counts.take_back(event.kind);
        }
        Some(Adjustment {
            id,
            recorded_by: by,
            at_ms: credit.at_ms,
            attribution: event.attribution.clone(),
            day: event.day,
            decided_at_ms: event.decided_at_ms,
            micros,
            event: Some(event.clone()),
        })
    }

    /// Refunds a campaign, once: at most what was billed on that day. Waits while nothing was.
    pub(super) fn refund(&mut self, by: u64, refund: &Refund) -> Option<Adjustment> {
        let (id, of) = (refund.id, &refund.attribution);
        if self.issued_credits.contains_key(&id) {
            return None;
        }
        let account = self.accounts.get(&of.campaign);
        if account.is_none_or(|account| !account.was_billed_on(refund.day)) {
            let waits = || (by, Waiting::Refund(Box::new(refund.clone())));
            self.waiting.entry(id).or_insert_with(waits);
            return None;
        }
        let micros = self.issue_credit(id, &of.campaign, refund.day, refund.micros);
        self.views.add_refund(refund.day_starts_ms, of, micros);
        Some(Adjustment {
            id,
            recorded_by: by,
            at_ms: refund.at_ms,
            attribution: of.clone(),
            day: refund.day,
            decided_at_ms: refund.day_starts_ms,
            micros,
            event: None,
        })
    }

    /// Issues what waited for an event that has now counted.
    pub(super) fn issue_waiting(&mut self, counted: &Event) -> Vec<Adjustment> {
        let campaign = &counted.attribution.campaign;
        let concerns = |waiting: &Waiting| match waiting {
            Waiting::Credit(credit) => credit.event.is_same(counted),
            Waiting::Refund(refund) => {
                refund.attribution.campaign == *campaign && refund.day == counted.day
            }
        };
        let due: Vec<u128> =
            self.waiting.iter().filter(|(_, (_, one))| concerns(one)).map(|(id, _)| *id).collect();
        due.into_iter()
            .filter_map(|id| match self.waiting.remove(&id)? {
                (by, Waiting::Credit(credit)) => self.credit(by, &credit),
                (by, Waiting::Refund(refund)) => self.refund(by, &refund),
            })
            .collect()
    }

    /// Credits money to a campaign: at most what was billed on that day.
    fn issue_credit(&mut self, id: u128, campaign: &str, day: i32, requested: Micros) -> Micros {
        let account = self.accounts.get_mut(campaign);
        let micros = account.map_or(Micros::ZERO, |account| account.credit(day, requested));
        self.issued_credits
            .insert(id, IssuedCredit { campaign: campaign.into(), day, requested, micros });
        self.waiting.remove(&id);
        micros
    }

    /// Settles a pending event as it was settled where the order is known.
    pub(crate) fn settle_as(&mut self, settled: &EventVerdict) {
        let EventVerdict { id, event, verdict, billed, .. } = settled;
        let key = event.decision_key;
        let Some(waiting) = self.pending.get_mut(&key) else { return };
        let before = waiting.len();
        waiting.retain(|(one, _)| one != id);
        if waiting.len() == before {
            return;
        }
        if waiting.is_empty() {
            self.pending.remove(&key);
        }
        self.deadlines.remove(&(event.at_ms + self.rules.grace_ms, key));
        self.views.settle_pending(event, *verdict, *billed);
    }

    pub(super) fn record_verdict(
        &mut self,
        id: RecordId,
        event: &Arc<Event>,
        verdict: Verdict,
        billed: Micros,
    ) -> EventVerdict {
        self.views.add_verdict(event, verdict, billed);
        EventVerdict { id, event: event.clone(), verdict, billed, was_pending: false }
    }

    /// The same for an event that was pending.
    pub(super) fn record_final_verdict(
        &mut self,
        id: RecordId,
        event: &Arc<Event>,
        verdict: Verdict,
        billed: Micros,
    ) -> EventVerdict {
        self.views.settle_pending(event, verdict, billed);
        EventVerdict { id, event: event.clone(), verdict, billed, was_pending: true }
    }
}
