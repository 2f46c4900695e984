//! Where an export goes, and JSON Lines, optionally compressed.

use crate::cli::export::row::Row;
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
        let mut bytes = serde_json::to_vec(&row)?;
        bytes.push(b'\n');
        match &mut self.0 {
            Out::Plain(out) => out.write_all(&bytes)?,
            Out::Zstd(out) => out.write_all(&bytes)?,
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
