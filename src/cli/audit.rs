//! `adjacent audit`: everything recomputed from the journal, every picture looked at, and what
//! differs.

use crate::catalog::pictures::Fault;
use crate::catalog::pictures::Pictures;
use crate::cli::catalog;
use crate::cli::running::Access;
use crate::cli::voice::Voice;
use crate::ledger::audit;
use crate::ledger::audit::Difference;
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    #[command(flatten)]
    access: Access,
}

impl Audit {
    pub(super) fn run(self, voice: Voice) -> anyhow::Result<()> {
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
        for (campaign, account) in &state.accounts {
            voice.say(format_args!("  {campaign}: {} billed", account.spent))?;
        }
        let inventory = catalog::served(&self.access.data)?.inventory.unwrap_or_default();
        let stored = Pictures::below(&self.access.data);
        let pictures = stored.faults(inventory.pictures())?;
        let object =
            json!({ "recovery": recovery, "differences": differences, "pictures": pictures });
        told(voice, &differences, &pictures, &object)
    }
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
