//! One instance of the simulated fleet, and the campaigns that it serves.

use super::INSTANCES;
use super::LEASE_MS;
use super::PARTITION;
use super::UNREACHABLE_MS;
use crate::cluster::membership::InstanceCount;
use crate::domain::attribution::{AttributionKey, PageKey, UNKNOWN};
use crate::domain::campaign;
use crate::domain::event::{EventKind, Pricing, Tier};
use crate::domain::money::Micros;
use crate::domain::zone::Zone;
use crate::ledger::record::{DecisionKey, Event, LeaseRequest};
use crate::ledger::{Record, State};
use crate::world::budget::Budget;
use crate::world::budgets::Budgets;
use crate::world::lease::{LeaseTerms, StoreStatus};
use crate::world::leasing::AbsentHolders;
use crate::world::reservation::Reservation;
use rand::RngExt;
use rand_pcg::Pcg32;
use std::sync::Arc;

pub(crate) struct SimulatedCampaign {
    pub(crate) name: Box<str>,
    pub(crate) price: Micros,
    pub(crate) budget: Micros,
    pub(crate) of: Arc<AttributionKey>,
}

fn micros(amount: i64) -> Micros {
    Micros::try_from(amount).unwrap()
}

/// One campaign with a large budget and five with budgets for a few events.
pub(crate) fn campaigns(rng: &mut Pcg32) -> Vec<SimulatedCampaign> {
    let mut campaign = |number: usize| {
        let name: Box<str> = format!("c{number}").into();
        let price = rng.random_range(1..20) * 1_000;
        let events = if number == 0 { 400..1_500 } else { 5..50 };
        let events = rng.random_range(events);
        let of = Arc::new(AttributionKey {
            advertiser: "a".into(),
            currency: "EUR".parse().unwrap(),
            campaign: name.clone(),
            flight: name.clone(),
            creative: UNKNOWN.into(),
            variant: 0,
            page: PageKey::default(),
            tier: Tier::Standard,
        });
        SimulatedCampaign { name, price: micros(price), budget: micros(events * price), of }
    };
    (0..6).map(&mut campaign).collect()
}

/// A record on disk: process start, sequence number, record.
pub(crate) type DiskRecord = (u64, u64, Record);

pub(crate) struct Instance {
    pub(crate) incarnation: u64,
    /// Its place in the fleet.
    pub(crate) index: usize,
    pub(crate) budgets: Budgets,
    pub(crate) own: Vec<Arc<Budget>>,
    pub(crate) disk: Vec<DiskRecord>,
    /// Acknowledged records of `disk`, and read entries of the log.
    pub(crate) sent: usize,
    pub(crate) read: usize,
    seq: u64,
    lsn: u64,
    pub(crate) skew_ms: i64,
    pub(crate) contact_ms: i64,
    pub(crate) unreachable_ms: i64,
    pub(crate) membership: InstanceCount,
    pub(crate) partitioned_until_ms: i64,
    pub(crate) dead_until_ms: i64,
    pub(crate) missing: AbsentHolders,
}

impl Instance {
    /// Starts a process at `now_ms` on the disk of its predecessor. `truth` is the ledger that it
    /// loads, `length` the length of the log.
    pub(crate) fn start(
        rng: &mut Pcg32,
        campaigns: &[SimulatedCampaign],
        (disk, sent): (Vec<DiskRecord>, usize),
        (truth, length): (&State, usize),
        now_ms: i64,
    ) -> Instance {
        let budgets = Budgets::default();
        budgets.recover(truth);
        let own = campaigns.iter().map(|campaign| {
            let budget =
                campaign::Budget { lifetime_micros: None, daily_micros: Some(campaign.budget) };
            budgets.of_campaign(&campaign.name, &budget, &Zone::utc())
        });
        let own: Vec<_> = own.collect();
        let skew_ms = rng.random_range(-120_000..120_000);
        let mut after: Vec<u64> = disk.iter().map(|(of, _, _)| *of).collect();
        after.dedup();
        let mut instance = Instance {
            incarnation: rng.random(),
            index: 0,
            budgets,
            own,
            disk,
            sent,
            read: length,
            seq: 0,
            lsn: 0,
            skew_ms,
            contact_ms: now_ms,
            unreachable_ms: 0,
            membership: InstanceCount::of(INSTANCES),
            partitioned_until_ms: 0,
            dead_until_ms: 0,
            missing: AbsentHolders::default(),
        };
        let at_ms = now_ms + skew_ms;
        instance.write(Record::Join { at_ms, timeout_ms: 3_600_000, predecessors: after });
        for (campaign_budget, campaign) in instance.own.iter().zip(campaigns) {
            campaign_budget.note_demand(campaign.price, at_ms);
        }
        instance
    }

    pub(crate) fn write(&mut self, record: Record) {
        self.lsn += 1;
        self.disk.push((self.incarnation, self.lsn, record));
    }

    pub(crate) fn terms(&self, now_ms: i64) -> LeaseTerms {
        let silence_ms = now_ms - self.contact_ms;
        let store = match silence_ms {
            silence if silence < UNREACHABLE_MS => StoreStatus::Reachable,
            silence if silence < LEASE_MS => StoreStatus::Unreachable,
            _ => StoreStatus::LeaseExpired,
        };
        let (incarnation, instances) = (self.incarnation, self.membership.count());
        LeaseTerms {
            incarnation,
            instances,
            index: self.index,
            store,
            silence_ms,
            lease_left_ms: LEASE_MS - silence_ms,
            allowance_percent: 5,
        }
    }

    /// Serves one unit of a campaign if its budget can be reserved; returns the impression.
    pub(crate) fn serve(
        &mut self,
        campaign: &SimulatedCampaign,
        at: usize,
        reservation: Reservation,
        now_ms: i64,
    ) -> Option<Event> {
        if !self.own[at].reserve(&reservation, now_ms) {
            return None;
        }
        self.seq += 1;
        let decision_key =
            DecisionKey { incarnation: self.incarnation, partition: PARTITION, seq: self.seq };
        Some(Event {
            kind: EventKind::Impression,
            cta: None,
            at_ms: 0,
            decision_key,
            decision: reservation.decision,
            decided_at_ms: now_ms,
            day: i32::try_from(now_ms / 86_400_000).unwrap(),
            attribution: campaign.of.clone(),
            pricing: Pricing::Cpm,
            price: campaign.price,
            invalid_reason: None,
        })
    }

    /// Writes the lease requests of all campaigns as one record.
    pub(crate) fn write_lease_requests(
        &mut self,
        campaigns: &[SimulatedCampaign],
        at_ms: i64,
        want: impl Fn(&Budget) -> Option<(i32, Micros)>,
    ) {
        let pairs = self.own.iter().zip(campaigns);
        let wants: Vec<LeaseRequest> = pairs
            .filter_map(|(campaign_budget, campaign)| {
                let (day, micros) = want(campaign_budget)?;
                Some(LeaseRequest { campaign: campaign.name.clone(), day, micros })
            })
            .collect();
        if !wants.is_empty() {
            self.write(Record::Lease { at_ms, holder: self.incarnation, requests: wants });
        }
    }
}
