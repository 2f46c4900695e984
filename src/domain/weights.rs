//! Scoring weights, set by the operator.

use crate::domain::exchange_rates::ExchangeRates;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The weights in `config/weights.toml`. Every factor is an odds ratio: a flight with twice the
/// factor is drawn twice as often, in every context.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Factors by how the flight's topics match the page's.
    #[garde(dive)]
    pub topic_boost: TopicBoost,
    /// Factor when an entity that the flight targets is on the page.
    #[garde(range(min = 1.0, max = 100.0))]
    pub entity_boost: f64,
    /// Factors by how the flight's regions match the reader's.
    #[garde(dive)]
    pub region_boost: RegionBoost,
    /// Factor when a keyword that the flight targets is on the page.
    #[garde(range(min = 1.0, max = 100.0))]
    pub keyword_boost: f64,
    /// Upper bound on the product of the topic, entity, region and keyword factors.
    #[garde(range(min = 1.0, max = 1000.0))]
    pub relevance_cap: f64,
    /// Minimum relevance to be served; 1 serves everything.
    #[garde(range(min = 1.0, max = 1000.0))]
    pub relevance_floor: f64,
    /// Exponent of the price: 0 ignores it, 1 is proportional.
    #[garde(range(min = 0.0, max = 4.0))]
    pub price_weight: f64,
    /// The CPM that corresponds to a price factor of 1, in micros; with exchange rates, of their reference
    /// currency.
    #[garde(range(min = 1, max = 1_000_000_000_000_i64))]
    pub price_reference_micros: i64,
    /// Expected clicks per thousand impressions, to convert a CPC into a CPM.
    #[garde(range(min = 0.001, max = 1000.0))]
    pub clicks_per_thousand: f64,
    /// Exponent applied to every score: 1 is proportional, higher values favour the best candidate.
    #[garde(range(min = 0.1, max = 16.0))]
    pub sharpness: f64,
    /// Share of draws that ignore scores, so that every candidate is shown sometimes (exploration).
    #[garde(range(min = 0.0, max = 0.5))]
    pub explore_floor: f64,
    /// Maximum number of candidates per tier in a draw; the highest weight and price enter first.
    #[garde(range(min = 1, max = 100_000))]
    pub max_candidates: u32,
    /// Rates by which prices in different currencies are compared. Required where such prices compete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub exchange_rates: Option<ExchangeRates>,
    /// How flights with rotation `optimise` learn which creatives get clicks.
    #[serde(default, skip_serializing_if = "RotationWeights::is_default")]
    #[garde(dive)]
    pub rotation: RotationWeights,
    /// The most that one advertiser may take of a topic's slots in a day. Absent: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub fairness: Option<Fairness>,
}

impl Weights {
    /// As JSON, with the values that are left out where they are the default.
    pub(crate) fn complete(&self) -> serde_json::Value {
        let mut all = serde_json::to_value(self).unwrap_or_default();
        all["rotation"] = serde_json::to_value(&self.rotation).unwrap_or_default();
        all
    }
}

/// How flights with rotation `optimise` learn which creatives get clicks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields, default)]
pub struct RotationWeights {
    /// Days after which an impression and its click count half.
    #[garde(range(min = 0.5, max = 365.0))]
    pub half_life_days: f64,
    /// The share of a flight's slots that is divided equally among its creatives.
    #[garde(range(min = 0.0, max = 0.5))]
    pub floor: f64,
    /// Factor on the uncertainty of an estimate: a lower one decides sooner, a higher one tries out longer.
    #[garde(range(min = 0.1, max = 2.0))]
    pub spread: f64,
    /// By how much click rates of creatives, and of one creative on different topics, are expected to differ, as
    /// standard deviation over mean: a higher one trusts few impressions more.
    #[garde(range(min = 0.05, max = 2.0))]
    pub cv: f64,
}

impl Default for RotationWeights {
    fn default() -> RotationWeights {
        RotationWeights { half_life_days: 10.0, floor: 0.05, spread: 0.5, cv: 0.35 }
    }
}

impl RotationWeights {
    /// Whether nothing was changed: then it is left out of stored weights.
    fn is_default(&self) -> bool {
        *self == RotationWeights::default()
    }
}

/// The most that one advertiser may take of a topic's slots in a UTC day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields, default)]
pub struct Fairness {
    /// In per cent of the slots of each topic, filled or not. Absent: only the topics listed below have a bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 1.0, max = 100.0)))]
    pub max_share_percent: Option<f64>,
    /// The same for a topic, by its id, in place of `max_share_percent`; 100 is no bound.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[garde(custom(percents))]
    pub topics: BTreeMap<String, f64>,
}

fn percents(topics: &BTreeMap<String, f64>, _: &()) -> garde::Result {
    match topics.iter().find(|(_, percent)| !(1.0..=100.0).contains(*percent)) {
        Some((topic, percent)) => Err(garde::Error::new(format!(
            "the bound of `{topic}` must be between 1 and 100 (got {percent})"
        ))),
        None => Ok(()),
    }
}

impl Fairness {
    /// The bound of a topic, from 0 to 1; `None` if it has none.
    pub(crate) fn bound(&self, topic: &str) -> Option<f64> {
        let percent = self.topics.get(topic).copied().or(self.max_share_percent)?;
        (percent < 100.0).then_some(percent / 100.0)
    }
}

/// Factors for topic matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct TopicBoost {
    /// The flight targets the page's own topic.
    #[garde(range(min = 1.0, max = 100.0))]
    pub(crate) exact: f64,
    /// The flight targets an ancestor of the page's topic.
    #[garde(range(min = 1.0, max = 100.0))]
    pub(crate) ancestor: f64,
    /// The flight targets no topic.
    #[garde(range(min = 1.0, max = 100.0))]
    pub(crate) run_of_site: f64,
}

/// Factors for reader region matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct RegionBoost {
    /// The flight targets the reader's country.
    #[garde(range(min = 1.0, max = 100.0))]
    pub(crate) country: f64,
    /// The flight targets a group that contains the country.
    #[garde(range(min = 1.0, max = 100.0))]
    pub(crate) group: f64,
    /// The flight targets no region.
    #[garde(range(min = 1.0, max = 100.0))]
    pub(crate) any: f64,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights {
            topic_boost: TopicBoost { exact: 3.0, ancestor: 2.0, run_of_site: 1.0 },
            entity_boost: 2.0,
            region_boost: RegionBoost { country: 1.25, group: 1.1, any: 1.0 },
            keyword_boost: 1.5,
            relevance_cap: 8.0,
            relevance_floor: 1.0,
            price_weight: 0.5,
            price_reference_micros: 5_000_000,
            clicks_per_thousand: 4.0,
            sharpness: 1.0,
            explore_floor: 0.02,
            max_candidates: 512,
            exchange_rates: Some(ExchangeRates::example()),
            rotation: RotationWeights::default(),
            fairness: None,
        }
    }
}
