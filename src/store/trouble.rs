//! What goes wrong at a store and what is done about it: one closed table. Whatever it is, the files
//! here hold what was on its way, and the same entries may be sent again: so every remedy ends in
//! sending again, and they differ in what comes before.

use redis::ErrorKind;
use redis::RedisError;
use redis::ServerErrorKind;

/// What could not be done at the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or not now; asking again is right and harmless.
    #[error("the store does not answer: {0}")]
    Away(RedisError),
    /// It answers, and will answer the same until somebody changes something.
    #[error("the store refuses: {0}")]
    Refused(RedisError),
    /// It holds, or said, what is not ours.
    #[error("the store holds what is not ours: {0}")]
    Foreign(String),
    /// It is no store for us: too old, or set up so that it loses things.
    #[error("the store cannot be used: {0}")]
    Unfit(String),
    /// The journal's files here cannot be read, or lack something that the store does not have.
    #[error("the journal here: {0}")]
    Files(String),
}

closed! {
    /// How a store fails.
    Trouble {
        /// It starts, and reads its files.
        Loading = "loading",
        /// A function of somebody's runs for too long.
        Busy = "busy",
        /// A slot is on its way to another node.
        TryAgain = "try_again",
        /// A slot is at another node, and following did not find it.
        Moved = "moved",
        /// A part of the cluster has no primary.
        ClusterDown = "cluster_down",
        /// A replica that lost its primary.
        MasterDown = "master_down",
        /// A replica: the primary is another one now.
        ReadOnly = "read_only",
        /// It has fewer replicas than it was told to write with.
        NoReplicas = "no_replicas",
        /// Sentinels know no primary.
        NoPrimary = "no_primary",
        /// No answer in time: whether it was done is not known.
        Timeout = "timeout",
        /// No connection, or it ended before the answer did: whether it was done is not known.
        CutOff = "cut_off",
        /// The answer is none that a Redis gives.
        Unreadable = "unreadable",
        /// It does not have our functions.
        NoFunctions = "no_functions",
        /// Its memory is full.
        Full = "full",
        /// It cannot write to its disk, and so refuses.
        Disk = "disk",
        /// It does not know us.
        NoLogin = "no_login",
        /// Its certificate is not of an authority that we trust, or of another name.
        Certificate = "certificate",
        /// We may not do this.
        NoRight = "no_right",
        /// Keys of our names hold something that is not ours.
        Foreign = "foreign",
        /// It is too old, or set up so that it loses things.
        Unfit = "unfit",
        /// The journal's files here cannot be read, or lack something.
        Files = "files",
        /// Anything else that it says.
        Refused = "refused",
    }
}

/// What comes before asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A pause.
    Wait,
    /// A pause, and a new connection: the primary is looked for again, a cluster's slots are asked
    /// again.
    Reconnect,
    /// Our functions are given to every primary.
    Load,
    /// A person: it is told once what to do, and asked again, ever more seldom, whether it was done.
    Person,
}

impl Trouble {
    /// What an error means.
    pub fn of(error: &RedisError) -> Trouble {
        match error.kind() {
            ErrorKind::Server(kind) => match kind {
                ServerErrorKind::BusyLoading => Trouble::Loading,
                ServerErrorKind::Moved | ServerErrorKind::Ask => Trouble::Moved,
                ServerErrorKind::TryAgain => Trouble::TryAgain,
                ServerErrorKind::ClusterDown => Trouble::ClusterDown,
                ServerErrorKind::MasterDown => Trouble::MasterDown,
                ServerErrorKind::ReadOnly => Trouble::ReadOnly,
                ServerErrorKind::NoPerm => Trouble::NoRight,
                _ if error.to_string().contains("Function not found") => Trouble::NoFunctions,
                _ => Trouble::Refused,
            },
            ErrorKind::Extension => match error.code().unwrap_or_default() {
                "BUSY" | "UNKILLABLE" => Trouble::Busy,
                "NOREPLICAS" => Trouble::NoReplicas,
                "OOM" => Trouble::Full,
                "MISCONF" => Trouble::Disk,
                "NOAUTH" | "WRONGPASS" => Trouble::NoLogin,
                "WRONGTYPE" | "FOREIGN" | "LOST" => Trouble::Foreign,
                _ => Trouble::Refused,
            },
            ErrorKind::Io if error.to_string().contains("invalid peer certificate") => {
                Trouble::Certificate
            }
            ErrorKind::Io if error.is_timeout() => Trouble::Timeout,
            ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => Trouble::CutOff,
            ErrorKind::MasterNameNotFoundBySentinel | ErrorKind::NoValidReplicasFoundBySentinel => {
                Trouble::NoPrimary
            }
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Trouble::Unreadable,
            ErrorKind::AuthenticationFailed => Trouble::NoLogin,
            _ => Trouble::Refused,
        }
    }

