//! Store errors, classified, with one recovery per kind. Unsent entries stay in the local journal and
//! sending is idempotent, so every recovery ends in a retry; kinds differ in what comes before it.

use redis::ErrorKind;
use redis::RedisError;
use redis::ServerErrorKind;

/// A failed store operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Temporarily unavailable or unreachable; retrying is safe.
    #[error("store unavailable: {0}")]
    Away(RedisError),
    /// The store rejects the command until an operator changes something.
    #[error("store rejected the command: {0}")]
    Rejected(RedisError),
    /// A key or a reply has content that this version did not write or does not know.
    #[error("unexpected data in the store: {0}")]
    Foreign(String),
    /// An unsupported server version or an unsafe configuration.
    #[error("unsupported store: {0}")]
    Unsupported(String),
    /// The local journal is unreadable, or lacks records that the store does not have.
    #[error("local journal: {0}")]
    Files(String),
}

closed! {
    /// The kind of a store error; a metric label.
    Trouble {
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
        Disconnected = "cut_off",
        /// The response is not valid Redis protocol.
        InvalidResponse = "unreadable",
        /// The function library is not loaded.
        FunctionsMissing = "no_functions",
        /// `maxmemory` is reached.
        OutOfMemory = "full",
        /// The server cannot persist to disk and rejects writes.
        DiskError = "disk",
        /// Wrong or missing user or password.
        AuthenticationFailed = "no_login",
        /// The certificate is not from a trusted CA or is for another name.
        InvalidCertificate = "certificate",
        /// The user lacks an ACL right.
        PermissionDenied = "no_right",
        /// Keys or replies have content this version did not write or does not know.
        UnexpectedData = "foreign",
        /// An unsupported server version or an unsafe configuration.
        Unsupported = "unfit",
        /// The local journal is unreadable or lacks records.
        Journal = "files",
        /// Any other error reply.
        Rejected = "refused",
    }
}

/// What to do before the retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Wait.
    Wait,
    /// Wait, then reconnect, which resolves the primary or the cluster's slots again.
    Reconnect,
    /// Load the function library on every primary.
    LoadFunctions,
    /// An operator must act: log the advice once and retry with growing delays.
    Person,
}

impl Trouble {
    /// Classifies a Redis error.
    pub fn of(error: &RedisError) -> Trouble {
        match error.kind() {
            ErrorKind::Server(kind) => match kind {
                ServerErrorKind::BusyLoading => Trouble::Loading,
                ServerErrorKind::Moved | ServerErrorKind::Ask => Trouble::Moved,
                ServerErrorKind::TryAgain => Trouble::TryAgain,
                ServerErrorKind::ClusterDown => Trouble::ClusterDown,
                ServerErrorKind::MasterDown => Trouble::MasterDown,
                ServerErrorKind::ReadOnly => Trouble::ReadOnly,
                ServerErrorKind::NoPerm => Trouble::PermissionDenied,
                _ if error.to_string().contains("Function not found") => Trouble::FunctionsMissing,
                _ => Trouble::Rejected,
            },
            ErrorKind::Extension => match error.code().unwrap_or_default() {
                "BUSY" | "UNKILLABLE" => Trouble::Busy,
                "NOREPLICAS" => Trouble::NoReplicas,
                "OOM" => Trouble::OutOfMemory,
                "MISCONF" => Trouble::DiskError,
                "NOAUTH" | "WRONGPASS" => Trouble::AuthenticationFailed,
                "WRONGTYPE" | "FOREIGN" | "LOST" => Trouble::UnexpectedData,
                _ => Trouble::Rejected,
            },
            ErrorKind::Io if error.to_string().contains("invalid peer certificate") => {
                Trouble::InvalidCertificate
            }
            ErrorKind::Io if error.is_timeout() => Trouble::Timeout,
            ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => Trouble::Disconnected,
            ErrorKind::MasterNameNotFoundBySentinel | ErrorKind::NoValidReplicasFoundBySentinel => {
                Trouble::NoPrimary
            }
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Trouble::InvalidResponse,
            ErrorKind::AuthenticationFailed => Trouble::AuthenticationFailed,
            _ => Trouble::Rejected,
        }
    }

    /// How to recover.
    pub fn remedy(self) -> Remedy {
        match self {
            Trouble::Busy | Trouble::TryAgain => Remedy::Wait,
            Trouble::Loading
            | Trouble::Moved
            | Trouble::ClusterDown
            | Trouble::MasterDown
            | Trouble::ReadOnly
            | Trouble::NoReplicas
            | Trouble::NoPrimary
            | Trouble::Timeout
            | Trouble::Disconnected
            | Trouble::InvalidResponse => Remedy::Reconnect,
            Trouble::FunctionsMissing => Remedy::LoadFunctions,
            Trouble::OutOfMemory
            | Trouble::DiskError
            | Trouble::AuthenticationFailed
            | Trouble::InvalidCertificate
            | Trouble::PermissionDenied
            | Trouble::UnexpectedData
            | Trouble::Unsupported
            | Trouble::Journal
            | Trouble::Rejected => Remedy::Person,
        }
    }

