//! Where a change changes most: slots by publisher, placement and topic.

use crate::replay::tally::Pair;
use std::collections::HashMap;

/// The most contexts that are counted each for itself.
const CONTEXTS: usize = 20_000;

/// The flights that an example names.
const MOVED: usize = 4;

/// A publisher, a placement and a topic, by their keys.
pub(super) type Context = [u32; 3];

/// What changes in a context.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) slots: u64,
    /// The sum of the parts of its slots that another flight has.
    pub(super) changed: f64,
    pub(super) filled: Pair,
    pub(super) example: Option<Example>,
}

/// The slot of a context that changes most.
#[derive(Debug)]
pub(super) struct Example {
    pub(super) request: u128,
    pub(super) slot: usize,
    pub(super) url: Option<Box<str>>,
    pub(super) changed: f64,
    /// Flights by key, with their probabilities; those that change most come first.
    pub(super) flights: Vec<(u32, Pair)>,
}

/// Contexts and what changes in them.
#[derive(Default)]
pub(super) struct Contexts {
    known: HashMap<Context, Changes>,
    /// Slots of contexts beyond those.
    pub(super) other_slots: u64,
}

/// The probabilities of the flights in one slot.
#[derive(Default)]
pub(super) struct SlotChances {
    /// By flight.
    chances: Vec<Pair>,
    touched: Vec<u32>,
}

impl SlotChances {
    pub(super) fn begin(&mut self, flights: usize) {
        for flight in self.touched.drain(..) {
            self.chances[flight as usize] = Pair::default();
        }
        self.chances.resize(flights, Pair::default());
    }

    pub(super) fn add(&mut self, flight: u32, value: Pair) {
        let known = &mut self.chances[flight as usize];
        if *known == Pair::default() {
            self.touched.push(flight);
        }
        known.add(value);
    }

    pub(super) fn of(&self, flight: u32) -> Pair {
        self.chances[flight as usize]
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (u32, Pair)> + '_ {
        self.touched.iter().map(|flight| (*flight, self.chances[*flight as usize]))
    }

    /// The part of the slot that another flight has, or none instead of one: the total variation distance.
    pub(super) fn changed(&self, filled: Pair) -> f64 {
        let moved: f64 = self.all().map(|(_, one)| (one.after - one.before).abs()).sum();
        f64::midpoint(moved, (filled.after - filled.before).abs())
    }

    fn most_moved(&self) -> Vec<(u32, Pair)> {
        let mut all: Vec<(u32, Pair)> = self.all().collect();
        let moved = |one: &(u32, Pair)| (one.1.after - one.1.before).abs();
        all.sort_by(|a, b| moved(b).total_cmp(&moved(a)).then(a.0.cmp(&b.0)));
        all.truncate(MOVED);
        all
    }
}

/// A slot of a recorded decision.
pub(super) struct SlotOf<'a> {
    pub(super) request: u128,
    pub(super) slot: usize,
    pub(super) url: Option<&'a str>,
}

impl Contexts {
    pub(super) fn add(
        &mut self,
        context: Context,
        of: &SlotOf<'_>,
        chances: &SlotChances,
        filled: Pair,
    ) -> f64 {
        let changed = chances.changed(filled);
        if self.known.len() >= CONTEXTS && !self.known.contains_key(&context) {
            self.other_slots += 1;
            return changed;
        }
        let known = self.known.entry(context).or_default();
        known.slots += 1;
        known.changed += changed;
        known.filled.add(filled);
        let most = known.example.as_ref().map_or(0.0, |example| example.changed);
        if changed > most {
            known.example = Some(Example {
                request: of.request,
                slot: of.slot,
                url: of.url.map(Into::into),
                changed,
                flights: chances.most_moved(),
            });
        }
        changed
    }

    /// Those in which most slots change, by their number, most first.
    pub(super) fn most_changed(&self, most: usize) -> Vec<(Context, &Changes)> {
        let mut all: Vec<(Context, &Changes)> =
            self.known.iter().map(|(context, changes)| (*context, changes)).collect();
        all.retain(|(_, changes)| changes.changed > 1e-9);
        all.sort_by(|a, b| b.1.changed.total_cmp(&a.1.changed).then(a.0.cmp(&b.0)));
        all.truncate(most);
        all
    }
}
