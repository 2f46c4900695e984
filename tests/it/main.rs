//! Black-box tests of the product and of the house it lives in: one binary, no sleeps.

#![allow(clippy::unwrap_used)] // in a test a panic is the message

mod cli;
mod dependencies;
mod house;
mod manners;
mod mutations;
mod openapi;
mod openapi_server;
mod papers;
mod scenarios;
mod selection;
