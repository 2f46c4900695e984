//! Traffic quality: bots, prefetches, foreign origins, floods, visitors over their rate limits, and
//! publishers with implausible figures.
//!
//! Time and the salt for visitor keys are arguments. All state stays in process memory except hashes of
//! visitors and addresses, which are stored in the fleet's Redis for a day.

pub(crate) mod agents;
pub(crate) mod agreed_rate;
pub(crate) mod arrivals;
mod buckets;
pub(crate) mod datacenters;
pub(crate) mod flood;
pub(crate) mod keyed_rate;
pub(crate) mod limits;
#[cfg(test)]
mod limits_tests;
pub(crate) mod over_quota;
pub(crate) mod reader_address;
mod recent;
pub(crate) mod review;
pub(crate) mod rules;
pub(crate) mod signals;
pub(crate) mod visitor;

pub(crate) use arrivals::Arrivals;
pub(crate) use datacenters::Datacenters;
pub(crate) use visitor::{EventKeys, EventSource};

/// A rate: a burst of `count`, then one more every `seconds / count` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Events per window.
    pub(crate) count: u32,
    /// The window, in seconds.
    pub(crate) seconds: u32,
}
