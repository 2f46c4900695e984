//! Reserves money and units of goals for decisions: who asked, how much, for how long.

use crate::delivery::Delivery;
use crate::delivery::decide::{DecisionCall, PageDecision};
use crate::delivery::reader::Reader;
use crate::domain::event::{EventKind, Pricing};
use crate::domain::goal;
use crate::domain::money::Micros;
use crate::selection::choose::Winner;
use crate::traffic::visitor::network;
use crate::world::budget::Budget;
use crate::world::caller_shares::KeylessCaller;
use crate::world::open_reservation::Term;
use crate::world::reservation::Reservation;
use smallvec::SmallVec;
use std::hash::BuildHasher;

/// A decision reserves 1/50 of a click, its expected part, while the budget covers at least this many
/// clicks, and a whole one below that.
const CLICKS_FOR_EXPECTED_PRICE: i64 = 50;

/// What a decision reserves in one budget: the amount, and the kind of event that uses it up.
struct Claim<'a> {
    budget: &'a Budget,
    price: Micros,
    kind: EventKind,
}

impl<'a> Claim<'a> {
    /// A claim on a budget of which each event of a kind uses `price`.
    fn on(budget: &'a Budget, price: Micros, kind: EventKind, now_ms: i64) -> Claim<'a> {
        if kind != EventKind::Click {
            return Claim { budget, price, kind };
        }
        let balance = budget.balance(now_ms);
        let unreserved = balance.remaining.map(|left| left.saturating_sub(balance.reserved));
        let plenty =
            unreserved.is_none_or(|amount| amount.get() / CLICKS_FOR_EXPECTED_PRICE >= price.get());
        let share = if plenty { CLICKS_FOR_EXPECTED_PRICE } else { 1 };
        let price = Micros::try_from(price.get() / share).unwrap_or(price);
        Claim { budget, price, kind }
    }
}

impl Delivery {
    /// Reserves one unit of each goal of the winner's flight, and its price in its campaign budget: all
    /// or nothing, not retried.
    pub(super) fn reserve(
        &self,
        decided: &PageDecision,
        call: &DecisionCall<'_>,
        (slot, decision): (usize, u128),
        win: &Winner,
    ) -> bool {
        let (bindings, at_ms) = (&decided.live.bindings, decided.at_ms);
        let flight = &decided.live.snapshot().flights[win.place];
        let billed = match flight.pricing {
            Pricing::Flat => None,
            Pricing::Cpm => Some(EventKind::Impression),
            Pricing::Vcpm => Some(EventKind::Viewable),
            Pricing::Cpc => Some(EventKind::Click),
        };
        let money = &*bindings.campaign_budgets[flight.campaign];
        let money = billed.map(|kind| Claim::on(money, flight.price, kind, at_ms));
        let goals = bindings.goals[win.place].iter();
        let goals = goals.map(|(kind, goal)| Claim::on(goal, goal::UNIT, *kind, at_ms));
        let mut taken: SmallVec<[&Budget; 4]> = SmallVec::new();
        let mut teaches = true;
        for claim in money.into_iter().chain(goals) {
            let reservation = self.reservation((decided, call), (slot, decision), &claim, teaches);
            if !claim.budget.reserve(&reservation, at_ms) {
                taken.iter().for_each(|budget| budget.release(decision));
                return false;
            }
            teaches &= !claim.budget.is_limited();
            taken.push(claim.budget);
        }
        true
    }

    fn reservation(
        &self,
        (decided, call): (&PageDecision, &DecisionCall<'_>),
        (slot, decision): (usize, u128),
        claim: &Claim<'_>,
        teaches: bool,
    ) -> Reservation {
        let settings = self.parts.settings.get();
        let windows = &settings.windows;
        let after = |seconds: u32| decided.at_ms + i64::from(seconds) * 1_000;
        let full_until_ms = after(windows.reservation_seconds);
        let (until_ms, seen_until_ms) = match claim.kind {
            EventKind::Click => (full_until_ms, full_until_ms),
            _ => (after(windows.impression_seconds), after(windows.click_seconds)),
        };
        let publisher = decided.page.publisher;
        let placement = decided.page.slots[slot].placement;
        let chances = &decided.live.bindings.chances[publisher as usize];
        let chance = placement.and_then(|placement| chances.get(placement as usize));
        Reservation {
            decision,
            price: claim.price,
            publisher,
            publisher_percent: settings.store.publisher_reservation_percent,
            address_percent: settings.store.address_reservation_percent,
            caller: call.reader.map(|reader| {
                self.keyless_caller(reader, chance.is_none_or(|both| !both[0].is_known()))
            }),
            term: Term {
                decided_ms: decided.at_ms,
                full_until_ms,
                until_ms,
                seen_until_ms,
                chance: chance.map(|both| both[usize::from(call.reader.is_none())].clone()),
                awaits_viewable: claim.kind == EventKind::Viewable,
                teaches,
            },
            terms: self.parts.leasing.lease_terms(),
        }
    }

    fn keyless_caller(&self, reader: Reader<'_>, unknown: bool) -> KeylessCaller {
        let address = reader.address.to_canonical();
        let (wide, own) = (network(address, 24, 48), network(address, 32, 64));
        let hashes = [
            self.caller_salt.hash_one(wide),
            self.caller_salt.hash_one(own),
            self.caller_salt.hash_one((own, reader.agent)),
        ];
        KeylessCaller { hashes, unknown, unrecognised: reader.unrecognised }
    }
}
