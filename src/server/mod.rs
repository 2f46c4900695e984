//! The verbs: decide, record, redirect, explain, report. All they know comes through here; nothing
//! in here knows HTTP.

pub mod agreed;
pub mod apply;
pub mod asked;
pub mod attribution;
pub mod audit;
pub mod credit;
pub mod decide;
pub mod explain;
#[cfg(test)]
mod fleet;
pub mod forced;
pub mod gallery;
pub mod lease;
pub mod lending;
pub mod live;
pub mod overview;
pub mod page_url;
pub mod picture_exchange;
pub mod purse;
pub mod record;
pub mod report;
pub mod review;
pub mod room;
pub mod scrape;
pub mod sightings;
pub mod state;
pub mod tokens;
pub mod unit;
pub mod versions;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::Settings;
use crate::decision_log::DecisionLog;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::selection::removed::Removed;
use crate::server::asked::Counters;
use crate::server::explain::elsewhere::Questions;
use crate::server::live::Live;
use crate::server::purse::Purses;
use crate::server::sightings::Sightings;
use crate::server::versions::Versions;
use crate::token::Keyring;
use crate::token::PARTITIONS;
use crate::traffic::Arrivals;
use crate::traffic::Datacenters;
use crate::traffic::flood::Flood;
use crate::traffic::limits::Visitors;
use arc_swap::ArcSwap;
use arc_swap::Guard;
use prometheus::IntCounter;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Everything a server is made of; built by `app`.
pub struct Parts {
    /// The settings.
    pub settings: Settings,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The series.
    pub metrics: Metrics,
    /// The inventories.
    pub catalog: Catalog,
    /// The events.
    pub ledger: Ledger,
    /// The decisions.
    pub log: DecisionLog,
    /// The keys of tokens.
    pub keyring: Keyring,
    /// The campaigns' money; the ledger's listener has it, too.
    pub purses: Arc<Purses>,
    /// The visitors' quotas.
    pub visitors: Visitors,
    /// The networks of datacenters.
    pub datacenters: Datacenters,
    /// The guard of the box.
    pub flood: Flood,
    /// This process start.
    pub incarnation: u64,
    /// Where readers reach the public listener, without a slash at the end.
    pub public_url: String,
    /// What is served first.
    pub live: Live,
}

/// The running server.
pub struct Server {
    settings: ArcSwap<Settings>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The series.
    pub metrics: Metrics,
    /// The inventories.
    pub catalog: Catalog,
    /// The events.
    pub ledger: Ledger,
    /// The decisions.
    pub log: DecisionLog,
    /// The keys of tokens.
    pub keyring: ArcSwap<Keyring>,
    /// The visitors' quotas.
    pub visitors: Visitors,
    /// The networks of datacenters.
    pub datacenters: ArcSwap<Datacenters>,
    /// The guard of the box.
    pub flood: Flood,
    /// How evenly each publisher's impressions arrive.
    arrivals: Arrivals,
    /// This process start.
    pub incarnation: u64,
    /// Where readers reach the public listener, without a slash at the end.
    pub public_url: String,
    own_origin: String,
    purses: Arc<Purses>,
    versions: Versions,
    live: ArcSwap<Live>,
    /// Held while the catalog is changed.
    changing: tokio::sync::Mutex<()>,
    /// Held while a world is replaced; holds the next state's number.
    publishing: Mutex<u64>,
    /// What of the pictures the store is known to have.
    exchanged: picture_exchange::Seen,
    minted: [AtomicU64; PARTITIONS as usize],
    forged: AtomicU64,
    reached_ms: AtomicI64,
    scarce: AtomicBool,
    asked: Counters,
    sightings: Sightings,
    questions: Questions,
    /// When a shared store was last away.
    away_ms: AtomicI64,
    removed: RemovedCounters,
}

/// Handles of the stages that the hot path counts.
struct RemovedCounters {
    unmatched: IntCounter,
    conflict: IntCounter,
    closed: IntCounter,
    dates: IntCounter,
    paced: IntCounter,
    relevance: IntCounter,
    truncated: IntCounter,
}

/// The stage under which the hot path counts flights whose targeting did not meet the page.
pub const UNMATCHED: &str = "match";

/// Every stage that can be counted.
pub fn stages() -> Vec<&'static str> {
    std::iter::once(UNMATCHED).chain(Removed::labels()).collect()
}

impl Server {
    /// Puts the parts together; the first world goes to the decision log at once.
    pub fn new(parts: Parts) -> Server {
        let removed = |stage: Removed| parts.metrics.removed(stage.as_str());
        let counters = RemovedCounters {
            unmatched: parts.metrics.removed(UNMATCHED),
            conflict: removed(Removed::Conflict),
            closed: removed(Removed::Budget),
            dates: removed(Removed::Dates),
            paced: removed(Removed::Paced),
            relevance: removed(Removed::Relevance),
            truncated: removed(Removed::Truncated),
        };
        parts.log.world(state::world_line(&parts.live));
        let own_origin = url::Url::parse(&parts.public_url)
            .map_or_else(|_| String::new(), |url| url.origin().ascii_serialization());
        Server {
            removed: counters,
            reached_ms: AtomicI64::new(parts.clock.now_ms()),
            publishing: Mutex::new(parts.live.world.state.number + 1),
            live: ArcSwap::from_pointee(parts.live),
            changing: tokio::sync::Mutex::new(()),
            versions: Versions::default(),
            exchanged: picture_exchange::Seen::default(),
            minted: [const { AtomicU64::new(0) }; PARTITIONS as usize],
            forged: AtomicU64::new(0),
            scarce: AtomicBool::new(false),
            asked: Counters::default(),
            sightings: Sightings::default(),
            questions: Questions::default(),
            away_ms: AtomicI64::new(i64::MIN),
            keyring: ArcSwap::from_pointee(parts.keyring),
            own_origin,
            settings: ArcSwap::from_pointee(parts.settings),
            clock: parts.clock,
            metrics: parts.metrics,
            catalog: parts.catalog,
            ledger: parts.ledger,
            log: parts.log,
            purses: parts.purses,
            visitors: parts.visitors,
            datacenters: ArcSwap::from_pointee(parts.datacenters),
            arrivals: Arrivals::default(),
            flood: parts.flood,
            incarnation: parts.incarnation,
            public_url: parts.public_url,
        }
    }

    /// What is being served.
    pub fn live(&self) -> Arc<Live> {
        Guard::into_inner(self.live.load())
    }

    /// The settings in force.
    pub fn settings(&self) -> Guard<Arc<Settings>> {
        self.settings.load()
    }

    /// Takes over settings that can change while serving.
    pub fn take_settings(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// How long ago the catalog was last reached, in milliseconds.
    pub fn snapshot_age_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.reached_ms.load(Ordering::Relaxed)).max(0)
    }

    /// Whether answers must say that the inventory is stale.
    pub fn is_stale(&self, age_ms: i64) -> bool {
        let after = self.settings.load().snapshot.stale_after_seconds;
        age_ms / 1_000 >= i64::try_from(after).unwrap_or(i64::MAX)
    }
}
