//! What applying a record does.

use crate::domain::attribution::AttributionKey;
use crate::domain::event::Verdict;
use crate::domain::money::Micros;
use crate::ledger::leases::LeaseGrant;
use crate::ledger::record::Event;
use std::sync::Arc;

/// The verdict on one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventVerdict {
    /// The incarnation that recorded it.
    pub recorded_by: u64,
    /// The event.
    pub event: Arc<Event>,
    /// The verdict.
    pub verdict: Verdict,
    /// The amount billed for it.
    pub billed: Micros,
    /// It was pending until now.
    pub was_pending: bool,
}

/// Money credited to a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// When it was issued, in unix milliseconds.
    pub at_ms: i64,
    /// The reporting dimensions.
    pub attribution: Arc<AttributionKey>,
    /// The day it applies to, in the advertiser's time zone.
    pub day: i32,
    /// The decision's time, or the start of the day, in unix milliseconds.
    pub decided_at_ms: i64,
    /// The credited amount: at most what was billed on that day.
    pub micros: Micros,
    /// The event that no longer counts; `None` for a refund.
    pub event: Option<Arc<Event>>,
}

/// The effect of one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplyOutcome {
    /// Verdicts, including those on events that were pending.
    pub verdicts: Vec<EventVerdict>,
    /// The credit or refund.
    pub adjustment: Option<Adjustment>,
    /// The leases that changed.
    pub leases: Vec<LeaseGrant>,
}
