//! Which uses of each decision were recorded: one bit per use of its token, indexed by the dense
//! decision numbers, and the time of its impression. Exact, small because the numbers are dense,
//! and evicted once no event of the decision can count any more.

use crate::ledger::record::DecisionKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Numbers per chunk: small enough for a cheap copy on write.
const CHUNK: u64 = 4_096;

/// Record time between two evictions, in milliseconds.
const EVICTION_MS: i64 = 60_000;

/// A set of (decision, use), and the impression time of each decision.
///
/// A clone shares its chunks with the original until one of them changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct DecisionUses {
    chunks: BTreeMap<(u64, u8, u64), Arc<Chunk>>,
    evicted_ms: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Chunk {
    /// Time of the latest decision in the chunk, in unix milliseconds.
    decided_at_ms: i64,
    /// Bits by use; they grow to the highest number used, so that new incarnations cost little.
    used: BTreeMap<u8, Vec<u64>>,
    /// Impression times, in unix milliseconds plus one; zero is none.
    shown: Vec<i64>,
}

impl DecisionUses {
    /// Backlog a use of a decision made at `decided_at_ms`; `false` when it was already marked.
    pub(crate) fn mark(
        &mut self,
        decision_key: DecisionKey,
        decided_at_ms: i64,
        usage: u8,
    ) -> bool {
        let (within, chunk) = self.chunk(decision_key, decided_at_ms);
        let (word, bit) = (within / 64, 1 << (within % 64));
        let bits = chunk.used.entry(usage).or_default();
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        let is_new = bits[word] & bit == 0;
        bits[word] |= bit;
        is_new
    }

    /// Whether a use of a decision is marked.
    pub(crate) fn is_marked(&self, decision_key: DecisionKey, usage: u8) -> bool {
        let (key, within) = locate(decision_key);
        let bits = self.chunks.get(&key).and_then(|chunk| chunk.used.get(&usage));
        let word = bits.and_then(|bits| bits.get(within / 64));
        word.is_some_and(|word| word & (1 << (within % 64)) != 0)
    }

    /// Records the time of a decision's impression, in unix milliseconds.
    pub(crate) fn set_impression(
        &mut self,
        decision_key: DecisionKey,
        decided_at_ms: i64,
        at_ms: i64,
    ) {
        let (within, chunk) = self.chunk(decision_key, decided_at_ms);
        if chunk.shown.len() <= within {
            chunk.shown.resize(within + 1, 0);
        }
        chunk.shown[within] = at_ms + 1;
    }

    /// The time of a decision's impression, in unix milliseconds.
    pub(crate) fn impression_ms(&self, decision_key: DecisionKey) -> Option<i64> {
        let (key, within) = locate(decision_key);
        let at = *self.chunks.get(&key)?.shown.get(within)?;
        (at != 0).then(|| at - 1)
    }

    /// Evicts decisions older than `life_ms` at `now_ms`: no event of theirs can count. Runs once a
    /// minute of record time.
    pub(crate) fn evict(&mut self, now_ms: i64, life_ms: i64) {
        if now_ms - self.evicted_ms < EVICTION_MS {
            return;
        }
        self.evicted_ms = now_ms;
        self.chunks.retain(|_, chunk| chunk.decided_at_ms + life_ms >= now_ms);
    }

    /// Memory taken by the use bits.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        let words = |chunk: &Arc<Chunk>| chunk.used.values().map(Vec::len).sum::<usize>();
        self.chunks.values().map(words).sum::<usize>() * 8
    }

    fn chunk(&mut self, decision_key: DecisionKey, decided_at_ms: i64) -> (usize, &mut Chunk) {
        let (key, within) = locate(decision_key);
        let chunk = Arc::make_mut(self.chunks.entry(key).or_default());
        chunk.decided_at_ms = chunk.decided_at_ms.max(decided_at_ms);
        (within, chunk)
    }
}

fn locate(decision_key: DecisionKey) -> ((u64, u8, u64), usize) {
    let within = usize::try_from(decision_key.seq % CHUNK).expect("below 4096");
    ((decision_key.incarnation, decision_key.partition, decision_key.seq / CHUNK), within)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision_key(seq: u64) -> DecisionKey {
        DecisionKey { incarnation: 1, partition: 2, seq }
    }

    #[test]
    fn a_dense_decision_costs_less_than_a_byte() {
        let mut uses = DecisionUses::default();
        for seq in 0..2_000 {
            assert!(uses.mark(decision_key(seq), 0, 0) && !uses.mark(decision_key(seq), 0, 0));
            assert!(uses.mark(decision_key(seq), 0, 1));
        }
        assert!(uses.bytes() <= 2_000, "{}", uses.bytes());
    }

    #[test]
    fn a_decision_is_evicted_once_no_event_of_it_can_count() {
        let mut uses = DecisionUses::default();
        uses.mark(decision_key(1), 1_000_000, 0);
        uses.set_impression(decision_key(1), 1_000_000, 1_000_500);

        uses.evict(1_100_000, 100_000);
        assert_eq!(
            (uses.impression_ms(decision_key(1)), uses.impression_ms(decision_key(2))),
            (Some(1_000_500), None)
        );
        assert!(!uses.mark(decision_key(1), 1_000_000, 0));

        uses.evict(1_160_001, 100_000);
        assert_eq!((uses.impression_ms(decision_key(1)), uses.bytes()), (None, 0));
    }
}
