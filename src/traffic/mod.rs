//! Traffic quality: bots, prefetches, foreign origins, floods, visitors over their rate limits, and
//! publishers with implausible figures.
//!
//! Time and the salt for visitor keys are arguments. All state stays in process memory except a
//! visitor's hash, which is stored in the fleet's Redis for a day.

pub mod agents;
pub mod arrivals;
mod buckets;
pub mod datacenters;
pub mod flood;
pub mod limits;
pub mod over_quota;
pub mod reader_address;
mod recent;
pub mod review;
pub mod rules;
pub mod signals;
pub mod visitor;

pub use arrivals::Arrivals;
pub use datacenters::Datacenters;
pub use flood::FloodGuard;
pub use limits::VisitorLimits;
pub use reader_address::reader_address;
pub use signals::{AllowedOrigins, Signals};
pub use visitor::VisitorKey;

/// A rate: a burst of `count`, then one more every `seconds / count` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Events per window.
    pub count: u32,
    /// The window, in seconds.
    pub seconds: u32,
}
