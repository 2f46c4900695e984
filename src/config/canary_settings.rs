//! The limits at which a canary ends.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much worse than the other requests those of a canary may do before it ends by itself. A difference counts
/// only if chance does not explain it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct CanarySettings {
    /// By how many percentage points the fill may be lower.
    #[garde(range(min = 0.0, max = 100.0))]
    pub fill_points: f64,
    /// By how many per cent the click rate may be lower.
    #[garde(range(min = 0.0, max = 100.0))]
    pub click_rate_percent: f64,
    /// How often the 99th percentile of the others one decision in a hundred may exceed.
    #[garde(range(min = 1.0, max = 1_000.0))]
    pub p99_factor: f64,
    /// By how many percentage points more decisions may have a failed reservation.
    #[garde(range(min = 0.0, max = 100.0))]
    pub lost_points: f64,
    /// By how many percentage points more decisions may have a slot that is empty because of a subject conflict.
    #[garde(range(min = 0.0, max = 100.0))]
    pub conflict_points: f64,
    /// The number of standard errors from which on chance does not explain a difference.
    #[garde(range(min = 1.0, max = 10.0))]
    pub standard_errors: f64,
    /// Decisions of the canary before it gets a larger share by itself.
    #[garde(range(min = 1))]
    pub minimum_decisions: u64,
}

impl Default for CanarySettings {
    /// Those of `config/adjacent.toml`.
    fn default() -> CanarySettings {
        CanarySettings {
            fill_points: 2.0,
            click_rate_percent: 25.0,
            p99_factor: 2.0,
            lost_points: 1.0,
            conflict_points: 1.0,
            standard_errors: 3.0,
            minimum_decisions: 300,
        }
    }
}
