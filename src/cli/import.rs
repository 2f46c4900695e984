//! `adjacent import`: what other systems' files hold, as ours.

use crate::catalog::iab;
use crate::catalog::written;
use crate::cli::voice::Voice;
use crate::config::ConfigError;
use crate::config::load;
use crate::domain::inventory::Inventory;
use std::io;
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Import {
    /// Topics of the IAB Content Taxonomy, from its TSV file.
    Iab {
        /// The file.
        file: PathBuf,
        /// The taxonomy's version, which becomes part of the aliases. By default what the file's
        /// first line says.
        #[arg(long, value_name = "VERSION")]
        taxonomy: Option<String>,
    },
}

impl Import {
    pub(super) fn run(self, voice: Voice) -> anyhow::Result<()> {
        let Import::Iab { file, taxonomy } = self;
        let text = load::text_of(&file).map_err(ConfigError::from)?;
        let version = taxonomy.or_else(|| iab::version_of(&text)).ok_or_else(|| {
            let reason = "the first line names no version: give one with --taxonomy, such as 3.1";
            ConfigError::Usage(reason.into())
        })?;
        let topics = iab::topics(&file.display().to_string(), &text, &version);
        let topics = topics.map_err(ConfigError::from)?;
        if voice.json {
            return Ok(voice.object(&serde_json::json!({ "topics": topics }))?);
        }
        let inventory = Inventory { topics, ..Inventory::default() };
        Ok(written::toml(&inventory, io::BufWriter::new(io::stdout().lock()), || {})?)
    }
}
