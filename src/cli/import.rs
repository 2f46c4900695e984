//! `adjacent import`: converts files of other systems to inventory TOML.

use crate::catalog::{iab, toml_writer};
use crate::cli::output::Output;
use crate::config::{ConfigError, load};
use crate::domain::inventory::Inventory;
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Import {
    /// Convert the IAB Content Taxonomy (TSV) to topics.
    Iab {
        /// The TSV file.
        file: PathBuf,
        /// The taxonomy version, used in the topics' aliases [default: from the file's first line]
        #[arg(long, value_name = "VERSION")]
        taxonomy: Option<String>,
    },
}

impl Import {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let Import::Iab { file, taxonomy } = self;
        let text = load::read_text(&file).map_err(ConfigError::from)?;
        let version = taxonomy.or_else(|| iab::version_of(&text)).ok_or_else(|| {
            let reason = "the first line has no taxonomy version: set --taxonomy, such as 3.1";
            ConfigError::Usage(reason.into())
        })?;
        let topics = iab::topics(&file.display().to_string(), &text, &version);
        let topics = topics.map_err(ConfigError::from)?;
        if output.json {
            return Ok(output.json(&serde_json::json!({ "topics": topics }))?);
        }
        let inventory = Inventory { topics, ..Inventory::default() };
        let mut text = Vec::new();
        toml_writer::write(&inventory, &mut text, || {})?;
        let text = String::from_utf8_lossy(&text);
        Ok(output.line(text.strip_suffix('\n').unwrap_or(&text))?)
    }
}
