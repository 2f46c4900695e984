//! The ledger's state: all partitions, and the queries that concern more than one.

use crate::domain::event::EventKind;
use crate::journal::PARTITIONS;
use crate::ledger::account::Account;
use crate::ledger::flight_counts::FlightCounts;
use crate::ledger::leases::{Leased, Leases};
use crate::ledger::partition::{IssuedCredit, PartitionState};
use crate::ledger::record::Refund;
use crate::ledger::rules::Rules;
use crate::ledger::views::{Tally, Views};
use crate::ledger::writers::Writers;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The full state of the ledger: a fold over the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    partitions: Vec<PartitionState>,
}

impl Default for State {
    fn default() -> State {
        State { partitions: vec![PartitionState::default(); usize::from(PARTITIONS)] }
    }
}

impl State {
    /// One partition.
    pub(crate) fn partition(&self, at: u8) -> &PartitionState {
        &self.partitions[usize::from(at % PARTITIONS)]
    }

    /// One partition, to be changed.
    pub(crate) fn partition_mut(&mut self, at: u8) -> &mut PartitionState {
        &mut self.partitions[usize::from(at % PARTITIONS)]
    }

    /// All partitions with their numbers.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = (u8, &PartitionState)> {
        (0..PARTITIONS).zip(&self.partitions)
    }

    /// All accounts, by campaign.
    pub fn accounts(&self) -> BTreeMap<&str, &Account> {
        let accounts = self.partitions.iter().flat_map(|partition| &partition.accounts);
        accounts.map(|(campaign, account)| (&**campaign, account)).collect()
    }

    /// The account of a campaign.
    pub fn account(&self, campaign: &str) -> Option<&Account> {
        self.partitions.iter().find_map(|partition| partition.accounts.get(campaign))
    }

    /// The account of a campaign, to be changed: only tests do, to see that a change is noticed.
    pub fn account_mut(&mut self, campaign: &str) -> Option<&mut Account> {
        self.partitions.iter_mut().find_map(|partition| partition.accounts.get_mut(campaign))
    }

    /// A copy of all aggregates that shares unchanged data.
    pub(crate) fn views(&self) -> Views {
        Views::of(self.partitions.iter().map(|partition| &partition.views))
    }

    /// Event counts by kind.
    pub fn totals(&self) -> BTreeMap<EventKind, Tally> {
        let mut totals: BTreeMap<EventKind, Tally> = BTreeMap::new();
        for (kind, tally) in self.partitions.iter().flat_map(|partition| &partition.views.totals) {
            totals.entry(*kind).or_default().merge(tally);
        }
        totals
    }

    /// Partitions with pending events whose grace period is over at `now_ms`: a tick settles them.
    pub(crate) fn overdue(&self, now_ms: i64) -> Vec<u8> {
        let is_over =
            |partition: &PartitionState| partition.deadline().is_some_and(|end| end < now_ms);
        self.partitions().filter(|(_, one)| is_over(one)).map(|(at, _)| at).collect()
    }

    /// Partitions whose event windows differ from `rules`.
    pub(crate) fn partitions_with_other_rules(&self, rules: &Rules) -> Vec<u8> {
        self.partitions().filter(|(_, one)| one.rules != *rules).map(|(at, _)| at).collect()
    }

    /// Names the differences to another state that no report shows.
    pub(super) fn internal_mismatches(&self, other: &State) -> Vec<String> {
        let pairs = self.partitions().zip(&other.partitions);
        pairs.flat_map(|((at, own), other)| own.internal_mismatches(other, at)).collect()
    }

    /// Number of records applied.
    pub fn applied(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.applied).sum()
    }

    /// The last applied LSN of an incarnation in a partition.
    pub(crate) fn position(&self, incarnation: u64, partition: u8) -> u64 {
        self.partition(partition).position(incarnation)
    }

    /// The latest recorded time, in unix milliseconds.
    pub fn latest_ms(&self) -> i64 {
        self.partitions.iter().map(|partition| partition.latest_ms).max().unwrap_or(0)
    }

    /// The latest stamp of a record.
    pub(crate) fn latest_stamp(&self) -> i64 {
        let positions = self.partitions.iter().flat_map(|one| one.positions.values());
        positions.map(|position| position.stamp).max().unwrap_or(0)
    }

    /// The issued credit or refund with this id.
    pub(crate) fn issued_credit(&self, id: u128) -> Option<&IssuedCredit> {
        self.partitions.iter().find_map(|partition| partition.issued_credits.get(&id))
    }

    /// Whether a credit or refund with this id waits for the events that it concerns.
    pub(crate) fn is_waiting(&self, id: u128) -> bool {
        self.partitions.iter().any(|partition| partition.waiting.contains_key(&id))
    }

    /// Number of credits and refunds that wait for the events that they concern.
    pub(crate) fn waiting(&self) -> usize {
        self.partitions.iter().map(PartitionState::waiting).sum()
    }

    /// Whether the records are of an instance that shares its log with others.
    pub(crate) fn is_shared(&self) -> bool {
        self.partitions.iter().any(|partition| partition.writers != Writers::default())
    }

    /// The refund with this id, if it waits.
    pub(crate) fn waiting_refund(&self, id: u128) -> Option<&Refund> {
        self.partitions.iter().find_map(|partition| partition.waiting_refund(id))
    }

    /// What counted for a flight of a campaign in this partition, and its goals.
    pub(crate) fn flight_counts(&self, partition: u8, flight: &str) -> Option<&FlightCounts> {
        self.partition(partition).flights.get(flight)
    }

    /// Everything with leases, and its partition.
    pub(crate) fn leases(&self) -> impl Iterator<Item = (u8, Leased, &Leases)> {
        let partitions = self.partitions();
        partitions.flat_map(|(at, one)| one.leased().map(move |(of, leases)| (at, of, leases)))
    }
}
