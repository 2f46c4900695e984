//! The immutable input of decisions: the compiled inventory with its index, and its current state.

use crate::domain::taxonomy::TopicIx;
use crate::selection::bitmap;
use crate::selection::bitmap::Block;
use crate::selection::compiled::{Compiled, place_bit};
use crate::selection::index::Index;
use crate::selection::recent_matches::RecentMatches;
use crate::selection::rotation::Rotations;
use std::ops::Deref;

/// The compiled inventory with its index.
pub struct Snapshot {
    compiled: Compiled,
    /// The bitmap index over flights.
    pub(crate) index: Index,
    /// What the index answered before.
    pub(crate) recent: RecentMatches,
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
    /// Flights that share the lottery of their tier, sorted by rank.
    pub tickets: Vec<Ticket>,
    /// How often each creative of a flight with rotation `optimise` is drawn.
    pub rotations: Rotations,
    /// Advertisers that have taken their part of a topic's slots today: indices of both, sorted.
    pub closed: Vec<Closed>,
}

/// An advertiser that gets no slot attributed to a topic, except for house flights: the indices of both.
pub type Closed = (u32, u32);

impl State {
    /// Whether a flight is to win nothing at present, because it is ahead of its plan.
    pub(crate) fn is_held(&self, place: u32) -> bool {
        let throttle = self.paced.binary_search_by_key(&place, |(at, _)| *at);
        let ticket = self.tickets.binary_search_by_key(&place, |one| one.place);
        throttle.is_ok_and(|at| self.paced[at].1 == 0)
            || ticket.is_ok_and(|at| self.tickets[at].share == 0)
    }
}

/// A flight's part in the lottery of its tier, which is held before the draw among the other flights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Its rank.
    pub place: u32,
    /// The share of the slots that it may have which it is to win, in units of 2^-32; [`ALL`](Self::ALL)
    /// is all of them.
    pub share: u32,
    /// Flights with a lower number come first, and win theirs where all shares are more than one slot.
    pub turn: u32,
}

impl Ticket {
    /// The share of a flight that wins every slot that it may have.
    pub const ALL: u32 = u32::MAX;

    /// A flight's ticket, for a share from 0 to 1 and the slots that it may expect until its end: the
    /// scarcest come first, in steps of a factor of √2.
    #[expect(clippy::cast_possible_truncation, reason = "a number too large becomes the largest")]
    pub(crate) fn new(place: u32, share: f64, supply: f64) -> Ticket {
        let turn =
            if supply.is_finite() { 2.0 * supply.max(1.0).log2() } else { f64::from(u32::MAX) };
        Ticket { place, share: Ticket::in_units(share), turn: turn as u32 }
    }

    /// A share from 0 to 1 in units of 2^-32, in steps of 1/1024: a smaller change is no new state.
    #[expect(clippy::cast_possible_truncation, reason = "from 0 to 1,024")]
    pub(crate) fn in_units(share: f64) -> u32 {
        let steps = (share * 1_024.0).ceil() as u64;
        u32::try_from(steps << 22).unwrap_or(Ticket::ALL)
    }
}

/// No throttle; and one that lets its flight into every draw.
const UNTHROTTLED: u32 = u32::MAX;
pub(crate) const WHOLE_SHARE: u32 = u32::MAX - 1;

/// A snapshot and its current state.
pub struct World {
    /// The compiled inventory.
    pub snapshot: std::sync::Arc<Snapshot>,
    pub(crate) state: State,
    /// Flights that are not paused and have budget left. Derived from `state`.
    pub(crate) available: Vec<Block>,
    /// The throttle of each flight, and one more than the place of its ticket in `state`; empty where there
    /// are none. Derived from `state`.
    throttles: Vec<u32>,
    tickets: Vec<u32>,
    /// Flights that need a per-flight check: they have dates, a throttle or a ticket. Derived from `state`.
    pub(crate) to_check: Vec<Block>,
}

impl Snapshot {
    /// Builds the index of a compiled inventory.
    pub(crate) fn new(compiled: Compiled) -> Snapshot {
        let recent = RecentMatches::for_flights(compiled.flights.len());
        Snapshot { index: Index::build(&compiled), recent, compiled }
    }

    /// Questions to the index with an answer that was known, and the others.
    pub fn index_questions(&self) -> [u64; 2] {
        self.recent.lookups()
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
        let paced = state.paced.iter().map(|(place, _)| *place);
        for place in paced.chain(state.tickets.iter().map(|one| one.place)).filter(within) {
            bitmap::set(&mut to_check, place);
        }
        for of_advertiser in state.closed.chunk_by(|one, next| one.0 == next.0) {
            let flights = snapshot.flights_of.get(of_advertiser[0].0 as usize);
            for place in flights.into_iter().flatten() {
                bitmap::set(&mut to_check, *place);
            }
        }
        let places = |listed: usize| if listed == 0 { 0 } else { snapshot.flights.len() };
        let mut throttles = vec![UNTHROTTLED; places(state.paced.len())];
        for (place, share) in state.paced.iter().filter(|(place, _)| within(place)) {
            throttles[*place as usize] = (*share).min(WHOLE_SHARE);
        }
        let mut tickets = vec![0; places(state.tickets.len())];
        for (number, ticket) in (1..).zip(&state.tickets).filter(|(_, one)| within(&one.place)) {
            tickets[ticket.place as usize] = number;
        }
        World { snapshot, state, available, throttles, tickets, to_check }
    }

    /// The share of traffic a flight participates in, in units of 2^-32; `None` if not throttled.
    pub(crate) fn throttle(&self, place: usize) -> Option<u32> {
        self.throttles.get(place).copied().filter(|share| *share != UNTHROTTLED)
    }

    /// Whether an advertiser has taken its part of the slots of any topic today, and of this one.
    pub(crate) fn is_closed(
        &self,
        advertiser: usize,
        topic: impl FnOnce() -> Option<TopicIx>,
    ) -> bool {
        let closed = &self.state.closed;
        if closed.is_empty() {
            return false;
        }
        let advertiser = place_bit(advertiser);
        let start = closed.partition_point(|one| one.0 < advertiser);
        closed.get(start).is_some_and(|one| one.0 == advertiser)
            && topic()
                .is_some_and(|topic| closed[start..].binary_search(&(advertiser, topic.0)).is_ok())
    }

    /// A flight's part in the lottery of its tier, if it has one.
    pub(crate) fn ticket(&self, place: usize) -> Option<Ticket> {
        let number = self.tickets.get(place).copied().unwrap_or(0);
        self.state.tickets.get((number as usize).checked_sub(1)?).copied()
    }
}
