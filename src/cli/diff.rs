//! `adjacent diff`: what would applying these files change?

use crate::cli::catalog;
use crate::cli::given;
use crate::cli::voice::Voice;
use crate::config::ConfigError;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// Files, and folders of files; `-` is standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The data directory.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
}

impl Diff {
    pub(super) fn run(self, voice: Voice) -> anyhow::Result<()> {
        let new = given::layout(&self.paths)?.read().map_err(ConfigError::from)?;
        let served = catalog::served(&self.data)?;
        let difference = served.against(&served.carried(new));
        Ok(voice.answer(difference.to_string().trim_end(), &difference)?)
    }
}
