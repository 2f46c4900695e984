//! Publishing: checks, stores and serves changes of the catalog; replaces the world that decisions read.

pub mod apply;
pub(crate) mod canary;
mod change_log;
pub(crate) mod currency;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod flight_rotation;
pub(crate) mod follow;
pub(crate) mod history;
pub(crate) mod images;
pub(crate) mod pending;
pub(crate) mod rotation;
pub(crate) mod shadow;
pub(crate) mod source;
pub(crate) mod state;
pub(crate) mod weights_versions;

use crate::catalog::Catalog;
use crate::catalog::guard::PredictEffect;
use crate::clock::Clock;
use crate::cluster::CatalogSync;
use crate::config::CurrentSettings;
use crate::config::keys::ApiKeys;
use crate::decision_log::DecisionLog;
use crate::ledger::Ledger;
use crate::metrics::{Metrics, ReloadResult};
use crate::publishing::pending::{PendingChange, PendingChanges};
use crate::world::Worlds;
use crate::world::budgets::Budgets;
use crate::world::canary_arms::CurrentArms;
use crate::world::leasing::Leasing;
use crate::world::pace::Pacer;
use crate::world::rotation::RotationLearner;
use crate::world::shadow::Shadow;
use crate::world::topic_shares::TopicShares;
use arc_swap::ArcSwap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

/// The collaborators of [`Publishing`].
pub(crate) struct Parts {
    /// Source of the current time.
    pub(crate) clock: Arc<dyn Clock>,
    /// API keys, whose owners are named in the log.
    pub(crate) keys: Arc<ArcSwap<ApiKeys>>,
    /// The settings in effect.
    pub(crate) settings: Arc<CurrentSettings>,
    /// Prometheus metrics.
    pub(crate) metrics: Arc<Metrics>,
    /// The world being served, to replace.
    pub(crate) world: Arc<Worlds>,
    /// Versioned inventories, weights and labels.
    pub(crate) catalog: Arc<Catalog>,
    /// Keeps the catalog the same on all instances.
    pub(crate) sync: Arc<dyn CatalogSync>,
    /// Records changed budgets.
    pub(crate) ledger: Arc<Ledger>,
    /// Log of decisions, which has every world that is served.
    pub(crate) log: Arc<DecisionLog>,
    /// Campaign budgets, shared with the ledger's listener.
    pub(crate) budgets: Arc<Budgets>,
    /// Slots of today by topic and advertiser.
    pub(crate) topic_shares: Arc<TopicShares>,
    /// Weights that are compared with those being served.
    pub(crate) shadow: Arc<Shadow>,
    /// The counts of the canary, for the events of the ledger.
    pub(crate) arms: Arc<CurrentArms>,
    /// The terms on which this instance may sell.
    pub(crate) leasing: Arc<Leasing>,
    /// Predicts what a change does, for the guard.
    pub(crate) effect: Arc<dyn PredictEffect>,
    /// Changes of files that wait since the start.
    pub(crate) pending: Vec<PendingChange>,
    /// Public base URL, without a trailing slash; images are served below it.
    pub(crate) public_url: String,
}

/// The publishing service.
pub struct Publishing {
    parts: Parts,
    /// Serialises changes of the catalog.
    catalog_lock: tokio::sync::Mutex<()>,
    /// Serialises replacement of the world; contains the next state number.
    next_state: Mutex<u64>,
    /// The shares of paced flights.
    pacer: Mutex<Pacer>,
    /// Changes of files that wait for confirmation.
    pending: PendingChanges,
    /// The revision of the named versions of the weights that the shadow follows.
    versions_seen: AtomicU64,
    /// How the last canary ended, if it did worse.
    canary_stopped: Mutex<Option<String>>,
    /// Which creatives get clicks.
    learner: Arc<Mutex<RotationLearner>>,
}

impl Publishing {
    /// Builds the service and logs the initial world.
    pub(crate) fn new(mut parts: Parts) -> Publishing {
        let pending = std::mem::take(&mut parts.pending);
        for change in &pending {
            parts.metrics.count_reload(change.part.as_str(), ReloadResult::Pending);
        }
        match canary::at_start(&parts) {
            Ok(Some(live)) => {
                if let Some(canary) = &live.canary {
                    canary.arms.set_share(parts.clock.now_ms(), canary.head.share);
                    parts.arms.set(Some(canary.arms.clone()));
                    parts.metrics.canary_share.set(canary.head.percent() / 100.0);
                }
                parts.world.update(live);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "cannot serve the canary; all requests get the active weights");
            }
        }
        let live = parts.world.live();
        parts.log.record_world(live.log_line());
        let publishing = Publishing {
            versions_seen: AtomicU64::new(parts.sync.versions_revision()),
            next_state: Mutex::new(live.world.state.number + 1),
            pacer: Mutex::default(),
            canary_stopped: Mutex::default(),
            learner: Arc::default(),
            catalog_lock: tokio::sync::Mutex::new(()),
            pending: PendingChanges::new(pending),
            parts,
        };
        publishing.follow_shadow();
        publishing
    }
}
