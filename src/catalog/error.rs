//! Errors of the catalog.

use crate::catalog::version_error::VersionError;
use std::io;
use std::path::{Path, PathBuf};

/// An error of the catalog.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The catalog changed since the caller read it.
    #[error("the catalog has changed: expected {expected}, found {found}; read it again and retry")]
    Conflict {
        /// The version that the caller based its change on.
        expected: String,
        /// The current version.
        found: String,
    },
    /// No version with this hash is stored.
    #[error("{what}: no version {hash} is stored")]
    NoVersion {
        /// `inventory`, `weights`, `labels` or `images`.
        what: &'static str,
        /// The requested hash.
        hash: String,
    },
    /// A file that differs from what was written.
    #[error("{path} is corrupt: {reason}; restore it from a backup", path = path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// How the corruption was detected.
        reason: String,
    },
    /// A version that matches its hash and is not in a form that this program reads.
    #[error(
        "{path} is intact and cannot be decoded: {reason}; use the version of adjacent that wrote it, or a newer one",
        path = path.display()
    )]
    OtherForm {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that a newer version of this program wrote.
    #[error("{path} has format {format}, this version reads formats up to {newest}: use a newer version", path = path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
        /// The newest format that this version reads.
        newest: u32,
    },
    /// The idempotency key was used for another request.
    #[error("the idempotency key `{0}` was already used with another body: use a new key")]
    KeyReused(String),
    /// A named version of the weights.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// An I/O error. After one in a change, read the head: the change may have been made.
    #[error("{path} cannot be read or written", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        cause: io::Error,
    },
}

impl CatalogError {
    pub(super) fn io(path: &Path, cause: io::Error) -> CatalogError {
        CatalogError::Io { path: path.to_owned(), cause }
    }
}
