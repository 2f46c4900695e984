//! The fleet's event store: a Redis that holds all recorded batches in one order.
//!
//! | concern | modules |
//! |---|---|
//! | address, connection, supported servers | [`address`], `connect`, `server_info` |
//! | commands, errors and how to recover | [`client`], [`error`], [`breaker`] |
//! | key names, ACL rights, Lua functions | [`keys`], [`acl`], `library.lua` |
//! | partition logs and their base snapshots | [`log`], [`bases`] |
//! | replication status | [`replication`] |
//! | catalog changes, images | [`changes`], [`images`] |
//! | process starts, decision records on request | [`starts`], [`records`] |
//! | visitor activity, kept for a day | [`visitor_activity`] |
//! | summary before a migration | [`summary`] |

pub mod acl;
pub mod address;
pub mod bases;
pub mod breaker;
pub mod changes;
pub mod client;
mod connect;
pub mod error;
pub mod images;
pub mod keys;
pub mod log;
pub mod records;
pub mod replication;
mod server_info;
pub mod starts;
pub mod summary;
pub mod visitor_activity;

pub use address::Address;
pub use client::Client;
pub use error::{StoreError, StoreErrorKind};
