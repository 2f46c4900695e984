//! Series by campaign and flight, for as many as the budget of series allows; the rest is `other`.

use prometheus::GaugeVec;
use prometheus::IntCounterVec;
use prometheus::Opts;
use prometheus::Registry;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What the ledger and the pacer say of money, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MoneyRows {
    /// (campaign, currency, billed micros), what was given back not taken off.
    pub spend: Vec<(String, String, u64)>,
    /// (campaign, currency, micros given back).
    pub credited: Vec<(String, String, u64)>,
    /// (campaign, share of its budget that is left, 0 to 1).
    pub left: Vec<(String, f64)>,
    /// (flight, delivered over due; 1 is on pace).
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
                "Billed, in micros of the currency; what was given back is not taken off.",
            ),
            &["campaign", "currency"],
        )?;
        let credited = IntCounterVec::new(
            Opts::new(
                "credited_micros_total",
                "Given back by credits and refunds, in micros of the currency.",
            ),
            &["campaign", "currency"],
        )?;
        let left = GaugeVec::new(
            Opts::new(
                "budget_remaining_ratio",
                "What is left of a campaign's budget for life, else of its day's, 0 to 1.",
            ),
            &["campaign"],
        )?;
        let pace = GaugeVec::new(
            Opts::new("flight_pace_ratio", "Delivered over due; 1 is on pace."),
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

    /// Sets one series a campaign that has its own; the rest is one sum a currency.
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
