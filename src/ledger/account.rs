//! Spend of a campaign. `spent ≤ budget` holds after every call.

use crate::domain::money::Micros;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Budget and spend of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Lifetime budget; `None` is unlimited.
    pub lifetime: Option<Micros>,
    /// Daily budget; `None` is unlimited.
    pub(crate) daily: Option<Micros>,
    /// Billed, net of credits and refunds.
    pub spent: Micros,
    /// `spent` by the decision's day in the advertiser's time zone.
    pub(crate) by_day: BTreeMap<i32, Micros>,
    /// Credits and refunds.
    pub(crate) credited: Micros,
}

impl Account {
    /// Bills a price on a day; `false` when a budget does not allow it.
    pub fn bill(&mut self, day: i32, price: Micros) -> bool {
        let today = self.by_day.get(&day).copied().unwrap_or_default();
        let fits = |spent: Micros, limit: Option<Micros>| {
            spent.checked_add(price).filter(|sum| limit.is_none_or(|limit| *sum <= limit))
        };
        match (fits(self.spent, self.lifetime), fits(today, self.daily)) {
            (Some(spent), Some(on_day)) => {
                self.spent = spent;
                if price > Micros::ZERO {
                    self.by_day.insert(day, on_day);
                }
                true
            }
            _ => false,
        }
    }

    /// Whether something was billed on a day, credited since or not.
    pub(crate) fn was_billed_on(&self, day: i32) -> bool {
        self.by_day.contains_key(&day)
    }

    /// Credits money, at most what was billed on that day; returns the credited amount.
    pub(crate) fn credit(&mut self, day: i32, micros: Micros) -> Micros {
        let Some(today) = self.by_day.get_mut(&day) else { return Micros::ZERO };
        let credited = micros.min(*today).min(self.spent);
        *today = today.saturating_sub(credited);
        self.spent = self.spent.saturating_sub(credited);
        self.credited = self.credited.checked_add(credited).unwrap_or(Micros::MAX);
        credited
    }

    /// The remaining budget on a day; `None` is unlimited.
    pub(crate) fn left(&self, day: i32) -> Option<Micros> {
        let today = self.by_day.get(&day).copied().unwrap_or_default();
        let life = self.lifetime.map(|limit| limit.saturating_sub(self.spent));
        let daily = self.daily.map(|limit| limit.saturating_sub(today));
        match (life, daily) {
            (Some(life), Some(daily)) => Some(life.min(daily)),
            (one, other) => one.or(other),
        }
    }
}
