//! The operator's tunables: what each part of a score is worth.

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// The named weights of `config/weights.toml`. Every factor is an odds ratio: a flight with twice
/// the factor is drawn twice as often, in every context.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// By how the flight's topics meet the page's.
    #[garde(dive)]
    pub topic_boost: TopicBoost,
    /// When an entity the flight asks for is on the page.
    #[garde(range(min = 1.0, max = 100.0))]
    pub entity_boost: f64,
    /// By how the flight's regions meet the reader's.
    #[garde(dive)]
    pub region_boost: RegionBoost,
    /// When a keyword the flight asks for is on the page.
    #[garde(range(min = 1.0, max = 100.0))]
    pub keyword_boost: f64,
    /// The most that topic, entity, region and keyword can be worth together.
    #[garde(range(min = 1.0, max = 1000.0))]
    pub relevance_cap: f64,
    /// The least relevance that is served; 1 serves everything.
    #[garde(range(min = 1.0, max = 1000.0))]
    pub relevance_floor: f64,
    /// How much a higher price counts: 0 not at all, 1 in proportion.
    #[garde(range(min = 0.0, max = 4.0))]
    pub price_weight: f64,
    /// The price per thousand that counts as 1, in micros of any currency.
    #[garde(range(min = 1, max = 1_000_000_000_000_i64))]
    pub price_reference_micros: i64,
    /// Clicks expected of a thousand impressions, to compare a price per click with a CPM.
    #[garde(range(min = 0.001, max = 1000.0))]
    pub clicks_per_thousand: f64,
    /// The power every score is raised to: 1 is proportional, higher is closer to "best takes all".
    #[garde(range(min = 0.1, max = 16.0))]
    pub sharpness: f64,
    /// The share of draws that ignore scores, so that every candidate is seen sometimes.
    #[garde(range(min = 0.0, max = 0.5))]
    pub explore_floor: f64,
    /// The most candidates of a tier that enter a draw, by weight and price.
    #[garde(range(min = 1, max = 100_000))]
    pub max_candidates: u32,
}

/// Factors for the topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct TopicBoost {
    /// The flight names the page's own topic.
    #[garde(range(min = 1.0, max = 100.0))]
    pub exact: f64,
    /// The flight names a topic above it.
    #[garde(range(min = 1.0, max = 100.0))]
    pub ancestor: f64,
    /// The flight names no topic.
    #[garde(range(min = 1.0, max = 100.0))]
    pub run_of_site: f64,
}

/// Factors for the reader's region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct RegionBoost {
    /// The flight names the country.
    #[garde(range(min = 1.0, max = 100.0))]
    pub country: f64,
    /// The flight names a group the country is in.
    #[garde(range(min = 1.0, max = 100.0))]
    pub group: f64,
    /// The flight names no region.
    #[garde(range(min = 1.0, max = 100.0))]
    pub any: f64,
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
        }
    }
}
