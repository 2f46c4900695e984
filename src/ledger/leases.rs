//! Leases on a campaign budget or a goal: what each incarnation may spend without coordination. All leases
//! together never exceed what remains. A lease is requested by a record, granted by the
//! order of records, and used up by the bills of its holder's decisions, wherever their events
//! arrive. So an instance that stays within its lease sells nothing that exceeds the budget.

use crate::domain::event::EventKind;
use crate::domain::money::Micros;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Leases on one campaign budget or goal, by incarnation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leases(BTreeMap<u64, Micros>);

/// What a lease is on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Leased {
    /// A campaign's budget.
    Budget(Box<str>),
    /// A flight's goal in events of a kind.
    Goal(Box<str>, EventKind),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeaseGrant {
    pub(crate) of: Leased,
    /// The incarnation that holds it.
    pub(crate) holder: u64,
    /// The amount.
    pub(crate) micros: Micros,
}

impl Leases {
    /// The lease of an incarnation.
    pub(crate) fn held_by(&self, holder: u64) -> Micros {
        self.0.get(&holder).copied().unwrap_or_default()
    }

    /// The sum of all other leases.
    pub(crate) fn held_by_others(&self, holder: u64) -> Micros {
        let others = self.0.iter().filter(|(one, _)| **one != holder);
        let sum = others.fold(0i64, |sum, (_, micros)| sum.saturating_add(micros.get()));
        Micros::try_from(sum).unwrap_or(Micros::MAX)
    }

    /// Incarnations with a lease.
    pub(crate) fn holders(&self) -> impl Iterator<Item = u64> {
        self.0.keys().copied()
    }

    /// Whether there is no lease.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Requests a lease of `requested` in total while `left` of the budget remains. Grants what
    /// other leases leave; a smaller lease than before is always granted. Returns the new lease.
    pub(crate) fn request(
        &mut self,
        holder: u64,
        requested: Micros,
        left: Option<Micros>,
    ) -> Micros {
        let has = self.held_by(holder);
        let free =
            left.map_or(Micros::MAX, |left| left.saturating_sub(self.held_by_others(holder)));
        let granted = requested.min(has.max(free));
        self.set(holder, granted);
        granted
    }

    pub(crate) fn set(&mut self, holder: u64, micros: Micros) {
        if micros > Micros::ZERO {
            self.0.insert(holder, micros);
        } else {
            self.0.remove(&holder);
        }
    }

    /// Deducts a billed price from the lease of the decision's incarnation.
    pub(crate) fn deduct(&mut self, holder: u64, price: Micros) {
        if let Some(has) = self.0.get(&holder) {
            self.set(holder, has.saturating_sub(price));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn micros(amount: i64) -> Micros {
        Micros::try_from(amount).unwrap()
    }

    proptest! {
        #[test]
        fn leases_never_exceed_the_remaining_budget(
            steps in prop::collection::vec((0u64..4, 0i64..60, any::<bool>()), 0..80),
        ) {
            let (mut leases, mut left) = (Leases::default(), 100);
            for (holder, amount, bills) in steps {
                let has = leases.held_by(holder);
                if bills {
                    let price = amount.min(has.get());
                    leases.deduct(holder, micros(price));
                    left -= price;
                } else {
                    let granted = leases.request(holder, micros(amount), Some(micros(left)));
                    prop_assert!(granted == micros(amount) || granted >= has);
                }
                let sum: i64 = leases.holders().map(|holder| leases.held_by(holder).get()).sum();
                prop_assert!(sum <= left, "{} of {}", sum, left);
            }
        }
    }

    #[test]
    fn a_returned_lease_is_available_to_others() {
        let mut leases = Leases::default();
        assert_eq!(leases.request(1, micros(80), Some(micros(100))), micros(80));
        assert_eq!(leases.request(2, micros(80), Some(micros(100))), micros(20));
        assert_eq!(leases.request(1, Micros::ZERO, Some(micros(100))), Micros::ZERO);
        assert_eq!(leases.request(2, micros(80), Some(micros(100))), micros(80));
        assert_eq!((leases.held_by_others(1), leases.holders().count()), (micros(80), 1));
    }
}
