//! Rows of bits, one bit a flight, in blocks of 512: a cache line each.
//!
//! A row that few flights are in is the list of their places instead: it takes less memory, and
//! less time than the empty blocks of a whole row.

use smallvec::SmallVec;
use std::sync::Arc;

/// Words of a block.
pub const WORDS: usize = 8;
/// Flights of a block.
pub const FLIGHTS: usize = WORDS * 64;

/// Bits of 512 flights.
pub type Block = [u64; WORDS];

/// Some of the flights.
#[derive(Clone, Debug)]
pub enum Row {
    /// A bit for every flight.
    Dense(Arc<[Block]>),
    /// The places of few, sorted.
    Sparse(Arc<[u32]>),
}

/// Makes rows; equal dense ones are kept once.
pub struct Pool {
    blocks: usize,
    rows: hashbrown::HashSet<Arc<[Block]>>,
}

impl Pool {
    /// For rows of so many flights.
    pub fn of(flights: usize) -> Pool {
        Pool { blocks: flights.div_ceil(FLIGHTS), rows: hashbrown::HashSet::new() }
    }

    /// A row without any flight.
    pub fn empty(&self) -> Vec<Block> {
        vec![[0; WORDS]; self.blocks]
    }

    /// A dense row.
    pub fn keep(&mut self, bits: Vec<Block>) -> Arc<[Block]> {
        self.rows.get_or_insert_with(bits.as_slice(), |bits| bits.into()).clone()
    }

    /// The row of these places, in whatever order; `None` without any.
    pub fn row(&mut self, places: impl IntoIterator<Item = u32>) -> Option<Row> {
        let mut places: Vec<u32> = places.into_iter().collect();
        if places.is_empty() {
            return None;
        }
        if self.is_few(places.len()) {
            places.sort_unstable();
            places.dedup();
            return Some(Row::Sparse(places.into()));
        }
        let mut bits = self.empty();
        places.into_iter().for_each(|place| set(&mut bits, place));
        Some(Row::Dense(self.keep(bits)))
    }

    /// Whether a list of so many places is better than a bit for every flight.
    pub fn is_few(&self, places: usize) -> bool {
        places <= self.blocks
    }
}

/// Sets the bit of a place.
pub fn set(bits: &mut [Block], place: u32) {
    let at = place as usize;
    bits[at / FLIGHTS][at % FLIGHTS / 64] |= 1 << (at % 64);
}

/// Clears the bit of a place.
pub fn clear(bits: &mut [Block], place: u32) {
    let at = place as usize;
    bits[at / FLIGHTS][at % FLIGHTS / 64] &= !(1 << (at % 64));
}

/// The bits of a block that lie in a range of places.
pub fn between(range: &std::ops::Range<usize>, at: usize) -> Block {
    let mut bits = [0; WORDS];
    for (word, bits) in bits.iter_mut().enumerate() {
        let first = at * FLIGHTS + word * 64;
        let below = |end: usize| match end.saturating_sub(first) {
            0 => 0,
            some if some >= 64 => u64::MAX,
            some => (1 << some) - 1,
        };
        *bits = below(range.end) & !below(range.start);
    }
    bits
}

/// The bits of a block that a sorted list of places sets.
pub fn listed(places: &[u32], at: usize) -> Block {
    let start = places.partition_point(|place| (*place as usize) < at * FLIGHTS);
    let mut bits = [0; WORDS];
    for place in &places[start..] {
        let place = *place as usize;
        if place / FLIGHTS > at {
            break;
        }
        bits[place % FLIGHTS / 64] |= 1 << (place % 64);
    }
    bits
}

/// Whether no bit is set.
#[inline]
pub fn is_zero(bits: &Block) -> bool {
    bits.iter().fold(0, |all, word| all | word) == 0
}

/// How many bits are set.
#[inline]
pub fn count(bits: &Block) -> u32 {
    bits.iter().map(|word| word.count_ones()).sum()
}

/// A block that is the one and the other.
#[inline]
pub fn and(one: &Block, other: &Block) -> Block {
    let mut both = *one;
    both.iter_mut().zip(other).for_each(|(bits, other)| *bits &= other);
    both
}

/// A block that is the one and not the other.
#[inline]
pub fn and_not(one: &Block, other: &Block) -> Block {
    let mut rest = *one;
    rest.iter_mut().zip(other).for_each(|(bits, other)| *bits &= !other);
    rest
}

/// Rows joined: flights in any of them. Blocks are asked for in rising order.
#[derive(Default)]
pub struct Union<'a> {
    dense: SmallVec<[&'a [Block]; 4]>,
    /// What is left of each list.
    sparse: SmallVec<[&'a [u32]; 8]>,
}

impl<'a> Union<'a> {
    /// Adds a row.
    pub fn push(&mut self, row: &'a Row) {
        match row {
            Row::Dense(bits) => self.dense.push(bits),
            Row::Sparse(places) => self.sparse.push(places),
        }
    }

    /// Adds a row of bits.
    pub fn push_dense(&mut self, bits: &'a [Block]) {
        self.dense.push(bits);
    }

    /// Whether a dense row is in it.
    pub fn has_dense(&self) -> bool {
        !self.dense.is_empty()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.dense.is_empty() && self.sparse.is_empty()
    }

    /// The flights of one block; a later call may ask for this block or one after it.
    #[inline]
    pub fn block(&mut self, at: usize) -> Block {
        let mut bits = [0; WORDS];
        for row in &self.dense {
            bits.iter_mut().zip(&row[at]).for_each(|(bits, more)| *bits |= more);
        }
        let first = at * FLIGHTS;
        for list in &mut self.sparse {
            while let Some((place, rest)) = list.split_first()
                && (*place as usize) < first
            {
                *list = rest;
            }
            for place in *list {
                let place = *place as usize - first;
                if place >= FLIGHTS {
                    break;
                }
                bits[place / 64] |= 1 << (place % 64);
            }
        }
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn few_and_many_places_make_the_same_row(
            few in prop::collection::btree_set(0u32..5_000, 0..9),
            many in prop::collection::btree_set(0u32..5_000, 20..200),
        ) {
            let mut pool = Pool::of(5_000);
            let rows = [pool.row(few.clone()), pool.row(many.clone())];
            prop_assert!(matches!(rows[1], Some(Row::Dense(_))));
            let mut union = Union::default();
            rows.iter().flatten().for_each(|row| union.push(row));
            let all: Vec<u32> = few.union(&many).copied().collect();
            for at in 0..10 {
                prop_assert_eq!(union.block(at), listed(&all, at));
                prop_assert_eq!(union.block(at), listed(&all, at));
            }
        }

        #[test]
        fn a_range_is_the_bits_of_its_places(start in 0usize..1_600, length in 0usize..1_600) {
            let places: Vec<u32> = (0u32..).skip(start).take(length).collect();
            for at in 0..7 {
                prop_assert_eq!(between(&(start..start + length), at), listed(&places, at));
            }
        }
    }
}
