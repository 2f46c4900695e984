//! The budgets of all campaigns and the goals of all flights, by id; they outlive every snapshot and follow
//! the ledger.

use crate::domain::campaign;
use crate::domain::event::{EventKind, Pricing, Verdict};
use crate::domain::goal;
use crate::domain::goal::{ByGoal, Goals};
use crate::domain::money::Micros;
use crate::domain::zone::Zone;
use crate::ledger::account::Account;
use crate::ledger::event_log::LedgerUpdate;
use crate::ledger::flight_counts::FlightCounts;
use crate::ledger::leases::{LeaseGrant, Leased, Leases};
use crate::ledger::outcome::Adjustment;
use crate::ledger::partition::PartitionState;
use crate::ledger::record::Event;
use crate::ledger::{ApplyOutcome, EventVerdict, State};
use crate::world::budget::Budget;
use crate::world::show_chance::Chances;
use crate::world::slot_counts::SlotCounts;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The day of all amounts of a goal.
const NO_DAY: i32 = 0;

/// One budget for each kind of event; those without a goal are unlimited.
pub(crate) type GoalBudgets = ByGoal<Arc<Budget>>;

/// Budgets of campaigns and goals of flights, by id.
#[derive(Default)]
pub(crate) struct Budgets {
    by_campaign: RwLock<HashMap<Box<str>, Arc<Budget>>>,
    /// Of flights that have or had a goal.
    by_flight: RwLock<HashMap<Box<str>, GoalBudgets>>,
    /// Slots of paced flights, and of paced campaigns.
    flight_slots: RwLock<HashMap<Box<str>, Arc<SlotCounts>>>,
    campaign_slots: RwLock<HashMap<Box<str>, Arc<SlotCounts>>>,
    /// By publisher and placement: of callers without a key, and with one.
    chances: RwLock<HashMap<Box<str>, Arc<Chances>>>,
}

fn find<T: Clone>(map: &RwLock<HashMap<Box<str>, T>>, id: &str) -> Option<T> {
    map.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
}

fn entry<T: Clone + Default>(map: &RwLock<HashMap<Box<str>, T>>, id: &str) -> T {
    find(map, id).unwrap_or_else(|| {
        map.write().unwrap_or_else(PoisonError::into_inner).entry(id.into()).or_default().clone()
    })
}

impl Budgets {
    /// Takes all amounts of a ledger that was just opened. Limits set by the inventory are preserved.
    pub(crate) fn recover(&self, state: &State) {
        let nothing = PartitionState::default();
        state.partitions().for_each(|(_, partition)| self.replace(&nothing, partition));
    }

    /// Replaces the amounts of one partition's campaigns and flights.
    fn replace(&self, before: &PartitionState, after: &PartitionState) {
        for (campaign, account) in &after.accounts {
            let leases = after.leases(campaign);
            entry(&self.by_campaign, campaign).recover(account, leases);
        }
        for campaign in before.accounts.keys().filter(|one| !after.accounts.contains_key(*one)) {
            entry(&self.by_campaign, campaign).recover(&Account::default(), Leases::default());
        }
        for (flight, counts) in &after.flights {
            self.recover_goals(flight, counts);
        }
        for flight in before.flights.keys().filter(|one| !after.flights.contains_key(*one)) {
            self.recover_goals(flight, &FlightCounts::default());
        }
    }

    /// Takes what counted for a flight, if it has or had a goal.
    fn recover_goals(&self, flight: &str, counts: &FlightCounts) {
        let has_goal = counts.goals() != Goals::default();
        let found = if has_goal {
            Some(entry(&self.by_flight, flight))
        } else {
            find(&self.by_flight, flight)
        };
        let Some(budgets) = found else { return };
        for (kind, budget) in budgets.iter() {
            let mut account = Account::default();
            let counted = counts.counted().get(kind).copied().unwrap_or_default();
            account.bill(NO_DAY, goal::amount(counted));
            account.lifetime = counts.goals().get(kind).copied().flatten().map(goal::amount);
            let leases = counts.leases(kind).cloned().unwrap_or_default();
            budget.recover(&account, leases);
        }
    }

    /// The budget of a campaign, updated with its current limits and time zone.
    pub(crate) fn of_campaign(
        &self,
        id: &str,
        limits: &campaign::Budget,
        zone: &Zone,
    ) -> Arc<Budget> {
        let budget = entry(&self.by_campaign, id);
        budget.set_limits((limits.lifetime_micros, limits.daily_micros), zone);
        budget
    }

    /// The slots of a flight.
    pub(crate) fn slots_of_flight(&self, id: &str) -> Arc<SlotCounts> {
        entry(&self.flight_slots, id)
    }

