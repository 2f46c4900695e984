//! Money and pace by campaign and flight, up to a configured number; the rest of the money is summed as `other`.

use crate::metrics::Metrics;
use crate::metrics::scrape::set;
use crate::metrics::series::{OTHER, OwnSeries};
use prometheus::IntCounterVec;
use std::collections::BTreeMap;
use std::sync::PoisonError;

/// Spend, budgets and pacing, from one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct MoneyRows {
    /// (campaign, currency, gross billed micros).
    pub(crate) spend: Vec<(String, String, u64)>,
    /// (campaign, currency, micros credited or refunded).
    pub(crate) credited: Vec<(String, String, u64)>,
    /// (campaign, currency, micros of `spend` that were not billed in the end).
    pub(crate) unbilled: Vec<(String, String, u64)>,
    /// (campaign, remaining share of its budget, 0 to 1).
    pub(crate) left: Vec<(String, f64)>,
    /// (flight, delivered / due; 1 is on pace), sorted by flight; running flights only.
    pub(crate) pace: Vec<(String, f64)>,
}

impl Metrics {
    /// Gives campaigns of an inventory series of their own, as far as there is room.
    pub(crate) fn admit_campaigns<'a>(&self, campaigns: impl Iterator<Item = &'a str>) {
        let mut own = self.own_campaigns.lock().unwrap_or_else(PoisonError::into_inner);
        campaigns.for_each(|campaign| own.admit(campaign.to_owned()));
    }

    pub(super) fn set_money(&self, rows: &MoneyRows) {
        let own = self.own_campaigns.lock().unwrap_or_else(PoisonError::into_inner);
        set_amounts(&own, &self.spend, &rows.spend);
        set_amounts(&own, &self.credited, &rows.credited);
        set_amounts(&own, &self.unbilled, &rows.unbilled);
        // Series of campaigns and flights that have no ratio any more end.
        self.budget_left.reset();
        for (campaign, ratio) in rows.left.iter().filter(|(campaign, _)| own.has(campaign)) {
            self.budget_left.with_label_values(&[campaign]).set(*ratio);
        }
        self.pace.reset();
        for (flight, ratio) in rows.pace.iter().take(self.limits.flights) {
            self.pace.with_label_values(&[flight]).set(*ratio);
        }
    }
}

/// Sets the series of campaigns with their own; the others are summed per currency.
fn set_amounts(own: &OwnSeries<String>, series: &IntCounterVec, rows: &[(String, String, u64)]) {
    let mut others: BTreeMap<&str, u64> = BTreeMap::new();
    for (campaign, currency, micros) in rows {
        if own.has(campaign) {
            set(series, &[campaign, currency], *micros);
        } else {
            *others.entry(currency.as_str()).or_default() += micros;
        }
    }
    for (currency, micros) in others {
        set(series, &[OTHER, currency], micros);
    }
}
