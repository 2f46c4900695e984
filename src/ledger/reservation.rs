//! Money that decisions hold until their event comes or does not: in this process, by campaign.

use crate::domain::money::Micros;
use std::collections::BTreeMap;
use std::collections::HashMap;

/// What one campaign's decisions hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    total: i64,
    by_publisher: HashMap<u32, i64>,
    /// Each hold by when it ends, in unix milliseconds.
    ends: BTreeMap<(i64, u128), (Micros, u32)>,
    ends_of: HashMap<u128, i64>,
}

impl Held {
    /// Holds `price` for a decision if `left` has room beside what is held. Once a second publisher
    /// has asked, none of them may hold more than `publisher_percent` of `left`: nobody locks
    /// another's pages out by asking without showing. A price of zero always fits.
    pub fn hold(
        &mut self,
        decision: u128,
        price: Micros,
        left: Option<Micros>,
        publisher: u32,
        publisher_percent: u8,
        until_ms: i64,
    ) -> bool {
        let Some(left) = left else { return true };
        let price_micros = price.get();
        let own = *self.by_publisher.entry(publisher).or_default();
        let share = left.get() / 100 * i64::from(publisher_percent);
        let alone = self.by_publisher.len() == 1;
        if price_micros > 0
            && (self.total + price_micros > left.get() || (own + price_micros > share && !alone))
        {
            return false;
        }
        if price_micros > 0 {
            self.total += price_micros;
            *self.by_publisher.entry(publisher).or_default() += price_micros;
            self.ends.insert((until_ms, decision), (price, publisher));
            self.ends_of.insert(decision, until_ms);
        }
        true
    }

    /// Lets a decision's hold last until `until_ms`: its event is on record here, and what it costs
    /// is not known yet.
    pub fn keep(&mut self, decision: u128, until_ms: i64) {
        let Some(ends) = self.ends_of.get_mut(&decision) else { return };
        if let Some(held) = self.ends.remove(&(*ends, decision)) {
            *ends = until_ms.max(*ends);
            self.ends.insert((*ends, decision), held);
        }
    }

    /// Ends a decision's hold: its event was billed.
    pub fn post(&mut self, decision: u128) {
        if let Some(until_ms) = self.ends_of.remove(&decision) {
            self.end((until_ms, decision));
        }
    }

    /// Ends every hold that was to last until `now_ms` at the most.
    pub fn expire(&mut self, now_ms: i64) {
        while let Some((key, _)) =
            self.ends.first_key_value().filter(|((until, _), _)| *until <= now_ms)
        {
            let key = *key;
            self.ends_of.remove(&key.1);
            self.end(key);
        }
    }

    fn end(&mut self, key: (i64, u128)) {
        if let Some((price, publisher)) = self.ends.remove(&key) {
            self.total -= price.get();
            if let Some(held) = self.by_publisher.get_mut(&publisher) {
                *held -= price.get();
            }
        }
    }

    /// What is held in all; more than an amount may be is the most that it may be.
    pub fn total(&self) -> Micros {
        Micros::try_from(self.total).unwrap_or(Micros::MAX)
    }
}
