//! Black-box tests of the product and of the house it lives in: one binary, no sleeps.

#![allow(clippy::unwrap_used)] // in a test a panic is the message

mod calls;
mod cli;
mod decisions;
mod events;
mod harness;
mod roles;
mod explain;
mod scrapes;
mod money;
mod redirects;
mod house;
mod mutations;
mod scenarios;
mod selection;
mod validity;
