//! Scoring weights, set by the operator.

use crate::domain::exchange_rates::ExchangeRates;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
        }
    }
}
