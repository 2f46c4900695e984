//! What callers without a key have reserved of one campaign's budget: by network, by address, and by
//! address and agent.
//!
//! Every caller can name every publisher, so a caller without a key must not keep a budget from others. An address
//! and a network may reserve a share of what is left; and when everything is reserved, a caller who has
//! less takes from the one who has most.

use hashbrown::HashMap;

/// What is always allowed, in units: small budgets and offices with many readers.
const LEAST_UNITS: i64 = 32;

/// A caller without a key. Hashes under a random salt of the process, kept while a reservation lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeylessCaller {
    /// Its network (/24, /48), its address (/64), and its address with its agent.
    pub(crate) hashes: [u64; 3],
    /// Its placement is one of which few units have been seen.
    pub(crate) unknown: bool,
    /// It names no origin, although the publisher lists its own: it may reserve a quarter as much.
    pub(crate) unrecognised: bool,
}

/// Micros reserved by callers without a key, at each level.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CallerShares {
    levels: [HashMap<u64, i64>; 3],
    /// For all placements together of which few units have been seen.
    unknown: i64,
}

impl CallerShares {
    /// Adds an amount, which may be negative.
    pub(super) fn add(&mut self, caller: Option<KeylessCaller>, micros: i64) {
        let Some(caller) = caller else { return };
        if caller.unknown {
            self.unknown += micros;
        }
        for (level, hash) in self.levels.iter_mut().zip(caller.hashes) {
            let sum = level.entry(hash).or_default();
            *sum += micros;
            if *sum == 0 {
                level.remove(&hash);
            }
        }
    }

    fn of(&self, level: usize, hash: u64) -> i64 {
        self.levels[level].get(&hash).copied().unwrap_or(0)
    }

    /// Whether a caller may reserve `micros` more, at this price of a unit, of `left` micros. An address
    /// may reserve `percent` of it and a network twice that; and so may all placements together of which
    /// few units have been seen, since every caller can name them.
    pub(super) fn allows(
        &self,
        caller: KeylessCaller,
        micros: i64,
        (price, left, percent): (i64, i64, u8),
    ) -> bool {
        let part = if caller.unrecognised { 4 } else { 1 };
        let fits = |reserved: i64, times: i64| {
            let share = left / 100 * i64::from(percent) * times / part;
            reserved + micros <= share.max(LEAST_UNITS * price * times / part)
        };
        fits(self.of(0, caller.hashes[0]), 2)
            && fits(self.of(1, caller.hashes[1]), 1)
            && (!caller.unknown || fits(self.unknown, 2))
    }

    /// Who must give up `micros` for a caller who needs them when everything is reserved: the one who has
    /// reserved most, if that leaves it no less than the caller. `None` in `caller` has a key, and takes
    /// from everybody without. The level and the hash.
    pub(super) fn yields_to(
        &self,
        caller: Option<KeylessCaller>,
        micros: i64,
    ) -> Option<(usize, u64)> {
        (0..self.levels.len()).find_map(|level| {
            let (most_hash, most) =
                self.levels[level].iter().max_by_key(|(hash, sum)| (**sum, **hash))?;
            let least = caller.map_or(0, |own| self.of(level, own.hashes[level]) + micros);
            let is_own = caller.is_some_and(|own| own.hashes[level] == *most_hash);
            (!is_own && *most >= least + micros).then_some((level, *most_hash))
        })
    }

    /// What a caller without a reservation could take from others, at most.
    pub(super) fn contestable(&self) -> i64 {
        self.levels[0].values().max().map_or(0, |most| most / 2)
    }
}
