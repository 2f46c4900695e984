//! What applying a record does.

use crate::domain::attribution::AttributionKey;
use crate::domain::event::Verdict;
use crate::domain::money::Micros;
use crate::ledger::flight_counts::FlightCounts;
use crate::ledger::leases::LeaseGrant;
use crate::ledger::record::{Event, RecordId};
use std::sync::Arc;

/// The verdict on one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventVerdict {
    /// The record of the event.
    pub(crate) id: RecordId,
    /// The event.
    pub event: Arc<Event>,
    /// The verdict.
    pub verdict: Verdict,
    /// The amount billed for it.
    pub(crate) billed: Micros,
    /// It was pending until now.
    pub(crate) was_pending: bool,
}

/// Money credited to a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Adjustment {
    /// Its idempotency key.
    pub(crate) id: u128,
    /// The incarnation that recorded it.
    pub(crate) recorded_by: u64,
    /// When it was issued, in unix milliseconds.
    pub(crate) at_ms: i64,
    /// The reporting dimensions.
    pub(crate) attribution: Arc<AttributionKey>,
    /// The day it applies to, in the advertiser's time zone.
    pub(crate) day: i32,
    /// The decision's time, or the start of the day, in unix milliseconds.
    pub(crate) decided_at_ms: i64,
    /// The credited amount: at most what was billed on that day.
    pub(crate) micros: Micros,
    /// The event that no longer counts; `None` for a refund.
    pub(crate) event: Option<Arc<Event>>,
}

/// The effect of one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplyOutcome {
    /// Verdicts, including those on events that were pending.
    pub(crate) verdicts: Vec<EventVerdict>,
    /// Credits and refunds, including those that waited.
    pub(crate) adjustments: Vec<Adjustment>,
    /// The leases that changed.
    pub(crate) leases: Vec<LeaseGrant>,
    /// The flight whose goals were set, with what counted for it before.
    pub(crate) goals: Option<(Box<str>, FlightCounts)>,
}
