//! The keys in the data directory: who may ask, and what seals.
//!
//! | file | holds | secrets in it |
//! |---|---|---|
//! | `keys.toml` | API keys: whose, which role, how long | none: hashes |
//! | `local-keys.toml` | the texts of the keys made on a first run | yes |
//! | `token-keys.toml` | the keys that seal event tokens and signed links | yes |
//!
//! All are readable by their owner alone and replaced as a whole, so that a crash leaves the old
//! file or the new one.

pub mod api;
mod file;
pub mod links;
pub mod local;
pub mod sealing;

pub use api::ApiKeys;
pub use api::Identity;
pub use api::Role;
pub use links::Links;
pub use local::LocalKeys;
pub use sealing::TokenKeys;
