//! Reporting: views of the ledger (reports, overview, metrics), and what corrects or verifies it
//! (credits, refunds, review, audit, reconciliation).

pub mod audit;
pub mod credit;
pub mod overview;
pub mod report;
pub mod review;
pub mod scrape;

use crate::clock::Clock;
use crate::config::CurrentSettings;
use crate::ledger::history::ReplayFrom;
use crate::ledger::views::Views;
use crate::ledger::{EventVerdict, Ledger};
use crate::metrics::Metrics;
use crate::traffic::Arrivals;
use crate::world::Worlds;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The reporting service.
pub struct Reporting {
    clock: Arc<dyn Clock>,
    settings: Arc<CurrentSettings>,
    metrics: Arc<Metrics>,
    world: Arc<Worlds>,
    ledger: Arc<Ledger>,
    /// Inter-arrival statistics of impressions, per publisher.
    arrivals: Arrivals,
}

impl Reporting {
    /// Reports on `ledger`, with the names of `world`.
    pub fn new(
        clock: Arc<dyn Clock>,
        settings: Arc<CurrentSettings>,
        metrics: Arc<Metrics>,
        world: Arc<Worlds>,
        ledger: Arc<Ledger>,
    ) -> Reporting {
        Reporting { clock, settings, metrics, world, ledger, arrivals: Arrivals::default() }
    }

    /// The inter-arrival statistics that the review reads.
    pub fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// A copy of the ledger's rows, for [`report::report`]. Cheap: quarters are reference-counted.
    pub fn views(&self) -> Views {
        self.ledger.views()
    }

    /// The events of a decision with their verdicts. Reads the journal: do not call on a request
    /// thread.
    pub fn events_of(&self, decision: u128) -> io::Result<Vec<EventVerdict>> {
        self.ledger.events_of(&BTreeSet::from([decision]), ReplayFrom::First)
    }

    /// In a fleet, waits until this instance's latest records came back through the shared store, for
    /// at most `timeout`. Does not wait while the store is unreachable.
    pub async fn settle(&self, timeout: Duration) {
        if let Some(shared) = self.ledger.cluster().filter(|shared| shared.status().is_up) {
            shared.wait_until_applied(timeout).await;
        }
    }

    /// The time up to which the ledger includes all received events: now, or in a fleet, as far as the
    /// shared store was read.
    pub fn complete_through(&self) -> Timestamp {
        let lag = self.ledger.cluster().map_or(Duration::ZERO, |shared| shared.status().lag);
        let now = self.clock.now();
        now.checked_sub(lag).unwrap_or(now)
    }

    /// Whether figures of decisions before `end_ms` are final: no event that is still valid can change
    /// them.
    pub fn is_final(&self, end_ms: i64) -> bool {
        let settings = self.settings.get();
        let windows = settings.windows;
        let mut wait_ms = i64::from(windows.click_seconds + windows.orphan_grace_seconds) * 1_000;
        if self.ledger.cluster().is_some() {
            // An instance cut off from the shared store may deliver its events this much later.
            wait_ms += i64::from(settings.store.spool_hours) * 3_600_000;
        }
        self.complete_through().as_millisecond() > end_ms + wait_ms
    }
}
