//! A contextual ad server: it answers each page with a labelled unit and durably records every event.
//!
//! Layers, from the bottom up. A module may use its own layer and the layers above it in this
//! table; `tests/it/structure.rs` enforces that.
//!
//! | layer | modules | contents | I/O |
//! |---|---|---|---|
//! | domain | [`domain`] | ids, money, regions, inventory documents, events, verdicts | no |
//! | rules | [`pacing`] [`token`] [`traffic`] [`selection`] | pure functions; time and randomness are arguments | no |
//! | infrastructure and state | [`clock`] [`telemetry`] [`metrics`] [`config`] [`journal`] [`store`] [`ledger`] [`decision_log`] [`catalog`] | configuration, durable storage, ledger, metrics | yes |
//! | services | [`server`] | decide, record events, redirect, explain, report | through the layers above |
//! | interfaces | [`http`] [`web`] [`adapters`] | request and response formats, pages, other ad protocols | through `server` |
//! | wiring | [`app`] [`cli`] | startup, listeners, background tasks, command line | yes |
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
