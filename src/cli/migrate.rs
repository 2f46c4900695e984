//! `adjacent migrate`: copies all records and the catalog to another store, then recomputes the sums on
//! both sides and compares them.

use crate::app::lock;
use crate::catalog::Catalog;
use crate::cli::access::DataArgs;
use crate::cli::drain;
use crate::cli::output::Output;
use crate::cluster::log::SharedLog;
use crate::cluster::{catalog, log, versions};
use crate::config::ConfigError;
use crate::journal;
use crate::ledger::history::ReplayFrom;
use crate::ledger::order::Place;
use crate::ledger::{State, audit, history};
use crate::store::address::EMBEDDED;
use crate::store::summary::StoreSummary;
use crate::store::{Address, Client, summary};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::io;
use std::io::IsTerminal;
use std::iter::repeat;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    place: DataArgs,
    /// Source store: `embedded` (the data directory) or a Redis URL.
    #[arg(long, default_value = EMBEDDED, value_name = "URL")]
    from: String,
    /// Target store: the URL of a Redis that is empty or has part of the same data.
    #[arg(long, value_name = "URL")]
    to: String,
    /// PEM file with the CA certificates to trust for the stores over TLS.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

fn usage(reason: impl Into<String>) -> anyhow::Error {
    ConfigError::Usage(reason.into()).into()
}

fn address(flag: &str, text: &str, ca: Option<&Path>) -> anyhow::Result<Address> {
    let address = text.parse().map_err(|error| usage(format!("{flag}: {error}")))?;
    match (address, ca) {
        (Address::Redis(config), Some(file)) if config.tls => {
            let config =
                config.with_ca_file(file).map_err(|reason| usage(format!("--ca: {reason}")))?;
            Ok(Address::Redis(config))
        }
        (address, _) => Ok(address),
    }
}

impl Migrate {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let Address::Redis(target) = address("--to", &self.to, self.ca.as_deref())? else {
            return Err(usage(
                "--to embedded is not supported: use `adjacent export`, or copy the data directory of a \
                 single instance",
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
        let after = log::replay(&to, ReplayFrom::First, repeat(Place::END), &mut |_| {}).await?;
        let differences = audit::compare(&before, &after);
        output.json_only(&json!({
            "to": shown, "records": after.applied(), "changes": changes, "differences": differences,
        }))?;
        for (campaign, account) in after.accounts() {
            output.line(format_args!("  {campaign}: {} billed", account.spent))?;
        }
        for one in &differences {
            let (before, after) = (&one.journal, &one.ledger);
            output.line(format_args!("{}: source {before}, target {after}", one.what))?;
        }
        if !differences.is_empty() {
            anyhow::bail!("{} mismatches: do not serve from {shown}", differences.len());
        }
        let records = after.applied();
        output.line(format_args!(
            "migrated {records} records and {changes} catalog changes to {shown}: no mismatches"
        ))?;
        Ok(())
    }

    /// Migrates a data directory that no server is using.
    async fn send_files(&self, to: &Client) -> anyhow::Result<(State, u64)> {
        let (directory, folder) = (self.place.existing()?, self.place.journal()?);
        let data = directory.display();
        let _lock = lock::DataLock::acquire(&directory)?;
        if history::starting_point(&folder, ReplayFrom::First)?.checkpoint.from > 0 {
            return Err(usage(format!(
                "the oldest records of {data} were deleted after store.keep_days and only their sums are \
                 left, which cannot be migrated: start with an empty store and keep this directory \
                 for its reports"
            )));
        }
        let (before, recovery, differences) = audit::recompute(&folder, u64::MAX)?;
        if !differences.is_empty() {
            return Err(usage(format!(
                "{data} has ledger mismatches: run `adjacent audit --data {data}` for details"
            )));
        }
        let own = journal::segments(&folder)?.into_iter().map(|segment| segment.incarnation);
        let found = summary::summarize(to).await?;
        must_be_idle(&found, "--to")?;
        let own: std::collections::BTreeSet<u64> = own.collect();
        if let Some(other) = found.incarnations.difference(&own).next() {
            return Err(usage(format!(
                "--to has records of another store (process start {other:016x} and possibly others): use \
                 an empty one"
            )));
        }
        let local = Catalog::open(&directory.join("catalog"))?;
        let number = local.head()?.map_or(0, |head| head.number);
        if found.change > number {
            return Err(usage(format!(
                "--to has {} catalog changes but {data} has {number}: use an empty store",
                found.change
            )));
        }
        if let Some(store) = history::store_id(&folder)? {
            let client = Client::new(to.config().clone());
            let shared = SharedLog::sender(client, &folder, store)?;
            let bar = bar(recovery.entries);
            let progress = async {
                loop {
                    bar.set_position(shared.shipped());
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            };
            tokio::select! {
                sent = drain::send_all(&shared) => sent?,
                () = progress => {}
            }
            bar.finish_and_clear();
        }
        catalog::pull(&local, to).await?;
        versions::sync(&local, to).await?;
        Ok((before, number))
    }
}

/// Migrates a store that no instance is using.
async fn copy_store(from: &Client, to: &Client) -> anyhow::Result<(State, u64)> {
    let source = summary::summarize(from).await?;
    must_be_idle(&source, "--from")?;
    let target = summary::summarize(to).await?;
    must_be_idle(&target, "--to")?;
    if let Some(other) = target.incarnations.difference(&source.incarnations).next() {
        return Err(usage(format!(
            "--to has records of another store (process start {other:016x} and possibly others): use \
             an empty one"
        )));
    }
    catalog::copy(from, to).await?;
    let before = log::replay(from, ReplayFrom::First, repeat(Place::END), &mut |_| {}).await?;
    let bar = bar(before.applied());
    log::migrate(from, to, &|entries| bar.inc(entries)).await?;
    bar.finish_and_clear();
    Ok((before, source.change))
}

/// Records written during a migration would be missing on one side.
fn must_be_idle(found: &StoreSummary, flag: &str) -> anyhow::Result<()> {
    match found.live_instances.len() {
        0 => Ok(()),
        count => Err(usage(format!(
            "{count} instances are using {flag}: stop them first; a killed instance is dropped after \
             10 seconds"
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
