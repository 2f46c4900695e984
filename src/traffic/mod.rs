//! What kind of traffic an event or a request is: robots, prefetchers, strangers' pages, floods,
//! one visitor doing more than people do, and publishers whose figures no audience makes.
//!
//! Time, and the salt under which visitors are known, are arguments. Nothing in here leaves the
//! process's memory, but a visitor's number: where machines share a store, it is there for a day.

pub mod agents;
pub mod arrivals;
pub mod beyond;
mod buckets;
pub mod client;
pub mod datacenters;
pub mod flood;
pub mod limits;
mod recent;
pub mod review;
pub mod rules;
pub mod signals;
pub mod visitor;

pub use arrivals::Arrivals;
pub use client::reader_address;
pub use datacenters::Datacenters;
pub use flood::Flood;
pub use limits::Visitors;
pub use signals::Signals;
pub use signals::Site;
pub use visitor::VisitorKey;

/// So many in so long: `count` at once, and one more each `seconds / count` after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How many.
    pub count: u32,
    /// In how many seconds.
    pub seconds: u32,
}
