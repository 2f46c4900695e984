//! `adjacent export`: every event with its verdict, one JSON object a line.

use crate::app::open;
use crate::cli::voice::Voice;
use crate::config::load;
use crate::journal;
use crate::ledger::Judged;
use crate::ledger::Record;
use crate::ledger::State;
use crate::ledger::apply;
use anyhow::Context;
use indicatif::ProgressBar;
use serde_json::json;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// The data directory.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
    /// Where to; compressed when it ends in `.zst`. By default standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Export {
    pub(super) fn run(self, voice: Voice) -> anyhow::Result<()> {
        let settings = load::settings(None, load::environment())?;
        let rules = open::rules(&settings.windows);
        let bar = if io::stderr().is_terminal() {
            ProgressBar::new_spinner().with_message("events")
        } else {
            ProgressBar::hidden()
        };
        let mut state = State::default();
        // A pending event is written when it is settled, or at the end.
        let mut pending: HashMap<usize, Judged> = HashMap::new();
        let mut out = self.open()?;
        let mut written: u64 = 0;
        let mut failed = None;
        let mut write = |judged: &Judged| {
            written += 1;
            bar.inc(1);
            if let Err(error) = line(&mut out, judged) {
                failed.get_or_insert(error);
            }
        };
        journal::recover(&self.data.join("journal"), false, |entry| {
            let Ok(record) = Record::decode(&entry.payload) else { return };
            for judged in apply::apply(&mut state, &rules, &record) {
                let key = Arc::as_ptr(&judged.event) as usize;
                if judged.verdict == crate::domain::event::Verdict::Pending {
                    pending.insert(key, judged);
                } else {
                    pending.remove(&key);
                    write(&judged);
                }
            }
        })?;
        let mut left: Vec<&Judged> = pending.values().collect();
        left.sort_by_key(|judged| (judged.event.at_ms, judged.event.decision));
        left.into_iter().for_each(&mut write);
        bar.finish_and_clear();
        if let Some(error) = failed {
            return Err(error).context("the export broke off");
        }
        out.flush()?;
        if self.out.is_some() {
            voice.say(format_args!("{written} events"))?;
        }
        Ok(())
    }

    fn open(&self) -> anyhow::Result<Box<dyn Write>> {
        let Some(path) = &self.out else {
            return Ok(Box::new(io::BufWriter::new(io::stdout().lock())));
        };
        let file = File::create(path).with_context(|| format!("{}", path.display()))?;
        if path.extension().is_some_and(|ending| ending == "zst") {
            return Ok(Box::new(zstd::Encoder::new(file, 0)?.auto_finish()));
        }
        Ok(Box::new(io::BufWriter::new(file)))
    }
}

fn line(out: &mut dyn Write, judged: &Judged) -> io::Result<()> {
    let event = &judged.event;
    let of = &event.attribution;
    let stamp = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string();
    let object = json!({
        "kind": event.kind, "cta": event.cta.as_ref().map(|(_, id)| id),
        "at": stamp(event.at_ms), "decided_at": stamp(event.decided_at_ms),
        "decision_id": uuid::Uuid::from_u128(event.decision).to_string(),
        "verdict": judged.verdict.as_str(), "reason": judged.verdict.reason(),
        "billed_micros": judged.billed, "currency": of.currency,
        "advertiser": of.advertiser, "campaign": of.campaign, "flight": of.flight,
        "creative": of.creative, "variant": of.variant, "tier": of.tier,
        "publisher": of.publisher, "placement": of.placement,
        "topic": of.topic, "entity": of.entity, "region": of.region,
    });
    serde_json::to_writer(&mut *out, &object)?;
    out.write_all(b"\n")
}
