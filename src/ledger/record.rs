//! Records of the journal: everything that an event's verdict, its bill and every report need, and
//! nothing about the visitor.
//!
//! Encoding: one byte of format version, the stamp as a little-endian i64, then
//! [postcard](https://postcard.jamesmunns.com/wire-format). Versions 1 to 4 have no stamp.

use crate::domain::attribution::{AttributionKey, PageKey};
use crate::domain::event::{EventKind, InvalidReason, NoFill, Pricing};
use crate::domain::goal::Goals;
use crate::domain::money::Micros;
use crate::journal::Entry;
use crate::ledger::rules::Rules;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The format version written. Older versions are read; newer ones are rejected.
///
/// 1 had events, budgets and ticks, encoded as today; 2 added credits, refunds, event windows and
/// opportunity counts; 3 added membership and leases; 4 added page facts; 5 added the stamp, before the
/// record, and absences; 6 added goals and leases on them, and the reasons `idle`, `agent` and `over_goal`;
/// 7 added values of reported context keys: only records that have some are written in it.
const VERSION: u8 = 7;
/// The version of records without such values.
const WITHOUT_CUSTOM: u8 = 6;
/// The first version with a stamp.
const STAMPED: u8 = 5;
/// Length of version and stamp, in bytes.
const HEAD: usize = 1 + 8;
/// More bytes than an event takes, so that its encoding is allocated once.
const USUAL_BYTES: usize = 256;

/// Identifies the decision of an event, as numbered by the process that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DecisionKey {
    /// The incarnation that decided.
    pub incarnation: u64,
    /// The campaign's partition.
    pub partition: u8,
    /// Dense per (incarnation, partition): one per filled decision.
    pub seq: u64,
}

/// Identifies a record of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct RecordId {
    /// The incarnation that recorded it.
    pub(crate) incarnation: u64,
    /// Its LSN.
    pub(crate) lsn: u64,
}

/// A reported event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Kind of the event.
    pub kind: EventKind,
    /// For clicks, the call to action: its position in the creative, and its id.
    pub cta: Option<(u8, Box<str>)>,
    /// When it was received, in unix milliseconds.
    pub at_ms: i64,
    /// The decision it belongs to.
    pub decision_key: DecisionKey,
    /// The decision id.
    pub decision: u128,
    /// When the decision was made, in unix milliseconds.
    pub decided_at_ms: i64,
    /// The decision's day in the advertiser's time zone, in days since 1970-01-01.
    pub day: i32,
    /// The reporting dimensions.
    pub attribution: Arc<AttributionKey>,
    /// The flight's pricing.
    pub pricing: Pricing,
    /// Price of this event if it is billed; zero when the pricing does not bill its kind.
    pub price: Micros,
    /// Why the traffic rules marked it invalid, if they did.
    pub invalid_reason: Option<InvalidReason>,
}

impl Event {
    /// The id of the credit that reverses it: one per use of a decision.
    pub(crate) fn credit_id(&self) -> u128 {
        let DecisionKey { incarnation, partition, seq } = self.decision_key;
        let cta = self.cta.as_ref().map_or(0, |(at, _)| u32::from(*at) + 1);
        let mut hash = blake3::Hasher::new();
        hash.update(b"credit").update(&incarnation.to_le_bytes()).update(&[partition]);
        hash.update(&seq.to_le_bytes()).update(self.kind.as_str().as_bytes());
        hash.update(&cta.to_le_bytes());
        let bytes = hash.finalize();
        u128::from_le_bytes(*bytes.as_bytes().first_chunk().expect("32 bytes"))
    }

    /// Whether both are the same use of the same decision: at most one of them counts.
    pub(crate) fn is_same(&self, other: &Event) -> bool {
        self.decision_key == other.decision_key && self.kind == other.kind && self.cta == other.cta
    }
}

/// Reverses a counted event as invalid traffic. Contains the whole event, so that the entry needs no
/// other record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// Idempotency key: one per event.
    pub(crate) id: u128,
    /// When it was issued, in unix milliseconds.
    pub(crate) at_ms: i64,
    /// The event that no longer counts.
    pub(crate) event: Arc<Event>,
    /// The amount billed for it.
    pub(crate) micros: Micros,
    /// Id of the key that issued it.
    pub(crate) by: Box<str>,
    /// The operator's reason.
    pub(crate) note: Box<str>,
}

