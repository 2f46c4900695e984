//! Whether the journal records, and why not.

/// Why a payload was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The queue is full.
    #[error("the journal queue is full; retry shortly")]
    Busy,
    /// The disk rejects the write: it is full, for example. Later payloads are tried again.
    #[error("the disk rejects writes")]
    Rejected,
    /// A sync failed; this journal accepts nothing more.
    #[error("the journal has failed; restart the process to recover")]
    Failed,
    /// The payload is longer than a frame allows.
    #[error("the record is longer than 4 MiB")]
    TooLong,
}

string_enum! {
    /// Whether the journal can write, as far as its last attempt tells; the text is for operators.
    JournalStatus {
        /// It can.
        Writing = "the journal records events",
        /// No space, or no quota.
        DiskFull = "the journal cannot record events: the disk is full",
        /// The file size limit of the process (`RLIMIT_FSIZE`) allows no segment.
        FileSizeLimit = "the journal cannot record events: the file size limit of the process is reached",
        /// The file system is mounted read-only.
        ReadOnly = "the journal cannot record events: the file system is read-only",
        /// Any other error; the log has it.
        WriteError = "the journal cannot record events: the disk rejects writes",
        /// A sync failed, or a failed write could not be undone: nothing is accepted until a restart.
        Failed = "the journal has failed: restart the process",
    }
}
