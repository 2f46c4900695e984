//! The open reservations of one budget, in about 48 bytes each: an unanswered decision keeps one for up to a quarter
//! of an hour, and a flood makes tens of thousands of decisions a second.
//!
//! What many reservations have in common is kept once: a budget sees few prices, publishers, windows and ages, and
//! callers who come again. The rest is 36 bytes, beside a number in the index by decision and one in the list of
//! those that are due in the same second.

use crate::domain::money::Micros;
use crate::world::caller_shares::KeylessCaller;
use crate::world::open_reservation::{Open, Stage, Term};
use crate::world::shared_values::SharedValues;
use crate::world::show_chance::ShowChance;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::num::NonZeroU32;
use std::sync::Arc;

/// The open reservations of one budget.
#[derive(Debug, Default)]
pub(super) struct OpenReservations {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    /// Numbers of slots by decision.
    by_decision: HashTable<u32>,
    hasher: DefaultHashBuilder,
    kinds: SharedValues<Kind>,
    callers: SharedValues<Option<KeylessCaller>>,
    /// Numbers of slots by the second in which they are due; also of slots that are due no longer.
    due: BTreeMap<i64, Vec<u32>>,
    /// The numbers in `due`.
    listed: usize,
}

/// What a reservation has of its own.
#[derive(Clone, Copy, Debug)]
struct Slot {
    decision: [u8; 16],
    /// Milliseconds after the start of the era of its kind.
    decided: u32,
    /// Milliseconds after the decision.
    due: u32,
    parts: u32,
    kind: NonZeroU32,
    caller: NonZeroU32,
}

/// What reservations have in common. Times are in milliseconds after the decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    price: i64,
    publisher: u32,
    span: u8,
    stage: Stage,
    /// Decisions of 49 days have one era, so that their times take four bytes.
    era: i64,
    full_until: i64,
    until: i64,
    seen_until: i64,
    chance: Option<SameChance>,
    awaits_viewable: bool,
    teaches: bool,
}

/// The milliseconds of an era.
const ERA_MS: i64 = 1 << 32;

/// Equal only to the same one.
#[derive(Clone, Debug)]
struct SameChance(Arc<ShowChance>);

impl PartialEq for SameChance {
    fn eq(&self, other: &SameChance) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SameChance {}

impl Hash for SameChance {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

fn second_of(ms: i64) -> i64 {
    ms.div_euclid(1_000)
}

impl OpenReservations {
    pub(super) fn len(&self) -> usize {
        self.by_decision.len()
    }

    /// Adds a reservation, of a decision that has none.
    pub(super) fn insert(&mut self, decision: u128, open: Open) {
        let slot = self.slot(decision, open);
        let second = second_of(self.due_ms(&slot));
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.slots.push(None);
                u32::try_from(self.slots.len() - 1).expect("memory ends before 2^32 reservations")
            }
        };
        self.slots[number as usize] = Some(slot);
        let (hasher, slots) = (&self.hasher, &self.slots);
        let hash = |number: &u32| hasher.hash_one(slots[*number as usize].map(|one| one.decision));
        self.by_decision.insert_unique(hash(&number), number, hash);
        self.due.entry(second).or_default().push(number);
        self.listed += 1;
        self.forget_removed();
    }

    /// Removes the reservation of a decision.
    pub(super) fn remove(&mut self, decision: u128) -> Option<Open> {
        let decision = decision.to_ne_bytes();
        let hash = self.hasher.hash_one(Some(decision));
        let slots = &mut self.slots;
        let is_it =
            |number: &u32| slots[*number as usize].is_some_and(|slot| slot.decision == decision);
        let (number, _) = self.by_decision.find_entry(hash, is_it).ok()?.remove();
        let slot = slots[number as usize].take()?;
        self.free.push(number);
        let open = self.open(&slot);
        self.kinds.release(slot.kind);
        self.callers.release(slot.caller);
        Some(open)
    }

    /// Decisions whose reservations are due at `now_ms` or earlier, in the order in which they are due. All of them
    /// must be removed.
    pub(super) fn take_due(&mut self, now_ms: i64) -> Vec<u128> {
        let mut due = Vec::new();
        while let Some(first) = self.due.first_entry()
            && *first.key() <= second_of(now_ms)
        {
            let (second, numbers) = first.remove_entry();
            self.listed -= numbers.len();
            let mut of_second: Vec<_> = self.due_in(second, &numbers).collect();
            of_second.sort_unstable();
            of_second.dedup();
            let (now, later): (Vec<_>, Vec<_>) =
                of_second.into_iter().partition(|(due_ms, ..)| *due_ms <= now_ms);
            due.extend(now.into_iter().map(|(due_ms, decision, _)| (due_ms, decision)));
            if !later.is_empty() {
                self.listed += later.len();
                self.due.insert(second, later.into_iter().map(|(.., number)| number).collect());
                break;
            }
        }
        due.into_iter().map(|(_, decision)| decision).collect()
    }

