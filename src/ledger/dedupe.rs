//! What happened to each decision already: one bit for each use of its token, over our own dense
//! numbers, and when it was shown. Exact, small because the numbers are dense, and forgotten once
//! no event of the decision can count any more.

use crate::ledger::record::Minted;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Numbers per chunk: small enough that a copy of one is cheap, see [`Seen`].
const CHUNK: u64 = 4_096;

/// Milliseconds of record time between two looks for what can be forgotten.
const SWEEP_MS: i64 = 60_000;

/// A set of (decision, use), and when each decision's impression came.
///
/// A clone shares its chunks with the original until one of them changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    chunks: BTreeMap<(u64, u8, u64), Arc<Chunk>>,
    swept_ms: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Chunk {
    /// When the last of its decisions was made, in unix milliseconds.
    decided_ms: i64,
    /// Bits by use; they grow to the highest number used, so that young processes cost little.
    used: BTreeMap<u8, Vec<u64>>,
    /// When each was shown, in unix milliseconds plus one; zero is never.
    shown: Vec<i64>,
}

impl Seen {
    /// Marks a use of a decision made at `decided_ms`; `false` when it was marked before.
    pub fn mark(&mut self, minted: Minted, decided_ms: i64, usage: u8) -> bool {
        let (within, chunk) = self.chunk(minted, decided_ms);
        let (word, bit) = (within / 64, 1 << (within % 64));
        let bits = chunk.used.entry(usage).or_default();
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        let fresh = bits[word] & bit == 0;
        bits[word] |= bit;
        fresh
    }

    /// Notes when a decision's impression came, in unix milliseconds.
    pub fn show(&mut self, minted: Minted, decided_ms: i64, at_ms: i64) {
        let (within, chunk) = self.chunk(minted, decided_ms);
        if chunk.shown.len() <= within {
            chunk.shown.resize(within + 1, 0);
        }
        chunk.shown[within] = at_ms + 1;
    }

    /// When a decision's impression came, in unix milliseconds.
    pub fn shown(&self, minted: Minted) -> Option<i64> {
        let (key, within) = place(minted);
        let at = *self.chunks.get(&key)?.shown.get(within)?;
        (at != 0).then(|| at - 1)
    }

    /// Forgets decisions of which nothing can become at `now_ms` any more: those older than
    /// `life_ms`. Looks once a minute of record time.
    pub fn sweep(&mut self, now_ms: i64, life_ms: i64) {
        if now_ms - self.swept_ms < SWEEP_MS {
            return;
        }
        self.swept_ms = now_ms;
        self.chunks.retain(|_, chunk| chunk.decided_ms + life_ms >= now_ms);
    }

    /// Bytes that the bits of uses take.
    pub fn bytes(&self) -> usize {
        let words = |chunk: &Arc<Chunk>| chunk.used.values().map(Vec::len).sum::<usize>();
        self.chunks.values().map(words).sum::<usize>() * 8
    }

    fn chunk(&mut self, minted: Minted, decided_ms: i64) -> (usize, &mut Chunk) {
        let (key, within) = place(minted);
        let chunk = Arc::make_mut(self.chunks.entry(key).or_default());
        chunk.decided_ms = chunk.decided_ms.max(decided_ms);
        (within, chunk)
    }
}

fn place(minted: Minted) -> ((u64, u8, u64), usize) {
    let within = usize::try_from(minted.seq % CHUNK).expect("below 4096");
    ((minted.incarnation, minted.partition, minted.seq / CHUNK), within)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minted(seq: u64) -> Minted {
        Minted { incarnation: 1, partition: 2, seq }
    }

    #[test]
    fn a_thousand_dense_numbers_cost_less_than_a_byte_each() {
        let mut seen = Seen::default();
        for seq in 0..2_000 {
            assert!(seen.mark(minted(seq), 0, 0) && !seen.mark(minted(seq), 0, 0));
            assert!(seen.mark(minted(seq), 0, 1));
        }
        assert!(seen.bytes() <= 2_000, "{}", seen.bytes());
    }

    #[test]
    fn a_decision_is_known_as_long_as_something_may_become_of_it() {
        let mut seen = Seen::default();
        seen.mark(minted(1), 1_000_000, 0);
        seen.show(minted(1), 1_000_000, 1_000_500);

        seen.sweep(1_100_000, 100_000);
        assert_eq!((seen.shown(minted(1)), seen.shown(minted(2))), (Some(1_000_500), None));
        assert!(!seen.mark(minted(1), 1_000_000, 0));

        seen.sweep(1_160_001, 100_000);
        assert_eq!((seen.shown(minted(1)), seen.bytes()), (None, 0));
    }
}
