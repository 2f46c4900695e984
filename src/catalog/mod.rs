//! Inventory, weights and labels: read from files, validated, compared and stored as versions.

pub mod audit;
pub mod change;
pub mod check;
pub mod difference;
pub mod edit;
pub mod error;
pub mod exchange;
pub mod files;
pub mod iab;
pub mod layout;
pub mod listed;
pub mod picture;
pub mod pictures;
pub mod schema;
pub mod stop;
pub mod store;
pub mod synth;
pub mod tables;
pub mod versions;
pub mod written;

pub use change::By;
pub use change::Head;
pub use error::CatalogError;
pub use store::Catalog;
