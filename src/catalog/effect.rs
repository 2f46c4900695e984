//! What a change of the catalog would have done to recorded decisions, as far as it needs confirmation.

use serde::Serialize;

/// A figure under what is served, and under what is proposed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Before {
    /// Under what is served.
    pub before: f64,
    /// Under what is proposed.
    pub after: f64,
}

/// An advertiser's figures.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct AdvertiserEffect {
    /// The advertiser's id.
    pub advertiser: String,
    /// Its part of the filled slots, from 0 to 1.
    pub share: Before,
    /// Its expected spend per 1,000 slots, in micros of its currency.
    pub spend_micros: Before,
    /// The currency of its spend.
    pub currency: String,
}

/// The effect of a change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Effect {
    /// Recorded slots that were decided again.
    pub slots: u64,
    /// Filled slots as a part of all, from 0 to 1; units of the house tier fill.
    pub fill: Before,
    /// Every advertiser that has a share before or after.
    pub advertisers: Vec<AdvertiserEffect>,
}
