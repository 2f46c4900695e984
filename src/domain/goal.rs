//! Goals of a flight: how many impressions, viewable impressions and clicks it is to deliver, and no more.

use crate::domain::event::EventKind;
use crate::domain::money::Micros;
use serde::{Deserialize, Serialize};

/// One unit of a goal where goals are reserved and leased like amounts of money: fractions of a unit are
/// reserved where most decisions are never seen.
pub(crate) const UNIT: Micros = Micros::from_const(1_000_000);

/// One value for each kind of event that a goal may count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByGoal<T> {
    pub(crate) impressions: T,
    pub(crate) viewables: T,
    pub(crate) clicks: T,
}

/// The goals of a flight; absent ones are unlimited.
pub type Goals = ByGoal<Option<u64>>;

impl<T> ByGoal<T> {
    /// The value of a kind of event; `None` for kinds that no goal counts.
    pub(crate) fn get(&self, kind: EventKind) -> Option<&T> {
        match kind {
            EventKind::Impression => Some(&self.impressions),
            EventKind::Viewable => Some(&self.viewables),
            EventKind::Click => Some(&self.clicks),
            EventKind::Copy => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, kind: EventKind) -> Option<&mut T> {
        match kind {
            EventKind::Impression => Some(&mut self.impressions),
            EventKind::Viewable => Some(&mut self.viewables),
            EventKind::Click => Some(&mut self.clicks),
            EventKind::Copy => None,
        }
    }

    /// All values with their kinds.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (EventKind, &T)> {
        let kinds = [EventKind::Impression, EventKind::Viewable, EventKind::Click];
        kinds.into_iter().zip([&self.impressions, &self.viewables, &self.clicks])
    }
}

impl Goals {
    /// The goals that are set.
    pub(crate) fn set(&self) -> impl Iterator<Item = (EventKind, u64)> + '_ {
        self.iter().filter_map(|(kind, goal)| Some((kind, (*goal)?)))
    }
}

/// Units as an amount.
pub(crate) fn amount(units: u64) -> Micros {
    let micros = i64::try_from(units).unwrap_or(i64::MAX).saturating_mul(UNIT.get());
    Micros::try_from(micros).unwrap_or(Micros::MAX)
}

/// The whole units of an amount.
pub(crate) fn units(amount: Micros) -> u64 {
    u64::try_from(amount.get() / UNIT.get()).unwrap_or_default()
}
