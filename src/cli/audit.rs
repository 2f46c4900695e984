//! `adjacent audit`: everything recomputed from the journal, or from the log that machines share, every
//! picture looked at, and what differs.

use crate::catalog::pictures::Fault;
use crate::catalog::pictures::Pictures;
use crate::cli::catalog;
use crate::cli::given;
use crate::cli::running::Access;
use crate::cli::voice::Voice;
use crate::ledger::audit;
use crate::ledger::audit::Difference;
use crate::ledger::shared;
use crate::ledger::state::State;
use crate::store::Client;
use crate::store::address::EMBEDDED;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    #[command(flatten)]
    access: Access,
    /// The store, where machines share one: its log is summed up in place of the data directory's
    /// journal, and compared with the sums that stand beside it.
    #[arg(long, default_value = EMBEDDED, value_name = "URL")]
    store: String,
    /// Certificates of a private authority, as PEM, for a store over TLS.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Audit {
    pub(super) async fn run(self, voice: Voice) -> anyhow::Result<()> {
        if let Some(place) = given::place(&self.store, self.ca.as_deref())? {
            let ends = std::iter::repeat(u64::MAX);
            let (state, differences) = shared::recomputed(&Client::new(place), ends).await?;
            billed(voice, &state)?;
            return told(voice, &differences, &[], &json!({ "differences": differences }));
        }
        if let Some(server) = self.access.running()? {
            let answer = server.get("/v1/admin/audit")?;
            let differences: Vec<Difference> =
                serde_json::from_value(answer["differences"].clone())?;
            let pictures: Vec<Fault> = serde_json::from_value(answer["pictures"].clone())?;
            return told(voice, &differences, &pictures, &answer);
        }
        let folder = self.access.data.join("journal");
        let (state, recovery, differences) = audit::recompute(&folder, u64::MAX)?;
        voice.say(format_args!(
            "{} records in {} segments, {} places damaged, {} bytes of a torn end",
            recovery.entries,
            recovery.segments,
            recovery.damaged.len(),
            recovery.torn_bytes
        ))?;
        billed(voice, &state)?;
        let inventory = catalog::served(&self.access.data)?.inventory.unwrap_or_default();
        let stored = Pictures::below(&self.access.data);
        let pictures = stored.faults(inventory.pictures())?;
        let object =
            json!({ "recovery": recovery, "differences": differences, "pictures": pictures });
        told(voice, &differences, &pictures, &object)
    }
}

fn billed(voice: Voice, state: &State) -> anyhow::Result<()> {
    for (campaign, account) in &state.accounts {
        voice.say(format_args!("  {campaign}: {} billed", account.spent))?;
    }
    Ok(())
}

fn told(
    voice: Voice,
    differences: &[Difference],
    pictures: &[Fault],
    object: &serde_json::Value,
) -> anyhow::Result<()> {
    voice.object_if_json(object)?;
    for one in differences {
        voice.say(format_args!("{}: journal {}, ledger {}", one.what, one.journal, one.ledger))?;
    }
    for Fault { address, reason } in pictures {
        voice.say(format_args!("picture {address} {reason}"))?;
    }
    if differences.is_empty() && pictures.is_empty() {
        return Ok(voice.say("no differences")?);
    }
    let count = differences.len() + pictures.len();
    anyhow::bail!("{count} differences")
}
