//! The immutable input of decisions: the compiled inventory with its index, and its current state.

use crate::selection::bitmap;
use crate::selection::bitmap::Block;
use crate::selection::compiled::Compiled;
use crate::selection::index::Index;
use std::ops::Deref;

/// The compiled inventory with its index.
pub struct Snapshot {
    compiled: Compiled,
    /// The bitmap index over flights.
    pub(crate) index: Index,
}

impl Deref for Snapshot {
    type Target = Compiled;
    fn deref(&self) -> &Compiled {
        &self.compiled
    }
}

/// State that changes more often than the snapshot: immutable, numbered, replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Incremented with every change.
    pub number: u64,
    /// Flights whose budget is spent or reserved, as sorted ranks.
    pub spent: Vec<u32>,
    /// Throttled flights, as sorted ranks, each with the share of traffic it participates in, in
    /// units of 2^-32. Other flights are not throttled.
    pub paced: Vec<(u32, u32)>,
    /// Flights paused since the snapshot was compiled, as sorted ranks.
    pub paused: Vec<u32>,
}

/// A snapshot and its current state.
pub struct World {
    /// The compiled inventory.
    pub snapshot: std::sync::Arc<Snapshot>,
    pub(crate) state: State,
    /// Flights that are not paused and have budget left. Derived from `state`.
    pub(crate) available: Vec<Block>,
    /// Flights that need a per-flight check: they have dates or are throttled. Derived from `state`.
    pub(crate) to_check: Vec<Block>,
}

impl Snapshot {
    /// Builds the index of a compiled inventory.
    pub(crate) fn new(compiled: Compiled) -> Snapshot {
        Snapshot { index: Index::build(&compiled), compiled }
    }

    /// Names the snapshot by the hash under which the catalog stores its inventory. It differs from the
    /// hash that [`compile`](crate::selection::compile::compile) computes when an older version
    /// wrote the inventory in another form.
    pub(crate) fn stored_as(mut self, inventory_hash: String) -> Snapshot {
        self.compiled.inventory_hash = inventory_hash;
        self
    }
}

impl World {
    /// Combines a snapshot and a state.
    pub fn new(snapshot: std::sync::Arc<Snapshot>, state: State) -> World {
        let within = |place: &u32| (*place as usize) < snapshot.flights.len();
        let mut available = snapshot.index.live.clone();
        for place in state.spent.iter().chain(&state.paused).copied().filter(within) {
            bitmap::clear(&mut available, place);
        }
        let mut to_check = snapshot.index.dated.clone();
        for place in state.paced.iter().map(|(place, _)| *place).filter(within) {
            bitmap::set(&mut to_check, place);
        }
        World { snapshot, state, available, to_check }
    }

    /// The share of traffic a flight participates in, in units of 2^-32; `None` if not throttled.
    pub(crate) fn throttle(&self, place: usize) -> Option<u32> {
        let paced = &self.state.paced;
        paced.binary_search_by_key(&place, |(at, _)| *at as usize).ok().map(|at| paced[at].1)
    }
}
