//! Whether replicas have acknowledged what was written. `WAIT` would block every other command on the
//! shared connection and covers only that connection's writes, so this compares the same figures from
//! `INFO`: each primary's replication offset with the offsets its replicas acknowledged.

use crate::store::server_info::ServerInfo;
use std::collections::BTreeMap;

/// The replication offset of every primary with a replica, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReplicationMark {
    offsets: BTreeMap<String, u64>,
}

/// Whether replicas have acknowledged everything up to a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MarkStatus {
    /// Acknowledged by at least one replica of each primary.
    Acknowledged,
    /// Not acknowledged yet by any replica of at least one primary.
    Pending,
    /// A primary's replication id changed (failover): take a new mark after checking the log again.
    Superseded,
}

impl ReplicationMark {
    /// The current offsets of these primaries.
    pub(crate) fn of(servers: &[ServerInfo]) -> ReplicationMark {
        let replicated = servers.iter().filter(|server| !server.replica_offsets.is_empty());
        ReplicationMark {
            offsets: replicated
                .map(|server| (server.replication_id.clone(), server.offset))
                .collect(),
        }
    }

    /// Whether no primary had a replica, so that nothing can be confirmed.
    pub(crate) fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Compares the mark with the current state of the primaries.
    pub(crate) fn status(&self, servers: &[ServerInfo]) -> MarkStatus {
        let mut reached = MarkStatus::Acknowledged;
        for (replication_id, offset) in &self.offsets {
            match servers.iter().find(|server| server.replication_id == *replication_id) {
                None => return MarkStatus::Superseded,
                Some(server)
                    if server.replica_offsets.iter().any(|acknowledged| acknowledged >= offset) => {
                }
                Some(_) => reached = MarkStatus::Pending,
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn primary(replication_id: &str, offset: u64, replicas: &[u64]) -> ServerInfo {
        let (replication_id, replica_offsets) = (replication_id.to_owned(), replicas.to_vec());
        ServerInfo { replication_id, offset, replica_offsets, ..ServerInfo::default() }
    }

    #[test]
    fn a_mark_is_reached_when_one_replica_of_each_primary_has_acknowledged_it() {
        let mark = ReplicationMark::of(&[
            primary("a", 10, &[7, 8]),
            primary("b", 5, &[1]),
            primary("c", 9, &[]),
        ]);
        let found = |a: &[u64], b: &[u64]| {
            mark.status(&[primary("a", 12, a), primary("b", 5, b), primary("c", 9, &[])])
        };
        assert_eq!(found(&[7, 10], &[5]), MarkStatus::Acknowledged);
        assert_eq!(found(&[9, 9], &[5]), MarkStatus::Pending);
        assert_eq!(found(&[12], &[4]), MarkStatus::Pending);
        assert_eq!(
            found(&[12], &[]),
            MarkStatus::Pending,
            "a disconnected replica confirms nothing"
        );
    }

    #[test]
    fn a_failover_invalidates_a_mark_and_without_replicas_a_mark_is_empty() {
        let mark = ReplicationMark::of(&[primary("a", 10, &[7])]);
        assert_eq!(mark.status(&[primary("z", 10, &[10])]), MarkStatus::Superseded);
        assert!(ReplicationMark::of(&[primary("a", 10, &[])]).is_empty());
    }
}
