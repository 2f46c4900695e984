//! `adjacent drain`: what a stopped data directory still holds goes to the store that machines share.

use crate::app::lock;
use crate::cli::given;
use crate::cli::voice::Voice;
use crate::config::ConfigError;
use crate::ledger::history;
use crate::ledger::shared::Shared;
use crate::store::Client;
use anyhow::Context;
use indicatif::ProgressBar;
use std::io;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often everything is sent to a store that loses something in between.
const TRIES: u32 = 10;

/// How long replicas may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(super) struct Drain {
    /// The data directory.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    /// The store.
    #[arg(long, value_name = "URL")]
    store: String,
    /// Certificates of a private authority, as PEM, for a store over TLS.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Drain {
    pub(super) async fn run(self, voice: Voice) -> anyhow::Result<()> {
        let Some(place) = given::place(&self.store, self.ca.as_deref())? else {
            let reason =
                "an embedded store is in the data directory itself: there is nothing to send";
            return Err(ConfigError::Usage(reason.to_owned()).into());
        };
        // A server that holds the directory sends by itself, and more comes all the time.
        let _held = lock::Lock::take(&self.data)?;
        let folder = self.data.join("journal");
        let Some(store) = history::store(&folder)? else {
            return Ok(voice.say("nothing was ever recorded here")?);
        };
        let bar = if io::stderr().is_terminal() {
            ProgressBar::new_spinner().with_message("sending")
        } else {
            ProgressBar::hidden()
        };
        bar.enable_steady_tick(Duration::from_millis(200));
        let incarnation = rand::random();
        let shared = Shared::open(
            Client::new(place),
            incarnation,
            folder,
            store,
            Arc::default(),
            Box::new(|_| {}),
        )?;
        let sent = send(&shared, &bar).await;
        bar.finish_and_clear();
        match sent? {
            true => voice.say(
                "everything recorded here is in the store and on a replica of it: the data \
                 directory may go",
            )?,
            false => voice.say(
                "everything recorded here is in the store, which has no replica: the data \
                 directory may go when the store's own disk is enough",
            )?,
        }
        Ok(())
    }
}

/// Sends everything, and waits until a replica has it; `false` where there is none.
async fn send(shared: &Shared, bar: &ProgressBar) -> anyhow::Result<bool> {
    send_all(shared).await?;
    bar.set_message("waiting for a replica");
    let has = tokio::time::timeout(PATIENCE, shared.is_replicated()).await;
    has.context("no replica has everything yet: keep the data directory, and drain again later")?
        .map_err(Into::into)
}

/// Sends everything that is in the files.
pub(super) async fn send_all(shared: &Shared) -> anyhow::Result<()> {
    let mut tries = 0;
    while !shared.send_files().await? {
        tries += 1;
        anyhow::ensure!(tries < TRIES, "the store changes all the time: look at it, then again");
    }
    anyhow::ensure!(
        !shared.standing().refuses,
        "the journal here lacks records that the store does not have either: keep the data directory"
    );
    Ok(())
}
