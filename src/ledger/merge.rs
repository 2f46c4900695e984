//! Merges states of different partitions: partitions do not depend on each other, so the merged
//! state is that of one ledger that applied everything.

use crate::domain::money::Micros;
use crate::ledger::account::Account;
use crate::ledger::peers::Peers;
use crate::ledger::state::{Partition, State};
use crate::ledger::views::{Quarter, Tally, Views};
use std::collections::BTreeMap;
use std::sync::Arc;

impl State {
    /// Merges the state of other partitions into this one.
    pub(crate) fn merge(&mut self, other: State) {
        let State { accounts, views, partitions, issued_credits, positions, applied, peers } =
            other;
        for (campaign, account) in accounts {
            self.accounts.entry(campaign).or_default().merge(account);
        }
        self.views.merge(views);
        for (own, partition) in self.partitions.iter_mut().zip(partitions) {
            if partition != Partition::default() {
                *own = partition;
            }
        }
        for (own, peers) in self.peers.iter_mut().zip(peers) {
            if peers != Peers::default() {
                *own = peers;
            }
        }
        self.issued_credits.extend(issued_credits);
        for (incarnation, numbers) in positions {
            let own = self.positions.entry(incarnation).or_insert_with(|| vec![0; numbers.len()]);
            for (own, number) in own.iter_mut().zip(numbers) {
                *own = (*own).max(number);
            }
        }
        self.applied += applied;
    }
}

impl Account {
    fn merge(&mut self, other: Account) {
        self.lifetime = self.lifetime.or(other.lifetime);
        self.daily = self.daily.or(other.daily);
        add(&mut self.spent, other.spent);
        add(&mut self.credited, other.credited);
        sum(&mut self.by_day, other.by_day, add);
    }
}

impl Views {
    fn merge(&mut self, other: Views) {
        sum(&mut self.totals, other.totals, Tally::merge);
        for (at, quarter) in other.quarters {
            match self.quarters.get_mut(&at) {
                Some(own) => Arc::make_mut(own).merge(Arc::unwrap_or_clone(quarter)),
                None => drop(self.quarters.insert(at, quarter)),
            }
        }
    }
}

impl Quarter {
    fn merge(&mut self, other: Quarter) {
        sum(&mut self.events, other.events, Tally::merge);
        sum(&mut self.served, other.served, |own, more| *own += more);
        sum(&mut self.empty, other.empty, |own, more| *own += more);
        sum(&mut self.refunded, other.refunded, add);
    }
}

impl Tally {
    fn merge(&mut self, other: Tally) {
        self.received += other.received;
        self.counted += other.counted;
        self.duplicate += other.duplicate;
        self.pending += other.pending;
        sum(&mut self.invalid, other.invalid, |own, more| *own += more);
        add(&mut self.billed, other.billed);
        add(&mut self.credited, other.credited);
    }
}

fn add(own: &mut Micros, more: Micros) {
    *own = own.checked_add(more).unwrap_or(Micros::MAX);
}

fn sum<K: Ord, V: Default>(
    own: &mut BTreeMap<K, V>,
    other: BTreeMap<K, V>,
    merge: impl Fn(&mut V, V),
) {
    for (key, value) in other {
        merge(own.entry(key).or_default(), value);
    }
}
