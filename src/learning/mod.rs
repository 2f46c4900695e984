//! What is learned from counted impressions and clicks: how likely a creative is to be clicked, and how often to
//! show it while that is not certain.

pub(crate) mod estimate;
pub(crate) mod turns;
