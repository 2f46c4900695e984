//! A contextual sponsored-content server: one page in, one labelled unit out, every event kept.
//!
//! Read in this order; each module uses only the layers above its own, and
//! `tests/it/house.rs` fails when that stops being true.
//!
//! | modules | what they are | may do I/O |
//! |---|---|---|
//! | [`domain`] | the words of the trade | no |
//! | [`pacing`] [`token`] [`traffic`] [`selection`] | the rules; time and chance are arguments | no |
//! | [`clock`] [`telemetry`] [`metrics`] [`config`] [`journal`] [`store`] [`ledger`] [`decision_log`] [`catalog`] | what is true and kept | yes |
//! | [`server`] | the verbs: decide, record, redirect, explain, report | through those |
//! | [`http`] [`web`] [`adapters`] | the faces; the only code with wire shapes | through `server` |
//! | [`app`] [`cli`] | wiring and the command line | yes |
//!
#![doc = include_str!("ARCHITECTURE.md")]

#[macro_use]
pub mod domain;

pub mod pacing;
pub mod selection;
pub mod token;
pub mod traffic;

pub mod catalog;
pub mod clock;
pub mod config;
pub mod decision_log;
pub mod journal;
pub mod ledger;
pub mod metrics;
pub mod store;
pub mod telemetry;

pub mod server;

pub mod http;
pub mod web;

pub mod adapters;

pub mod app;
pub mod cli;
