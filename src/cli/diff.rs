//! `adjacent diff`: shows what applying files would change.

use crate::cli::output::Output;
use crate::cli::{arguments, catalog};
use crate::config::ConfigError;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// Files or folders to compare with the served catalog; `-` reads standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The data directory.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
}

impl Diff {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let new = arguments::layout(&self.paths)?.read().map_err(ConfigError::from)?;
        output.warnings(&new.warnings());
        let served = catalog::served(&self.data)?;
        let difference = served.difference(&served.with_manual_pauses(new));
        Ok(output.result(difference.to_string().trim_end(), &difference)?)
    }
}
