//! Whether a replica has what was sent. `WAIT` would say so, too, but it holds up whatever is asked on
//! the same connection, and counts that connection's writes alone; so the primaries are asked how far
//! they are and how far their replicas have said to be, which is what `WAIT` compares.

use crate::store::fitness::Server;
use std::collections::BTreeMap;

/// How far every primary with a replica was at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    offsets: BTreeMap<String, u64>,
}

/// Whether replicas have what was written until a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// One of each primary.
    Yes,
    /// Not all yet.
    NotYet,
    /// A primary writes another history now: whether it has what was sent must be seen again.
    Void,
}

impl Mark {
    /// Of what primaries say now.
    pub fn of(servers: &[Server]) -> Mark {
        let replicated = servers.iter().filter(|server| !server.replicas.is_empty());
        Mark { offsets: replicated.map(|server| (server.history.clone(), server.offset)).collect() }
    }

    /// Whether no primary had a replica: then nothing can be confirmed.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Whether replicas are behind it now.
    pub fn is_reached(&self, servers: &[Server]) -> Reached {
        let mut reached = Reached::Yes;
        for (history, offset) in &self.offsets {
            match servers.iter().find(|server| server.history == *history) {
                None => return Reached::Void,
                Some(server) if server.replicas.iter().any(|has| has >= offset) => {}
                Some(_) => reached = Reached::NotYet,
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn primary(history: &str, offset: u64, replicas: &[u64]) -> Server {
        let (history, replicas) = (history.to_owned(), replicas.to_vec());
        Server { history, offset, replicas, ..Server::default() }
    }

    #[test]
    fn a_mark_is_reached_when_one_replica_of_each_primary_is_behind_it() {
        let mark =
            Mark::of(&[primary("a", 10, &[7, 8]), primary("b", 5, &[1]), primary("c", 9, &[])]);
        let found = |a: &[u64], b: &[u64]| {
            mark.is_reached(&[primary("a", 12, a), primary("b", 5, b), primary("c", 9, &[])])
        };
        assert_eq!(found(&[7, 10], &[5]), Reached::Yes);
        assert_eq!(found(&[9, 9], &[5]), Reached::NotYet);
        assert_eq!(found(&[12], &[4]), Reached::NotYet);
        assert_eq!(found(&[12], &[]), Reached::NotYet, "a replica that went confirms nothing");
    }

    #[test]
    fn a_failover_voids_a_mark_and_without_replicas_there_is_none() {
        let mark = Mark::of(&[primary("a", 10, &[7])]);
        assert_eq!(mark.is_reached(&[primary("z", 10, &[10])]), Reached::Void);
        assert!(Mark::of(&[primary("a", 10, &[])]).is_empty());
    }
}
