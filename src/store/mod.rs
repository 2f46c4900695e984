//! The fleet's event store: a Redis that holds all recorded batches in one order.
//!
//! | concern | modules |
//! |---|---|
//! | address, connection, supported servers | [`address`], `connect`, `server_info` |
//! | commands, errors and how to recover | [`client`], [`error`], [`breaker`] |
//! | key names, ACL rights, Lua functions | [`keys`], [`acl`], `library.lua` |
//! | partition logs and their base snapshots | [`log`], [`bases`] |
//! | wake-ups of those who read the logs | [`wakeups`] |
//! | replication status | [`replication`] |
//! | catalog changes, images | [`changes`], [`images`] |
//! | process starts, decision records on request | [`starts`], [`records`] |
//! | visitor activity, kept for a day | [`visitor_activity`] |
//! | summary before a migration | [`summary`] |

pub mod acl;
pub(crate) mod address;
pub mod bases;
pub(crate) mod breaker;
pub(crate) mod changes;
pub(crate) mod client;
mod connect;
pub(crate) mod error;
pub(crate) mod images;
pub(crate) mod keys;
pub mod log;
pub(crate) mod records;
pub(crate) mod replication;
mod server_info;
pub(crate) mod starts;
pub(crate) mod summary;
pub(crate) mod visitor_activity;
pub(crate) mod wakeups;

pub use address::Address;
pub use client::Client;
pub(crate) use error::{StoreError, StoreErrorKind};
