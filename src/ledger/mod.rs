//! What is true: every recorded event judged once, by one pure function of the records.
//!
//! [`record`] is what the journal keeps; [`apply`] judges and bills; [`views`] adds up what was
//! judged; [`embedded`] runs all of it in this process; [`history`] does it again from the files,
//! [`keeper`] does so all the time, and [`audit`] compares.

pub mod account;
pub mod apply;
pub mod audit;
pub mod checkpoint;
pub mod dedupe;
pub mod embedded;
pub mod history;
pub mod keeper;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod lives;
pub mod record;
pub mod reservation;
pub mod rules;
pub mod views;

pub use apply::Applied;
pub use apply::Judged;
pub use apply::State;
pub use embedded::Embedded;
pub use record::Record;
pub use rules::Rules;