/// Credits money to a campaign for another reason; event counts do not change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Idempotency key.
    pub(crate) id: u128,
    /// When it was issued, in unix milliseconds.
    pub(crate) at_ms: i64,
    /// The day it applies to, in the advertiser's time zone, in days since 1970-01-01.
    pub(crate) day: i32,
    /// Start of that day, in unix milliseconds: where reports show it.
    pub(crate) day_starts_ms: i64,
    /// The reporting dimensions; those it does not concern are `unknown`.
    pub(crate) attribution: Arc<AttributionKey>,
    /// The requested amount.
    pub(crate) micros: Micros,
    /// Id of the key that issued it.
    pub(crate) by: Box<str>,
    /// The operator's reason.
    pub(crate) note: Box<str>,
}

/// Opportunities of one second with the same dimensions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpportunityCount {
    /// Time of the decisions, in unix milliseconds, rounded down to a quarter of an hour.
    pub(crate) decided_at_ms: i64,
    /// The unit that filled the slot, or the unfilled slot.
    pub(crate) slot: Result<Arc<AttributionKey>, Arc<UnfilledSlot>>,
    /// Number of opportunities.
    pub(crate) count: u64,
}

/// An unfilled slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct UnfilledSlot {
    /// Where it is.
    pub(crate) page: PageKey,
    /// The no-fill reason.
    pub(crate) reason: NoFill,
}

/// The total lease that an incarnation requests of a campaign budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// Campaign id.
    pub(crate) campaign: Box<str>,
    /// The day, in the advertiser's time zone, in days since 1970-01-01.
    pub(crate) day: i32,
    /// The requested total.
    pub(crate) micros: Micros,
}

/// The total lease that an incarnation requests of a flight's goal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalLeaseRequest {
    /// Flight id.
    pub(crate) flight: Box<str>,
    /// The kind of event that the goal counts.
    pub(crate) kind: EventKind,
    /// The requested total, in amounts of [`UNIT`](crate::domain::goal::UNIT).
    pub(crate) micros: Micros,
}

/// One record of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// An event reported by a browser or a server.
    Event(Arc<Event>),
    /// A campaign's budget from this record on.
    Budget {
        /// Campaign id.
        campaign: Box<str>,
        /// Lifetime budget.
        lifetime: Option<Micros>,
        /// Daily budget, per day of the advertiser's time zone.
        daily: Option<Micros>,
    },
    /// The current time: settles pending events whose grace period is over.
    Tick {
        /// Current time, in unix milliseconds.
        at_ms: i64,
    },
    /// Invalid traffic found later. Idempotent by its id.
    Credit(Box<Credit>),
    /// Money credited for another reason. Idempotent by its id.
    Refund(Box<Refund>),
    /// The event windows from this record on; earlier verdicts do not change.
    Rules(Rules),
    /// Aggregated opportunities, filled and unfilled.
    Opportunities(Vec<OpportunityCount>),
    /// An incarnation of the fleet joins the writers of this partition.
    Join {
        /// Current time, in unix milliseconds.
        at_ms: i64,
        /// How long others wait for it while it is silent, in milliseconds.
        timeout_ms: i64,
        /// Earlier incarnations on the same files: they write nothing more.
        predecessors: Vec<u64>,
    },
    /// An incarnation leaves the writers of this partition.
    Leave {
        /// Current time, in unix milliseconds.
        at_ms: i64,
    },
    /// An incarnation requests leases on campaign budgets.
    Lease {
        /// Current time, in unix milliseconds.
        at_ms: i64,
        /// The holder: the incarnation that writes this, or a dead one, whose leases can only shrink.
        holder: u64,
        /// The requested totals.
        requests: Vec<LeaseRequest>,
    },
    /// Declares an incarnation gone that was silent for too long: what it recorded after `lsn` comes too
    /// late, until it joins again.
    Gone {
        /// Current time, in unix milliseconds.
        at_ms: i64,
        /// The silent incarnation.
        incarnation: u64,
        /// Its last known LSN in this partition.
        lsn: u64,
    },
    /// A flight's goals from this record on.
    Goals {
        /// Flight id.
        flight: Box<str>,
        /// How many events may count.
        goals: Goals,
    },
    /// An incarnation requests leases on goals of flights.
    GoalLease {
        /// Current time, in unix milliseconds.
        at_ms: i64,
        /// The holder: the incarnation that writes this, or a dead one, whose leases can only shrink.
        holder: u64,
        /// The requested totals.
        requests: Vec<GoalLeaseRequest>,
    },
}

