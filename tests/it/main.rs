//! Black-box tests of the product and of the house it lives in: one binary, no sleeps.

#![allow(clippy::unwrap_used)] // in a test a panic is the message

mod calls;
mod cli;
mod console;
mod crash;
mod credits;
mod dashboards;
mod decisions;
mod dependencies;
mod drain;
mod events;
mod explain;
mod harness;
mod house;
mod manners;
mod money;
mod mutations;
mod openapi;
mod openapi_server;
mod papers;
mod privacy;
mod redirects;
mod reloads;
mod roles;
mod room;
mod scenarios;
mod scrapes;
mod selection;
mod traffic;
mod validity;
