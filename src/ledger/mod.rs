//! What is true: every recorded event judged once, by one pure function of the records.
//!
//! [`record`] is what the journal keeps; [`apply`] judges and bills; [`views`] adds up what was
//! judged; [`running`] runs all of it in this process, [`shared`] over the one order of many machines;
//! [`history`] does it again from the files, [`keeper`] does so all the time, and [`audit`] compares.

pub mod account;
pub mod apply;
pub mod audit;
pub mod checkpoint;
pub mod dedupe;
pub mod history;
mod join;
pub mod keeper;
#[cfg(test)]
mod laws;
pub mod leases;
#[cfg(test)]
mod lives;
pub mod own;
pub mod peers;
#[cfg(test)]
mod peers_laws;
pub mod record;
pub mod reservation;
pub mod rules;
pub mod running;
pub mod shared;
pub mod state;
pub mod views;
mod whole;

pub use apply::Applied;
pub use apply::Judged;
pub use record::Record;
pub use rules::Rules;
pub use running::Ledger;
pub use state::State;
