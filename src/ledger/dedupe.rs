//! Which tokens were used: one bit each, over our own dense numbers. Exact, and small because the
//! numbers are dense.

use crate::ledger::record::Minted;
use std::collections::HashMap;

/// Numbers per chunk.
const CHUNK: u64 = 65_536;

/// A set of (decision, slot of use); what the uses are is the caller's affair.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Used {
    /// A chunk's bits grow to the highest number used, so that young processes cost little.
    chunks: HashMap<(u64, u8, u8, u64), Vec<u64>>,
}

impl Used {
    /// Marks a use; `false` when it was marked before.
    pub fn mark(&mut self, minted: Minted, usage: u8) -> bool {
        let (chunk, word, bit) = place(minted.seq);
        let bits =
            self.chunks.entry((minted.incarnation, minted.partition, usage, chunk)).or_default();
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        let fresh = bits[word] & bit == 0;
        bits[word] |= bit;
        fresh
    }

    /// Whether a use is marked.
    pub fn has(&self, minted: Minted, usage: u8) -> bool {
        let (chunk, word, bit) = place(minted.seq);
        self.chunks
            .get(&(minted.incarnation, minted.partition, usage, chunk))
            .and_then(|bits| bits.get(word))
            .is_some_and(|bits| bits & bit != 0)
    }

    /// Bytes the bits take.
    pub fn bytes(&self) -> usize {
        self.chunks.values().map(|bits| bits.len() * 8).sum()
    }
}

fn place(seq: u64) -> (u64, usize, u64) {
    let within = seq % CHUNK;
    let word = usize::try_from(within / 64).expect("below 1024");
    (seq / CHUNK, word, 1 << (within % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_dense_numbers_cost_less_than_a_byte_each() {
        let mut used = Used::default();
        for seq in 0..2_000 {
            let minted = Minted { incarnation: 1, partition: 2, seq };
            assert!(used.mark(minted, 0) && !used.mark(minted, 0));
            assert!(used.has(minted, 0) && !used.has(minted, 1));
        }
        assert!(used.bytes() <= 2_000, "{}", used.bytes());
    }
}
