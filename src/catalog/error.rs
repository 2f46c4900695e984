//! Everything that can go wrong with a catalog.

use crate::catalog::change::FORMAT;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// Everything that can go wrong with a catalog.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Somebody else changed it since the caller looked.
    #[error(
        "the catalog has changed: expected {expected}, found {found}; read it again and repeat"
    )]
    Conflict {
        /// What the caller had seen.
        expected: String,
        /// What is there.
        found: String,
    },
    /// No version of this hash is kept.
    #[error("there is no version {hash} of the {what}")]
    NoVersion {
        /// `inventory`, `weights`, `labels` or `pictures`.
        what: &'static str,
        /// The hash asked for.
        hash: String,
    },
    /// A file that is not what was written.
    #[error("{path} is damaged: {reason}; restore it from a backup", path = path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How it shows.
        reason: String,
    },
    /// A file of a version to come.
    #[error("{path} has format {format}, this version reads up to {FORMAT}: use the newer version", path = path.display())]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// The idempotency key was used for another request.
    #[error("the idempotency key `{0}` was used with another body: use a new one")]
    KeyReused(String),
    /// The disk refuses. After a refused change, ask for the head: it may have been made.
    #[error("{path} cannot be read or written", path = path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

impl CatalogError {
    pub(super) fn io(path: &Path, cause: io::Error) -> CatalogError {
        CatalogError::Io { path: path.to_owned(), cause }
    }
}
