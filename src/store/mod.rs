//! The store of many machines: a Redis that keeps one order of everything that was recorded.
//!
//! [`address`] says where it is, `reach` connects, [`fitness`] looks whether it may be used,
//! [`client`] asks it, [`trouble`] is what may go wrong and what is done about it, [`keys`] names
//! every key and [`rights`] every command, `library.lua` holds the functions that change them, [`log`],
//! [`bases`] and [`changes`] call these. [`breaker`] is when to ask again, [`confirm`] whether replicas
//! follow. [`starts`] says which machine is where, [`survey`] what is there; [`pictures`]
//! needs no function, [`sightings`] are what visitors did, for a day; by [`records`] machines ask each
//! other what they decided.

pub mod address;
pub mod bases;
pub mod breaker;
pub mod changes;
pub mod client;
pub mod confirm;
pub mod fitness;
pub mod keys;
pub mod log;
pub mod pictures;
mod reach;
pub mod records;
pub mod rights;
pub mod sightings;
pub mod starts;
pub mod survey;
pub mod trouble;

pub use address::Address;
pub use client::Client;
pub use trouble::StoreError;
pub use trouble::Trouble;
