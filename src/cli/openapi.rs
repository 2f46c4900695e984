//! `adjacent openapi`: the OpenAPI document.

use crate::cli::voice::Voice;
use crate::http::openapi;

#[derive(Debug, clap::Args)]
pub(super) struct OpenApi {}

impl OpenApi {
    pub(super) fn run(self, voice: Voice) -> anyhow::Result<()> {
        Ok(voice.object(openapi::document())?)
    }
}
