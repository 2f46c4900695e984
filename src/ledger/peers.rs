//! Who writes to a partition where machines share a store, and how far each has come.
//!
//! What one machine has on its disk, others have not read yet: a click may be here and its impression
//! still on its way. So nothing is settled by the clock of one machine, but by the partition's *low
//! watermark*: the time up to which everybody has said what there is to say. A process that said
//! goodbye, or whose successor on the same files speaks, or that is silent longer than it may be,
//! holds nothing up any more.

use crate::ledger::leases::Leases;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

/// The process starts that write to one partition. On one machine nobody says that it is here, and
/// there is nobody to wait for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Peers {
    lives: BTreeMap<u64, Life>,
    /// What they have of each campaign's money.
    pub(super) leases: BTreeMap<Box<str>, Leases>,
}

/// One process start that has said that it is here.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Life {
    /// The time of its last record, in unix milliseconds.
    heard_ms: i64,
    /// For how long others wait for it, in milliseconds.
    silent_ms: i64,
}

impl Peers {
    /// A process start says that it is here, and behind which others on its files it comes: those
    /// have no more to say. `latest_ms` is the latest time on record.
    pub fn here(&mut self, own: u64, at_ms: i64, silent_ms: i64, after: &[u64], latest_ms: i64) {
        self.lives.retain(|one, life| !after.contains(one) && life.is_awaited(latest_ms));
        self.lives.insert(own, Life { heard_ms: at_ms, silent_ms });
    }

    /// A record of a process start says what time it was there.
    pub fn heard(&mut self, of: u64, at_ms: i64) {
        if let Some(life) = self.lives.get_mut(&of) {
            life.heard_ms = life.heard_ms.max(at_ms);
        }
    }

    /// A process start says goodbye.
    pub fn gone(&mut self, own: u64) {
        self.lives.remove(&own);
    }

    /// Whether several machines may write here.
    pub fn share(&self) -> bool {
        !self.lives.is_empty()
    }

    /// Up to when everybody who is awaited has said everything; `None` where nobody is.
    pub fn low_ms(&self, latest_ms: i64) -> Option<i64> {
        let awaited = self.lives.values().filter(|life| life.is_awaited(latest_ms));
        awaited.map(|life| life.heard_ms).min()
    }
}

impl Life {
    fn is_awaited(&self, latest_ms: i64) -> bool {
        self.heard_ms.saturating_add(self.silent_ms) >= latest_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_waited_for_until_a_goodbye_a_successor_or_a_long_silence() {
        let mut peers = Peers::default();
        assert_eq!((peers.share(), peers.low_ms(5)), (false, None));
        for (own, at_ms) in [(1, 10), (2, 20), (3, 30)] {
            peers.here(own, at_ms, 1_000, &[], at_ms);
        }
        assert_eq!(peers.low_ms(500), Some(10));
        peers.heard(1, 400);
        peers.heard(9, 1);
        assert_eq!(peers.low_ms(500), Some(20), "a stranger holds nothing up");
        peers.gone(2);
        assert_eq!(peers.low_ms(500), Some(30));
        assert_eq!(peers.low_ms(1_031), Some(400), "the third is silent for too long");
        peers.here(4, 900, 1_000, &[1], 900);
        assert_eq!(peers.low_ms(900), Some(30));
        assert_eq!(peers.low_ms(9_000), None);
    }

    #[test]
    fn the_dead_are_forgotten_when_somebody_comes() {
        let mut peers = Peers::default();
        for own in 0..1_000 {
            peers.here(own, 1_000 * i64::try_from(own).unwrap(), 5_000, &[], 1_000 * 1_000);
        }
        assert!(peers.lives.len() <= 7, "{}", peers.lives.len());
    }
}
