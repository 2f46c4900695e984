//! Export formats: JSON Lines, optionally compressed, or Parquet.

use crate::cli::export::row::Row;
use anyhow::Context;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;

/// A destination for export rows.
pub(super) trait Sink {
    /// Writes one row.
    fn write_row(&mut self, row: Row) -> anyhow::Result<()>;
    /// Flushes and closes the file.
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

/// The sink for a path, by its extension; standard output without a path.
pub(super) fn open(path: Option<&Path>) -> anyhow::Result<Box<dyn Sink>> {
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
    Ok(Box::new(super::parquet::Parquet::new(create()?)?))
}

#[cfg(not(feature = "export"))]
fn parquet(_create: impl Fn() -> anyhow::Result<File>) -> anyhow::Result<Box<dyn Sink>> {
    use crate::config::ConfigError;
    let reason = "this build has no Parquet support: build it with `--features export`, or use \
                  `.ndjson.zst`";
    Err(ConfigError::Usage(reason.into()).into())
}

enum Out {
    Plain(Box<dyn Write>),
    Zstd(zstd::Encoder<'static, File>),
}

/// JSON Lines.
struct JsonLines(Out);

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
