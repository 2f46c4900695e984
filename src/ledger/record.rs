//! What the journal keeps of an event: everything its judgement, its bill and every report need,
//! and nothing of its reader.
//!
//! Encoding: one byte of format version, then [postcard](https://postcard.jamesmunns.com/wire-format).

use crate::domain::event::BillOn;
use crate::domain::event::EventKind;
use crate::domain::event::InvalidReason;
use crate::domain::event::NoFill;
use crate::domain::event::Tier;
use crate::domain::money::Currency;
use crate::domain::money::Micros;
use crate::ledger::rules::Rules;
use serde::Deserialize;
use serde::Serialize;
use std::sync::Arc;

/// The format written. Older ones are read; newer ones are refused.
///
/// 1 had events, budgets and ticks, encoded as now; 2 added credits, refunds, windows and what was
/// asked for; 3 what machines say to each other. What 2 had is still written as 2.
const VERSION: u8 = 3;
const BEFORE_MACHINES: u8 = 2;

/// Which decision an event belongs to, as the deciding process numbered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Minted {
    /// The process start that decided.
    pub incarnation: u64,
    /// The campaign's partition.
    pub partition: u8,
    /// Dense per (incarnation, partition), one per filled decision.
    pub seq: u64,
}

/// The one topic, entity, region, … that a decision is reported under.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attribution {
    /// Who pays.
    pub advertiser: Box<str>,
    /// In what.
    pub currency: Currency,
    /// Whose budget.
    pub campaign: Box<str>,
    /// Which flight.
    pub flight: Box<str>,
    /// Which creative.
    pub creative: Box<str>,
    /// Which wording of it: 0 is the creative's own.
    pub variant: u8,
    /// Whose page.
    pub publisher: Box<str>,
    /// Which slot.
    pub placement: Box<str>,
    /// Which tier.
    pub tier: Tier,
    /// The matched topic, else the page's first, else `unknown`.
    pub topic: Box<str>,
    /// The matched entity, else the page's first, else `unknown`.
    pub entity: Box<str>,
    /// The reader's country, else `unknown`.
    pub region: Box<str>,
}

/// An event as it was received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Which call to action, by its place in the creative: clicks alone.
    pub cta: Option<(u8, Box<str>)>,
    /// When it was received, in unix milliseconds.
    pub at_ms: i64,
    /// Which decision.
    pub minted: Minted,
    /// The decision's id.
    pub decision: u128,
    /// When it was decided, in unix milliseconds.
    pub decided_at_ms: i64,
    /// The decision's day in the advertiser's time zone, in days since 1970-01-01.
    pub day: i32,
    /// What it is reported under.
    pub attribution: Arc<Attribution>,
    /// What the flight pays for.
    pub bills: BillOn,
    /// What this event costs if it is billed; zero when its kind is not.
    pub price: Micros,
    /// What the rules of traffic said, where they spoke.
    pub claimed: Option<InvalidReason>,
}

impl Event {
    /// The id of the credit that takes it back: one for each use of a decision.
    pub fn credit_id(&self) -> u128 {
        let Minted { incarnation, partition, seq } = self.minted;
        let cta = self.cta.as_ref().map_or(0, |(at, _)| u32::from(*at) + 1);
        let mut hash = blake3::Hasher::new();
        hash.update(b"credit").update(&incarnation.to_le_bytes()).update(&[partition]);
        hash.update(&seq.to_le_bytes()).update(self.kind.as_str().as_bytes());
        hash.update(&cta.to_le_bytes());
        let bytes = hash.finalize();
        u128::from_le_bytes(*bytes.as_bytes().first_chunk().expect("32 bytes"))
    }

    /// Whether both are the same use of the same decision: only one of them can count.
    pub fn is_same(&self, other: &Event) -> bool {
        self.minted == other.minted && self.kind == other.kind && self.cta == other.cta
    }
}

/// What was counted and is taken back as invalid traffic: the event's identity, whole, so that
/// the entry needs no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// Makes it idempotent: one for each event.
    pub id: u128,
    /// When it was given, in unix milliseconds.
    pub at_ms: i64,
    /// The event that no longer counts.
    pub event: Arc<Event>,
    /// What was billed for it.
    pub micros: Micros,
    /// Who gave it: a key's id.
    pub by: Box<str>,
    /// Why, in the operator's words.
    pub note: Box<str>,
}

