//! The limits from which a change of the catalog needs confirmation.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a change may go without confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct GuardSettings {
    /// How often a price, a budget, a goal or a weight may be multiplied or divided by.
    #[garde(range(min = 1.0, max = 1_000_000.0))]
    pub factor: f64,
    /// By how many percentage points the predicted fill may move.
    #[garde(range(min = 0.0, max = 100.0))]
    pub fill_points: f64,
    /// By how many percentage points an advertiser's predicted share of the filled slots may move.
    #[garde(range(min = 0.0, max = 100.0))]
    pub share_points: f64,
    /// By how many per cent an advertiser's expected spend may move.
    #[garde(range(min = 0.0, max = 1_000_000.0))]
    pub spend_percent: f64,
    /// How many recorded slots a prediction needs to be judged.
    #[garde(range(min = 1))]
    pub minimum_slots: u64,
}

impl Default for GuardSettings {
    /// Those of `config/adjacent.toml`.
    fn default() -> GuardSettings {
        GuardSettings {
            factor: 2.0,
            fill_points: 5.0,
            share_points: 10.0,
            spend_percent: 25.0,
            minimum_slots: 1_000,
        }
    }
}
