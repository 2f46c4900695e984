//! Black-box tests of the product, and checks of the code base: one test binary, no sleeps.

#![allow(clippy::unwrap_used)] // in a test a panic is the message

mod adapters;
mod advertiser;
mod authorization;
mod cheap_reads;
mod cli;
mod cluster;
mod cluster_reconciliation;
mod config_reload;
mod connections;
mod console;
mod crash;
mod credits;
mod dashboards;
mod decision_requests;
mod decisions;
mod dependencies;
mod disk_guard;
mod documents;
mod drain;
mod event_log;
mod events;
mod explain;
mod goals;
#[allow(dead_code, reason = "the rest is used by the chaos tests and proofs")]
mod harness;
mod host_names;
mod hostile_files;
mod http_conformance;
mod image_replication;
mod images;
mod instances_lost;
mod invalid_events;
mod journal_loss;
mod key_guessing;
mod language;
mod log_sink;
mod loss_under_load;
mod metrics;
mod migrate;
mod money;
mod money_after_loss;
mod mutated_files;
mod openapi;
mod openapi_digest;
mod openapi_examples;
mod openrtb_corpus;
mod openrtb_requests;
mod openrtb_validator;
mod page_context;
mod panics;
mod privacy;
mod provisional;
#[path = "../chaos/proxy.rs"]
#[allow(dead_code, reason = "written for the chaos tests; only a part is used here")]
mod proxy;
mod reader_limits;
mod recorded;
mod redirects;
mod redis_functions;
mod redis_outage;
mod removed;
mod reportable;
mod reports;
mod reservations;
mod scenarios;
mod selection;
mod store;
mod store_topologies;
mod structure;
mod traffic;
mod trial;
mod visitor_limits;
mod wakeups;
mod well_known;
