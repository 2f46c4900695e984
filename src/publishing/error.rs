//! Why a change was not published.

use crate::catalog::CatalogError;
use crate::catalog::check::Finding;
use crate::catalog::detail::FilePart;
use crate::catalog::edit::EditError;
use crate::catalog::guard;
use crate::catalog::guard::Concern;
use crate::catalog::undo::UndoError;
use crate::cluster::SyncError;
use crate::journal::JournalError;
use crate::store::StoreError;

/// Why a change was not applied. The catalog is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The documents are inconsistent.
    #[error("the documents have {} errors", .0.len())]
    Invalid(Vec<Finding>),
    /// The edit of one document is not allowed.
    #[error(transparent)]
    Refused(EditError),
    /// No change has this number.
    #[error("no change with number {0}")]
    NoChange(u64),
    /// The guard stops the change until it is confirmed.
    #[error("the change needs confirmation: {}", guard::summary(.0))]
    ConfirmationRequired(Vec<Concern>),
    /// Nothing is rolled back.
    #[error("{0}")]
    CannotRollBack(String),
    /// No change of this part waits for confirmation.
    #[error("no change of the {0} file waits for confirmation")]
    NothingPending(FilePart),
    /// A file no longer has the content that was judged.
    #[error("{0} no longer has the content that was judged: look at what waits now")]
    PendingChanged(String),
    /// The catalog could not be read or changed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The shared store failed or does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The new budgets could not be recorded.
    #[error("cannot record the new budgets: {0}")]
    Journal(#[from] JournalError),
}

impl From<SyncError> for ApplyError {
    fn from(error: SyncError) -> ApplyError {
        match error {
            SyncError::Catalog(error) => ApplyError::Catalog(error),
            SyncError::Store(error) => ApplyError::Store(error),
        }
    }
}

impl From<EditError> for ApplyError {
    fn from(refused: EditError) -> ApplyError {
        match refused {
            EditError::Invalid(findings) => ApplyError::Invalid(findings),
            other => ApplyError::Refused(other),
        }
    }
}

impl From<UndoError> for ApplyError {
    fn from(error: UndoError) -> ApplyError {
        match error {
            UndoError::NoChange(number) => ApplyError::NoChange(number),
            UndoError::Impossible(reason) => ApplyError::CannotRollBack(reason),
            UndoError::Catalog(error) => ApplyError::Catalog(error),
        }
    }
}
