//! Reporting: views of the ledger (reports, overview, metrics), and what corrects or verifies it
//! (credits, refunds, review, audit, reconciliation).

pub(crate) mod audit;
mod budget_left;
pub(crate) mod credit;
mod delivery;
pub(crate) mod flight_state;
pub(crate) mod funnel;
pub(crate) mod gaps;
pub(crate) mod overview;
pub(crate) mod payers;
pub(crate) mod recent_totals;
pub(crate) mod recorded;
pub(crate) mod report;
pub(crate) mod review;
pub(crate) mod scrape;
pub(crate) mod status;
pub(crate) mod topic_share;

use crate::clock::Clock;
use crate::config::CurrentSettings;
use crate::decision_log::DecisionLog;
use crate::ledger::history::ReplayFrom;
use crate::ledger::views::Views;
use crate::ledger::{EventVerdict, Ledger};
use crate::metrics::Metrics;
use crate::reporting::recent_totals::RecentTotals;
use crate::traffic::Arrivals;
use crate::world::Worlds;
use crate::world::recent_stages::RecentStages;
use crate::world::shadow::Shadow;
use crate::world::topic_shares::TopicShares;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The collaborators of [`Reporting`].
pub(crate) struct Parts {
    /// Source of the current time.
    pub(crate) clock: Arc<dyn Clock>,
    /// The settings in effect.
    pub(crate) settings: Arc<CurrentSettings>,
    /// Prometheus metrics.
    pub(crate) metrics: Arc<Metrics>,
    /// Names of what reports are about.
    pub(crate) world: Arc<Worlds>,
    /// What reports are about.
    pub(crate) ledger: Arc<Ledger>,
    /// Log of decisions, for funnels and gaps.
    pub(crate) log: Arc<DecisionLog>,
    /// Counts of the stages at which slots were lost.
    pub(crate) recent_stages: Arc<RecentStages>,
    /// Slots of today by topic and advertiser.
    pub(crate) topic_shares: Arc<TopicShares>,
    /// Weights that are compared with those being served.
    pub(crate) shadow: Arc<Shadow>,
}

/// The reporting service.
pub struct Reporting {
    clock: Arc<dyn Clock>,
    settings: Arc<CurrentSettings>,
    metrics: Arc<Metrics>,
    world: Arc<Worlds>,
    ledger: Arc<Ledger>,
    log: Arc<DecisionLog>,
    recent_stages: Arc<RecentStages>,
    topic_shares: Arc<TopicShares>,
    shadow: Arc<Shadow>,
    recent_totals: RecentTotals,
    /// Inter-arrival statistics of impressions, per publisher.
    arrivals: Arrivals,
    /// Currencies of billed campaigns that are not in the inventory any more.
    removed_currencies: Mutex<BTreeMap<Box<str>, String>>,
}

/// How complete the figures of a report are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completeness {
    /// The time up to which all received events are included: now, minus what the ledger lags behind.
    pub(crate) complete_through: Timestamp,
    /// The time up to which no record of another instance can come in between; `None` before it is known.
    pub(crate) final_until: Option<Timestamp>,
    /// No event that is still valid can change the figures.
    pub(crate) is_final: bool,
    /// The figures may include records after `final_until`, whose verdicts may still change.
    pub(crate) is_provisional: bool,
}

impl Reporting {
    /// Builds the service.
    pub(crate) fn new(parts: Parts) -> Reporting {
        let Parts {
            clock,
            settings,
            metrics,
            world,
            ledger,
            log,
            recent_stages,
            topic_shares,
            shadow,
        } = parts;
        let (arrivals, removed_currencies) = (Arrivals::default(), Mutex::default());
        Reporting {
            clock,
            settings,
            metrics,
            world,
            ledger,
            log,
            recent_stages,
            topic_shares,
            shadow,
            recent_totals: RecentTotals::default(),
            arrivals,
            removed_currencies,
        }
    }

    /// The inter-arrival statistics that the review reads.
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// A copy of the ledger's rows, for [`report::report`]. Cheap: quarters are reference-counted.
    pub(crate) fn views(&self) -> Views {
        self.ledger.views()
    }

    /// The events of a decision with their verdicts. `made`: the partition of its campaign, if known, and
    /// its time, without which the whole journal is replayed. Do not call on a request thread.
    pub(crate) fn events_of(
        &self,
        decision: u128,
        made: Option<(u8, i64)>,
    ) -> io::Result<Vec<EventVerdict>> {
        match made {
            Some((partition, at_ms)) => self.ledger.events_of_decision(decision, partition, at_ms),
            None => self.ledger.events_of(&BTreeSet::from([decision]), ReplayFrom::First),
        }
    }

    /// Waits until this instance's latest records are applied, for at most `timeout`. Does not wait while
    /// their log is unreachable.
    pub(crate) async fn settle(&self, timeout: Duration) {
        if self.ledger.status().is_up {
            self.ledger.wait_until_applied(timeout).await;
        }
    }

    /// How complete the figures of decisions before `end_ms` are. Read before the figures, which are then
    /// no less complete.
    pub(crate) fn completeness(&self, end_ms: i64) -> Completeness {
        let (now, status) = (self.clock.now(), self.ledger.status());
        let windows = self.settings.get().windows;
        let wait_ms = i64::from(windows.click_seconds + windows.orphan_grace_seconds) * 1_000
            + self.ledger.spool_ms();
        let complete_through = now.checked_sub(status.lag).unwrap_or(now);
        let final_until = match status.final_until_ms {
            None => Some(complete_through),
            Some(i64::MIN) => None,
            // Out of range only if no instance is awaited.
            Some(stamp) => Some(
                Timestamp::from_millisecond(stamp)
                    .map_or(complete_through, |stamp| stamp.min(complete_through)),
            ),
        };
        let is_final = final_until.is_some_and(|until| until.as_millisecond() > end_ms + wait_ms);
        let is_provisional = !is_final && (status.provisional > 0 || final_until.is_none());
        Completeness { complete_through, final_until, is_final, is_provisional }
    }
}
