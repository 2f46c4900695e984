//! Series per campaign and flight, up to a configured number; the rest is summed as `other`.

use crate::metrics::Metrics;
use crate::metrics::scrape::set;
use prometheus::{GaugeVec, IntCounterVec};
use std::collections::{BTreeMap, BTreeSet};

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
    /// (flight, delivered / due impressions; 1 is on pace).
    pub(crate) pace: Vec<(String, f64)>,
}

/// The campaigns and flights with series of their own.
pub(super) struct OwnSeries {
    campaigns: BTreeSet<String>,
    flights: BTreeSet<String>,
}

const OTHER: &str = "other";

impl OwnSeries {
    pub(super) fn new(campaigns: &[(String, String)], flights: &[String]) -> OwnSeries {
        OwnSeries {
            campaigns: campaigns.iter().map(|(campaign, _)| campaign.clone()).collect(),
            flights: flights.iter().cloned().collect(),
        }
    }
}

impl Metrics {
    pub(super) fn create_own_series(&self, campaigns: &[(String, String)], flights: &[String]) {
        for (campaign, currency) in campaigns {
            self.spend.with_label_values(&[campaign, currency]);
            self.credited.with_label_values(&[campaign, currency]);
            self.unbilled.with_label_values(&[campaign, currency]);
            self.budget_left.with_label_values(&[campaign]).set(1.0);
        }
        for flight in flights {
            self.pace.with_label_values(&[flight]).set(1.0);
        }
    }

    pub(super) fn set_money(&self, rows: &MoneyRows) {
        let own = &self.own_series;
        self.set_amounts(&self.spend, &rows.spend);
        self.set_amounts(&self.credited, &rows.credited);
        self.set_amounts(&self.unbilled, &rows.unbilled);
        set_ratios(&self.budget_left, &own.campaigns, &rows.left);
        set_ratios(&self.pace, &own.flights, &rows.pace);
    }

    /// Sets the series of campaigns with their own; the others are summed per currency.
    fn set_amounts(&self, series: &IntCounterVec, rows: &[(String, String, u64)]) {
        let mut others: BTreeMap<&str, u64> = BTreeMap::new();
        for (campaign, currency, micros) in rows {
            if self.own_series.campaigns.contains(campaign) {
                set(series, &[campaign, currency], *micros);
            } else {
                *others.entry(currency.as_str()).or_default() += micros;
            }
        }
        for (currency, micros) in others {
            set(series, &[OTHER, currency], micros);
        }
    }
}

/// Sets a series for each of `own`: 1 where there is no row, such as after a limit or the whole campaign
/// was removed, so that no old value stays.
fn set_ratios(series: &GaugeVec, own: &BTreeSet<String>, rows: &[(String, f64)]) {
    let ratios: BTreeMap<&str, f64> = rows.iter().map(|(id, ratio)| (&**id, *ratio)).collect();
    for id in own {
        series.with_label_values(&[id]).set(ratios.get(&**id).copied().unwrap_or(1.0));
    }
}
