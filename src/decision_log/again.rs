//! A logged decision decided again, on the world that it was made on or on another one.

use crate::decision_log::line::{DecisionLine, SlotLine};
use crate::selection::carry::Carry;
use crate::selection::choose;
use crate::selection::choose::{Request, Winner};
use crate::selection::odds::Odds;
use crate::selection::page::Page;
use crate::selection::rules::{Exclusions, Mask};
use crate::selection::snapshot::World;
use smallvec::SmallVec;
use std::borrow::Cow;

/// A decision on a world, slot by slot.
pub(crate) struct Again<'a> {
    carry: &'a Carry,
    world: &'a World,
    line: &'a DecisionLine,
    /// `None` if its publisher is not in that world.
    page: Option<Cow<'a, Page>>,
    exclusions: Exclusions,
    /// Whether the slot stays empty after too many attempts.
    gave_up: bool,
}

impl<'a> Again<'a> {
    /// On `world`, to which `carry` leads from the world of the decision.
    pub(crate) fn new(carry: &'a Carry, world: &'a World, line: &'a DecisionLine) -> Again<'a> {
        let page = carry.page(&line.page, line.url.as_deref());
        Again { carry, world, line, page, exclusions: Exclusions::default(), gave_up: false }
    }

    /// The page in that world.
    pub(crate) fn page(&self) -> Option<&Page> {
        self.page.as_deref()
    }

    /// Begins the next slot, with the exclusions that were recorded of it.
    pub(crate) fn begin_slot(&mut self, recorded: &SlotLine) {
        let masks = recorded.masked.iter().filter_map(|mask| self.carry.mask(*mask));
        let masks: SmallVec<[Mask; 4]> = masks.collect();
        self.exclusions.begin_slot(&masks);
        self.gave_up = choose::gave_up(&masks).is_some();
    }

    fn with_request<T>(&self, then: impl FnOnce(&Request<'_>) -> T) -> Option<T> {
        let page = self.page.as_deref().filter(|_| !self.gave_up)?;
        let (world, id) = (self.world, self.line.request);
        Some(then(&Request { world, page, now_ms: self.line.at_ms, id }))
    }

    /// The probabilities of the slot.
    pub(crate) fn compute(&self, slot: usize, odds: &mut Odds) {
        let computed = self.with_request(|request| odds.compute(request, slot, &self.exclusions));
        if computed.is_none() {
            odds.clear();
        }
    }

    /// What is drawn for the slot with the request's own numbers. Its advertiser gets none of the slots after it.
    pub(crate) fn draw(&mut self, slot: usize) -> Option<Winner> {
        let choose = |request: &Request<'_>| choose::choose(request, slot, &self.exclusions).result;
        let win = self.with_request(choose)?.ok()?;
        self.exclusions.advertisers.push(self.world.snapshot.flights[win.place].advertiser);
        Some(win)
    }
}
