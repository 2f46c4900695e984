//! What counted for a flight, and its goals: events beyond a goal are not counted.

use crate::domain::event::EventKind;
use crate::domain::goal;
use crate::domain::goal::{ByGoal, Goals};
use crate::domain::money::Micros;
use crate::ledger::leases::Leases;
use serde::{Deserialize, Serialize};

/// Counted events of a flight, credits subtracted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FlightCounts {
    counted: ByGoal<u64>,
    /// Only flights that have or had a goal.
    limits: Option<Box<Limits>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Limits {
    goals: Goals,
    /// Leases on what is left of each goal, in amounts of [`goal::UNIT`].
    leases: ByGoal<Leases>,
}

impl FlightCounts {
    /// Counted events, by kind.
    pub(crate) fn counted(&self) -> &ByGoal<u64> {
        &self.counted
    }

    /// The goals in force.
    pub(crate) fn goals(&self) -> Goals {
        self.limits.as_ref().map_or_else(Goals::default, |limits| limits.goals)
    }

    /// Sets goals. They apply to what counted before, too.
    pub(super) fn set_goals(&mut self, goals: Goals) {
        if self.limits.is_some() || goals != Goals::default() {
            self.limits.get_or_insert_default().goals = goals;
        }
    }

    /// Whether no more events of this kind may count.
    pub(super) fn has_reached_goal(&self, kind: EventKind) -> bool {
        self.left(kind) == Some(Micros::ZERO)
    }

    /// What is left of a goal, as an amount; `None` without one.
    pub(super) fn left(&self, kind: EventKind) -> Option<Micros> {
        let goal = (*self.limits.as_ref()?.goals.get(kind)?)?;
        let counted = self.counted.get(kind).copied().unwrap_or_default();
        Some(goal::amount(goal.saturating_sub(counted)))
    }

    /// Counts an event of a decision that `incarnation` made.
    pub(super) fn count(&mut self, kind: EventKind, incarnation: u64) {
        let Some(counted) = self.counted.get_mut(kind) else { return };
        *counted += 1;
        if let Some(leases) = self.leases_mut(kind) {
            leases.deduct(incarnation, goal::UNIT);
        }
    }

    /// Takes a counted event back.
    pub(super) fn take_back(&mut self, kind: EventKind) {
        if let Some(counted) = self.counted.get_mut(kind) {
            *counted = counted.saturating_sub(1);
        }
    }

    /// The leases on each goal.
    pub(super) fn all_leases(&self) -> impl Iterator<Item = (EventKind, &Leases)> {
        self.limits.iter().flat_map(|limits| limits.leases.iter())
    }

    /// The leases on a goal.
    pub(crate) fn leases(&self, kind: EventKind) -> Option<&Leases> {
        self.limits.as_ref()?.leases.get(kind)
    }

    pub(super) fn leases_mut(&mut self, kind: EventKind) -> Option<&mut Leases> {
        self.limits.as_mut()?.leases.get_mut(kind)
    }
}
