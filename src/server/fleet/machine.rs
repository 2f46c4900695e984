//! One machine of a simulated fleet, and what it sells.

use super::AWAY_MS;
use super::LEASE_MS;
use super::MACHINES;
use super::PARTITION;
use crate::domain::campaign::Budget;
use crate::domain::event::BillOn;
use crate::domain::event::EventKind;
use crate::domain::event::Tier;
use crate::domain::money::Micros;
use crate::domain::zone::Zone;
use crate::ledger::Record;
use crate::ledger::State;
use crate::ledger::record::Attribution;
use crate::ledger::record::Event;
use crate::ledger::record::Minted;
use crate::ledger::record::Want;
use crate::ledger::shared::crowd::Crowd;
use crate::server::lease::Contact;
use crate::server::lease::Terms;
use crate::server::lending::Missing;
use crate::server::purse::Hold;
use crate::server::purse::Purse;
use crate::server::purse::Purses;
use rand::RngExt;
use rand_pcg::Pcg32;
use std::sync::Arc;

/// A campaign on sale.
pub struct Sale {
    pub name: Box<str>,
    pub price: Micros,
    pub budget: Micros,
    pub of: Arc<Attribution>,
}

fn micros(amount: i64) -> Micros {
    Micros::try_from(amount).unwrap()
}

/// A large budget, and five of a few events.
pub fn sales(dice: &mut Pcg32) -> Vec<Sale> {
    let mut sale = |number: usize| {
        let name: Box<str> = format!("c{number}").into();
        let price = dice.random_range(1..20) * 1_000;
        let events = if number == 0 { 400..1_500 } else { 5..50 };
        let events = dice.random_range(events);
        let none = || "unknown".into();
        let of = Arc::new(Attribution {
            advertiser: "a".into(),
            currency: "EUR".parse().unwrap(),
            campaign: name.clone(),
            flight: name.clone(),
            creative: none(),
            variant: 0,
            publisher: none(),
            placement: none(),
            tier: Tier::Standard,
            topic: none(),
            entity: none(),
            region: none(),
        });
        Sale { name, price: micros(price), budget: micros(events * price), of }
    };
    (0..6).map(&mut sale).collect()
}

/// A record on a disk: by which process start, with which number.
pub type Written = (u64, u64, Record);

pub struct Machine {
    pub incarnation: u64,
    pub purses: Purses,
    pub own: Vec<Arc<Purse>>,
    pub disk: Vec<Written>,
    /// How much of the disk is known to be in the log, and how much of the log is read.
    pub sent: usize,
    pub read: usize,
    seq: u64,
    lsn: u64,
    pub skew_ms: i64,
    pub heard_ms: i64,
    pub away_ms: i64,
    pub crowd: Crowd,
    pub cut_until_ms: i64,
    pub dead_until_ms: i64,
    pub missing: Missing,
}

impl Machine {
    /// A process that starts at `now_ms`, on the disk of the one before it; `truth` is what it reads,
    /// `length` how long the log is.
    pub fn starts(
        dice: &mut Pcg32,
        sales: &[Sale],
        (disk, sent): (Vec<Written>, usize),
        (truth, length): (&State, usize),
        now_ms: i64,
    ) -> Machine {
        let purses = Purses::default();
        purses.recover(truth);
        let own = sales.iter().map(|sale| {
            let budget = Budget { lifetime_micros: None, daily_micros: Some(sale.budget) };
            purses.of_campaign(&sale.name, &budget, &Zone::utc())
        });
        let own: Vec<_> = own.collect();
        let skew_ms = dice.random_range(-120_000..120_000);
        let mut after: Vec<u64> = disk.iter().map(|(of, _, _)| *of).collect();
        after.dedup();
        let mut machine = Machine {
            incarnation: dice.random(),
            purses,
            own,
            disk,
            sent,
            read: length,
            seq: 0,
            lsn: 0,
            skew_ms,
            heard_ms: now_ms,
            away_ms: 0,
            crowd: Crowd::of(MACHINES),
            cut_until_ms: 0,
            dead_until_ms: 0,
            missing: Missing::default(),
        };
        let at_ms = now_ms + skew_ms;
        machine.writes(Record::Here { at_ms, silent_ms: 3_600_000, after });
        for (purse, sale) in machine.own.iter().zip(sales) {
            purse.will_need(sale.price, at_ms);
        }
        machine
    }

    pub fn writes(&mut self, record: Record) {
        self.lsn += 1;
        self.disk.push((self.incarnation, self.lsn, record));
    }

    pub fn terms(&self, now_ms: i64) -> Terms {
        let contact = match now_ms - self.heard_ms {
            silence if silence < AWAY_MS => Contact::Well,
            silence if silence < LEASE_MS => Contact::Away,
            _ => Contact::Lapsed,
        };
        let (own, machines) = (self.incarnation, self.crowd.most());
        Terms { own, machines, contact, allowance_percent: 5 }
    }

    /// Sells one of a campaign, if there is money for it; what its browser will report.
    pub fn sells(&mut self, sale: &Sale, at: usize, hold: Hold, now_ms: i64) -> Option<Event> {
        if !self.own[at].hold(&hold, now_ms) {
            return None;
        }
        self.seq += 1;
        let minted = Minted { incarnation: self.incarnation, partition: PARTITION, seq: self.seq };
        Some(Event {
            kind: EventKind::Impression,
            cta: None,
            at_ms: 0,
            minted,
            decision: hold.decision,
            decided_at_ms: now_ms,
            day: i32::try_from(now_ms / 86_400_000).unwrap(),
            attribution: sale.of.clone(),
            bills: BillOn::Impression,
            price: sale.price,
            claimed: None,
        })
    }

    /// Asks for what each purse wants, in one record.
    pub fn asks(
        &mut self,
        sales: &[Sale],
        at_ms: i64,
        want: impl Fn(&Purse) -> Option<(i32, Micros)>,
    ) {
        let pairs = self.own.iter().zip(sales);
        let wants: Vec<Want> = pairs
            .filter_map(|(purse, sale)| {
                let (day, micros) = want(purse)?;
                Some(Want { campaign: sale.name.clone(), day, micros })
            })
            .collect();
        if !wants.is_empty() {
            self.writes(Record::Lease { at_ms, of: self.incarnation, wants });
        }
    }
}
