//! Inventory, weights and labels: read from files, validated, compared and stored as versions.

pub(crate) mod archive;
pub(crate) mod audit;
pub(crate) mod block;
pub mod change;
pub mod check;
pub(crate) mod config_files;
pub(crate) mod detail;
pub(crate) mod difference;
pub(crate) mod edit;
pub(crate) mod effect;
pub(crate) mod error;
pub mod files;
pub(crate) mod guard;
pub(crate) mod iab;
pub(crate) mod image;
pub(crate) mod image_store;
pub(crate) mod origin;
pub(crate) mod pause;
pub(crate) mod pause_list;
mod pieces;
pub(crate) mod pull;
pub(crate) mod replication;
pub(crate) mod schema;
pub(crate) mod store;
pub mod synth;
pub mod tables;
mod toml_update;
pub(crate) mod toml_writer;
pub(crate) mod undo;
mod upgrade;
pub(crate) mod version_error;
pub(crate) mod versions;
pub(crate) mod weights_versions;

pub use change::{AuditContext, Head};
pub(crate) use error::CatalogError;
pub use store::Catalog;
