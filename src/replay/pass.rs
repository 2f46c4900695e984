//! One pass over recorded decisions: each is decided again on both sides, without a draw.

use crate::catalog::CatalogError;
use crate::decision_log::again::Again;
use crate::decision_log::line::DecisionLine;
use crate::decision_log::{SlotLine, WorldLine};
use crate::domain::event::NoFill;
use crate::replay::clicks::Estimator;
use crate::replay::contexts::{Contexts, SlotChances, SlotOf};
use crate::replay::side::{Documents, Recorded, Side, Version};
use crate::replay::tally::{Pair, Tally};
use crate::selection::odds::Odds;
use crate::selection::snapshot::World;
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

/// Worlds that are kept: decisions in progress may be logged after the next world.
const WORLDS: usize = 8;

/// Ids of decisions that were not reproduced, which are kept.
const EXAMPLES: usize = 10;

/// What a topic, a region or a placement that a page does not state is called.
pub(super) const UNKNOWN: &str = "unknown";

/// A recorded world on both sides.
struct Worlds {
    line: Arc<WorldLine>,
    before: (Rc<Version>, World),
    after: (Rc<Version>, World),
}

/// A decision on one side.
struct OnSide<'a> {
    version: &'a Version,
    again: Again<'a>,
}

/// What is added up.
pub(super) struct Pass<'a> {
    recorded: &'a Recorded<'a>,
    before: Side,
    after: Side,
    worlds: VecDeque<Rc<Worlds>>,
    odds: (Odds, Odds),
    chances: SlotChances,
    pub(super) tally: Tally,
    pub(super) contexts: Contexts,
    pub(super) left_out: LeftOut,
    /// Clicked decisions, and what they say.
    pub(super) clicks: Option<(&'a HashSet<u128>, Estimator)>,
    /// Recorded winners, and those whose recorded propensity is not the computed one.
    pub(super) checked: u64,
    pub(super) different: Vec<u128>,
    pub(super) differences: u64,
}

/// Decisions that are not replayed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LeftOut {
    /// Tests and forced units.
    pub(super) tests: u64,
    /// Versions of the catalog that cannot be read.
    pub(super) versions: u64,
    /// Publishers that the side before does not have.
    pub(super) publishers: u64,
    /// Made with a catalog that was too old to sell on.
    pub(super) stale: u64,
}

