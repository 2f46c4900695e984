//! `adjacent import`: converts files of other systems to inventory TOML.

use crate::catalog::{iab, toml_writer};
use crate::cli::output::Output;
use crate::config::{ConfigError, load};
use crate::domain::inventory::Inventory;
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Import {
    /// Convert taxonomies of the IAB (TSV) to topics.
    Iab {
        /// The TSV files, as published; a category that several versions have is one topic.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The version of the taxonomy, used in the topics' aliases [default: from the file's name or first
        /// line]
        #[arg(long, value_name = "VERSION")]
        taxonomy: Option<String>,
    },
}

impl Import {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let Import::Iab { files, taxonomy } = self;
        if taxonomy.is_some() && files.len() > 1 {
            let reason = "--taxonomy is the version of one file: import the others by their names";
            return Err(ConfigError::Usage(reason.into()).into());
        }
        let read = |path: &PathBuf| -> anyhow::Result<iab::File> {
            let text = load::read_text(path).map_err(ConfigError::from)?;
            let name = path.display().to_string();
            let stated = taxonomy.clone().filter(|stated| iab::is_version(stated));
            let version = match taxonomy {
                Some(_) => stated,
                None => iab::version_of(&name, &text),
            };
            let version = version.ok_or_else(|| {
                let reason = format!(
                    "{name}: set --taxonomy to the version of the file, one of {}",
                    iab::versions()
                );
                ConfigError::Usage(reason)
            })?;
            Ok(iab::File { name, text, version })
        };
        let files = files.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
        let topics = iab::topics(&files).map_err(ConfigError::from)?;
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
