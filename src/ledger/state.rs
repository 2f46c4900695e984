//! The ledger's state and its queries. Only [`apply`](crate::ledger::apply) changes it, record by
//! record.

use crate::domain::event::{InvalidReason, Verdict};
use crate::domain::money::Micros;
use crate::journal::PARTITIONS;
use crate::ledger::account::Account;
use crate::ledger::dedupe::DecisionUses;
use crate::ledger::leases::{LeaseGrant, Leases};
use crate::ledger::outcome::{Adjustment, EventVerdict};
use crate::ledger::peers::Peers;
use crate::ledger::record::{Credit, DecisionKey, Event, LeaseRequest};
use crate::ledger::rules::Rules;
use crate::ledger::views::Views;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An issued credit or refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IssuedCredit {
    pub(crate) campaign: Box<str>,
    /// The day it applies to.
    pub(crate) day: i32,
    /// The requested amount.
    pub(crate) requested: Micros,
    /// The credited amount.
    pub(crate) micros: Micros,
}

/// The full state of the ledger: a fold over the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Spend and budget, by campaign.
    pub accounts: BTreeMap<Box<str>, Account>,
    /// Aggregates for reports and metrics.
    pub views: Views,
    pub(super) partitions: Vec<Partition>,
    /// Issued credits and refunds, by partition and id.
    pub(super) issued_credits: BTreeMap<(u8, u128), IssuedCredit>,
    /// The last applied LSN of each partition, by incarnation.
    pub(super) positions: BTreeMap<u64, Vec<u64>>,
    pub(super) applied: u64,
    /// The writers of each partition.
    pub(super) peers: Vec<Peers>,
}

/// State of one partition's decisions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Partition {
    /// The event windows in force.
    pub(super) rules: Rules,
    pub(super) uses: DecisionUses,
    /// Events waiting for their impression, each with the incarnation that recorded it.
    pub(super) pending: BTreeMap<DecisionKey, Vec<(u64, Arc<Event>)>>,
    pub(super) deadlines: BTreeSet<(i64, DecisionKey)>,
    pub(super) latest_ms: i64,
}

impl Default for State {
    fn default() -> State {
        State {
            accounts: BTreeMap::new(),
            views: Views::default(),
            partitions: vec![Partition::default(); usize::from(PARTITIONS)],
            issued_credits: BTreeMap::new(),
            positions: BTreeMap::new(),
            applied: 0,
            peers: vec![Peers::default(); usize::from(PARTITIONS)],
        }
    }
}

impl State {
    /// Partitions with pending events whose grace period is over at `now_ms`: a tick settles them.
    pub(crate) fn overdue(&self, now_ms: i64) -> Vec<u8> {
        let is_over = |partition: &Partition| {
            partition.deadlines.first().is_some_and(|(end, _)| *end < now_ms)
        };
        (0..PARTITIONS).filter(|at| is_over(&self.partitions[usize::from(*at)])).collect()
    }

    /// When the first pending event of a partition is due, in unix milliseconds.
    pub(super) fn deadline(&self, partition: u8) -> Option<i64> {
        self.partitions[usize::from(partition)].deadlines.first().map(|(end, _)| *end)
    }

    /// Partitions whose event windows differ from `rules`.
    pub(crate) fn partitions_with_other_rules(&self, rules: &Rules) -> Vec<u8> {
        (0..PARTITIONS).filter(|at| self.partitions[usize::from(*at)].rules != *rules).collect()
    }

    /// Compares the partitions of the state that no report shows.
    pub(super) fn internal_mismatches(&self, other: &State) -> Vec<String> {
        let mut found = Vec::new();
        let mut note = |differs: bool, what: String| found.extend(differs.then_some(what));
        note(self.applied != other.applied, "number of records".into());
        note(self.positions != other.positions, "last LSNs by incarnation".into());
        note(self.issued_credits != other.issued_credits, "credits and refunds".into());
        for (at, (own, other)) in self.partitions.iter().zip(&other.partitions).enumerate() {
            note(own.rules != other.rules, format!("event windows of partition {at}"));
            note(own.uses != other.uses, format!("used decisions of partition {at}"));
            note(own.pending != other.pending, format!("pending events of partition {at}"));
            note(own.deadlines != other.deadlines, format!("deadlines of partition {at}"));
            note(own.latest_ms != other.latest_ms, format!("clock of partition {at}"));
        }
        for (at, (own, other)) in self.peers.iter().zip(&other.peers).enumerate() {
            note(own != other, format!("writers of partition {at}"));
        }
        found
    }

    /// Pending events of a partition that an incarnation recorded.
    pub(crate) fn pending_of(&self, by: u64, partition: u8) -> impl Iterator<Item = &Arc<Event>> {
        let pending = self.partitions[usize::from(partition)].pending.values().flatten();
        pending.filter(move |(recorded, _)| *recorded == by).map(|(_, event)| event)
    }

    /// Number of records applied.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The last applied LSN of an incarnation in a partition.
    pub(crate) fn position(&self, incarnation: u64, partition: u8) -> u64 {
        let lsns = self.positions.get(&incarnation);
        lsns.and_then(|all| all.get(usize::from(partition))).copied().unwrap_or(0)
    }

