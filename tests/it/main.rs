//! Black-box tests of the product and of the house it lives in: one binary, no sleeps.

#![allow(clippy::unwrap_used)] // in a test a panic is the message

mod adapters;
mod advertiser;
mod calls;
mod cli;
mod console;
mod crash;
mod credits;
mod cut_off;
mod dashboards;
mod decisions;
mod dependencies;
mod drain;
mod events;
mod examples;
mod explain;
#[allow(dead_code, reason = "what runs many machines uses the rest")]
mod harness;
mod house;
mod images;
mod lending;
mod library;
mod manners;
mod migrate;
mod money;
mod mutations;
mod openapi;
mod openapi_server;
mod panics;
mod papers;
mod privacy;
#[path = "../chaos/proxy.rs"]
#[allow(dead_code, reason = "made for the chaos scenarios; these need a part of it")]
mod proxy;
mod redirects;
mod reloads;
mod roles;
mod room;
mod scenarios;
mod scrapes;
mod selection;
mod shared;
mod shared_books;
mod spread;
mod store;
mod stores;
mod traffic;
mod trial;
mod validity;
