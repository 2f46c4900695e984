//! A contextual ad server: it answers each page with a labelled unit and durably records every event.
//!
//! Modules are declared by layer, from the bottom up: a module uses only those above it in this file
//! (`tests/it/structure.rs` enforces it). What each layer does is in the table below.
//!
#![doc = include_str!("ARCHITECTURE.md")]

#[macro_use]
pub mod domain;

pub(crate) mod learning;
mod pacing;
pub mod selection;
pub mod token;
pub(crate) mod traffic;

pub(crate) mod blocking;
pub mod catalog;
pub mod clock;
pub mod config;
pub mod decision_log;
pub mod journal;
pub mod ledger;
pub(crate) mod local_wait;
pub mod metrics;
pub(crate) mod notices;
pub mod store;
pub(crate) mod telemetry;

pub mod cluster;

pub(crate) mod world;

pub(crate) mod explain;
pub(crate) mod forecast;
pub(crate) mod reporting;

pub(crate) mod events;
pub(crate) mod replay;

pub(crate) mod delivery;
pub mod publishing;

pub mod http;
pub mod web;

pub mod adapters;

pub mod app;
pub mod cli;