/// A record with its place in the order of a partition: see [`HybridClock`](crate::ledger::order::HybridClock).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// Its stamp; `i64::MIN` in records of older formats, which take the latest stamp or time before them.
    pub(crate) stamp: i64,
    /// The record.
    pub record: Record,
}

/// The bytes are not a valid record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// Written by a newer version.
    #[error(
        "its format is {0} and this version reads formats up to {VERSION}; start a newer version of adjacent"
    )]
    Newer(u8),
    /// Cannot be decoded.
    #[error("malformed record: {0}")]
    Malformed(String),
}

impl Record {
    /// The record's time, in unix milliseconds, if it has one.
    pub(crate) fn at_ms(&self) -> Option<i64> {
        match self {
            Record::Event(event) => Some(event.at_ms),
            Record::Tick { at_ms }
            | Record::Join { at_ms, .. }
            | Record::Leave { at_ms }
            | Record::Gone { at_ms, .. }
            | Record::Lease { at_ms, .. }
            | Record::GoalLease { at_ms, .. } => Some(*at_ms),
            Record::Credit(credit) => Some(credit.at_ms),
            Record::Refund(refund) => Some(refund.at_ms),
            Record::Budget { .. }
            | Record::Goals { .. }
            | Record::Rules(_)
            | Record::Opportunities(_) => None,
        }
    }

    /// Whether it says who writes to the partition: no verdict depends on its place.
    pub(crate) fn is_membership(&self) -> bool {
        matches!(self, Record::Join { .. } | Record::Leave { .. } | Record::Gone { .. })
    }

    /// Whether an attribution in it has values of reported context keys.
    fn has_custom(&self) -> bool {
        let has = |page: &PageKey| !page.custom.is_empty();
        match self {
            Record::Event(event) => has(&event.attribution.page),
            Record::Credit(credit) => has(&credit.event.attribution.page),
            Record::Refund(refund) => has(&refund.attribution.page),
            Record::Opportunities(counts) => counts.iter().any(|count| match &count.slot {
                Ok(unit) => has(&unit.page),
                Err(slot) => has(&slot.page),
            }),
            _ => false,
        }
    }

    /// Encodes the record for the journal, without its stamp: see [`set_stamp`].
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        bytes.resize(HEAD, 0);
        bytes[0] = if self.has_custom() { VERSION } else { WITHOUT_CUSTOM };
        postcard::to_io(self, bytes).expect("a record is plain data, and memory takes all bytes")
    }

    /// Decodes a record; never panics.
    pub fn decode(bytes: &[u8]) -> Result<Stamped, InvalidRecord> {
        let malformed = |reason: String| InvalidRecord::Malformed(reason);
        let (stamp, body) = match bytes.split_first() {
            Some((&(STAMPED..=VERSION), rest)) => {
                let (stamp, body) =
                    rest.split_first_chunk().ok_or_else(|| malformed("no stamp".into()))?;
                (i64::from_le_bytes(*stamp), body)
            }
            Some((&(1..STAMPED), body)) => (i64::MIN, body),
            Some((&newer, _)) if newer > VERSION => return Err(InvalidRecord::Newer(newer)),
            _ => return Err(malformed("no format version".into())),
        };
        let record: Record =
            postcard::from_bytes(body).map_err(|error| malformed(error.to_string()))?;
        let stamp = if stamp == i64::MIN { record.at_ms().unwrap_or(stamp) } else { stamp };
        Ok(Stamped { stamp, record })
    }
}

impl Stamped {
    /// The record as an entry of a journal.
    pub(crate) fn entry(&self, id: RecordId, partition: u8) -> Entry {
        let mut payload = self.record.encode();
        set_stamp(&mut payload, self.stamp);
        Entry { incarnation: id.incarnation, partition, lsn: id.lsn, payload }
    }
}

/// Writes the stamp into an encoded record.
pub(crate) fn set_stamp(encoded: &mut [u8], stamp: i64) {
    encoded[1..HEAD].copy_from_slice(&stamp.to_le_bytes());
}
