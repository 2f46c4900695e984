//! Events: opens event tokens, applies the traffic rules, records; counts opportunities; enforces visitor
//! limits across a fleet.

pub(crate) mod attribution;
pub(crate) mod opportunities;
pub(crate) mod record;
pub(crate) mod visitor_limits;

use crate::clock::Clock;
use crate::cluster::VisitorExchange;
use crate::config::CurrentSettings;
use crate::domain::event::EventKind;
use crate::events::opportunities::{Opportunity, OpportunityCounters};
use crate::journal::JournalError;
use crate::ledger::record::OpportunityCount;
use crate::ledger::views::QUARTER_MS;
use crate::ledger::{Ledger, Record};
use crate::metrics::Metrics;
use crate::reporting::Reporting;
use crate::token::Keyring;
use crate::traffic::limits::VisitorLimits;
use crate::traffic::{EventKeys, EventSource};
use crate::world::Worlds;
use crate::world::budgets::Budgets;
use crate::world::topic_shares::TopicShares;
use arc_swap::ArcSwap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// Maximum rows of opportunities per record; keeps it far below the journal's size limit.
const ROWS: usize = 2_000;

/// The collaborators of [`Events`].
pub(crate) struct Parts {
    /// Source of the current time.
    pub(crate) clock: Arc<dyn Clock>,
    /// The settings in effect.
    pub(crate) settings: Arc<CurrentSettings>,
    /// Prometheus metrics.
    pub(crate) metrics: Arc<Metrics>,
    /// The world being served.
    pub(crate) world: Arc<Worlds>,
    /// Records the events.
    pub(crate) ledger: Arc<Ledger>,
    /// Opens event tokens.
    pub(crate) keyring: Arc<ArcSwap<Keyring>>,
    /// Campaign budgets, whose reservations a recorded event extends.
    pub(crate) budgets: Arc<Budgets>,
    /// Counts of opportunities, which decisions increment.
    pub(crate) opportunities: Arc<OpportunityCounters>,
    /// Slots of today by topic and advertiser, which recorded opportunities increment.
    pub(crate) topic_shares: Arc<TopicShares>,
    /// Rate limits by visitor, address and network.
    pub(crate) visitors: VisitorLimits,
    /// Exchanges visitor activity with other instances.
    pub(crate) exchange: Arc<dyn VisitorExchange>,
    /// Credits events over the visitor limits of all instances.
    pub(crate) reporting: Arc<Reporting>,
    /// Origin of the public URL.
    pub(crate) own_origin: String,
}

/// The events service.
pub struct Events {
    parts: Parts,
    credited: Mutex<CreditedEvents>,
    /// Held while opportunities are recorded: a call that finds none waits for those on their way.
    recording: tokio::sync::Mutex<()>,
}

/// Events that were credited because their visitor was over a limit.
#[derive(Default)]
struct CreditedEvents {
    /// The day, in days since 1970-01-01; earlier ones are forgotten.
    day: i64,
    events: BTreeSet<(EventKind, u128)>,
}

impl Events {
    /// Builds the service.
    pub(crate) fn new(parts: Parts) -> Events {
        Events { parts, credited: Mutex::default(), recording: tokio::sync::Mutex::default() }
    }

    /// The keys of a reader's events on a publisher's pages; they change every day.
    pub fn visitor_key(&self, address: IpAddr, agent: &str, publisher: &str) -> Option<EventKeys> {
        let (address, agent) = (Some(address), Some(agent));
        let source = EventSource { address, agent, publisher, campaign: "", server: false };
        self.parts.visitors.keys(&source).iter().next()
    }

    /// Forgets visitors that are idle at `now_ms`.
    pub(crate) fn evict_idle_visitors(&self, now_ms: i64) {
        self.parts.visitors.sweep(now_ms);
    }

    /// Resolves pending events whose impression did not arrive in time.
    pub(crate) async fn settle_pending(&self) -> Result<(), JournalError> {
        self.parts.ledger.tick(self.parts.clock.now_ms()).await
    }

    /// Records the opportunities counted since the last call. Counts that cannot be recorded are
    /// retained for the next call. All counted before the call are on disk when it returns.
    pub(crate) async fn record_opportunities(&self) -> Result<(), JournalError> {
        let _recording = self.recording.lock().await;
        let mut pending: Vec<(Opportunity, u64)> =
            self.parts.opportunities.take().into_iter().collect();
        while !pending.is_empty() {
            let rest = pending.split_off(pending.len().min(ROWS));
            let rows = self.resolve(&pending).await;
            let record = Record::Opportunities(rows);
            if let Err(error) = self.parts.ledger.write(0, &record).await {
                self.parts.opportunities.restore(pending.into_iter().chain(rest));
                return Err(error);
            }
            if let Record::Opportunities(rows) = &record {
                self.parts.topic_shares.count(rows, self.parts.clock.now_ms());
            }
            pending = rest;
        }
        Ok(())
    }

    /// Resolves numbers to ids. Rows whose inventory version is unavailable are dropped.
    async fn resolve(&self, counts: &[(Opportunity, u64)]) -> Vec<OpportunityCount> {
        let mut rows = Vec::with_capacity(counts.len());
        for (key, count) in counts {
            let Some(snapshot) = self.parts.world.token_version(key.inventory).await else {
                continue;
            };
            let Some(slot) = key.resolve(&snapshot) else { continue };
            rows.push(OpportunityCount {
                decided_at_ms: key.quarter * QUARTER_MS,
                slot,
                count: *count,
            });
        }
        rows
    }
}
