//! `adjacent export`: every event with its verdict, and everything given back, one entry a line.

mod line;
#[cfg(feature = "export")]
mod parquet;
mod sink;

use crate::cli::export::line::Line;
use crate::cli::given;
use crate::cli::voice::Voice;
use crate::domain::event::Verdict;
use crate::ledger::Applied;
use crate::ledger::Judged;
use crate::ledger::history;
use crate::ledger::history::Since;
use crate::ledger::shared;
use crate::store::Client;
use crate::store::address::EMBEDDED;
use anyhow::Context;
use indicatif::ProgressBar;
use std::collections::HashMap;
use std::io;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// The data directory.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    /// The store, where machines share one: its log is read in place of the data directory.
    #[arg(long, default_value = EMBEDDED, value_name = "URL")]
    store: String,
    /// Certificates of a private authority, as PEM, for a store over TLS.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Where to: lines of JSON, compressed when it ends in `.zst`, or a table when it ends in
    /// `.parquet`. By default standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Export {
    pub(super) async fn run(self, voice: Voice) -> anyhow::Result<()> {
        let bar = if io::stderr().is_terminal() {
            ProgressBar::new_spinner().with_message("entries")
        } else {
            ProgressBar::hidden()
        };
        let mut sink = sink::open(self.out.as_deref())?;
        // A pending event is written when it is settled, or at the end.
        let mut pending: HashMap<usize, Judged> = HashMap::new();
        let mut written: u64 = 0;
        let mut failed = None;
        let mut write = |line: Line| {
            written += 1;
            bar.inc(1);
            if let Err(error) = sink.line(line) {
                failed.get_or_insert(error);
            }
        };
        let mut each = |applied: &Applied| {
            for judged in &applied.judged {
                let key = Arc::as_ptr(&judged.event) as usize;
                if judged.verdict == Verdict::Pending {
                    pending.insert(key, judged.clone());
                } else {
                    pending.remove(&key);
                    write(Line::event(judged));
                }
            }
            applied.returned.iter().for_each(|returned| write(Line::returned(returned)));
        };
        match given::place(&self.store, self.ca.as_deref())? {
            None => {
                let folder = self.data.join("journal");
                history::replay(&folder, Since::First, u64::MAX, false, each)?;
            }
            Some(place) => {
                let client = Client::new(place);
                shared::replay(&client, Since::First, &mut each).await?;
            }
        }
        let mut left: Vec<&Judged> = pending.values().collect();
        left.sort_by_key(|judged| (judged.event.at_ms, judged.event.decision));
        left.into_iter().map(Line::event).for_each(&mut write);
        bar.finish_and_clear();
        if let Some(error) = failed {
            return Err(error).context("the export broke off");
        }
        sink.finish().context("the export broke off")?;
        if self.out.is_some() {
            voice.say(format_args!("{written} entries"))?;
        }
        Ok(())
    }
}