    /// Every incarnation with records in a partition, with its last applied LSN.
    pub(crate) fn incarnations_of(&self, partition: u8) -> Vec<(u64, u64)> {
        let starts = self.positions.keys().map(|start| (*start, self.position(*start, partition)));
        starts.filter(|(_, last)| *last > 0).collect()
    }

    /// The latest recorded time, in unix milliseconds.
    pub fn latest_ms(&self) -> i64 {
        self.partitions.iter().map(|partition| partition.latest_ms).max().unwrap_or(0)
    }

    /// The last applied LSN of each partition, by incarnation.
    pub(crate) fn positions(&self) -> &BTreeMap<u64, Vec<u64>> {
        &self.positions
    }

    /// The issued credit or refund with this id.
    pub(crate) fn issued_credit(&self, id: u128) -> Option<&IssuedCredit> {
        (0..PARTITIONS).find_map(|partition| self.issued_credits.get(&(partition, id)))
    }

    /// Every campaign with leases, and its partition.
    pub(crate) fn leases(&self) -> impl Iterator<Item = (u8, &str, &Leases)> {
        (0..PARTITIONS).zip(&self.peers).flat_map(|(partition, peers)| {
            peers.leases.iter().map(move |(campaign, leases)| (partition, &**campaign, leases))
        })
    }

    /// Grants lease requests, as far as the budget allows.
    pub(super) fn lease(
        &mut self,
        at: usize,
        origin: u64,
        of: u64,
        wants: &[LeaseRequest],
    ) -> Vec<LeaseGrant> {
        let mut leased = Vec::with_capacity(wants.len());
        for LeaseRequest { campaign, day, micros } in wants {
            let left = self.accounts.get(campaign).and_then(|account| account.left(*day));
            let leases = self.peers[at].leases.entry(campaign.clone()).or_default();
            let most = if of == origin { Micros::MAX } else { leases.held_by(of) };
            let micros = leases.request(of, most.min(*micros), left);
            if leases.is_empty() {
                self.peers[at].leases.remove(campaign);
            }
            leased.push(LeaseGrant { campaign: campaign.clone(), holder: of, micros });
        }
        leased
    }

    /// Bills the event's price, if it has one and the budget allows it.
    pub(super) fn bill(&mut self, at: usize, event: &Event) -> (Verdict, Micros) {
        if event.price == Micros::ZERO {
            return (Verdict::Counted, Micros::ZERO);
        }
        let campaign = &event.attribution.campaign;
        let fits = match self.accounts.get_mut(campaign) {
            Some(account) => account.bill(event.day, event.price),
            None => self.accounts.entry(campaign.clone()).or_default().bill(event.day, event.price),
        };
        if fits {
            if let Some(leases) = self.peers[at].leases.get_mut(campaign) {
                leases.deduct(event.decision_key.incarnation, event.price);
            }
            (Verdict::Counted, event.price)
        } else {
            (Verdict::Invalid(InvalidReason::OverBudget), Micros::ZERO)
        }
    }

    /// Reverses a counted event, once; has no effect on an event that did not count.
    pub(super) fn credit(&mut self, partition: u8, credit: &Credit) -> Option<Adjustment> {
        let (event, id) = (&credit.event, (partition, credit.id));
        if !self.views.has_counted(event) || self.issued_credits.contains_key(&id) {
            return None;
        }
        let campaign = &event.attribution.campaign;
        let micros = self.issue_credit(id, campaign, event.day, credit.micros);
        self.views.add_credit(event, micros);
        Some(Adjustment {
            at_ms: credit.at_ms,
            attribution: event.attribution.clone(),
            day: event.day,
            decided_at_ms: event.decided_at_ms,
            micros,
            event: Some(event.clone()),
        })
    }

    /// Credits money to a campaign: at most what was billed on that day.
    pub(super) fn issue_credit(
        &mut self,
        id: (u8, u128),
        campaign: &str,
        day: i32,
        requested: Micros,
    ) -> Micros {
        let account = self.accounts.get_mut(campaign);
        let micros = account.map_or(Micros::ZERO, |account| account.credit(day, requested));
        self.issued_credits
            .insert(id, IssuedCredit { campaign: campaign.into(), day, requested, micros });
        micros
    }

    pub(super) fn record_verdict(
        &mut self,
        by: u64,
        event: &Arc<Event>,
        verdict: Verdict,
        billed: Micros,
    ) -> EventVerdict {
        self.views.add_verdict(event, verdict, billed);
        EventVerdict { recorded_by: by, event: event.clone(), verdict, billed, was_pending: false }
    }

    /// The same for an event that was pending.
    pub(super) fn record_final_verdict(
        &mut self,
        by: u64,
        event: &Arc<Event>,
        verdict: Verdict,
        billed: Micros,
    ) -> EventVerdict {
        self.views.settle_pending(event, verdict, billed);
        EventVerdict { recorded_by: by, event: event.clone(), verdict, billed, was_pending: true }
    }
}
