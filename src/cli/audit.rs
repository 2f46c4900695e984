//! `adjacent audit`: recomputes the ledger from the journal or from the fleet's log, verifies stored
//! images, and reports mismatches.

use crate::catalog::image_store::{ImageFault, ImageStore};
use crate::cli::access::ServerAccess;
use crate::cli::output::Output;
use crate::cli::{arguments, catalog};
use crate::cluster::log;
use crate::journal;
use crate::ledger::audit;
use crate::ledger::audit::Mismatch;
use crate::ledger::order::Place;
use crate::ledger::state::State;
use crate::store::Client;
use crate::store::address::EMBEDDED;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    #[command(flatten)]
    access: ServerAccess,
    /// Redis URL of a fleet's store. Its log is recomputed instead of the data directory's journal, and
    /// compared with the stored base sums and with that journal, if there is one.
    #[arg(long, default_value = EMBEDDED, value_name = "URL")]
    store: String,
    /// PEM file with the CA certificates to trust for a store over TLS.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Audit {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        if let Some(config) = arguments::redis_config(&self.store, self.ca.as_deref())? {
            let ends = std::iter::repeat((u64::MAX, Place::END));
            let (state, mut differences) = log::recompute(&Client::new(config), ends).await?;
            let folder = self.access.place.optional()?.map(|data| data.join("journal"));
            if let Some(folder) = folder.filter(|folder| folder.is_dir()) {
                let here = journal::recover(&folder, 0, None, false, |_| {})?;
                differences.extend(log::journal_mismatches(&here, &state, None));
            }
            billed(output, &state)?;
            return report(output, &differences, &[], &json!({ "differences": differences }));
        }
        if let Some(server) = self.access.find()? {
            let answer = server.get("/v1/admin/audit")?;
            let differences: Vec<Mismatch> = serde_json::from_value(answer["differences"].clone())?;
            let images: Vec<ImageFault> = serde_json::from_value(answer["images"].clone())?;
            return report(output, &differences, &images, &answer);
        }
        let (data, folder) = (self.access.data()?, self.access.place.journal()?);
        let (state, recovery, differences) = audit::recompute(&folder, u64::MAX)?;
        output.line(format_args!(
            "{} records in {} segments, {} corrupt ranges, {} bytes of an incomplete last write",
            recovery.entries,
            recovery.segments,
            recovery.corrupt.len(),
            recovery.torn_bytes
        ))?;
        if recovery.repaired_entries > 0 {
            output.line(format_args!(
                "{} records written off by repairs",
                recovery.repaired_entries
            ))?;
        }
        let partial = log::is_partial(&folder, &state);
        if partial {
            output.line(format_args!("{PARTIAL}"))?;
        }
        billed(output, &state)?;
        let inventory = catalog::served(&data)?.inventory.unwrap_or_default();
        let stored = ImageStore::read_only(&data);
        let images = stored.faults(inventory.images())?;
        let object = json!({ "recovery": recovery, "partial": partial, "differences": differences, "images": images });
        report(output, &differences, &images, &object)
    }
}

/// What an audit of a data directory says if other instances have records of the same campaigns.
const PARTIAL: &str = "partial: only this instance's own records are here, so these are not the sums and \
     verdicts of its fleet; to audit the whole, run `adjacent audit --store URL`";

fn billed(output: Output, state: &State) -> anyhow::Result<()> {
    for (campaign, account) in state.accounts() {
        output.line(format_args!("  {campaign}: {} billed", account.spent))?;
    }
    Ok(())
}

fn report(
    output: Output,
    differences: &[Mismatch],
    images: &[ImageFault],
    object: &serde_json::Value,
) -> anyhow::Result<()> {
    output.json_only(object)?;
    for one in differences {
        output
            .line(format_args!("{}: journal {}, ledger {}", one.what, one.journal, one.ledger))?;
    }
    for ImageFault { address, reason } in images {
        output.line(format_args!("image {address} {reason}"))?;
    }
    if differences.is_empty() && images.is_empty() {
        return Ok(output.line("no mismatches")?);
    }
    let count = differences.len() + images.len();
    anyhow::bail!("{count} mismatches")
}