    /// The slots of a campaign.
    pub(crate) fn slots_of_campaign(&self, id: &str) -> Arc<SlotCounts> {
        entry(&self.campaign_slots, id)
    }

    /// The budgets of a flight's goals, updated with the goals that are set.
    pub(crate) fn of_flight(&self, id: &str, goals: Goals) -> Box<[(EventKind, Arc<Budget>)]> {
        if goals == Goals::default() {
            return Box::default();
        }
        let budgets = entry(&self.by_flight, id);
        let set = goals.set().filter_map(|(kind, units)| {
            let budget = budgets.get(kind)?;
            budget.set_limits((Some(goal::amount(units)), None), &Zone::utc());
            Some((kind, budget.clone()))
        });
        set.collect()
    }

    /// Extends what the decision of a recorded event has reserved until the event arrives through the
    /// shared log.
    pub(crate) fn extend(&self, event: &Event, until_ms: i64) {
        if event.price > Micros::ZERO {
            let budget = entry(&self.by_campaign, &event.attribution.campaign);
            budget.extend(event.decision, until_ms);
        }
        let goals = find(&self.by_flight, &event.attribution.flight);
        if let Some(budget) = goals.as_ref().and_then(|goals| goals.get(event.kind)) {
            budget.extend(event.decision, until_ms);
        }
    }

    /// The chances that a placement's units are seen, if asked for without a key and with one.
    pub(crate) fn chances(&self, publisher: &str, placement: &str) -> Arc<Chances> {
        entry(&self.chances, &format!("{publisher}/{placement}"))
    }

    /// Listener for changes of the ledger.
    pub(crate) fn on_ledger_change(&self, change: &LedgerUpdate<'_>) {
        match change {
            LedgerUpdate::Applied(applied) => self.apply(applied),
            LedgerUpdate::Replaced { before, after } => self.replace(before, after),
        }
    }

    /// Applies verdicts, leases and credits of one ledger record.
    pub(crate) fn apply(&self, applied: &ApplyOutcome) {
        for one in &applied.verdicts {
            self.apply_verdict(one);
        }
        for LeaseGrant { of, holder, micros } in &applied.leases {
            match of {
                Leased::Budget(campaign) => {
                    entry(&self.by_campaign, campaign).set_lease(*holder, *micros);
                }
                Leased::Goal(flight, kind) => {
                    let goals = find(&self.by_flight, flight);
                    if let Some(budget) = goals.as_ref().and_then(|goals| goals.get(*kind)) {
                        budget.set_lease(*holder, *micros);
                    }
                }
            }
        }
        for returned in &applied.adjustments {
            self.apply_adjustment(returned);
        }
        if let Some((flight, counts)) = &applied.goals {
            self.recover_goals(flight, counts);
        }
    }

    fn apply_verdict(&self, one: &EventVerdict) {
        let (event, of) = (&one.event, &one.event.attribution);
        let (kind, decision) = (event.kind, event.decision);
        let incarnation = event.decision_key.incarnation;
        let is_impression = kind == EventKind::Impression;
        let counted = one.verdict == Verdict::Counted;
        // What the traffic rules marked uses nothing up.
        let refused = matches!(one.verdict, Verdict::Invalid(_)) && event.invalid_reason.is_none();
        if counted && is_impression && matches!(event.pricing, Pricing::Vcpm | Pricing::Cpc) {
            entry(&self.by_campaign, &of.campaign).note_impression(decision);
        }
        if refused && (event.price > Micros::ZERO || is_impression) {
            entry(&self.by_campaign, &of.campaign).release(decision);
        }
        if one.billed > Micros::ZERO {
            let budget = entry(&self.by_campaign, &of.campaign);
            budget.settle(decision, incarnation, event.day, one.billed);
        }
        let Some(goals) = find(&self.by_flight, &of.flight) else { return };
        for (awaited, budget) in goals.iter() {
            if counted && awaited == kind {
                budget.settle(decision, incarnation, NO_DAY, goal::UNIT);
            } else if counted && is_impression {
                budget.note_impression(decision);
            } else if refused && (awaited == kind || is_impression) {
                budget.release(decision);
            }
        }
    }

    fn apply_adjustment(&self, returned: &Adjustment) {
        let of = &returned.attribution;
        entry(&self.by_campaign, &of.campaign).credit(returned.day, returned.micros);
        let Some(event) = &returned.event else { return };
        let goals = find(&self.by_flight, &of.flight);
        if let Some(budget) = goals.as_ref().and_then(|goals| goals.get(event.kind)) {
            budget.credit(NO_DAY, goal::UNIT);
        }
    }
}
