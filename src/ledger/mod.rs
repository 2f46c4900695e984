//! The event ledger: every recorded event gets a verdict once, by one pure function of the records.
//!
//! [`record`] defines what the journal stores; [`apply`] decides verdicts and bills; [`views`]
//! aggregates them for reports; [`order`] puts the records of a fleet in order; [`running`] runs all of this over an [`event_log`], which for a single
//! instance is [`local_log`]; [`history`] replays it from the files, [`reconciler`] does so continuously,
//! and [`audit`] compares.

pub(crate) mod account;
pub(crate) mod apply;
pub mod audit;
pub(crate) mod checkpoint;
pub(crate) mod dedupe;
pub(crate) mod delivery_totals;
pub mod event_log;
mod event_search;
pub(crate) mod flight_counts;
#[cfg(test)]
mod golden;
pub mod history;
pub(crate) mod leases;
pub(crate) mod local_log;
pub(crate) mod order;
#[cfg(test)]
mod order_properties;
#[cfg(test)]
mod order_tests;
pub(crate) mod outcome;
mod packed_day;
pub(crate) mod partition;
#[cfg(test)]
pub(crate) mod properties;
pub mod reconciler;
pub mod record;
#[cfg(test)]
mod restarts;
mod rows;
pub(crate) mod rules;
pub(crate) mod running;
pub(crate) mod sealed_file;
pub(crate) mod state;
mod stored_attribution;
pub(crate) mod views;
pub(crate) mod writers;

pub(crate) use outcome::{ApplyOutcome, EventVerdict};
pub use record::Record;
pub use rules::Rules;
pub use running::Ledger;
pub(crate) use state::State;
