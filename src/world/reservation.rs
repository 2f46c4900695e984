//! Money reserved by decisions until their event is billed or the reservation expires: per process and
//! campaign.

use crate::domain::money::Micros;
use crate::world::lease::LeaseTerms;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// A decision's reservation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reservation {
    /// The decision's id.
    pub(crate) decision: u128,
    /// The amount to reserve.
    pub(crate) price: Micros,
    /// The publisher's number.
    pub(crate) publisher: u32,
    /// The largest share of the remaining budget that one publisher may reserve, in per cent.
    pub(crate) publisher_percent: u8,
    /// Expiry, in unix milliseconds.
    pub(crate) until_ms: i64,
    /// Lease terms, if a fleet shares the budget.
    pub(crate) terms: Option<LeaseTerms>,
}

/// Reservations of one campaign.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reservations {
    total: i64,
    by_publisher: HashMap<u32, i64>,
    /// Each reservation by its expiry, in unix milliseconds.
    expiries: BTreeMap<(i64, u128), (Micros, u32)>,
    expiry_of: HashMap<u128, i64>,
}

impl Reservations {
    /// Makes a reservation if `left` covers it beside the other reservations. Once a second publisher
    /// has requested one, no publisher may reserve more than its share of `left`, so that requests
    /// without impressions cannot exhaust a budget for other publishers. A price of zero always fits.
    pub(crate) fn reserve(&mut self, reservation: &Reservation, left: Option<Micros>) -> bool {
        let Some(left) = left else { return true };
        let Reservation { decision, price, publisher, until_ms, .. } = *reservation;
        let publisher_total = *self.by_publisher.entry(publisher).or_default();
        let share = left.get() / 100 * i64::from(reservation.publisher_percent);
        let alone = self.by_publisher.len() == 1;
        let price_micros = price.get();
        if price_micros == 0 {
            return true;
        }
        if self.total + price_micros > left.get()
            || (publisher_total + price_micros > share && !alone)
        {
            return false;
        }
        self.total += price_micros;
        *self.by_publisher.entry(publisher).or_default() += price_micros;
        self.expiries.insert((until_ms, decision), (price, publisher));
        self.expiry_of.insert(decision, until_ms);
        true
    }

    /// Extends a decision's reservation to `until_ms`: its event is recorded here and not billed yet.
    pub(crate) fn extend(&mut self, decision: u128, until_ms: i64) {
        let Some(expiry) = self.expiry_of.get_mut(&decision) else { return };
        if let Some(held) = self.expiries.remove(&(*expiry, decision)) {
            *expiry = until_ms.max(*expiry);
            self.expiries.insert((*expiry, decision), held);
        }
    }

    /// Settles a decision's reservation: its event was billed.
    pub(crate) fn settle(&mut self, decision: u128) {
        if let Some(until_ms) = self.expiry_of.remove(&decision) {
            self.release((until_ms, decision));
        }
    }

    /// Releases every reservation that expires at `now_ms` or earlier.
    pub(crate) fn expire(&mut self, now_ms: i64) {
        while let Some((key, _)) =
            self.expiries.first_key_value().filter(|((until, _), _)| *until <= now_ms)
        {
            let key = *key;
            self.expiry_of.remove(&key.1);
            self.release(key);
        }
    }

    fn release(&mut self, key: (i64, u128)) {
        if let Some((price, publisher)) = self.expiries.remove(&key) {
            self.total -= price.get();
            if let Some(held) = self.by_publisher.get_mut(&publisher) {
                *held -= price.get();
            }
        }
    }

    /// The reserved total, capped at the largest amount.
    pub(crate) fn total(&self) -> Micros {
        Micros::try_from(self.total).unwrap_or(Micros::MAX)
    }
}
