//! Rows: sets of flights, one bit per flight, in blocks of 512 (one cache line each).
//!
//! A row with few flights is stored as a list of their ranks, which takes less memory, and less time
//! than scanning the empty blocks of a dense row.

use smallvec::SmallVec;
use std::sync::Arc;

/// Words per block.
pub(crate) const WORDS: usize = 8;
/// Flights per block.
pub(crate) const FLIGHTS: usize = WORDS * 64;

/// The bits of 512 flights.
pub(crate) type Block = [u64; WORDS];

/// A set of flights.
#[derive(Clone, Debug)]
pub(crate) enum Row {
    /// One bit per flight.
    Dense(Arc<[Block]>),
    /// Sorted ranks.
    Sparse(Arc<[u32]>),
}

/// Creates rows; equal dense rows are shared.
pub(crate) struct Pool {
    blocks: usize,
    rows: hashbrown::HashSet<Arc<[Block]>>,
}

impl Pool {
    /// A pool for rows over `flights` flights.
    pub(crate) fn of(flights: usize) -> Pool {
        Pool { blocks: flights.div_ceil(FLIGHTS), rows: hashbrown::HashSet::new() }
    }

    /// An empty dense row.
    pub(crate) fn empty(&self) -> Vec<Block> {
        vec![[0; WORDS]; self.blocks]
    }

    /// Returns the shared copy of a dense row.
    pub(crate) fn intern(&mut self, bits: Vec<Block>) -> Arc<[Block]> {
        self.rows.get_or_insert_with(bits.as_slice(), |bits| bits.into()).clone()
    }

    /// The row of these ranks, which may be unsorted; `None` if there are none.
    pub(crate) fn row(&mut self, places: impl IntoIterator<Item = u32>) -> Option<Row> {
        let mut places: Vec<u32> = places.into_iter().collect();
        if places.is_empty() {
            return None;
        }
        if self.is_sparse(places.len()) {
            places.sort_unstable();
            places.dedup();
            return Some(Row::Sparse(places.into()));
        }
        let mut bits = self.empty();
        places.into_iter().for_each(|place| set(&mut bits, place));
        Some(Row::Dense(self.intern(bits)))
    }

    /// Whether a row with this many flights is stored as a list.
    pub(crate) fn is_sparse(&self, places: usize) -> bool {
        places <= self.blocks
    }
}

/// Sets the bit of a rank.
pub(crate) fn set(bits: &mut [Block], place: u32) {
    let at = place as usize;
    bits[at / FLIGHTS][at % FLIGHTS / 64] |= 1 << (at % 64);
}

/// Clears the bit of a rank.
pub(crate) fn clear(bits: &mut [Block], place: u32) {
    let at = place as usize;
    bits[at / FLIGHTS][at % FLIGHTS / 64] &= !(1 << (at % 64));
}

/// The bits of a block that are in a range of ranks.
pub(crate) fn between(range: &std::ops::Range<usize>, at: usize) -> Block {
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

/// The bits of a block that are in a sorted list of ranks.
pub(crate) fn listed(places: &[u32], at: usize) -> Block {
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

/// The places of the bits that are set in a block.
pub(crate) fn places(at: usize, block: &Block) -> impl Iterator<Item = u32> {
    let first = u32::try_from(at * FLIGHTS).unwrap_or(u32::MAX);
    (first..).step_by(64).zip(*block).flat_map(|(start, bits)| {
        std::iter::successors(Some(bits), |left| Some(left & left.wrapping_sub(1)))
            .take_while(|left| *left != 0)
            .map(move |left| start + left.trailing_zeros())
    })
}

/// Whether all bits are clear.
#[inline]
pub(crate) fn is_zero(bits: &Block) -> bool {
    bits.iter().fold(0, |all, word| all | word) == 0
}

/// The intersection of two blocks.
#[inline]
pub(crate) fn and(one: &Block, other: &Block) -> Block {
    let mut both = *one;
    both.iter_mut().zip(other).for_each(|(bits, other)| *bits &= other);
    both
}

/// The difference of two blocks: `one` without `other`.
#[inline]
pub(crate) fn and_not(one: &Block, other: &Block) -> Block {
    let mut rest = *one;
    rest.iter_mut().zip(other).for_each(|(bits, other)| *bits &= !other);
    rest
}

/// A union of rows. Blocks must be requested in ascending order.
#[derive(Default)]
pub(crate) struct Union<'a> {
    dense: SmallVec<[&'a [Block]; 4]>,
    /// The unread rest of each list.
    sparse: SmallVec<[&'a [u32]; 8]>,
}

impl<'a> Union<'a> {
    /// Adds a row.
    pub(crate) fn push(&mut self, row: &'a Row) {
        match row {
            Row::Dense(bits) => self.dense.push(bits),
            Row::Sparse(places) => self.sparse.push(places),
        }
    }

    /// Adds a dense row.
    pub(crate) fn push_dense(&mut self, bits: &'a [Block]) {
        self.dense.push(bits);
    }

    /// Whether it contains a dense row.
    pub(crate) fn has_dense(&self) -> bool {
        !self.dense.is_empty()
    }

    /// Whether it contains no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.dense.is_empty() && self.sparse.is_empty()
    }

    /// The flights of one block. Later calls must request the same block or a later one.
    #[inline]
    pub(crate) fn block(&mut self, at: usize) -> Block {
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
        fn sparse_and_dense_rows_give_the_same_blocks(
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
        fn a_range_sets_the_bits_of_its_ranks(start in 0usize..1_600, length in 0usize..1_600) {
            let places: Vec<u32> = (0u32..).skip(start).take(length).collect();
            for at in 0..7 {
                prop_assert_eq!(between(&(start..start + length), at), listed(&places, at));
            }
        }
    }
}
