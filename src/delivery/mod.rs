//! Delivery: decides, reserves money, makes the content of units, seals their event tokens. Independent
//! of HTTP: handlers translate requests into calls on [`Delivery`].

pub(crate) mod decide;
pub(crate) mod disk_guard;
pub(crate) mod forced;
pub(crate) mod page_url;
pub(crate) mod reader;
pub(crate) mod rendered_unit;
mod reported;
mod reported_rows;
pub(crate) mod reserve;
pub(crate) mod tokens;
pub(crate) mod unit;

use crate::clock::Clock;
use crate::config::CurrentSettings;
use crate::decision_log::DecisionLog;
use crate::delivery::reported_rows::ReportedRows;
use crate::events::opportunities::OpportunityCounters;
use crate::ledger::Ledger;
use crate::metrics::{Metrics, UNMATCHED};
use crate::selection::filter_reason::FilterReason;
use crate::token::{Keyring, PARTITIONS};
use crate::world::Worlds;
use crate::world::leasing::Leasing;
use arc_swap::ArcSwap;
use prometheus::IntCounter;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// The collaborators of [`Delivery`].
pub(crate) struct Parts {
    /// Source of the current time.
    pub(crate) clock: Arc<dyn Clock>,
    /// The settings in effect.
    pub(crate) settings: Arc<CurrentSettings>,
    /// Prometheus metrics.
    pub(crate) metrics: Arc<Metrics>,
    /// The world being served.
    pub(crate) world: Arc<Worlds>,
    /// Whose disk the guard watches.
    pub(crate) ledger: Arc<Ledger>,
    /// Log of decisions, for explanations.
    pub(crate) log: Arc<DecisionLog>,
    /// Seals event tokens.
    pub(crate) keyring: Arc<ArcSwap<Keyring>>,
    /// The terms on which this instance reserves money.
    pub(crate) leasing: Arc<Leasing>,
    /// Counts of opportunities, which the events service records.
    pub(crate) opportunities: Arc<OpportunityCounters>,
    /// Random number of this process start.
    pub(crate) incarnation: u64,
    /// Public base URL, without a trailing slash.
    pub(crate) public_url: String,
}

/// The delivery service.
pub(crate) struct Delivery {
    parts: Parts,
    next_seq: [AtomicU64; PARTITIONS as usize],
    low_disk: AtomicBool,
    reported_rows: ReportedRows,
    filter_counters: FilterCounters,
    /// Hashes the addresses of callers while their reservations last.
    caller_salt: RandomState,
}

/// Counters of the filter stages that decisions increment.
struct FilterCounters {
    unmatched: IntCounter,
    conflict: IntCounter,
    budget: IntCounter,
    dates: IntCounter,
    paced: IntCounter,
    relevance: IntCounter,
    truncated: IntCounter,
}

impl Delivery {
    /// Builds the service.
    pub(crate) fn new(parts: Parts) -> Delivery {
        let counter = |stage: FilterReason| parts.metrics.removed(stage.as_str());
        let filter_counters = FilterCounters {
            unmatched: parts.metrics.removed(UNMATCHED),
            conflict: counter(FilterReason::Conflict),
            budget: counter(FilterReason::Budget),
            dates: counter(FilterReason::Dates),
            paced: counter(FilterReason::Paced),
            relevance: counter(FilterReason::Relevance),
            truncated: counter(FilterReason::Truncated),
        };
        Delivery {
            parts,
            next_seq: [const { AtomicU64::new(0) }; PARTITIONS as usize],
            low_disk: AtomicBool::new(false),
            reported_rows: ReportedRows::default(),
            filter_counters,
            caller_salt: RandomState::new(),
        }
    }
}
