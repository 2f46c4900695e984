//! The command line: one verb a file.

mod apply;
mod audit;
mod catalog;
mod check;
mod diff;
mod drain;
mod explain;
mod export;
mod given;
mod health;
mod import;
mod keys;
mod migrate;
mod openapi;
mod running;
mod schema;
mod serve;
mod store;
mod synth;
mod voice;

use clap::Parser;
use voice::Voice;

/// A contextual sponsored-content server: one call per page in, one labelled unit per placement
/// out.
#[derive(Debug, Parser)]
#[command(name = "adjacent", version, args_conflicts_with_subcommands = true)]
pub struct Command {
    /// Answer in JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    serve: serve::Serve,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Serve (the default).
    Serve(serve::Serve),
    /// Check files: settings, weights, labels, inventory.
    Check(check::Check),
    /// Show what applying files would change.
    Diff(diff::Diff),
    /// Send what a stopped data directory still holds to the store that machines share.
    Drain(drain::Drain),
    /// The store that machines share: the rights of its users, its functions.
    #[command(subcommand)]
    Store(store::Store),
    /// Move everything to another store: this data directory's, or a Redis's, to a Redis.
    Migrate(migrate::Migrate),
    /// Make files what is served; shows the difference first.
    Apply(apply::Apply),
    /// Explain a decision: every candidate, what removed it, what would make another win.
    Explain(explain::Explain),
    /// Write out every event with its verdict.
    Export(export::Export),
    /// Recompute everything from the journal, and say what differs.
    Audit(audit::Audit),
    /// Does the server here take requests? Exit code 0 or 1.
    Health(health::Health),
    /// Keys of parties and tokens; links to advertisers' pages.
    Keys(keys::Keys),
    /// Print the OpenAPI document.
    Openapi(openapi::OpenApi),
    /// Print the JSON Schema of a kind of file.
    Schema(schema::Schema),
    /// Print a realistic inventory of any size as TOML.
    Synth(synth::Synth),
    /// Print what another system's files hold as TOML.
    #[command(subcommand)]
    Import(import::Import),
}

impl Command {
    /// The command line, or its mistake on standard error and exit code 64.
    pub fn parse() -> Command {
        match <Command as Parser>::try_parse() {
            Ok(command) => command,
            Err(error) => {
                error.print().ok();
                std::process::exit(if error.use_stderr() { voice::USAGE.into() } else { 0 })
            }
        }
    }

    /// How this command answers.
    pub fn voice(&self) -> Voice {
        Voice { json: self.json }
    }

    /// Does what it says.
    pub async fn run(self) -> anyhow::Result<()> {
        let voice = self.voice();
        match self.verb {
            None => self.serve.run(voice).await,
            Some(Verb::Serve(verb)) => verb.run(voice).await,
            Some(Verb::Check(verb)) => verb.run(voice),
            Some(Verb::Diff(verb)) => verb.run(voice),
            Some(Verb::Drain(verb)) => verb.run(voice).await,
            Some(Verb::Store(verb)) => verb.run(voice).await,
            Some(Verb::Migrate(verb)) => verb.run(voice).await,
            Some(Verb::Apply(verb)) => verb.run(voice),
            Some(Verb::Explain(verb)) => verb.run(voice),
            Some(Verb::Export(verb)) => verb.run(voice).await,
            Some(Verb::Audit(verb)) => verb.run(voice).await,
            Some(Verb::Health(verb)) => verb.run(voice),
            Some(Verb::Keys(verb)) => verb.run(voice),
            Some(Verb::Openapi(verb)) => verb.run(voice),
            Some(Verb::Schema(verb)) => verb.run(voice),
            Some(Verb::Synth(verb)) => verb.run(voice),
            Some(Verb::Import(verb)) => verb.run(voice),
        }
    }
}
