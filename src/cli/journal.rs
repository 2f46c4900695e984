//! `adjacent journal repair`: releases the intact records behind damaged ones.

use crate::app::lock;
use crate::cli::access::DataArgs;
use crate::cli::output::{Output, counted};
use crate::journal::repair;
use crate::ledger::record::set_stamp;
use crate::ledger::{Record, history};
use serde_json::json;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Journal {
    /// Show damaged and missing journal segments, and with --apply repair them: intact records behind
    /// the damage are sent and read again. Lost records stay lost; the damaged files are kept.
    Repair(Repair),
}

#[derive(Debug, clap::Args)]
pub(super) struct Repair {
    #[command(flatten)]
    place: DataArgs,
    /// Repair; without it, only show what would be done.
    #[arg(long)]
    apply: bool,
}

impl Journal {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let Journal::Repair(verb) = self;
        verb.run(output)
    }
}

impl Repair {
    fn run(self, output: Output) -> anyhow::Result<()> {
        let (data, folder) = (self.place.existing()?, self.place.journal()?);
        // No server may be running on it.
        let _lock = lock::DataLock::acquire(&data)?;
        let data = data.display();
        let store = history::store_id(&folder)?;
        let repairs = repair::plan(&folder, store, filler)?;
        for one in &repairs {
            output.line(format_args!(
                "{}: {} kept, {} lost ({} bytes), {} replaced by fillers",
                one.segment,
                counted(usize::try_from(one.kept_entries)?, "record"),
                one.lost(),
                one.lost_bytes,
                one.filled_entries()
            ))?;
        }
        let lost: u64 = repairs.iter().map(repair::SegmentRepair::lost).sum();
        if self.apply {
            for one in &repairs {
                one.apply(&folder, store.unwrap_or_default())?;
            }
        }
        let count = counted(repairs.len(), "segment");
        output.line(match (repairs.is_empty(), self.apply) {
            (true, _) => "nothing to repair".to_owned(),
            (false, true) => format!(
                "repaired {count}: {lost} records are lost; the damaged files are in {}",
                folder.join("quarantine").display()
            ),
            (false, false) => {
                format!("{count} to repair, {lost} records lost: copy {data}, then add --apply")
            }
        })?;
        let applied = self.apply && !repairs.is_empty();
        Ok(output.json_only(&json!({ "applied": applied, "lost": lost, "segments": repairs }))?)
    }
}

/// A record without effect, at the time of the record behind it.
fn filler(next: &[u8]) -> Vec<u8> {
    let (stamp, at_ms) =
        Record::decode(next).map_or((0, None), |stamped| (stamped.stamp, stamped.record.at_ms()));
    let mut filler = Record::Tick { at_ms: at_ms.unwrap_or(0) }.encode();
    set_stamp(&mut filler, stamp);
    filler
}
