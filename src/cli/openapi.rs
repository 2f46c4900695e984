//! `adjacent openapi`: prints the OpenAPI document.

use crate::cli::output::Output;
use crate::http::openapi;

#[derive(Debug, clap::Args)]
pub(super) struct OpenApi {}

impl OpenApi {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        Ok(output.json(openapi::document())?)
    }
}