impl<'a> Pass<'a> {
    pub(super) fn new(recorded: &'a Recorded<'a>, before: Documents, after: Documents) -> Pass<'a> {
        Pass {
            recorded,
            before: Side::new(before),
            after: Side::new(after),
            worlds: VecDeque::new(),
            odds: Default::default(),
            chances: SlotChances::default(),
            tally: Tally::default(),
            contexts: Contexts::default(),
            left_out: LeftOut::default(),
            clicks: None,
            checked: 0,
            different: Vec::new(),
            differences: 0,
        }
    }

    /// Whether the side before is what was recorded.
    pub(super) fn is_recorded(&self) -> bool {
        self.before.is_recorded()
    }

    /// Decides a recorded decision again.
    pub(super) fn add(&mut self, line: &DecisionLine, world: &Arc<WorldLine>) {
        if line.test || line.forced.is_some() {
            self.left_out.tests += 1;
            return;
        }
        if line.slots.iter().any(|slot| slot.result == Err(NoFill::StaleTooOld)) {
            self.left_out.stale += 1;
            return;
        }
        match self.worlds(world) {
            Ok(worlds) => self.decide(line, &worlds),
            Err(_) => self.left_out.versions += 1,
        }
    }

    fn worlds(&mut self, line: &Arc<WorldLine>) -> Result<Rc<Worlds>, CatalogError> {
        if let Some(known) = self.worlds.iter().rfind(|known| Arc::ptr_eq(&known.line, line)) {
            return Ok(known.clone());
        }
        let parties = &mut self.tally.parties;
        let before = self.before.version(line, self.recorded, parties)?;
        let after = self.after.version(line, self.recorded, parties)?;
        let world = |version: &Version| {
            World::new(version.snapshot.clone(), version.carry.state(&line.state))
        };
        let (first, second) = (world(&before), world(&after));
        let worlds = Worlds { line: line.clone(), before: (before, first), after: (after, second) };
        let worlds = Rc::new(worlds);
        if self.worlds.len() >= WORLDS {
            self.worlds.pop_front();
        }
        self.worlds.push_back(worlds.clone());
        Ok(worlds)
    }

    fn decide(&mut self, line: &DecisionLine, worlds: &Worlds) {
        let mut before = OnSide::new(&worlds.before, line);
        if before.again.page().is_none() {
            self.left_out.publishers += 1;
            return;
        }
        let mut after = OnSide::new(&worlds.after, line);
        let mut filled = Pair::default();
        let is_recorded = self.before.is_recorded();
        for slot in 0..line.slots.len() {
            let recorded = &line.slots[slot];
            before.again.begin_slot(recorded);
            after.again.begin_slot(recorded);
            let of_slot = self.slot(line, slot, (&before, &after));
            filled.add(of_slot);
            if is_recorded {
                self.check(line.request, recorded);
            }
            if slot == 0 {
                self.weigh(line, &before);
            }
            if slot + 1 < line.slots.len() {
                before.again.draw(slot);
                after.again.draw(slot);
            }
        }
        self.tally.end_decision(filled);
    }

    /// Adds the chances of a slot; returns how much of it is filled.
    fn slot(
        &mut self,
        line: &DecisionLine,
        slot: usize,
        (before, after): (&OnSide<'_>, &OnSide<'_>),
    ) -> Pair {
        before.again.compute(slot, &mut self.odds.0);
        after.again.compute(slot, &mut self.odds.1);
        let filled = Pair { before: 1.0 - self.odds.0.empty, after: 1.0 - self.odds.1.empty };
        let parties = &mut self.tally.parties;
        self.chances.begin(parties.flights.sums.len());
        for chance in &self.odds.0.chances {
            let value = Pair { before: chance.probability, after: 0.0 };
            self.chances.add(before.version.flights[chance.place as usize], value);
        }
        for chance in &self.odds.1.chances {
            let value = Pair { before: 0.0, after: chance.probability };
            self.chances.add(after.version.flights[chance.place as usize], value);
        }
        for (flight, value) in self.chances.all() {
            parties.flights.add(flight, value);
            let costs =
                Pair { before: before.version.cost(flight), after: after.version.cost(flight) };
            parties.spend(flight, value.scaled(costs));
        }
        self.place(line, slot, before, filled);
        filled
    }

    /// Adds a slot to its topic, region, publisher, placement and context.
    fn place(&mut self, line: &DecisionLine, slot: usize, before: &OnSide<'_>, filled: Pair) {
        let snapshot = &before.version.snapshot;
        let Some(page) = before.again.page() else { return };
        let row = &snapshot.publishers[page.publisher as usize];
        let publisher = snapshot.inventory.publishers[row.doc].id.as_str();
        let placement = page.slots[slot].placement.map(|at| &*row.placements[at as usize].0);
        let topic = page.topics.first().map(|topic| snapshot.taxonomy.id(*topic).as_str());
        let region = page.viewer.country.map(|country| country.to_string());
        let tally = &mut self.tally;
        let topic = tally.topics.key(topic.unwrap_or(UNKNOWN));
        let region = tally.regions.key(region.as_deref().unwrap_or(UNKNOWN));
        let publisher_key = tally.publishers.key(publisher);
        let placement = placement.unwrap_or(UNKNOWN);
        let placement = tally.placements.key(&format!("{publisher}/{placement}"));
        tally.slots += 1;
        tally.topics.add(topic, filled);
        tally.regions.add(region, filled);
        tally.publishers.add(publisher_key, filled);
        tally.placements.add(placement, filled);
        let of = SlotOf { request: line.request, slot, url: line.url.as_deref() };
        let context = [publisher_key, placement, topic];
        tally.changed += self.contexts.add(context, &of, &self.chances, filled);
    }

    /// Adds the first slot of a page to the estimate of clicks.
    fn weigh(&mut self, line: &DecisionLine, before: &OnSide<'_>) {
        let Some((clicked, estimator)) = &mut self.clicks else { return };
        let choice = match &line.slots[0].result {
            Ok(chosen) => {
                let flight = before.version.flights.get(chosen.place as usize);
                flight.map_or(Pair::default(), |flight| self.chances.of(*flight))
            }
            Err(_) => Pair { before: self.odds.0.empty, after: self.odds.1.empty },
        };
        if choice.before <= 0.0 {
            return;
        }
        let new_only = self.chances.all().filter(|(_, one)| one.before <= 0.0);
        let mut unsupported: f64 = new_only.map(|(_, one)| one.after).sum();
        if self.odds.0.empty <= 0.0 {
            unsupported += self.odds.1.empty;
        }
        // The decision's id has the slot's number, from 1, in its lowest byte.
        estimator.add(
            choice.after / choice.before,
            clicked.contains(&(line.request | 1)),
            unsupported,
        );
    }

    /// Compares what was recorded of a winner with what is computed.
    fn check(&mut self, request: u128, recorded: &SlotLine) {
        let Ok(chosen) = &recorded.result else { return };
        self.checked += 1;
        if self.odds.0.propensity(chosen.place) != Some(chosen.flight_propensity) {
            self.differences += 1;
            if self.different.len() < EXAMPLES {
                self.different.push(request);
            }
        }
    }
}

impl<'a> OnSide<'a> {
    fn new((version, world): &'a (Rc<Version>, World), line: &'a DecisionLine) -> OnSide<'a> {
        OnSide { version, again: Again::new(&version.carry, world, line) }
    }
}
