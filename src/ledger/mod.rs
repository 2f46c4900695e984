//! What is true: every recorded event judged once, by one pure function of the records.
//!
//! [`record`] is what the journal keeps; [`apply`] judges and bills; [`embedded`] runs both in this
//! process; [`audit`] does it all again from the files and compares.

pub mod account;
pub mod apply;
pub mod audit;
pub mod dedupe;
pub mod embedded;
#[cfg(test)]
mod laws;
pub mod record;
pub mod reservation;

pub use apply::Judged;
pub use apply::Rules;
pub use apply::State;
pub use embedded::Embedded;
pub use record::Record;
