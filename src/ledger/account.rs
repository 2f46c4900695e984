//! A campaign's money. `spent ≤ budget` holds after every call, whatever came before.

use crate::domain::money::Micros;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a campaign may spend and has spent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// In all its life; `None` is without limit.
    pub lifetime: Option<Micros>,
    /// In one day.
    pub daily: Option<Micros>,
    /// All that was billed and not given back.
    pub spent: Micros,
    /// The same by the decision's day in the advertiser's zone.
    pub by_day: BTreeMap<i32, Micros>,
    /// All that was given back.
    pub returned: Micros,
}

impl Account {
    /// Bills a price on a day, or says that there is no room for it.
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

    /// Gives money back, at most what the day was billed; says how much.
    pub fn credit(&mut self, day: i32, micros: Micros) -> Micros {
        let Some(today) = self.by_day.get_mut(&day) else { return Micros::ZERO };
        let given = micros.min(*today).min(self.spent);
        *today = today.saturating_sub(given);
        self.spent = self.spent.saturating_sub(given);
        self.returned = self.returned.checked_add(given).unwrap_or(Micros::MAX);
        given
    }

    /// What is left for a day.
    pub fn left(&self, day: i32) -> Option<Micros> {
        let today = self.by_day.get(&day).copied().unwrap_or_default();
        let life = self.lifetime.map(|limit| limit.saturating_sub(self.spent));
        let daily = self.daily.map(|limit| limit.saturating_sub(today));
        match (life, daily) {
            (Some(life), Some(daily)) => Some(life.min(daily)),
            (one, other) => one.or(other),
        }
    }
}
