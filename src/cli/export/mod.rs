//! `adjacent export`: writes every event with its verdict, and every credit and refund, one per row.

#[cfg(feature = "export")]
mod parquet;
mod row;
mod sink;

use crate::app::lock;
use crate::cli::access::DataArgs;
use crate::cli::export::row::Row;
use crate::cli::export::sink::{JsonLines, Out, Sink};
use crate::cli::output::{CheckFailed, Output};
use crate::cli::{arguments, output};
use crate::cluster::log;
use crate::domain::event::Verdict;
use crate::journal;
use crate::journal::Recovery;
use crate::ledger::audit::Mismatch;
use crate::ledger::history::ReplayFrom;
use crate::ledger::order::Place;
use crate::ledger::{ApplyOutcome, EventVerdict, history};
use crate::store::Client;
use crate::store::address::EMBEDDED;
use anyhow::Context;
use indicatif::ProgressBar;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::io::IsTerminal;
use std::iter::repeat;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    #[command(flatten)]
    place: DataArgs,
    /// Redis URL of a fleet's store, to read its log instead of the data directory. The log is compared
    /// with the journal of the data directory, if there is one.
    #[arg(long, default_value = EMBEDDED, value_name = "URL")]
    store: String,
    /// PEM file with the CA certificates to trust for a store over TLS.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Output file: JSON Lines, zstd-compressed if it ends in `.zst`, or Parquet if it ends in
    /// `.parquet` [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Export {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let bar = if io::stderr().is_terminal() {
            ProgressBar::new_spinner().with_message("rows")
        } else {
            ProgressBar::hidden()
        };
        let mut sink = open(self.out.as_deref())?;
        // A pending event is written once its verdict is final, or at the end.
        let mut pending: HashMap<usize, EventVerdict> = HashMap::new();
        let mut written: u64 = 0;
        let mut first_error = None;
        let mut write = |row: Row| {
            written += 1;
            bar.inc(1);
            if let Err(error) = sink.write_row(row) {
                first_error.get_or_insert(error);
            }
        };
        let mut each = |applied: &ApplyOutcome| {
            for judged in &applied.verdicts {
                let key = Arc::as_ptr(&judged.event) as usize;
                if judged.verdict == Verdict::Pending {
                    pending.insert(key, judged.clone());
                } else {
                    pending.remove(&key);
                    write(Row::event(judged));
                }
            }
            applied.adjustments.iter().for_each(|returned| write(Row::returned(returned)));
        };
        let mut mismatches = Vec::new();
        let data = self.place.optional()?.unwrap_or_default();
        let recovery = match arguments::redis_config(&self.store, self.ca.as_deref())? {
            None => {
                let folder = self.place.journal()?;
                let (own, recovery) =
                    history::replay(&folder, ReplayFrom::First, u64::MAX, false, each)?;
                if log::is_partial(&folder, &own.state) {
                    output::note(PARTIAL);
                }
                recovery
            }
            Some(config) => {
                let client = Client::new(config);
                let finals = repeat(Place::END);
                let all = log::replay(&client, ReplayFrom::First, finals, &mut each).await?;
                let folder = data.join("journal");
                if folder.is_dir() {
                    let here = journal::recover(&folder, 0, None, false, |_| {})?;
                    // What a running server has recorded may be on its way.
                    let newest = journal::segments(&folder)?.pop().map(|one| one.incarnation);
                    let own = newest.filter(|_| lock::running_server(&data).is_some());
                    mismatches = log::journal_mismatches(&here, &all, own);
                }
                Recovery::default()
            }
        };
        let mut still_pending: Vec<&EventVerdict> = pending.values().collect();
        still_pending.sort_by_key(|judged| (judged.event.at_ms, judged.event.decision));
        still_pending.into_iter().map(Row::event).for_each(&mut write);
        bar.finish_and_clear();
        if let Some(error) = first_error {
            return Err(error).context("the export failed");
        }
        sink.finish().context("the export failed")?;
        if self.out.is_some() {
            output.line(format_args!("{written} rows"))?;
        }
        if !mismatches.is_empty() {
            return Err(incomplete(written, &data, &mismatches));
        }
        report(&recovery, written)
    }
}

/// What the log of a fleet lacks of a journal, or the journal of the log.
fn incomplete(written: u64, data: &Path, mismatches: &[Mismatch]) -> anyhow::Error {
    let each =
        mismatches.iter().map(|one| format!("{}: {} ({})", one.what, one.journal, one.ledger));
    let each: Vec<String> = each.collect();
    CheckFailed(format!(
        "the export may be incomplete: {written} rows of the store, which differs from the journal in {}; \
         records that only the journal has are sent by its server, once it runs, or by `adjacent drain`\n  {}",
        data.display(),
        each.join("\n  ")
    ))
    .into()
}

/// What an export of one instance of a fleet says.
const PARTIAL: &str = "partial: only this instance's own records are here, so these are not the verdicts and sums of \
     its fleet; to export the whole, run `adjacent export --store URL`";

/// An error when the journal lacks acknowledged records, with what is missing.
fn report(recovery: &Recovery, written: u64) -> anyhow::Result<()> {
    if recovery.repaired_entries > 0 {
        let repaired = recovery.repaired_entries;
        output::note(format_args!("{repaired} records were written off by repairs"));
    }
    let lost = recovery.lost.iter().map(ToString::to_string);
    let places: Vec<String> = lost.chain(recovery.corrupt.iter().cloned()).collect();
    if places.is_empty() {
        return Ok(());
    }
    let (read, missing) = (recovery.entries, recovery.missing_entries());
    Err(CheckFailed(format!(
        "the export is incomplete: {written} rows from {read} of {} journal records\n  {}",
        read + missing,
        places.join("\n  ")
    ))
    .into())
}

/// The sink for a path, by its extension; standard output without a path.
fn open(path: Option<&Path>) -> anyhow::Result<Box<dyn Sink>> {
    let Some(path) = path else {
        return Ok(Box::new(JsonLines(Out::Plain(Box::new(io::stdout().lock())))));
    };
    let create = || File::create(path).with_context(|| format!("{}", path.display()));
    Ok(match path.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => parquet(create)?,
        Some("zst") => Box::new(JsonLines(Out::Zstd(zstd::Encoder::new(create()?, 0)?))),
        _ => Box::new(JsonLines(Out::Plain(Box::new(create()?)))),
    })
}

#[cfg(feature = "export")]
fn parquet(create: impl Fn() -> anyhow::Result<File>) -> anyhow::Result<Box<dyn Sink>> {
    Ok(Box::new(parquet::Parquet::new(create()?)?))
}

#[cfg(not(feature = "export"))]
fn parquet(_create: impl Fn() -> anyhow::Result<File>) -> anyhow::Result<Box<dyn Sink>> {
    use crate::config::ConfigError;
    let reason = "this build has no Parquet support: build it with `--features export`, or use \
                  `.ndjson.zst`";
    Err(ConfigError::Usage(reason.into()).into())
}
