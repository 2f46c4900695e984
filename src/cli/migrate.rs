//! `adjacent migrate`: everything that was recorded, and the catalog, to another store. The sums are
//! made from both afterwards, and must be equal.

use crate::app::lock;
use crate::catalog::Catalog;
use crate::cli::drain;
use crate::cli::voice::Voice;
use crate::config::ConfigError;
use crate::journal;
use crate::ledger::State;
use crate::ledger::audit;
use crate::ledger::history;
use crate::ledger::history::Since;
use crate::ledger::shared;
use crate::ledger::shared::Shared;
use crate::server::agreed;
use crate::store::Address;
use crate::store::Client;
use crate::store::address::EMBEDDED;
use crate::store::survey;
use crate::store::survey::Survey;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use serde_json::json;
use std::io;
use std::io::IsTerminal;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Migrate {
    /// The data directory, where the move begins at one.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    /// The store to leave: `embedded` is the data directory.
    #[arg(long, default_value = EMBEDDED, value_name = "URL")]
    from: String,
    /// The store to move to: a Redis that is empty, or that has a part of the same already.
    #[arg(long, value_name = "URL")]
    to: String,
    /// Certificates of a private authority, as PEM, for those of the two that are over TLS.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

fn usage(reason: impl Into<String>) -> anyhow::Error {
    ConfigError::Usage(reason.into()).into()
}

fn address(flag: &str, text: &str, ca: Option<&Path>) -> anyhow::Result<Address> {
    let address = text.parse().map_err(|error| usage(format!("{flag}: {error}")))?;
    match (address, ca) {
        (Address::Redis(place), Some(file)) if place.tls => {
            let place = place.trusting(file).map_err(|reason| usage(format!("--ca: {reason}")))?;
            Ok(Address::Redis(place))
        }
        (address, _) => Ok(address),
    }
}

impl Migrate {
    pub(super) async fn run(self, voice: Voice) -> anyhow::Result<()> {
        let Address::Redis(target) = address("--to", &self.to, self.ca.as_deref())? else {
            return Err(usage(
                "--to embedded: many journals do not become one; export what was recorded, or copy \
                 the data directory of a single machine",
            ));
        };
        let shown = target.to_string();
        let to = Client::new(target);
        let (before, changes) = match address("--from", &self.from, self.ca.as_deref())? {
            Address::Embedded => self.send_files(&to).await?,
            Address::Redis(source) if source.to_string() == shown => {
                return Err(usage("--from and --to are the same store"));
            }
            Address::Redis(source) => copy_store(&Client::new(source), &to).await?,
        };
        let after = shared::replay(&to, Since::First, &mut |_| {}).await?;
        let differences = audit::compare(&before, &after);
        voice.object_if_json(&json!({
            "to": shown, "records": after.applied(), "changes": changes, "differences": differences,
        }))?;
        for (campaign, account) in &after.accounts {
            voice.say(format_args!("  {campaign}: {} billed", account.spent))?;
        }
        for one in &differences {
            let (before, after) = (&one.journal, &one.ledger);
            voice.say(format_args!("{}: before {before}, after {after}", one.what))?;
        }
        if !differences.is_empty() {
            anyhow::bail!("{} differences: do not serve from {shown}", differences.len());
        }
        let records = after.applied();
        voice.say(format_args!(
            "{records} records and {changes} changes of the catalog are in {shown}: no differences"
        ))?;
        Ok(())
    }

    /// From a data directory that nobody serves.
    async fn send_files(&self, to: &Client) -> anyhow::Result<(State, u64)> {
        let folder = self.data.join("journal");
        let data = self.data.display();
        if !folder.is_dir() {
            return Err(usage(format!("{data} holds no journal: name the --data of a server")));
        }
        let _held = lock::Lock::take(&self.data)?;
        if history::beginning(&folder, Since::First)?.checkpoint.from > 0 {
            return Err(usage(format!(
                "the first records of {data} were removed when store.keep_days had passed, and \
                 their sums cannot be sent as records: begin an empty store, and keep this directory \
                 for its reports"
            )));
        }
        let (before, recovery, differences) = audit::recompute(&folder, u64::MAX)?;
        if !differences.is_empty() {
            return Err(usage(format!(
                "{data} does not add up: `adjacent audit --data {data}` says what differs"
            )));
        }
        let own = journal::segments(&folder)?.into_iter().map(|segment| segment.incarnation);
        let found = survey::survey(to).await?;
        must_be_idle(&found, "--to")?;
        let own: std::collections::BTreeSet<u64> = own.collect();
        if let Some(other) = found.incarnations.difference(&own).next() {
            return Err(usage(format!(
                "--to holds records of another store, of the process start {other:016x} among \
                 others: name an empty one"
            )));
        }
        let catalog = Catalog::open(&self.data.join("catalog"))?;
        let number = catalog.head()?.map_or(0, |head| head.number);
        if found.change > number {
            return Err(usage(format!(
                "--to has {} changes of a catalog, and {data} has {number}: name an empty one",
                found.change
            )));
        }
        if let Some(store) = history::store(&folder)? {
            let (client, state) = (Client::new(to.place().clone()), Arc::default());
            let shared =
                Shared::open(client, rand::random(), folder, store, state, Box::new(|_| {}))?;
            let bar = bar(recovery.entries);
            let watched = async {
                loop {
                    bar.set_position(shared.shipped());
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            };
            tokio::select! {
                sent = drain::send_all(&shared) => sent?,
                () = watched => {}
            }
            bar.finish_and_clear();
        }
        agreed::pull(&catalog, to).await?;
        Ok((before, number))
    }
}

/// From a store that nobody uses.
async fn copy_store(from: &Client, to: &Client) -> anyhow::Result<(State, u64)> {
    let source = survey::survey(from).await?;
    must_be_idle(&source, "--from")?;
    let target = survey::survey(to).await?;
    must_be_idle(&target, "--to")?;
    if let Some(other) = target.incarnations.difference(&source.incarnations).next() {
        return Err(usage(format!(
            "--to holds records of another store, of the process start {other:016x} among others: \
             name an empty one"
        )));
    }
    agreed::copy(from, to).await?;
    let before = shared::replay(from, Since::First, &mut |_| {}).await?;
    let bar = bar(before.applied());
    shared::copy(from, to, &|entries| bar.inc(entries)).await?;
    bar.finish_and_clear();
    Ok((before, source.change))
}

/// What is written while it is moved would be on one side alone.
fn must_be_idle(found: &Survey, flag: &str) -> anyhow::Result<()> {
    match found.here.len() {
        0 => Ok(()),
        count => Err(usage(format!(
            "{count} instances use {flag}: stop them first; one that was killed is forgotten after \
             ten seconds"
        ))),
    }
}

fn bar(length: u64) -> ProgressBar {
    let bar = if io::stderr().is_terminal() {
        ProgressBar::new(length).with_message("records")
    } else {
        ProgressBar::hidden()
    };
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