    /// What an operator should do, for the log.
    pub fn advice(self) -> &'static str {
        match self {
            Trouble::OutOfMemory => {
                "increase the store's maxmemory; keep maxmemory-policy at noeviction"
            }
            Trouble::DiskError => {
                "check the store's disk: it rejects writes because it cannot persist"
            }
            Trouble::AuthenticationFailed => {
                "correct the user and password in store.url or in the store's ACL"
            }
            Trouble::InvalidCertificate => {
                "set store.ca to the CA certificates of the store; they must also cover the addresses \
                 that sentinels and clusters announce"
            }
            Trouble::PermissionDenied => {
                "grant this user the rights that `adjacent store acl` prints; to load the functions, \
                 run `adjacent store load` as the loader user"
            }
            Trouble::UnexpectedData => {
                "find what else writes keys with the prefix adj: and use a dedicated store; if only a \
                 log key was deleted, delete its head key too and it is rebuilt"
            }
            Trouble::Unsupported => "change the store as the error says",
            Trouble::Journal => "check this instance's disk and the quarantined journal segments",
            Trouble::Rejected => "check the store's error message",
            _ => "no action unless it persists: the command is retried",
        }
    }
}

impl StoreError {
    /// The kind of this error.
    pub fn trouble(&self) -> Trouble {
        match self {
            StoreError::Away(error) | StoreError::Rejected(error) => Trouble::of(error),
            StoreError::Foreign(_) => Trouble::UnexpectedData,
            StoreError::Unsupported(_) => Trouble::Unsupported,
            StoreError::Files(_) => Trouble::Journal,
        }
    }
}

impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> StoreError {
        let kind = Trouble::of(&error);
        match kind.remedy() {
            // The library's own error messages are passed on without the code.
            _ if kind == Trouble::UnexpectedData => {
                StoreError::Foreign(error.detail().unwrap_or_default().to_owned())
            }
            Remedy::Person => StoreError::Rejected(error),
            Remedy::Wait | Remedy::Reconnect | Remedy::LoadFunctions => StoreError::Away(error),
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
            (io(std::io::ErrorKind::UnexpectedEof), "cut_off", Reconnect),
            (io(std::io::ErrorKind::ConnectionRefused), "cut_off", Reconnect),
            (of_kind(ErrorKind::ClusterConnectionNotFound), "cut_off", Reconnect),
            (of_kind(ErrorKind::Parse), "unreadable", Reconnect),
            (of_kind(ErrorKind::UnexpectedReturnType), "unreadable", Reconnect),
            (reply("ERR Function not found"), "no_functions", LoadFunctions),
            (reply("OOM command not allowed when used memory > 'maxmemory'."), "full", Person),
            (reply("MISCONF Redis is configured to save RDB snapshots"), "disk", Person),
            (reply("NOAUTH Authentication required."), "no_login", Person),
            (reply("WRONGPASS invalid username-password pair"), "no_login", Person),
            (of_kind(ErrorKind::AuthenticationFailed), "no_login", Person),
            (RedisError::from(untrusted()), "certificate", Person),
            (reply("NOPERM this user has no permissions"), "no_right", Person),
            (reply("WRONGTYPE Operation against a key"), "foreign", Person),
            (reply("FOREIGN key holds another type"), "foreign", Person),
            (reply("LOST log is missing but its head exists"), "foreign", Person),
            (reply("ERR unknown command 'FCALL'"), "refused", Person),
            (reply("WHATEVER comes next"), "refused", Person),
        ];
        let mut found = std::collections::BTreeSet::new();
        for (error, name, remedy) in rows {
            let shown = error.to_string();
            let kind = Trouble::of(&error);
            assert_eq!((kind.as_str(), kind.remedy()), (name, remedy), "{shown}");
            let converted = StoreError::from(error);
            assert_eq!(converted.trouble(), kind, "{shown}");
            assert_eq!(matches!(converted, StoreError::Away(_)), remedy != Person, "{shown}");
            found.insert(kind);
        }
        // Detected locally, never sent by a server.
        found.extend([Trouble::Unsupported, Trouble::Journal]);
        assert_eq!(found.len(), Trouble::ALL.len(), "every kind has a row");
    }
}
