//! States of different partitions, put together: what one partition says depends on no other, so the
//! sums over all of them are those of one state that applied everything.

use crate::domain::money::Micros;
use crate::ledger::account::Account;
use crate::ledger::peers::Peers;
use crate::ledger::state::Part;
use crate::ledger::state::State;
use crate::ledger::views::Quarter;
use crate::ledger::views::Tally;
use crate::ledger::views::Views;
use std::collections::BTreeMap;
use std::sync::Arc;

impl State {
    /// Takes in what other partitions say.
    pub fn join(&mut self, other: State) {
        let State { accounts, views, parts, given, positions, applied, peers } = other;
        for (campaign, account) in accounts {
            self.accounts.entry(campaign).or_default().join(account);
        }
        self.views.join(views);
        for (own, part) in self.parts.iter_mut().zip(parts) {
            if part != Part::default() {
                *own = part;
            }
        }
        for (own, peers) in self.peers.iter_mut().zip(peers) {
            if peers != Peers::default() {
                *own = peers;
            }
        }
        self.given.extend(given);
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
    fn join(&mut self, other: Account) {
        self.lifetime = self.lifetime.or(other.lifetime);
        self.daily = self.daily.or(other.daily);
        add(&mut self.spent, other.spent);
        add(&mut self.returned, other.returned);
        sum(&mut self.by_day, other.by_day, add);
    }
}

impl Views {
    fn join(&mut self, other: Views) {
        sum(&mut self.totals, other.totals, Tally::join);
        for (at, quarter) in other.quarters {
            match self.quarters.get_mut(&at) {
                Some(own) => Arc::make_mut(own).join(Arc::unwrap_or_clone(quarter)),
                None => drop(self.quarters.insert(at, quarter)),
            }
        }
    }
}

impl Quarter {
    fn join(&mut self, other: Quarter) {
        sum(&mut self.events, other.events, Tally::join);
        sum(&mut self.served, other.served, |own, more| *own += more);
        sum(&mut self.empty, other.empty, |own, more| *own += more);
        sum(&mut self.refunded, other.refunded, add);
    }
}

impl Tally {
    fn join(&mut self, other: Tally) {
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
    join: impl Fn(&mut V, V),
) {
    for (key, value) in other {
        join(own.entry(key).or_default(), value);
    }
}
