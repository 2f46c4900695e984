//! Store errors, classified, with one recovery per kind. Unsent entries stay in the local journal and
//! sending is idempotent, so every recovery ends in a retry; kinds differ in what comes before it.

use redis::{ErrorKind, RedisError, ServerErrorKind};
use std::io;

/// A failed store operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Temporarily unavailable or unreachable; retrying is safe.
    #[error("store unavailable: {0}")]
    Unavailable(RedisError),
    /// The store rejects the command until an operator changes something.
    #[error("store rejected the command: {0}")]
    Rejected(RedisError),
    /// A key or a reply has content that this version did not write or does not know.
    #[error("unexpected data in the store: {0}")]
    UnexpectedData(String),
    /// An unsupported server version or an unsafe configuration.
    #[error("unsupported store: {0}")]
    Unsupported(String),
    /// The local journal is unreadable, or lacks records that the store does not have.
    #[error("local journal: {0}")]
    Journal(String),
}

string_enum! {
    /// The kind of a store error; a metric label.
    StoreErrorKind {
        /// The server is loading its dataset.
        Loading = "loading",
        /// A script or function is running for too long.
        Busy = "busy",
        /// A hash slot is being migrated to another node.
        TryAgain = "try_again",
        /// A hash slot moved, and following the redirection failed.
        Moved = "moved",
        /// Part of the cluster has no primary.
        ClusterDown = "cluster_down",
        /// A replica without a connection to its primary.
        MasterDown = "master_down",
        /// The server is a replica; another one is primary.
        ReadOnly = "read_only",
        /// Fewer replicas than `min-replicas-to-write`.
        NoReplicas = "no_replicas",
        /// The sentinels report no primary.
        NoPrimary = "no_primary",
        /// No response in time; whether the command ran is unknown.
        Timeout = "timeout",
        /// No connection, or it closed before the response; whether the command ran is unknown.
        Disconnected = "disconnected",
        /// The response is not valid Redis protocol.
        InvalidResponse = "invalid_response",
        /// The function library is not loaded.
        FunctionsMissing = "functions_missing",
        /// `maxmemory` is reached.
        OutOfMemory = "out_of_memory",
        /// The server cannot persist to disk and rejects writes.
        DiskError = "disk_error",
        /// Wrong or missing user or password.
        AuthenticationFailed = "authentication_failed",
        /// The certificate is not from a trusted CA or is for another name.
        InvalidCertificate = "invalid_certificate",
        /// The user lacks an ACL right.
        PermissionDenied = "permission_denied",
        /// Keys or replies have content this version did not write or does not know.
        UnexpectedData = "unexpected_data",
        /// An unsupported server version or an unsafe configuration.
        Unsupported = "unsupported",
        /// The local journal is unreadable or lacks records.
        Journal = "journal",
        /// Any other error reply.
        Rejected = "rejected",
    }
}

/// What to do before the retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    Wait,
    /// Wait, then reconnect, which resolves the primary or the cluster's slots again.
    Reconnect,
    /// Load the function library on every primary.
    LoadFunctions,
    /// An operator must act: log the advice once and retry with growing delays.
    Operator,
}

impl StoreErrorKind {
    /// Classifies a Redis error.
    pub(crate) fn of(error: &RedisError) -> StoreErrorKind {
        match error.kind() {
            ErrorKind::Server(kind) => match kind {
                ServerErrorKind::BusyLoading => StoreErrorKind::Loading,
                ServerErrorKind::Moved | ServerErrorKind::Ask => StoreErrorKind::Moved,
                ServerErrorKind::TryAgain => StoreErrorKind::TryAgain,
                ServerErrorKind::ClusterDown => StoreErrorKind::ClusterDown,
                ServerErrorKind::MasterDown => StoreErrorKind::MasterDown,
                ServerErrorKind::ReadOnly => StoreErrorKind::ReadOnly,
                ServerErrorKind::NoPerm => StoreErrorKind::PermissionDenied,
                _ if error.to_string().contains("Function not found") => {
                    StoreErrorKind::FunctionsMissing
                }
                _ => StoreErrorKind::Rejected,
            },
            ErrorKind::Extension => match error.code().unwrap_or_default() {
                "BUSY" | "UNKILLABLE" => StoreErrorKind::Busy,
                "NOREPLICAS" => StoreErrorKind::NoReplicas,
                "OOM" => StoreErrorKind::OutOfMemory,
                "MISCONF" => StoreErrorKind::DiskError,
                "NOAUTH" | "WRONGPASS" => StoreErrorKind::AuthenticationFailed,
                "WRONGTYPE" | "FOREIGN" | "LOST" => StoreErrorKind::UnexpectedData,
                _ => StoreErrorKind::Rejected,
            },
            ErrorKind::Io if error.to_string().contains("invalid peer certificate") => {
                StoreErrorKind::InvalidCertificate
            }
            ErrorKind::Io if error.is_timeout() => StoreErrorKind::Timeout,
            ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => StoreErrorKind::Disconnected,
            ErrorKind::MasterNameNotFoundBySentinel | ErrorKind::NoValidReplicasFoundBySentinel => {
                StoreErrorKind::NoPrimary
            }
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => StoreErrorKind::InvalidResponse,
            ErrorKind::AuthenticationFailed => StoreErrorKind::AuthenticationFailed,
            _ => StoreErrorKind::Rejected,
        }
    }

