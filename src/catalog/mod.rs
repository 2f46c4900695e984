//! Inventory, weights and labels: read from files, validated, compared and stored as versions.

pub mod audit;
pub mod change;
pub mod check;
pub mod config_files;
pub mod difference;
pub mod edit;
pub mod error;
pub mod files;
pub mod iab;
pub mod image;
pub mod image_store;
pub mod pause;
pub mod replication;
pub mod schema;
pub mod store;
pub mod synth;
pub mod tables;
pub mod toml_writer;
mod upgrade;
pub mod versions;

pub use change::{AuditContext, Head};
pub use error::CatalogError;
pub use store::Catalog;
