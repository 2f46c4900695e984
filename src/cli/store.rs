//! `adjacent store`: what an operator does to the store that machines share.

use crate::cli::given;
use crate::cli::voice::Voice;
use crate::config::ConfigError;
use crate::store::Client;
use crate::store::rights;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Store {
    /// Print the two users that a store needs, as lines of its ACL file, without passwords.
    Acl(Acl),
    /// Load our functions on every primary, as a user who may.
    Load(Load),
}

#[derive(Debug, clap::Args)]
pub(super) struct Acl {
    /// The user of the service.
    #[arg(long, default_value = "adjacent", value_name = "NAME")]
    user: String,
    /// The user who loads the functions.
    #[arg(long, default_value = "adjacent-loader", value_name = "NAME")]
    loader: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Load {
    /// The store, with user and password.
    #[arg(long, value_name = "URL", env = "ADJACENT_STORE_LOADER", hide_env_values = true)]
    store: String,
    /// Certificates of a private authority, as PEM, for a store over TLS.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Store {
    pub(super) async fn run(self, voice: Voice) -> anyhow::Result<()> {
        match self {
            Store::Acl(acl) => {
                let (service, loader) = (rights::service(&acl.user), rights::loader(&acl.loader));
                let object = json!({ "service": service, "loader": loader });
                Ok(voice.answer(format_args!("{service}\n{loader}"), &object)?)
            }
            Store::Load(load) => {
                let usage = |reason: String| ConfigError::Usage(reason);
                let place = given::place(&load.store, load.ca.as_deref())?;
                let place =
                    place.ok_or_else(|| usage("an embedded store has no functions".to_owned()))?;
                let client = Client::new(place);
                client.load().await.map_err(|error| {
                    let advice = error.trouble().advice();
                    usage(format!("--store = {}: {error}; {advice}", client.place()))
                })?;
                Ok(voice.say("the functions are loaded on every primary")?)
            }
        }
    }
}