    /// How to recover.
    pub(crate) fn remedy(self) -> Remedy {
        match self {
            StoreErrorKind::Busy | StoreErrorKind::TryAgain => Remedy::Wait,
            StoreErrorKind::Loading
            | StoreErrorKind::Moved
            | StoreErrorKind::ClusterDown
            | StoreErrorKind::MasterDown
            | StoreErrorKind::ReadOnly
            | StoreErrorKind::NoReplicas
            | StoreErrorKind::NoPrimary
            | StoreErrorKind::Timeout
            | StoreErrorKind::Disconnected
            | StoreErrorKind::InvalidResponse => Remedy::Reconnect,
            StoreErrorKind::FunctionsMissing => Remedy::LoadFunctions,
            StoreErrorKind::OutOfMemory
            | StoreErrorKind::DiskError
            | StoreErrorKind::AuthenticationFailed
            | StoreErrorKind::InvalidCertificate
            | StoreErrorKind::PermissionDenied
            | StoreErrorKind::UnexpectedData
            | StoreErrorKind::Unsupported
            | StoreErrorKind::Journal
            | StoreErrorKind::Rejected => Remedy::Operator,
        }
    }

    /// What an operator should do, for the log.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            StoreErrorKind::OutOfMemory => {
                "increase the store's maxmemory; keep maxmemory-policy at noeviction"
            }
            StoreErrorKind::DiskError => {
                "check the store's disk: it rejects writes because it cannot persist"
            }
            StoreErrorKind::AuthenticationFailed => {
                "correct the user and password in store.url or in the store's ACL"
            }
            StoreErrorKind::InvalidCertificate => {
                "set store.ca to the CA certificates of the store; they must also cover the addresses \
                 that sentinels and clusters announce"
            }
            StoreErrorKind::PermissionDenied => {
                "grant this user the rights that `adjacent store acl` prints; to load the functions, \
                 run `adjacent store load` as the loader user"
            }
            StoreErrorKind::UnexpectedData => {
                "find what else writes keys with the prefix adj: and use a dedicated store; if only a \
                 log key was deleted, delete its head key too and it is rebuilt"
            }
            StoreErrorKind::Unsupported => "change the store as the error says",
            StoreErrorKind::Journal => {
                "check this instance's disk and the quarantined journal segments"
            }
            StoreErrorKind::Rejected => "check the store's error message",
            _ => "no action unless it persists: the command is retried",
        }
    }
}

impl StoreError {
    /// No response within the time that the caller waits.
    pub(crate) fn timed_out() -> StoreError {
        StoreError::Unavailable(io::Error::from(io::ErrorKind::TimedOut).into())
    }

    pub(crate) fn kind(&self) -> StoreErrorKind {
        match self {
            StoreError::Unavailable(error) | StoreError::Rejected(error) => {
                StoreErrorKind::of(error)
            }
            StoreError::UnexpectedData(_) => StoreErrorKind::UnexpectedData,
            StoreError::Unsupported(_) => StoreErrorKind::Unsupported,
            StoreError::Journal(_) => StoreErrorKind::Journal,
        }
    }
}

impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> StoreError {
        let kind = StoreErrorKind::of(&error);
        match kind.remedy() {
            // The library's own error messages are passed on without the code.
            _ if kind == StoreErrorKind::UnexpectedData => {
                StoreError::UnexpectedData(error.detail().unwrap_or_default().to_owned())
            }
            Remedy::Operator => StoreError::Rejected(error),
            Remedy::Wait | Remedy::Reconnect | Remedy::LoadFunctions => {
                StoreError::Unavailable(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Remedy::*;

    /// The error for a server's error reply.
    fn reply(text: &str) -> RedisError {
        let value = redis::parse_redis_value(format!("-{text}\r\n").as_bytes()).unwrap();
        value.extract_error().unwrap_err()
    }

    #[test]
    fn every_store_error_has_a_kind_and_a_remedy() {
        let io = |kind: std::io::ErrorKind| RedisError::from(std::io::Error::from(kind));
        let untrusted = || std::io::Error::other("invalid peer certificate: UnknownIssuer");
        let of_kind = |kind: ErrorKind| RedisError::from((kind, "client error"));
        let rows = [
            (reply("LOADING Redis is loading the dataset in memory"), "loading", Reconnect),
            (reply("BUSY Redis is busy running a script."), "busy", Wait),
            (reply("UNKILLABLE Sorry the script already wrote."), "busy", Wait),
            (reply("TRYAGAIN Multiple keys request during rehashing of slot"), "try_again", Wait),
            (reply("MOVED 3999 127.0.0.1:6381"), "moved", Reconnect),
            (reply("ASK 3999 127.0.0.1:6381"), "moved", Reconnect),
            (reply("CLUSTERDOWN The cluster is down"), "cluster_down", Reconnect),
            (reply("MASTERDOWN Link with MASTER is down"), "master_down", Reconnect),
            (
                reply("READONLY You can't write against a read only replica."),
                "read_only",
                Reconnect,
            ),
            (reply("NOREPLICAS Not enough good replicas to write."), "no_replicas", Reconnect),
            (of_kind(ErrorKind::MasterNameNotFoundBySentinel), "no_primary", Reconnect),
            (io(std::io::ErrorKind::TimedOut), "timeout", Reconnect),
            (io(std::io::ErrorKind::UnexpectedEof), "disconnected", Reconnect),
            (io(std::io::ErrorKind::ConnectionRefused), "disconnected", Reconnect),
            (of_kind(ErrorKind::ClusterConnectionNotFound), "disconnected", Reconnect),
            (of_kind(ErrorKind::Parse), "invalid_response", Reconnect),
            (of_kind(ErrorKind::UnexpectedReturnType), "invalid_response", Reconnect),
            (reply("ERR Function not found"), "functions_missing", LoadFunctions),
            (
                reply("OOM command not allowed when used memory > 'maxmemory'."),
                "out_of_memory",
                Operator,
            ),
            (reply("MISCONF Redis is configured to save RDB snapshots"), "disk_error", Operator),
            (reply("NOAUTH Authentication required."), "authentication_failed", Operator),
            (reply("WRONGPASS invalid username-password pair"), "authentication_failed", Operator),
            (of_kind(ErrorKind::AuthenticationFailed), "authentication_failed", Operator),
            (RedisError::from(untrusted()), "invalid_certificate", Operator),
            (reply("NOPERM this user has no permissions"), "permission_denied", Operator),
            (reply("WRONGTYPE Operation against a key"), "unexpected_data", Operator),
            (reply("FOREIGN key holds another type"), "unexpected_data", Operator),
            (reply("LOST log is missing but its head exists"), "unexpected_data", Operator),
            (reply("ERR unknown command 'FCALL'"), "rejected", Operator),
            (reply("WHATEVER comes next"), "rejected", Operator),
        ];
        let mut found = std::collections::BTreeSet::new();
        for (error, name, remedy) in rows {
            let shown = error.to_string();
            let kind = StoreErrorKind::of(&error);
            assert_eq!((kind.as_str(), kind.remedy()), (name, remedy), "{shown}");
            let converted = StoreError::from(error);
            assert_eq!(converted.kind(), kind, "{shown}");
            assert_eq!(
                matches!(converted, StoreError::Unavailable(_)),
                remedy != Operator,
                "{shown}"
            );
            found.insert(kind);
        }
        // Detected locally, never sent by a server.
        found.extend([StoreErrorKind::Unsupported, StoreErrorKind::Journal]);
        assert_eq!(found.len(), StoreErrorKind::ALL.len(), "every kind has a row");
    }
}
