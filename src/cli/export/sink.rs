//! Where an export goes, and JSON Lines, optionally compressed.

use crate::cli::export::row::Row;
use crate::domain::hidden;
use std::fs::File;
use std::io::Write;

/// A destination for export rows.
pub(super) trait Sink {
    fn write_row(&mut self, row: Row) -> anyhow::Result<()>;
    /// Flushes and closes the file.
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

pub(super) enum Out {
    Plain(Box<dyn Write>),
    Zstd(zstd::Encoder<'static, File>),
}

pub(super) struct JsonLines(pub(super) Out);

impl Sink for JsonLines {
    fn write_row(&mut self, row: Row) -> anyhow::Result<()> {
        let text = serde_json::to_string(&row)?;
        let text = hidden::escape_json(&text);
        match &mut self.0 {
            Out::Plain(out) => writeln!(out, "{text}")?,
            Out::Zstd(out) => writeln!(out, "{text}")?,
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> anyhow::Result<()> {
        match self.0 {
            Out::Plain(mut out) => out.flush()?,
            Out::Zstd(out) => out.finish()?.sync_all()?,
        }
        Ok(())
    }
}
