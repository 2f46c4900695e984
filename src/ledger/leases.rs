//! Money of a campaign that process starts may spend without asking anybody: each has a lease, and
//! all of them together are never more than what is left. A lease is asked for by a record, granted by
//! the order of records, and used up by the bills of its holder's decisions, wherever their events
//! come. So whoever stays within its lease can sell nothing that nobody will pay.

use crate::domain::money::Micros;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

/// The leases of one campaign, by process start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Leases(BTreeMap<u64, Micros>);

/// What a process start has of a campaign's money since a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// Whose money.
    pub campaign: Box<str>,
    /// Who has it.
    pub of: u64,
    /// How much.
    pub micros: Micros,
}

impl Leases {
    /// What a process start has.
    pub fn of(&self, holder: u64) -> Micros {
        self.0.get(&holder).copied().unwrap_or_default()
    }

    /// What all others have.
    pub fn others(&self, holder: u64) -> Micros {
        let others = self.0.iter().filter(|(one, _)| **one != holder);
        let sum = others.fold(0i64, |sum, (_, micros)| sum.saturating_add(micros.get()));
        Micros::try_from(sum).unwrap_or(Micros::MAX)
    }

    /// Who has something.
    pub fn holders(&self) -> impl Iterator<Item = u64> {
        self.0.keys().copied()
    }

    /// Whether nobody has anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A holder wants to have `wanted` of what is `left`: it gets what others do not have, and may
    /// always have less than before. Says what it has now.
    pub fn ask(&mut self, holder: u64, wanted: Micros, left: Option<Micros>) -> Micros {
        let has = self.of(holder);
        let free = left.map_or(Micros::MAX, |left| left.saturating_sub(self.others(holder)));
        let granted = wanted.min(has.max(free));
        self.set(holder, granted);
        granted
    }

    /// Takes over what a holder has.
    pub fn set(&mut self, holder: u64, micros: Micros) {
        if micros > Micros::ZERO {
            self.0.insert(holder, micros);
        } else {
            self.0.remove(&holder);
        }
    }

    /// A decision of a holder was billed: its lease and what is left are both less by that.
    pub fn billed(&mut self, holder: u64, price: Micros) {
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
        fn all_leases_together_are_never_more_than_what_is_left(
            steps in prop::collection::vec((0u64..4, 0i64..60, any::<bool>()), 0..80),
        ) {
            let (mut leases, mut left) = (Leases::default(), 100);
            for (holder, amount, bills) in steps {
                let has = leases.of(holder);
                if bills {
                    let price = amount.min(has.get());
                    leases.billed(holder, micros(price));
                    left -= price;
                } else {
                    let granted = leases.ask(holder, micros(amount), Some(micros(left)));
                    prop_assert!(granted == micros(amount) || granted >= has);
                }
                let sum: i64 = leases.holders().map(|holder| leases.of(holder).get()).sum();
                prop_assert!(sum <= left, "{} of {}", sum, left);
            }
        }
    }

    #[test]
    fn who_gives_back_makes_room_for_others() {
        let mut leases = Leases::default();
        assert_eq!(leases.ask(1, micros(80), Some(micros(100))), micros(80));
        assert_eq!(leases.ask(2, micros(80), Some(micros(100))), micros(20));
        assert_eq!(leases.ask(1, Micros::ZERO, Some(micros(100))), Micros::ZERO);
        assert_eq!(leases.ask(2, micros(80), Some(micros(100))), micros(80));
        assert_eq!((leases.others(1), leases.holders().count()), (micros(80), 1));
    }
}
