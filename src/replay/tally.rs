//! Sums of probabilities, before and after, by flight, campaign, advertiser and place, with what an interval of
//! their difference needs.

use crate::domain::party::Advertiser;
use std::collections::HashMap;

/// A value before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Pair {
    pub(super) before: f64,
    pub(super) after: f64,
}

impl Pair {
    pub(super) fn add(&mut self, other: Pair) {
        self.before += other.before;
        self.after += other.after;
    }

    pub(super) fn scaled(self, by: Pair) -> Pair {
        Pair { before: self.before * by.before, after: self.after * by.after }
    }
}

/// Sums of values `x` and of filled slots `f` over decisions: of the values, and of their products.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) value: Pair,
    squares: Pair,
    across: f64,
    /// Of each value with the filled slots of its own side, and of the other one.
    with_filled: Pair,
    with_other_filled: Pair,
}

impl Sums {
    fn add(&mut self, value: Pair, filled: Pair) {
        self.value.add(value);
        self.squares.add(value.scaled(value));
        self.across += value.before * value.after;
        self.with_filled.add(value.scaled(filled));
        let crossed = Pair { before: filled.after, after: filled.before };
        self.with_other_filled.add(value.scaled(crossed));
    }

    /// Half of the 95 % interval of the difference of the sums over this many independent decisions.
    pub(super) fn plus_minus(&self, decisions: u64) -> f64 {
        let squares = self.squares.before + self.squares.after - 2.0 * self.across;
        let difference = self.value.after - self.value.before;
        1.96 * (squares - difference * difference / decisions.max(1) as f64).max(0.0).sqrt()
    }

    /// The parts of the filled slots.
    pub(super) fn shares(&self, filled: &Sums) -> Pair {
        let part = |value: f64, filled: f64| if filled > 0.0 { value / filled } else { 0.0 };
        Pair {
            before: part(self.value.before, filled.value.before),
            after: part(self.value.after, filled.value.after),
        }
    }

    /// Half of the 95 % interval of the difference of two shares, which are ratios of sums over the same
    /// decisions (delta method).
    pub(super) fn shares_plus_minus(&self, filled: &Sums) -> f64 {
        let share = self.shares(filled);
        let all = filled.value;
        if all.before <= 0.0 || all.after <= 0.0 {
            return 0.0;
        }
        let of_side = |square: f64, with: f64, filled: f64, share: f64| {
            square - 2.0 * share * with + share * share * filled
        };
        let (own, other, squares) = (self.with_filled, self.with_other_filled, filled.squares);
        let before = of_side(self.squares.before, own.before, squares.before, share.before);
        let after = of_side(self.squares.after, own.after, squares.after, share.after);
        let across = self.across - share.before * other.after - share.after * other.before
            + share.before * share.after * filled.across;
        let variance = before / all.before.powi(2) + after / all.after.powi(2)
            - 2.0 * across / (all.before * all.after);
        1.96 * variance.max(0.0).sqrt()
    }
}

/// Sums by key. Values of one decision are collected before they are squared.
#[derive(Default)]
pub(super) struct Group {
    names: Vec<Box<str>>,
    keys: HashMap<Box<str>, u32>,
    pub(super) sums: Vec<Sums>,
    pending: Vec<Pair>,
    touched: Vec<u32>,
}

impl Group {
    pub(super) fn key(&mut self, name: &str) -> u32 {
        if let Some(key) = self.keys.get(name) {
            return *key;
        }
        let key = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.into());
        self.keys.insert(name.into(), key);
        self.sums.push(Sums::default());
        self.pending.push(Pair::default());
        key
    }

    fn find(&self, name: &str) -> Option<u32> {
        self.keys.get(name).copied()
    }

    pub(super) fn name(&self, key: u32) -> &str {
        &self.names[key as usize]
    }

    pub(super) fn add(&mut self, key: u32, value: Pair) {
        let pending = &mut self.pending[key as usize];
        if *pending == Pair::default() {
            if value == Pair::default() {
                return;
            }
            self.touched.push(key);
        }
        pending.add(value);
    }

    /// Ends a decision, and passes the value of each key that has one.
    pub(super) fn end_decision(&mut self, filled: Pair, mut each: impl FnMut(u32, Pair)) {
        for key in self.touched.drain(..) {
            let value = std::mem::take(&mut self.pending[key as usize]);
            self.sums[key as usize].add(value, filled);
            each(key, value);
        }
    }

    /// Every key that has a value, with its sums.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&str, &Sums)> {
        let rows = self.names.iter().zip(&self.sums);
        rows.map(|(name, sums)| (&**name, sums))
            .filter(|(_, sums)| sums.value.before > 0.0 || sums.value.after > 0.0)
    }
}

/// To whom a flight belongs, by keys.
#[derive(Clone, Copy, Debug)]
struct Owner {
    campaign: u32,
    advertiser: u32,
}

/// Flights, campaigns and advertisers, and their parts of the slots.
#[derive(Default)]
pub(super) struct Parties {
    pub(super) flights: Group,
    pub(super) campaigns: Group,
    pub(super) advertisers: Group,
    /// The advertisers' spend in micros, by the same keys.
    pub(super) spend: Group,
    /// The same by currency.
    pub(super) revenue: Group,
    owners: Vec<Owner>,
    /// Of the advertisers, by key.
    currencies: Vec<u32>,
}

