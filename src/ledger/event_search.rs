//! The events of some decisions with their latest verdicts, from the effects of replayed records.

use crate::domain::event::{InvalidReason, Verdict};
use crate::domain::money::Micros;
use crate::ledger::outcome::{ApplyOutcome, EventVerdict};
use crate::ledger::record::Event;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A search in progress.
pub(crate) struct EventSearch<'a> {
    decisions: &'a BTreeSet<u128>,
    found: Vec<EventVerdict>,
    /// Places in `found`, by the address of the event, which `found` keeps alive.
    places: HashMap<*const Event, usize>,
}

impl<'a> EventSearch<'a> {
    pub(crate) fn new(decisions: &'a BTreeSet<u128>) -> EventSearch<'a> {
        EventSearch { decisions, found: Vec::new(), places: HashMap::new() }
    }

    /// Takes the effect of the next record.
    pub(crate) fn visit(&mut self, applied: &ApplyOutcome) {
        let is_requested = |event: &Event| self.decisions.contains(&event.decision);
        for one in applied.verdicts.iter().filter(|one| is_requested(&one.event)) {
            match self.places.get(&Arc::as_ptr(&one.event)) {
                Some(place) => self.found[*place] = one.clone(),
                None => {
                    self.places.insert(Arc::as_ptr(&one.event), self.found.len());
                    self.found.push(one.clone());
                }
            }
        }
        let credited = applied.adjustments.iter().filter_map(|one| one.event.as_ref());
        for event in credited.filter(|event| is_requested(event)) {
            let counted = |previous: &&mut EventVerdict| {
                previous.event.is_same(event) && previous.verdict == Verdict::Counted
            };
            if let Some(previous) = self.found.iter_mut().find(counted) {
                previous.verdict = Verdict::Invalid(InvalidReason::Credited);
                previous.billed = Micros::ZERO;
            }
        }
    }

    /// The events, in order of arrival.
    pub(crate) fn finish(self) -> Vec<EventVerdict> {
        self.found
    }
}
