//! Delivery: decides, reserves money, makes the content of units, seals their event tokens. Independent
//! of HTTP: handlers translate requests into calls on [`Delivery`].

mod canary_arms;
pub(crate) mod decide;
pub(crate) mod disk_guard;
pub(crate) mod feed;
mod forced;
pub(crate) mod json_text;
pub(crate) mod known_page;
mod known_units;
pub(crate) mod page_url;
pub(crate) mod reader;
pub(crate) mod rendered_unit;
mod reported;
mod reported_rows;
pub(crate) mod reserve;
mod sampler;
mod shadow_sampler;
mod shown_again;
mod stage_sampler;
pub(crate) mod tokens;
pub(crate) mod unit;
pub(crate) mod unit_json;

use crate::clock::Clock;
use crate::config::CurrentSettings;
use crate::decision_log::DecisionLog;
use crate::delivery::known_units::KnownUnits;
use crate::delivery::reported_rows::ReportedRows;
use crate::delivery::sampler::Sampler;
use crate::events::opportunities::OpportunityCounters;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::token::{Keyring, PARTITIONS};
use crate::world::Worlds;
use crate::world::leasing::Leasing;
use crate::world::live_feed::LiveFeed;
use crate::world::recent_stages::RecentStages;
use crate::world::shadow::Shadow;
use arc_swap::ArcSwap;
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
    /// Counts of the stages at which slots were lost, for the pages of advertisers.
    pub(crate) recent_stages: Arc<RecentStages>,
    /// Weights to compare with those being served.
    pub(crate) shadow: Arc<Shadow>,
    /// Decisions for operators who watch.
    pub(crate) feed: Arc<LiveFeed>,
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
    known_units: KnownUnits,
    stage_sampler: Sampler,
    shadow_sampler: Sampler,
    /// Hashes the addresses of callers while their reservations last.
    caller_salt: RandomState,
}

impl Delivery {
    /// Builds the service.
    pub(crate) fn new(parts: Parts) -> Delivery {
        let stage_sampler =
            stage_sampler::start(parts.metrics.clone(), parts.recent_stages.clone());
        let shadow_sampler = shadow_sampler::start(parts.metrics.clone(), parts.shadow.clone());
        Delivery {
            parts,
            next_seq: [const { AtomicU64::new(0) }; PARTITIONS as usize],
            low_disk: AtomicBool::new(false),
            reported_rows: ReportedRows::default(),
            known_units: KnownUnits::default(),
            stage_sampler,
            shadow_sampler,
            caller_salt: RandomState::new(),
        }
    }
}
