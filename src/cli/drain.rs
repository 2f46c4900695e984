//! `adjacent drain`: sends a stopped instance's unsent records to the fleet's store.

use crate::app::lock;
use crate::cli::access::DataArgs;
use crate::cli::arguments;
use crate::cli::output::Output;
use crate::cluster::log::SharedLog;
use crate::config::ConfigError;
use crate::ledger::event_log::EventLog;
use crate::ledger::history;
use crate::store::Client;
use anyhow::Context;
use indicatif::ProgressBar;
use std::io;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

/// Attempts to send everything while the store loses records in between.
const MAX_ATTEMPTS: u32 = 10;

/// Timeout for replicas to acknowledge.
const REPLICA_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(super) struct Drain {
    #[command(flatten)]
    place: DataArgs,
    /// Redis URL of the store to send to.
    #[arg(long, value_name = "URL")]
    store: String,
    /// PEM file with the CA certificates to trust for a store over TLS.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Drain {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let Some(config) = arguments::redis_config(&self.store, self.ca.as_deref())? else {
            let reason =
                "--store embedded is the data directory itself: set --store to a Redis URL";
            return Err(ConfigError::Usage(reason.to_owned()).into());
        };
        // A running server sends its records itself and keeps adding new ones.
        let (data, folder) = (self.place.existing()?, self.place.journal()?);
        let _lock = lock::DataLock::acquire(&data)?;
        let Some(store) = history::store_id(&folder)? else {
            return Ok(output.line("no records in this data directory")?);
        };
        let bar = if io::stderr().is_terminal() {
            ProgressBar::new_spinner().with_message("sending")
        } else {
            ProgressBar::hidden()
        };
        bar.enable_steady_tick(Duration::from_millis(200));
        let shared = SharedLog::sender(Client::new(config), &folder, store)?;
        let sent = send(&shared, &bar).await;
        bar.finish_and_clear();
        match sent? {
            true => output.line(
                "all records are in the store and on a replica; the data directory can be deleted",
            )?,
            false => output.line(
                "all records are in the store, which has no replica; delete the data directory only if \
                 the store's own persistence is sufficient",
            )?,
        }
        Ok(())
    }
}

/// Sends everything and waits for a replica to acknowledge; `false` when the store has no replica.
async fn send(shared: &SharedLog, bar: &ProgressBar) -> anyhow::Result<bool> {
    send_all(shared).await?;
    bar.set_message("waiting for a replica");
    let replicated = tokio::time::timeout(REPLICA_TIMEOUT, shared.wait_for_replica()).await;
    replicated
        .context("replicas are behind: keep the data directory and run drain again later")?
        .map_err(Into::into)
}

/// Sends all records in the journal files.
pub(super) async fn send_all(shared: &SharedLog) -> anyhow::Result<()> {
    let mut attempts = 0;
    while !shared.send_files().await? {
        attempts += 1;
        anyhow::ensure!(
            attempts < MAX_ATTEMPTS,
            "the store keeps losing records that were sent: check it, then run the command again"
        );
    }
    anyhow::ensure!(
        !shared.status().is_blocked,
        "the journal lacks records that the store does not have either: keep the data directory"
    );
    Ok(())
}
