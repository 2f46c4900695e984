//! Reserves money for decisions: who asked, how much, for how long.

use crate::delivery::Delivery;
use crate::delivery::decide::{DecisionCall, PageDecision};
use crate::delivery::reader::Reader;
use crate::domain::event::Pricing;
use crate::domain::money::Micros;
use crate::selection::choose::Winner;
use crate::traffic::visitor::network;
use crate::world::caller_shares::KeylessCaller;
use crate::world::reservation::{Reservation, Term};
use std::hash::BuildHasher;

/// A `cpc` decision reserves 1/50 of the price (its expected cost) while the budget covers at least
/// this many clicks, and the whole price below that.
const CLICKS_FOR_EXPECTED_PRICE: i64 = 50;

impl Delivery {
    /// Reserves the winner's price in its campaign budget; atomic, not retried.
    pub(super) fn reserve(
        &self,
        decided: &PageDecision,
        call: &DecisionCall<'_>,
        (slot, decision): (usize, u128),
        win: &Winner,
    ) -> bool {
        let flight = &decided.live.snapshot().flights[win.place];
        let campaign_budget = &decided.live.bindings.campaign_budgets[flight.campaign];
        let price = match flight.pricing {
            Pricing::Flat => return true,
            Pricing::Cpm | Pricing::Vcpm => flight.price,
            Pricing::Cpc => {
                let balance = campaign_budget.balance(decided.at_ms);
                let unreserved =
                    balance.remaining.map(|left| left.saturating_sub(balance.reserved));
                let plenty = unreserved.is_none_or(|amount| {
                    amount.get() / CLICKS_FOR_EXPECTED_PRICE >= flight.price.get()
                });
                let share = if plenty { CLICKS_FOR_EXPECTED_PRICE } else { 1 };
                Micros::try_from(flight.price.get() / share).unwrap_or(flight.price)
            }
        };
        let settings = self.parts.settings.get();
        let windows = &settings.windows;
        let after = |seconds: u32| decided.at_ms + i64::from(seconds) * 1_000;
        let full_until_ms = after(windows.reservation_seconds);
        let (until_ms, seen_until_ms) = match flight.pricing {
            Pricing::Cpc => (full_until_ms, full_until_ms),
            _ => (after(windows.impression_seconds), after(windows.click_seconds)),
        };
        let publisher = decided.page.publisher;
        let placement = decided.page.slots[slot].placement;
        let chances = &decided.live.bindings.chances[publisher as usize];
        let chance = placement.and_then(|placement| chances.get(placement as usize));
        let reservation = Reservation {
            decision,
            price,
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
                awaits_viewable: flight.pricing == Pricing::Vcpm,
            },
            terms: self.parts.leasing.lease_terms(),
        };
        campaign_budget.reserve(&reservation, decided.at_ms)
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
