//! Events: opens event tokens, applies the traffic rules, records; counts opportunities; enforces visitor
//! limits across a fleet.

pub mod attribution;
pub mod opportunities;
pub mod record;
pub mod visitor_activity;

use crate::clock::Clock;
use crate::config::CurrentSettings;
use crate::events::opportunities::OpportunityCounters;
use crate::events::visitor_activity::VisitorActivity;
use crate::journal::JournalError;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::reporting::Reporting;
use crate::token::Keyring;
use crate::traffic::VisitorKey;
use crate::traffic::limits::VisitorLimits;
use crate::world::Worlds;
use crate::world::campaign_budget::CampaignBudgets;
use arc_swap::ArcSwap;
use std::net::IpAddr;
use std::sync::Arc;

/// The collaborators of [`Events`].
pub struct Parts {
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// The settings in effect.
    pub settings: Arc<CurrentSettings>,
    /// Prometheus metrics.
    pub metrics: Arc<Metrics>,
    /// The world being served.
    pub world: Arc<Worlds>,
    /// Records the events.
    pub ledger: Arc<Ledger>,
    /// Opens event tokens.
    pub keyring: Arc<ArcSwap<Keyring>>,
    /// Campaign budgets, whose reservations a recorded event extends.
    pub campaign_budgets: Arc<CampaignBudgets>,
    /// Counts of opportunities, which decisions increment.
    pub opportunities: Arc<OpportunityCounters>,
    /// Per-visitor rate limits.
    pub visitors: VisitorLimits,
    /// Credits events over a fleet's visitor limits.
    pub reporting: Arc<Reporting>,
    /// Origin of the public URL.
    pub own_origin: String,
}

/// The events service.
pub struct Events {
    parts: Parts,
    visitor_activity: VisitorActivity,
}

impl Events {
    /// Builds the service.
    pub fn new(parts: Parts) -> Events {
        Events { parts, visitor_activity: VisitorActivity::default() }
    }

    /// The visitor key of a reader on a publisher's pages; changes every day.
    pub fn visitor_key(&self, address: IpAddr, agent: &str, publisher: &str) -> VisitorKey {
        self.parts.visitors.key(address, agent, publisher)
    }

    /// Forgets visitors that are idle at `now_ms`.
    pub fn evict_idle_visitors(&self, now_ms: i64) {
        self.parts.visitors.sweep(now_ms);
    }

    /// Changes the salt of visitor keys on a new day. In a fleet the salt comes from the store.
    pub fn renew_visitor_salt(&self) {
        if self.parts.ledger.cluster().is_none() {
            self.parts.visitors.renew(rand::random());
        }
    }

    /// Resolves pending events whose impression did not arrive in time.
    pub async fn settle_pending(&self) -> Result<(), JournalError> {
        self.parts.ledger.tick(self.parts.clock.now_ms()).await
    }
}
