//! The command line interface: one file per command.

mod access;
mod apply;
mod arguments;
mod audit;
mod canary;
mod catalog;
mod check;
mod completions;
mod confirm;
mod diff;
mod drain;
mod examples;
mod explain;
mod export;
mod forecast;
mod gaps;
mod health;
mod import;
mod init;
mod journal;
mod keys;
mod migrate;
mod openapi;
mod ops_client;
mod output;
mod past;
mod pull;
mod replay;
mod replay_text;
mod rollback;
mod schema;
mod serve;
mod shares;
mod simulate;
mod status;
mod store;
mod synth;
mod tail;
mod weights;
mod why;

use crate::app::{file_limits, permissions};
use anyhow::Context;
use clap::{CommandFactory, FromArgMatches, Parser};
use output::Output;

/// A contextual sponsored-content server: one request per page, one labelled unit per placement.
#[derive(Debug, Parser)]
#[command(name = "adjacent", version, args_conflicts_with_subcommands = true)]
pub struct Command {
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    serve: serve::Serve,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Run the server (default).
    Serve(serve::Serve),
    /// Write a commented starter inventory and say how to serve it.
    Init(init::Init),
    /// Validate settings, weights, labels and inventory files.
    Check(check::Check),
    /// Show what applying files would change.
    Diff(diff::Diff),
    /// Send a stopped instance's unsent records to the fleet's store.
    Drain(drain::Drain),
    /// Set up a fleet's Redis: ACL users and functions.
    #[command(subcommand)]
    Store(store::Store),
    /// Copy all records and the catalog from a data directory or a Redis to another Redis.
    Migrate(migrate::Migrate),
    /// Apply files to the served catalog, after showing the diff.
    Apply(apply::Apply),
    /// Serve the content of an earlier change again, after showing the diff. Pauses stay.
    Rollback(rollback::Rollback),
    /// Bring files up to date with what is served, keeping their comments and order.
    Pull(pull::Pull),
    /// Forecast flights: supply, delivery, who loses by them, and how likely their goals are reached.
    Forecast(forecast::Forecast),
    /// Explain a decision: candidates, filter reasons, and what would make another creative win.
    Explain(explain::Explain),
    /// Show why a flight is delivered as it is: its state, and at which stage each slot was lost.
    Why(why::Why),
    /// Report what pages asked for and no sponsor wanted, by topic, entity, region and language.
    Gaps(gaps::Gaps),
    /// Replay recorded decisions: what other weights or another inventory would have changed.
    Replay(replay::Replay),
    /// Versions of the weights: drafts, their replay and activation, and what was served when.
    #[command(subcommand)]
    Weights(weights::Weights),
    /// Show which part of each topic's slots today each advertiser has.
    Shares(shares::Shares),
    /// Export every event with its verdict.
    Export(export::Export),
    /// Recompute the ledger from the journal and report mismatches.
    Audit(audit::Audit),
    /// Repair the journal of a stopped server.
    #[command(subcommand)]
    Journal(journal::Journal),
    /// Show what runs and how it is going: readiness, last change, traffic, alerts, pauses.
    Status(status::Status),
    /// Follow the decisions and events of a running server.
    Tail(tail::Tail),
    /// Send simulated page views, events and bots to a local trial server.
    Simulate(simulate::Simulate),
    /// Check whether the local server is ready: exit code 0 or 1.
    Health(health::Health),
    /// Manage API keys, the event token key and report links.
    Keys(keys::Keys),
    /// Print the OpenAPI document.
    Openapi(openapi::OpenApi),
    /// Print the JSON Schema of a file type.
    Schema(schema::Schema),
    /// Generate a realistic inventory of any size as TOML.
    Synth(synth::Synth),
    /// Print the completions of a shell.
    Completions(completions::Completions),
    /// Convert files of other systems to inventory TOML.
    #[command(subcommand)]
    Import(import::Import),
}

impl Command {
    /// Parses the command line. On an error, prints it to standard error and exits with code 64.
    pub fn parse() -> Command {
        let command = examples::with_examples(Command::command());
        let parsed = command.try_get_matches();
        match parsed.and_then(|matches| Command::from_arg_matches(&matches)) {
            Ok(command) => command,
            Err(error) => {
                error.print().ok();
                std::process::exit(if error.use_stderr() { output::USAGE.into() } else { 0 })
            }
        }
    }

    /// The output format of this command.
    pub fn output(&self) -> Output {
        Output { json: self.json }
    }

    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        let output = self.output();
        permissions::restrict_new_files();
        file_limits::survive_file_size_limit().context("cannot install a signal handler")?;
        match self.verb {
            None => self.serve.run(output).await,
            Some(Verb::Serve(verb)) => verb.run(output).await,
            Some(Verb::Init(verb)) => verb.run(output),
            Some(Verb::Check(verb)) => verb.run(output),
            Some(Verb::Diff(verb)) => verb.run(output),
            Some(Verb::Drain(verb)) => verb.run(output).await,
            Some(Verb::Store(verb)) => verb.run(output).await,
            Some(Verb::Migrate(verb)) => verb.run(output).await,
            Some(Verb::Apply(verb)) => verb.run(output),
            Some(Verb::Rollback(verb)) => verb.run(output),
            Some(Verb::Pull(verb)) => verb.run(output),
            Some(Verb::Forecast(verb)) => verb.run(output),
            Some(Verb::Explain(verb)) => verb.run(output),
            Some(Verb::Why(verb)) => verb.run(output),
            Some(Verb::Gaps(verb)) => verb.run(output),
            Some(Verb::Replay(verb)) => verb.run(output),
            Some(Verb::Weights(verb)) => verb.run(output),
            Some(Verb::Shares(verb)) => verb.run(output),
            Some(Verb::Export(verb)) => verb.run(output).await,
            Some(Verb::Audit(verb)) => verb.run(output).await,
            Some(Verb::Journal(verb)) => verb.run(output),
            Some(Verb::Status(verb)) => verb.run(output),
            Some(Verb::Tail(verb)) => verb.run(output),
            Some(Verb::Simulate(verb)) => verb.run(output).await,
            Some(Verb::Health(verb)) => verb.run(output),
            Some(Verb::Keys(verb)) => verb.run(output),
            Some(Verb::Openapi(verb)) => verb.run(output),
            Some(Verb::Schema(verb)) => verb.run(output),
            Some(Verb::Synth(verb)) => verb.run(output),
            Some(Verb::Completions(verb)) => verb.run(),
            Some(Verb::Import(verb)) => verb.run(output),
        }
    }
}