    /// The first decision to be due whose reservation is of this stage, and of such a publisher and caller.
    pub(super) fn first(
        &self,
        stage: Stage,
        is_wanted: impl Fn(u32, KeylessCaller) -> bool,
    ) -> Option<u128> {
        let is_wanted = |number: u32| {
            self.slots[number as usize].is_some_and(|slot| {
                let (kind, caller) = (self.kinds.get(slot.kind), self.callers.get(slot.caller));
                kind.stage == stage && caller.is_some_and(|own| is_wanted(kind.publisher, own))
            })
        };
        self.due.iter().find_map(|(second, numbers)| {
            let wanted = self.due_in(*second, numbers).filter(|(.., number)| is_wanted(*number));
            wanted.min().map(|(_, decision, _)| decision)
        })
    }

    /// When they are due, decisions and numbers of what is listed in a second and due in it; some more than once.
    fn due_in<'a>(
        &'a self,
        second: i64,
        numbers: &'a [u32],
    ) -> impl Iterator<Item = (i64, u128, u32)> + 'a {
        numbers.iter().filter_map(move |number| {
            let slot = self.slots[*number as usize]?;
            let due_ms = self.due_ms(&slot);
            let decision = u128::from_ne_bytes(slot.decision);
            (second_of(due_ms) == second).then_some((due_ms, decision, *number))
        })
    }

    /// Makes the lists anew when most of what is listed was removed.
    fn forget_removed(&mut self) {
        if self.listed <= 2 * self.len() + 64 {
            return;
        }
        let mut due: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        for (number, slot) in (0u32..).zip(&self.slots) {
            let Some(slot) = slot else { continue };
            due.entry(second_of(self.due_ms(slot))).or_default().push(number);
        }
        (self.due, self.listed) = (due, self.len());
    }

    fn decided_ms(&self, slot: &Slot) -> i64 {
        self.kinds.get(slot.kind).era * ERA_MS + i64::from(slot.decided)
    }

    fn due_ms(&self, slot: &Slot) -> i64 {
        self.decided_ms(slot) + i64::from(slot.due)
    }

    fn slot(&mut self, decision: u128, open: Open) -> Slot {
        let Term { decided_ms, full_until_ms, until_ms, seen_until_ms, .. } = open.term;
        let milliseconds = |ms: i64| u32::try_from(ms.clamp(0, ERA_MS - 1)).expect("within u32");
        Slot {
            decision: decision.to_ne_bytes(),
            decided: milliseconds(decided_ms.rem_euclid(ERA_MS)),
            due: milliseconds(open.due_ms - decided_ms),
            parts: open.parts,
            kind: self.kinds.add(Kind {
                price: open.price.get(),
                publisher: open.publisher,
                span: open.span,
                stage: open.stage,
                era: decided_ms.div_euclid(ERA_MS),
                full_until: full_until_ms - decided_ms,
                until: until_ms - decided_ms,
                seen_until: seen_until_ms - decided_ms,
                chance: open.term.chance.map(SameChance),
                awaits_viewable: open.term.awaits_viewable,
                teaches: open.term.teaches,
            }),
            caller: self.callers.add(open.caller),
        }
    }

    fn open(&self, slot: &Slot) -> Open {
        let (kind, decided_ms) = (self.kinds.get(slot.kind), self.decided_ms(slot));
        Open {
            price: Micros::try_from(kind.price).expect("it was an amount"),
            parts: slot.parts,
            due_ms: self.due_ms(slot),
            publisher: kind.publisher,
            caller: *self.callers.get(slot.caller),
            term: Term {
                decided_ms,
                full_until_ms: decided_ms + kind.full_until,
                until_ms: decided_ms + kind.until,
                seen_until_ms: decided_ms + kind.seen_until,
                chance: kind.chance.as_ref().map(|same| same.0.clone()),
                awaits_viewable: kind.awaits_viewable,
                teaches: kind.teaches,
            },
            span: kind.span,
            stage: kind.stage,
        }
    }
}

#[cfg(test)]
#[path = "open_reservations_tests.rs"]
mod tests;