/// Money given back for another reason; no count changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Makes it idempotent.
    pub id: u128,
    /// When it was given, in unix milliseconds.
    pub at_ms: i64,
    /// The day it is for, in the advertiser's zone, in days since 1970-01-01.
    pub day: i32,
    /// The first moment of that day, in unix milliseconds: where reports show it.
    pub day_starts_ms: i64,
    /// What it is reported under; what it is not about is `unknown`.
    pub attribution: Arc<Attribution>,
    /// How much was asked for.
    pub micros: Micros,
    /// Who gave it: a key's id.
    pub by: Box<str>,
    /// Why, in the operator's words.
    pub note: Box<str>,
}

/// Slots that were asked for in one second under one description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Milliseconds since 1970-01-01T00Z of the decisions, to the quarter of an hour.
    pub decided_at_ms: i64,
    /// What filled them; or, of a slot that stayed empty, where it was.
    pub slot: Result<Arc<Attribution>, Arc<Empty>>,
    /// How many.
    pub count: u64,
}

/// A slot that stayed empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Empty {
    /// Whose page.
    pub publisher: Box<str>,
    /// Which slot; `unknown` when the publisher has none of that name.
    pub placement: Box<str>,
    /// The page's first topic, else `unknown`.
    pub topic: Box<str>,
    /// The page's first entity, else `unknown`.
    pub entity: Box<str>,
    /// The reader's country, else `unknown`.
    pub region: Box<str>,
    /// Why.
    pub reason: NoFill,
}

/// What a process start would have of a campaign's money, in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// Whose.
    pub campaign: Box<str>,
    /// The day, in the advertiser's zone, in days since 1970-01-01.
    pub day: i32,
    /// How much.
    pub micros: Micros,
}

/// One record of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Something a browser reported.
    Event(Arc<Event>),
    /// A campaign's budget from here on.
    Budget {
        /// Whose.
        campaign: Box<str>,
        /// In all its life.
        lifetime: Option<Micros>,
        /// In one day of the advertiser's zone.
        daily: Option<Micros>,
    },
    /// The clock: what waited longer than it may is settled.
    Tick {
        /// Now, in unix milliseconds.
        at_ms: i64,
    },
    /// Invalid traffic found later: a new entry, once per id.
    Credit(Box<Credit>),
    /// Money given back: a new entry, once per id.
    Refund(Box<Refund>),
    /// The windows by which everything from here on is judged: what was judged before stays.
    Rules(Rules),
    /// What was asked for and served, added up.
    Asked(Vec<Asked>),
    /// A process start on a shared store will write to this partition.
    Here {
        /// Now, in unix milliseconds.
        at_ms: i64,
        /// For how long others wait for it when it is silent, in milliseconds.
        silent_ms: i64,
        /// Process starts on the same files before it: they have no more to say.
        after: Vec<u64>,
    },
    /// It will not write to this partition any more.
    Gone {
        /// Now, in unix milliseconds.
        at_ms: i64,
    },
    /// A process start would have so much of campaigns' money to spend.
    Lease {
        /// Now, in unix milliseconds.
        at_ms: i64,
        /// Which: the one that writes this, or a dead one, which can only lose.
        of: u64,
        /// How much of which.
        wants: Vec<Want>,
    },
}

/// The bytes are not a record of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// Written by a newer version.
    #[error("format {0} is newer than this version reads")]
    Newer(u8),
    /// Not decodable.
    #[error("not a record: {0}")]
    Malformed(String),
}

impl Record {
    /// When it was made, in unix milliseconds, where it says so.
    pub fn at_ms(&self) -> Option<i64> {
        match self {
            Record::Event(event) => Some(event.at_ms),
            Record::Tick { at_ms }
            | Record::Here { at_ms, .. }
            | Record::Gone { at_ms }
            | Record::Lease { at_ms, .. } => Some(*at_ms),
            Record::Credit(credit) => Some(credit.at_ms),
            Record::Refund(refund) => Some(refund.at_ms),
            Record::Budget { .. } | Record::Rules(_) | Record::Asked(_) => None,
        }
    }

    /// The bytes for the journal.
    pub fn encode(&self) -> Vec<u8> {
        let version = match self {
            Record::Here { .. } | Record::Gone { .. } | Record::Lease { .. } => VERSION,
            _ => BEFORE_MACHINES,
        };
        postcard::to_extend(self, vec![version]).expect("a record is plain data")
    }

    /// The record in these bytes. Any bytes give a record or an error.
    pub fn decode(bytes: &[u8]) -> Result<Record, InvalidRecord> {
        match bytes.split_first() {
            Some((&(1..=VERSION), body)) => postcard::from_bytes(body)
                .map_err(|error| InvalidRecord::Malformed(error.to_string())),
            Some((&newer, _)) if newer > VERSION => Err(InvalidRecord::Newer(newer)),
            _ => Err(InvalidRecord::Malformed("no format version".into())),
        }
    }
}
