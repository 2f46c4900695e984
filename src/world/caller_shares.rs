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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeylessCaller {
    /// Its network (/24, /48), its address (/64), and its address with its agent.
    pub(crate) hashes: [u64; 3],
    /// Its placement is one of which few units have been seen.
    pub(crate) unknown: bool,
    /// It names no origin, although the publisher lists its own: it may reserve a quarter as much.
    pub(crate) unrecognised: bool,
}

/// Why a caller may not reserve more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OverShare {
    /// It has its share.
    Caller,
    /// All placements together of which few units have been seen would have this many micros more than
    /// theirs.
    UnknownPlacements(i64),
}

/// Whose reservations make room for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoomOf {
    /// Those of every caller without a key.
    All,
    /// Those that named this publisher.
    Publisher(u32),
    /// Those for placements of which few units have been seen.
    UnknownPlacements,
}

impl RoomOf {
    /// Whether a reservation is one of them.
    pub(super) fn includes(self, publisher: u32, caller: KeylessCaller) -> bool {
        match self {
            RoomOf::All => true,
            RoomOf::Publisher(named) => named == publisher,
            RoomOf::UnknownPlacements => caller.unknown,
        }
    }
}

/// Micros reserved by callers without a key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CallerShares {
    all: Levels,
    /// By the publisher that they named.
    publishers: HashMap<u32, Levels>,
    /// For placements of which few units have been seen.
    unknown: Levels,
    unknown_total: i64,
}

/// Micros at each level: by network, by address, by address and agent.
#[derive(Clone, Debug, Default, PartialEq)]
struct Levels([HashMap<u64, i64>; 3]);

impl Levels {
    fn add(&mut self, caller: KeylessCaller, micros: i64) {
        for (level, hash) in self.0.iter_mut().zip(caller.hashes) {
            let sum = level.entry(hash).or_default();
            *sum += micros;
            if *sum == 0 {
                level.remove(&hash);
            }
        }
    }

    fn of(&self, level: usize, hash: u64) -> i64 {
        self.0[level].get(&hash).copied().unwrap_or(0)
    }

    fn yields_to(&self, caller: Option<KeylessCaller>, micros: i64) -> Option<(usize, u64)> {
        (0..self.0.len()).find_map(|level| {
            let (most_hash, most) =
                self.0[level].iter().max_by_key(|(hash, sum)| (**sum, **hash))?;
            let least = caller.map_or(0, |own| self.of(level, own.hashes[level]) + micros);
            let is_own = caller.is_some_and(|own| own.hashes[level] == *most_hash);
            (!is_own && *most >= least + micros).then_some((level, *most_hash))
        })
    }
}

impl CallerShares {
    /// Adds an amount, which may be negative.
    pub(super) fn add(&mut self, caller: Option<KeylessCaller>, publisher: u32, micros: i64) {
        let Some(caller) = caller else { return };
        self.all.add(caller, micros);
        self.publishers.entry(publisher).or_default().add(caller, micros);
        if caller.unknown {
            self.unknown.add(caller, micros);
            self.unknown_total += micros;
        }
    }

    /// Whether a caller may reserve `micros` more, at this price of a unit, of `left` micros. An address
    /// may reserve `percent` of it and a network twice that; and so may all placements together of which
    /// few units have been seen, since every caller can name them.
    pub(super) fn check(
        &self,
        caller: KeylessCaller,
        micros: i64,
        (price, left, percent): (i64, i64, u8),
    ) -> Result<(), OverShare> {
        let part = if caller.unrecognised { 4 } else { 1 };
        let over = |reserved: i64, times: i64| {
            let share = left / 100 * i64::from(percent) * times / part;
            reserved + micros - share.max(LEAST_UNITS * price * times / part)
        };
        let [network, address, _] = caller.hashes;
        if over(self.all.of(0, network), 2) > 0 || over(self.all.of(1, address), 1) > 0 {
            return Err(OverShare::Caller);
        }
        let over_unknown = over(self.unknown_total, 2);
        if caller.unknown && over_unknown > 0 {
            return Err(OverShare::UnknownPlacements(over_unknown));
        }
        Ok(())
    }

    /// Who must give up `micros` for a caller who needs them when everything is reserved: of those whose
    /// reservations make room, the one who has reserved most, if that leaves it no less than the caller.
    /// `None` in `caller` has a key, and takes from everybody without. The level and the hash.
    pub(super) fn yields_to(
        &self,
        caller: Option<KeylessCaller>,
        micros: i64,
        room_of: RoomOf,
    ) -> Option<(usize, u64)> {
        let among = match room_of {
            RoomOf::All => &self.all,
            RoomOf::Publisher(named) => self.publishers.get(&named)?,
            RoomOf::UnknownPlacements => &self.unknown,
        };
        among.yields_to(caller, micros)
    }

    /// What a caller without a reservation could take from others, at most.
    pub(super) fn contestable(&self) -> i64 {
        self.all.0[0].values().max().map_or(0, |most| most / 2)
    }
}
