//! The application core: decide and change the catalog.
//! Independent of HTTP: handlers translate requests into calls on [`Server`].

pub mod apply;
pub mod catalog_sync;
pub mod decide;
pub mod disk_guard;
pub mod forced;
pub mod image_replication;
pub mod leasing;
pub mod page_url;
#[cfg(test)]
mod simulation;
pub mod state;
pub mod tokens;
pub mod unit;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::CurrentSettings;
use crate::decision_log::DecisionLog;
use crate::events::opportunities::OpportunityCounters;
use crate::ledger::Ledger;
use crate::metrics::{Metrics, UNMATCHED};
use crate::selection::filter_reason::FilterReason;
use crate::token::{Keyring, PARTITIONS};
use crate::traffic::Datacenters;
use crate::traffic::flood::FloodGuard;
use crate::world::Worlds;
use crate::world::campaign_budget::CampaignBudgets;
use arc_swap::ArcSwap;
use prometheus::IntCounter;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex};

/// The components of a [`Server`]; built by `app`.
pub struct Parts {
    /// The settings in effect.
    pub settings: Arc<CurrentSettings>,
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Prometheus metrics.
    pub metrics: Arc<Metrics>,
    /// Versioned inventories, weights and labels.
    pub catalog: Arc<Catalog>,
    /// Events, accounts and budget leases.
    pub ledger: Arc<Ledger>,
    /// Log of decisions, for explanations.
    pub log: Arc<DecisionLog>,
    /// Keys that seal event tokens.
    pub keyring: Arc<ArcSwap<Keyring>>,
    /// Campaign budgets, shared with the ledger's listener.
    pub campaign_budgets: Arc<CampaignBudgets>,
    /// Networks of datacenters.
    pub datacenters: Datacenters,
    /// Per-address flood guard.
    pub flood: FloodGuard,
    /// Counts of opportunities, which the events service records.
    pub opportunities: Arc<OpportunityCounters>,
    /// Random number of this process start.
    pub incarnation: u64,
    /// Public base URL, without a trailing slash.
    pub public_url: String,
    /// The world being served.
    pub world: Arc<Worlds>,
}

/// The running server; shared by handlers and background tasks.
pub struct Server {
    settings: Arc<CurrentSettings>,
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Prometheus metrics.
    pub metrics: Arc<Metrics>,
    /// Versioned inventories, weights and labels.
    pub catalog: Arc<Catalog>,
    /// Events, accounts and budget leases.
    pub ledger: Arc<Ledger>,
    /// Log of decisions, for explanations.
    pub log: Arc<DecisionLog>,
    /// Keys that seal event tokens.
    keyring: Arc<ArcSwap<Keyring>>,
    /// Networks of datacenters.
    pub datacenters: ArcSwap<Datacenters>,
    /// Per-address flood guard.
    pub flood: FloodGuard,
    /// Random number of this process start.
    pub incarnation: u64,
    /// Public base URL, without a trailing slash.
    pub public_url: String,
    campaign_budgets: Arc<CampaignBudgets>,
    world: Arc<Worlds>,
    /// Serialises changes of the catalog.
    catalog_lock: tokio::sync::Mutex<()>,
    /// Serialises replacement of the world; contains the next state number.
    next_state: Mutex<u64>,
    /// Whether images have changed since the last replication.
    image_sync: image_replication::SyncMark,
    next_seq: [AtomicU64; PARTITIONS as usize],
    low_disk: AtomicBool,
    opportunities: Arc<OpportunityCounters>,
    /// When the shared store was last unreachable, in unix milliseconds.
    store_unreachable_ms: AtomicI64,
    filter_counters: FilterCounters,
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

impl Server {
    /// Builds the server and logs the initial world.
    pub fn new(parts: Parts) -> Server {
        let counter = |stage: FilterReason| parts.metrics.removed(stage.as_str());
        let counters = FilterCounters {
            unmatched: parts.metrics.removed(UNMATCHED),
            conflict: counter(FilterReason::Conflict),
            budget: counter(FilterReason::Budget),
            dates: counter(FilterReason::Dates),
            paced: counter(FilterReason::Paced),
            relevance: counter(FilterReason::Relevance),
            truncated: counter(FilterReason::Truncated),
        };
        let live = parts.world.live();
        parts.log.record_world(state::world_line(&live));
        Server {
            filter_counters: counters,
            next_state: Mutex::new(live.world.state.number + 1),
            world: parts.world,
            catalog_lock: tokio::sync::Mutex::new(()),
            image_sync: image_replication::SyncMark::default(),
            next_seq: [const { AtomicU64::new(0) }; PARTITIONS as usize],
            low_disk: AtomicBool::new(false),
            opportunities: parts.opportunities,
            store_unreachable_ms: AtomicI64::new(i64::MIN),
            keyring: parts.keyring,
            settings: parts.settings,
            clock: parts.clock,
            metrics: parts.metrics,
            catalog: parts.catalog,
            ledger: parts.ledger,
            log: parts.log,
            campaign_budgets: parts.campaign_budgets,
            datacenters: ArcSwap::from_pointee(parts.datacenters),
            flood: parts.flood,
            incarnation: parts.incarnation,
            public_url: parts.public_url,
        }
    }
}
