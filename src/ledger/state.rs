//! The ledger's whole state, and what can be asked of it. Only [`apply`](crate::ledger::apply) moves
//! it, record by record.

use crate::domain::event::InvalidReason;
use crate::domain::event::Verdict;
use crate::domain::money::Micros;
use crate::journal::PARTITIONS;
use crate::ledger::account::Account;
use crate::ledger::apply::Judged;
use crate::ledger::apply::Returned;
use crate::ledger::dedupe::Seen;
use crate::ledger::leases::Leased;
use crate::ledger::leases::Leases;
use crate::ledger::peers::Peers;
use crate::ledger::record::Credit;
use crate::ledger::record::Event;
use crate::ledger::record::Minted;
use crate::ledger::record::Want;
use crate::ledger::rules::Rules;
use crate::ledger::views::Views;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A credit or a refund that was given, by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Whose.
    pub campaign: Box<str>,
    /// For which day.
    pub day: i32,
    /// What was asked for.
    pub asked: Micros,
    /// What came back.
    pub micros: Micros,
}

/// The ledger's whole state: a fold over the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Money, by campaign.
    pub accounts: BTreeMap<Box<str>, Account>,
    /// What was judged, added up.
    pub views: Views,
    pub(super) parts: Vec<Part>,
    /// Credits and refunds that were given, by partition and id.
    pub(super) given: BTreeMap<(u8, u128), Given>,
    /// The last number applied of each partition, by incarnation.
    pub(super) positions: BTreeMap<u64, Vec<u64>>,
    pub(super) applied: u64,
    /// Who writes to each partition.
    pub(super) peers: Vec<Peers>,
}

/// What is known of the decisions of one partition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    /// The windows in force.
    pub(super) rules: Rules,
    pub(super) seen: Seen,
    /// Each with the process start that recorded it.
    pub(super) waiting: BTreeMap<Minted, Vec<(u64, Arc<Event>)>>,
    pub(super) deadlines: BTreeSet<(i64, Minted)>,
    pub(super) latest_ms: i64,
}

impl Default for State {
    fn default() -> State {
        State {
            accounts: BTreeMap::new(),
            views: Views::default(),
            parts: vec![Part::default(); usize::from(PARTITIONS)],
            given: BTreeMap::new(),
            positions: BTreeMap::new(),
            applied: 0,
            peers: vec![Peers::default(); usize::from(PARTITIONS)],
        }
    }
}

impl State {
    /// Partitions in which something waits whose grace is over at `now_ms`: a tick settles it.
    pub fn overdue(&self, now_ms: i64) -> Vec<u8> {
        let is_over = |part: &Part| part.deadlines.first().is_some_and(|(end, _)| *end < now_ms);
        (0..PARTITIONS).filter(|at| is_over(&self.parts[usize::from(*at)])).collect()
    }

    /// When the first of what waits in a partition is to be settled, in unix milliseconds.
    pub(super) fn deadline(&self, partition: u8) -> Option<i64> {
        self.parts[usize::from(partition)].deadlines.first().map(|(end, _)| *end)
    }

    /// Partitions that are not judged by these windows.
    pub fn ruled_otherwise(&self, rules: &Rules) -> Vec<u8> {
        (0..PARTITIONS).filter(|at| self.parts[usize::from(*at)].rules != *rules).collect()
    }

    /// What differs from another state of what no report shows.
    pub(super) fn hidden(&self, other: &State) -> Vec<String> {
        let mut found = Vec::new();
        let mut note = |differs: bool, what: String| found.extend(differs.then_some(what));
        note(self.applied != other.applied, "the number of records".into());
        note(self.positions != other.positions, "the last numbers of process starts".into());
        note(self.given != other.given, "what was given back".into());
        for (at, (own, other)) in self.parts.iter().zip(&other.parts).enumerate() {
            note(own.rules != other.rules, format!("the windows of partition {at}"));
            note(own.seen != other.seen, format!("what partition {at} has seen"));
            note(own.waiting != other.waiting, format!("what waits in partition {at}"));
            note(own.deadlines != other.deadlines, format!("until when partition {at} waits"));
            note(own.latest_ms != other.latest_ms, format!("the clock of partition {at}"));
        }
        for (at, (own, other)) in self.peers.iter().zip(&other.peers).enumerate() {
            note(own != other, format!("who writes to partition {at}"));
        }
        found
    }