impl Parties {
    /// The key of a flight.
    pub(super) fn flight(&mut self, flight: &str, campaign: &str, payer: &Advertiser) -> u32 {
        let key = self.flights.key(flight);
        if key as usize == self.owners.len() {
            let advertiser = self.advertisers.key(payer.id.as_str());
            if self.spend.key(payer.id.as_str()) as usize == self.currencies.len() {
                self.currencies.push(self.revenue.key(payer.currency.as_str()));
            }
            self.owners.push(Owner { campaign: self.campaigns.key(campaign), advertiser });
        }
        key
    }

    /// Adds the expected spend of a flight's advertiser.
    pub(super) fn spend(&mut self, flight: u32, spend: Pair) {
        if spend != Pair::default() {
            let advertiser = self.owners[flight as usize].advertiser;
            self.spend.add(advertiser, spend);
            self.revenue.add(self.currencies[advertiser as usize], spend);
        }
    }

    /// The currency of an advertiser.
    pub(super) fn currency(&self, advertiser: &str) -> String {
        let key = self.advertisers.find(advertiser).map(|key| self.currencies[key as usize]);
        key.map(|key| self.revenue.name(key).to_owned()).unwrap_or_default()
    }

    /// Ends a decision.
    pub(super) fn end_decision(&mut self, filled: Pair) {
        let Parties { flights, campaigns, advertisers, owners, .. } = self;
        flights.end_decision(filled, |flight, value| {
            let owner = owners[flight as usize];
            campaigns.add(owner.campaign, value);
            advertisers.add(owner.advertiser, value);
        });
        campaigns.end_decision(filled, |_, _| {});
        advertisers.end_decision(filled, |_, _| {});
        self.spend.end_decision(filled, |_, _| {});
        self.revenue.end_decision(filled, |_, _| {});
    }
}

/// The sums of a replay.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) parties: Parties,
    pub(super) topics: Group,
    pub(super) regions: Group,
    pub(super) publishers: Group,
    pub(super) placements: Group,
    /// Filled slots.
    pub(super) filled: Sums,
    pub(super) decisions: u64,
    pub(super) slots: u64,
    /// The sum over the slots of the part of them that another flight has.
    pub(super) changed: f64,
}

impl Tally {
    /// Ends a decision with these filled slots.
    pub(super) fn end_decision(&mut self, filled: Pair) {
        self.decisions += 1;
        self.filled.add(filled, filled);
        self.parties.end_decision(filled);
        let places =
            [&mut self.topics, &mut self.regions, &mut self.publishers, &mut self.placements];
        for group in places {
            group.end_decision(filled, |_, _| {});
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::prelude::*;
    use rand_pcg::Pcg64;

    /// A decision with two slots: what one flight has of them, and how much is filled.
    fn decision(rng: &mut Pcg64) -> (Pair, Pair) {
        let kind = rng.random_range(0..3);
        let noise: f64 = rng.random_range(0.0..0.2);
        let own =
            [Pair { before: 0.5, after: 0.9 }, Pair { before: 0.2, after: 0.2 }, Pair::default()];
        let filled = [
            Pair { before: 2.0, after: 2.0 },
            Pair { before: 1.0, after: 1.6 },
            Pair { before: 0.4, after: 1.0 },
        ];
        let value = Pair { before: own[kind].before + noise, after: own[kind].after + noise };
        (value, filled[kind])
    }

    #[test]
    fn intervals_are_as_wide_as_results_of_other_traffic_differ() {
        let mut rng = Pcg64::seed_from_u64(7);
        let (mut shares, mut sums, mut said) = (Vec::new(), Vec::new(), Pair::default());
        let rounds = 600;
        for _ in 0..rounds {
            let (mut own, mut all) = (Sums::default(), Sums::default());
            for _ in 0..200 {
                let (value, filled) = decision(&mut rng);
                own.add(value, filled);
                all.add(filled, filled);
            }
            let share = own.shares(&all);
            shares.push(share.after - share.before);
            sums.push(own.value.after - own.value.before);
            let both = Pair { before: own.shares_plus_minus(&all), after: own.plus_minus(200) };
            said.add(both);
        }
        let spread = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            1.96 * (squares / values.len() as f64).sqrt()
        };
        let (share, sum) = (said.before / f64::from(rounds), said.after / f64::from(rounds));
        assert!((share / spread(&shares) - 1.0).abs() < 0.1, "{share} and {}", spread(&shares));
        assert!((sum / spread(&sums) - 1.0).abs() < 0.1, "{sum} and {}", spread(&sums));
    }

    #[test]
    fn what_is_the_same_before_and_after_has_no_interval() {
        let (mut own, mut all) = (Sums::default(), Sums::default());
        let mut rng = Pcg64::seed_from_u64(8);
        for _ in 0..100 {
            let (value, filled) = decision(&mut rng);
            let same = |of: Pair| Pair { before: of.before, after: of.before };
            own.add(same(value), same(filled));
            all.add(same(filled), same(filled));
        }
        assert!(own.shares_plus_minus(&all) < 1e-6 && own.plus_minus(100) < 1e-6);
        assert_eq!(Sums::default().shares_plus_minus(&Sums::default()), 0.0);
    }
}
