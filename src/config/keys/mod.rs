//! API keys and token keys, stored in the key folder (by default the data directory).
//!
//! | file | content | secrets |
//! |---|---|---|
//! | `keys.toml` | API keys: owner, role, expiry | none, only hashes |
//! | `local-keys.toml` | the API keys created on a first run, in plain text | yes |
//! | `token-keys.toml` | the keys that seal event tokens and sign links | yes |
//!
//! All files have mode 0600 and are replaced atomically: a crash leaves the old file or the new one.

pub(crate) mod api;
mod changes;
mod file;
pub(crate) mod links;
pub(crate) mod local;
pub(crate) mod token_keys;

pub use api::{ApiKeys, Identity, Role};
pub(crate) use links::Links;
pub use links::ReportPage;
pub use local::LocalKeys;
pub use token_keys::TokenKeys;
