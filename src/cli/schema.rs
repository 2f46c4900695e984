//! `adjacent schema`: what an editor needs to help with a file.

use crate::catalog::schema;
use crate::catalog::schema::Kind;
use crate::cli::voice::Voice;

#[derive(Debug, clap::Args)]
pub(super) struct Schema {
    /// `inventory`, `weights`, `labels` or `config`.
    what: Kind,
}

impl Schema {
    pub(super) fn run(self, voice: Voice) -> anyhow::Result<()> {
        Ok(voice.object(&schema::of(self.what))?)
    }
}
