//! The event ledger: every recorded event gets a verdict once, by one pure function of the records.
//!
//! [`record`] defines what the journal stores; [`apply`] decides verdicts and bills; [`views`]
//! aggregates them for reports; [`running`] runs all of this over an [`event_log`], which for a single
//! instance is [`local_log`]; [`history`] replays it from the files, [`reconciler`] does so continuously,
//! and [`audit`] compares.

pub mod account;
pub mod apply;
pub mod audit;
pub mod checkpoint;
pub mod dedupe;
pub mod event_log;
#[cfg(test)]
mod golden;
pub mod history;
pub mod leases;
pub mod local_log;
mod merge;
pub mod outcome;
pub mod peers;
#[cfg(test)]
mod peers_properties;
#[cfg(test)]
pub(crate) mod properties;
pub mod reconciler;
pub mod record;
#[cfg(test)]
mod restarts;
pub mod rules;
pub mod running;
pub(crate) mod sealed_file;
pub mod state;
mod stored_attribution;
pub mod views;

pub use outcome::{Adjustment, ApplyOutcome, EventVerdict};
pub use record::Record;
pub use rules::Rules;
pub use running::Ledger;
pub use state::State;
