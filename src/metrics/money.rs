//! Series per campaign and flight, up to a configured number; the rest is summed as `other`.

use prometheus::{GaugeVec, IntCounterVec, Opts, Registry};
use std::collections::{BTreeMap, BTreeSet};

/// Spend, budgets and pacing, from one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MoneyRows {
    /// (campaign, currency, gross billed micros).
    pub spend: Vec<(String, String, u64)>,
    /// (campaign, currency, micros credited or refunded).
    pub credited: Vec<(String, String, u64)>,
    /// (campaign, remaining share of its budget, 0 to 1).
    pub left: Vec<(String, f64)>,
    /// (flight, delivered / due impressions; 1 is on pace).
    pub pace: Vec<(String, f64)>,
}

pub(super) struct Money {
    campaigns: BTreeSet<String>,
    flights: BTreeSet<String>,
    spend: IntCounterVec,
    credited: IntCounterVec,
    left: GaugeVec,
    pace: GaugeVec,
}

const OTHER: &str = "other";

impl Money {
    pub(super) fn new(
        registry: &Registry,
        campaigns: &[(String, String)],
        flights: &[String],
    ) -> Result<Money, prometheus::Error> {
        let spend = IntCounterVec::new(
            Opts::new(
                "spend_micros_total",
                "Billed amount (gross, before credits and refunds), in micros of the currency.",
            ),
            &["campaign", "currency"],
        )?;
        let credited = IntCounterVec::new(
            Opts::new(
                "credited_micros_total",
                "Amount credited and refunded, in micros of the currency.",
            ),
            &["campaign", "currency"],
        )?;
        let left = GaugeVec::new(
            Opts::new(
                "budget_remaining_ratio",
                "Remaining share of a campaign's lifetime budget, else of its daily budget, 0 to 1.",
            ),
            &["campaign"],
        )?;
        let pace = GaugeVec::new(
            Opts::new(
                "flight_pace_ratio",
                "Delivered impressions over those due by now; 1 is on pace.",
            ),
            &["flight"],
        )?;
        registry.register(Box::new(spend.clone()))?;
        registry.register(Box::new(credited.clone()))?;
        registry.register(Box::new(left.clone()))?;
        registry.register(Box::new(pace.clone()))?;
        for (campaign, currency) in campaigns {
            spend.with_label_values(&[campaign.as_str(), currency]);
            credited.with_label_values(&[campaign.as_str(), currency]);
            left.with_label_values(&[campaign.as_str()]).set(1.0);
        }
        for flight in flights {
            pace.with_label_values(&[flight.as_str()]).set(1.0);
        }
        let campaigns = campaigns.iter().map(|(campaign, _)| campaign.clone()).collect();
        let flights = flights.iter().cloned().collect();
        Ok(Money { campaigns, flights, spend, credited, left, pace })
    }

    pub(super) fn set(&self, rows: &MoneyRows) {
        self.amounts(&self.spend, &rows.spend);
        self.amounts(&self.credited, &rows.credited);
        for (campaign, left) in rows.left.iter().filter(|(c, _)| self.campaigns.contains(c)) {
            self.left.with_label_values(&[campaign.as_str()]).set(*left);
        }
        for (flight, ratio) in rows.pace.iter().filter(|(f, _)| self.flights.contains(f)) {
            self.pace.with_label_values(&[flight.as_str()]).set(*ratio);
        }
    }

    /// Sets the series of campaigns with their own; the others are summed per currency.
    fn amounts(&self, series: &IntCounterVec, rows: &[(String, String, u64)]) {
        let mut others: BTreeMap<&str, u64> = BTreeMap::new();
        for (campaign, currency, micros) in rows {
            if self.campaigns.contains(campaign) {
                super::set(series, &[campaign.as_str(), currency], *micros);
            } else {
                *others.entry(currency.as_str()).or_default() += micros;
            }
        }
        for (currency, micros) in others {
            super::set(series, &[OTHER, currency], micros);
        }
    }
}