    /// What is done about it.
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
            | Trouble::CutOff
            | Trouble::Unreadable => Remedy::Reconnect,
            Trouble::NoFunctions => Remedy::Load,
            Trouble::Full
            | Trouble::Disk
            | Trouble::NoLogin
            | Trouble::Certificate
            | Trouble::NoRight
            | Trouble::Foreign
            | Trouble::Unfit
            | Trouble::Files
            | Trouble::Refused => Remedy::Person,
        }
    }

    /// What a person should do.
    pub fn advice(self) -> &'static str {
        match self {
            Trouble::Full => {
                "give the store more memory (maxmemory); nothing of ours may be evicted"
            }
            Trouble::Disk => "look at the store's disk: it cannot save and so takes nothing",
            Trouble::NoLogin => "correct user and password in store.url, or in the store's ACL",
            Trouble::Certificate => {
                "name the file of its authority's certificates in store.ca; they must hold for the \
                 addresses that sentinels and clusters name, too"
            }
            Trouble::NoRight => {
                "give this user the rights that `adjacent store acl` prints; functions are loaded by \
                 `adjacent store load` as a user who may"
            }
            Trouble::Foreign => {
                "find out who wrote keys that begin with adj: and give us a store of our own; a log \
                 that was deleted alone is whole again when its head is deleted, too"
            }
            Trouble::Unfit => "change the store as it says",
            Trouble::Files => "look at this machine's disk and at what was put into quarantine",
            Trouble::Refused => "look at what the store says",
            _ => "nothing, unless it lasts: it is asked again",
        }
    }
}

impl StoreError {
    /// Which of the table's rows it is.
    pub fn trouble(&self) -> Trouble {
        match self {
            StoreError::Away(error) | StoreError::Refused(error) => Trouble::of(error),
            StoreError::Foreign(_) => Trouble::Foreign,
            StoreError::Unfit(_) => Trouble::Unfit,
            StoreError::Files(_) => Trouble::Files,
        }
    }
}

impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> StoreError {
        let trouble = Trouble::of(&error);
        match trouble.remedy() {
            // What our functions say is said in their words.
            _ if trouble == Trouble::Foreign => {
                StoreError::Foreign(error.detail().unwrap_or_default().to_owned())
            }
            Remedy::Person => StoreError::Refused(error),
            Remedy::Wait | Remedy::Reconnect | Remedy::Load => StoreError::Away(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Remedy::*;

    /// The error of what a server says.
    fn said(text: &str) -> RedisError {
        let value = redis::parse_redis_value(format!("-{text}\r\n").as_bytes()).unwrap();
        value.extract_error().unwrap_err()
    }

    #[test]
    fn every_error_of_a_store_has_its_row_and_its_remedy() {
        let io = |kind: std::io::ErrorKind| RedisError::from(std::io::Error::from(kind));
        let stranger = || std::io::Error::other("invalid peer certificate: UnknownIssuer");
        let of_kind = |kind: ErrorKind| RedisError::from((kind, "as the client says it"));
        let rows = [
            (said("LOADING Redis is loading the dataset in memory"), "loading", Reconnect),
            (said("BUSY Redis is busy running a script."), "busy", Wait),
            (said("UNKILLABLE Sorry the script already wrote."), "busy", Wait),
            (said("TRYAGAIN Multiple keys request during rehashing of slot"), "try_again", Wait),
            (said("MOVED 3999 127.0.0.1:6381"), "moved", Reconnect),
            (said("ASK 3999 127.0.0.1:6381"), "moved", Reconnect),
            (said("CLUSTERDOWN The cluster is down"), "cluster_down", Reconnect),
            (said("MASTERDOWN Link with MASTER is down"), "master_down", Reconnect),
            (said("READONLY You can't write against a read only replica."), "read_only", Reconnect),
            (said("NOREPLICAS Not enough good replicas to write."), "no_replicas", Reconnect),
            (of_kind(ErrorKind::MasterNameNotFoundBySentinel), "no_primary", Reconnect),
            (io(std::io::ErrorKind::TimedOut), "timeout", Reconnect),
            (io(std::io::ErrorKind::UnexpectedEof), "cut_off", Reconnect),
            (io(std::io::ErrorKind::ConnectionRefused), "cut_off", Reconnect),
            (of_kind(ErrorKind::ClusterConnectionNotFound), "cut_off", Reconnect),
            (of_kind(ErrorKind::Parse), "unreadable", Reconnect),
            (of_kind(ErrorKind::UnexpectedReturnType), "unreadable", Reconnect),
            (said("ERR Function not found"), "no_functions", Load),
            (said("OOM command not allowed when used memory > 'maxmemory'."), "full", Person),
            (said("MISCONF Redis is configured to save RDB snapshots"), "disk", Person),
            (said("NOAUTH Authentication required."), "no_login", Person),
            (said("WRONGPASS invalid username-password pair"), "no_login", Person),
            (of_kind(ErrorKind::AuthenticationFailed), "no_login", Person),
            (RedisError::from(stranger()), "certificate", Person),
            (said("NOPERM this user has no permissions"), "no_right", Person),
            (said("WRONGTYPE Operation against a key"), "foreign", Person),
            (said("FOREIGN these keys hold something that is not ours"), "foreign", Person),
            (said("LOST the log is gone and its head is not"), "foreign", Person),
            (said("ERR unknown command 'FCALL'"), "refused", Person),
            (said("WHATEVER comes next"), "refused", Person),
        ];
        let mut found = std::collections::BTreeSet::new();
        for (error, name, remedy) in rows {
            let shown = error.to_string();
            let trouble = Trouble::of(&error);
            assert_eq!((trouble.as_str(), trouble.remedy()), (name, remedy), "{shown}");
            let told = StoreError::from(error);
            assert_eq!(told.trouble(), trouble, "{shown}");
            assert_eq!(matches!(told, StoreError::Away(_)), remedy != Person, "{shown}");
            found.insert(trouble);
        }
        // These two are found here, and no server says them.
        found.extend([Trouble::Unfit, Trouble::Files]);
        assert_eq!(found.len(), Trouble::ALL.len(), "the table is closed");
    }
}