    /// Events of a partition that a process start recorded and that wait for their impression.
    pub(super) fn waiting_of(&self, by: u64, partition: u8) -> impl Iterator<Item = &Arc<Event>> {
        let waiting = self.parts[usize::from(partition)].waiting.values().flatten();
        waiting.filter(move |(recorded, _)| *recorded == by).map(|(_, event)| event)
    }

    /// How many records it has applied.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The last number applied of a process start's partition.
    pub fn position(&self, incarnation: u64, partition: u8) -> u64 {
        let known = self.positions.get(&incarnation);
        known.and_then(|all| all.get(usize::from(partition))).copied().unwrap_or(0)
    }

    /// Every process start that a partition has records of, with the last number applied.
    pub fn starts_of(&self, partition: u8) -> Vec<(u64, u64)> {
        let starts = self.positions.keys().map(|start| (*start, self.position(*start, partition)));
        starts.filter(|(_, last)| *last > 0).collect()
    }

    /// The latest time on record, in unix milliseconds.
    pub fn latest_ms(&self) -> i64 {
        self.parts.iter().map(|part| part.latest_ms).max().unwrap_or(0)
    }

    /// The last number applied of each partition, by process start.
    pub(super) fn positions(&self) -> &BTreeMap<u64, Vec<u64>> {
        &self.positions
    }

    /// The credit or refund of this id, if it was given.
    pub fn given(&self, id: u128) -> Option<&Given> {
        (0..PARTITIONS).find_map(|partition| self.given.get(&(partition, id)))
    }

    /// Every campaign of which process starts have some money, and its partition.
    pub fn leases(&self) -> impl Iterator<Item = (u8, &str, &Leases)> {
        (0..PARTITIONS).zip(&self.peers).flat_map(|(partition, peers)| {
            peers.leases.iter().map(move |(campaign, leases)| (partition, &**campaign, leases))
        })
    }

    /// Grants what a process start wants of campaigns' money.
    pub(super) fn lease(&mut self, at: usize, origin: u64, of: u64, wants: &[Want]) -> Vec<Leased> {
        let mut leased = Vec::with_capacity(wants.len());
        for Want { campaign, day, micros } in wants {
            let left = self.accounts.get(campaign).and_then(|account| account.left(*day));
            let leases = self.peers[at].leases.entry(campaign.clone()).or_default();
            let most = if of == origin { Micros::MAX } else { leases.of(of) };
            let micros = leases.ask(of, most.min(*micros), left);
            if leases.is_empty() {
                self.peers[at].leases.remove(campaign);
            }
            leased.push(Leased { campaign: campaign.clone(), of, micros });
        }
        leased
    }

    /// Bills the event's price, if it has one.
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
                leases.billed(event.minted.incarnation, event.price);
            }
            (Verdict::Counted, event.price)
        } else {
            (Verdict::Invalid(InvalidReason::OverBudget), Micros::ZERO)
        }
    }

    /// Takes a counted event back, once; nothing happens to one that never counted.
    pub(super) fn credit(&mut self, partition: u8, credit: &Credit) -> Option<Returned> {
        let (event, id) = (&credit.event, (partition, credit.id));
        if !self.views.has_counted(event) || self.given.contains_key(&id) {
            return None;
        }
        let campaign = &event.attribution.campaign;
        let micros = self.give(id, campaign, event.day, credit.micros);
        self.views.credited(event, micros);
        Some(Returned {
            at_ms: credit.at_ms,
            of: event.attribution.clone(),
            day: event.day,
            decided_at_ms: event.decided_at_ms,
            micros,
            event: Some(event.clone()),
        })
    }

    /// Gives money back to a campaign: at most what the day was billed.
    pub(super) fn give(
        &mut self,
        id: (u8, u128),
        campaign: &str,
        day: i32,
        asked: Micros,
    ) -> Micros {
        let account = self.accounts.get_mut(campaign);
        let micros = account.map_or(Micros::ZERO, |account| account.credit(day, asked));
        self.given.insert(id, Given { campaign: campaign.into(), day, asked, micros });
        micros
    }

    pub(super) fn judged(
        &mut self,
        by: u64,
        event: &Arc<Event>,
        verdict: Verdict,
        billed: Micros,
    ) -> Judged {
        self.views.judged(event, verdict, billed);
        Judged { by, event: event.clone(), verdict, billed, has_waited: false }
    }

    /// The same for an event that was pending until now.
    pub(super) fn settled(
        &mut self,
        by: u64,
        event: &Arc<Event>,
        verdict: Verdict,
        billed: Micros,
    ) -> Judged {
        self.views.settled(event, verdict, billed);
        Judged { by, event: event.clone(), verdict, billed, has_waited: true }
    }
}
