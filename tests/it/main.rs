//! Black-box tests of the product, and checks of the code base: one test binary, no sleeps.

#![allow(clippy::unwrap_used)] // in a test a panic is the message

mod adapters;
mod advertiser;
mod calls;
mod cli;
mod cluster;
mod cluster_reconciliation;
mod console;
mod crash;
mod credits;
mod cut_off;
mod dashboards;
mod decisions;
mod dependencies;
mod disk_guard;
mod documents;
mod drain;
mod events;
mod examples;
mod explain;
#[allow(dead_code, reason = "the rest is used by the chaos tests and proofs")]
mod harness;
mod house;
mod http_conformance;
mod images;
mod leasing;
mod library;
mod migrate;
mod money;
mod mutations;
mod openapi;
mod openapi_server;
mod panics;
mod privacy;
#[path = "../chaos/proxy.rs"]
#[allow(dead_code, reason = "written for the chaos tests; only a part is used here")]
mod proxy;
mod redirects;
mod reloads;
mod roles;
mod scenarios;
mod scrapes;
mod selection;
mod spread;
mod store;
mod stores;
mod traffic;
mod trial;
mod validity;
