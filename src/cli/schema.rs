//! `adjacent schema`: prints JSON Schemas, for editors.

use crate::catalog::schema;
use crate::catalog::schema::Kind;
use crate::cli::output::Output;

#[derive(Debug, clap::Args)]
pub(super) struct Schema {
    /// The file type: `inventory`, `weights`, `labels` or `config`.
    kind: Kind,
}

impl Schema {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        Ok(output.json(&schema::of(self.kind))?)
    }
}
