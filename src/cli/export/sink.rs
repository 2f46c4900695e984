//! Where an export goes: lines of JSON, compressed or not, or a Parquet file.

use crate::cli::export::line::Line;
use anyhow::Context;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;

/// Something that takes lines.
pub(super) trait Sink {
    /// Takes one.
    fn line(&mut self, line: Line) -> anyhow::Result<()>;
    /// Finishes the file.
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

/// The sink for a file by its ending; standard output without one.
pub(super) fn open(path: Option<&Path>) -> anyhow::Result<Box<dyn Sink>> {
    let Some(path) = path else {
        return Ok(Box::new(Json(Out::Plain(Box::new(io::stdout().lock())))));
    };
    let create = || File::create(path).with_context(|| format!("{}", path.display()));
    Ok(match path.extension().and_then(|ending| ending.to_str()) {
        Some("parquet") => parquet(create)?,
        Some("zst") => Box::new(Json(Out::Zstd(zstd::Encoder::new(create()?, 0)?))),
        _ => Box::new(Json(Out::Plain(Box::new(create()?)))),
    })
}

#[cfg(feature = "export")]
fn parquet(create: impl Fn() -> anyhow::Result<File>) -> anyhow::Result<Box<dyn Sink>> {
    Ok(Box::new(super::parquet::Parquet::new(create()?)?))
}

#[cfg(not(feature = "export"))]
fn parquet(_create: impl Fn() -> anyhow::Result<File>) -> anyhow::Result<Box<dyn Sink>> {
    use crate::config::ConfigError;
    let why =
        "this build has no Parquet: build it with `--features export`, or write `.ndjson.zst`";
    Err(ConfigError::Usage(why.into()).into())
}

enum Out {
    Plain(Box<dyn Write>),
    Zstd(zstd::Encoder<'static, File>),
}

/// One object a line.
struct Json(Out);

impl Sink for Json {
    fn line(&mut self, line: Line) -> anyhow::Result<()> {
        let mut bytes = serde_json::to_vec(&line)?;
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
