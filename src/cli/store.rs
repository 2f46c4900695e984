//! `adjacent store`: sets up a fleet's Redis.

use crate::cli::arguments;
use crate::cli::output::Output;
use crate::config::ConfigError;
use crate::store::{Client, acl};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Store {
    /// Print the two Redis users needed, as ACL file lines with password placeholders.
    Acl(Acl),
    /// Load the Lua functions on every primary; needs the loader user.
    Load(Load),
}

#[derive(Debug, clap::Args)]
pub(super) struct Acl {
    /// Name of the service's user.
    #[arg(long, default_value = "adjacent", value_name = "NAME")]
    user: String,
    /// Name of the user that loads the functions.
    #[arg(long, default_value = "adjacent-loader", value_name = "NAME")]
    loader: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Load {
    /// Redis URL, including user and password.
    #[arg(long, value_name = "URL", env = "ADJACENT_STORE_LOADER", hide_env_values = true)]
    store: String,
    /// PEM file with the CA certificates to trust for a store over TLS.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Store {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        match self {
            Store::Acl(acl) => {
                let (service, loader) = (acl::service(&acl.user), acl::loader(&acl.loader));
                let object = json!({ "service": service, "loader": loader });
                Ok(output.result(format_args!("{service}\n{loader}"), &object)?)
            }
            Store::Load(load) => {
                let usage = |reason: String| ConfigError::Usage(reason);
                let config = arguments::redis_config(&load.store, load.ca.as_deref())?;
                let config = config.ok_or_else(|| {
                    usage(
                        "--store embedded has no functions: set --store to a Redis URL".to_owned(),
                    )
                })?;
                let client = Client::new(config);
                client.load_functions().await.map_err(|error| {
                    let advice = error.kind().advice();
                    usage(format!("--store = {}: {error}; {advice}", client.config()))
                })?;
                Ok(output.line("functions loaded on every primary")?)
            }
        }
    }
}
