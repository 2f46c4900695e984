//! The figures of a report row, and how ledger rows add to them.

use crate::domain::event::{EventKind, InvalidReason, NoFill};
use crate::domain::money::Micros;
use crate::ledger::views::Tally;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Events of one kind. Duplicates and tests are not included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Figure {
    /// Net plus invalid events.
    pub(crate) gross: u64,
    /// Events recorded as invalid or credited later.
    pub(crate) invalid: u64,
    /// Counted events.
    pub(crate) net: u64,
}

/// The figures of one row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Figures {
    /// Opportunities; in an advertiser's report only those it filled. Excludes tests, bots and floods.
    /// A crash may lose the last second of `requests` and `filled`; no bill depends on them.
    pub(crate) requests: u64,
    /// Opportunities that were filled.
    pub(crate) filled: u64,
    /// Opportunities that were not filled, by reason; in publisher reports.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) no_fill: BTreeMap<NoFill, u64>,
    /// Impressions (begin to render).
    pub(crate) impressions: Figure,
    /// Viewable impressions (50 % in view for one second).
    pub(crate) viewable: Figure,
    /// Clicks on calls to action.
    pub(crate) clicks: Figure,
    /// Copied commands.
    pub(crate) copies: Figure,
    /// Events waiting for their impression.
    pub(crate) pending: u64,
    /// Invalid events of all kinds, by reason.
    pub(crate) refused: BTreeMap<InvalidReason, u64>,
    /// Billed amount minus credits and refunds, in micros of the row's currency.
    pub(crate) spend_micros: i64,
    /// Credits for invalid traffic, and refunds.
    pub(crate) returned_micros: i64,
    /// The publisher's share of the spend; in publisher reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revenue_micros: Option<i64>,
}

/// Events of decisions that no report counts, so that no report has more events than decisions.
const UNREPORTED: [InvalidReason; 2] = [InvalidReason::Test, InvalidReason::Idle];

/// Whether a row of events adds to any figure. Those of tests and idle decisions and duplicates do not,
/// and a row with nothing else is left out of reports.
pub(super) fn is_reportable(tally: &Tally) -> bool {
    let invalid =
        |(reason, count): (&InvalidReason, &u64)| !UNREPORTED.contains(reason) && *count > 0;
    tally.counted > 0 || tally.pending > 0 || tally.invalid.iter().any(invalid)
}

impl Figure {
    fn merge(&mut self, other: Figure) {
        self.gross += other.gross;
        self.invalid += other.invalid;
        self.net += other.net;
    }
}

impl Figures {
    /// Adds other figures of the same currency.
    pub(super) fn merge(&mut self, other: &Figures) {
        self.requests += other.requests;
        self.filled += other.filled;
        for (reason, count) in &other.no_fill {
            *self.no_fill.entry(*reason).or_default() += count;
        }
        self.impressions.merge(other.impressions);
        self.viewable.merge(other.viewable);
        self.clicks.merge(other.clicks);
        self.copies.merge(other.copies);
        self.pending += other.pending;
        for (reason, count) in &other.refused {
            *self.refused.entry(*reason).or_default() += count;
        }
        self.spend_micros += other.spend_micros;
        self.returned_micros += other.returned_micros;
        if let Some(revenue) = other.revenue_micros {
            *self.revenue_micros.get_or_insert(0) += revenue;
        }
    }

    /// Adds a row of events. The publisher's share is rounded down per ledger row, so that every
    /// breakdown adds up to the same total.
    pub(super) fn add_events(&mut self, kind: EventKind, tally: &Tally, share_bp: Option<u16>) {
        let figure = match kind {
            EventKind::Impression => &mut self.impressions,
            EventKind::Viewable => &mut self.viewable,
            EventKind::Click => &mut self.clicks,
            EventKind::Copy => &mut self.copies,
        };
        let reported = tally.invalid.iter().filter(|(reason, _)| !UNREPORTED.contains(reason));
        let invalid: u64 = reported.clone().map(|(_, count)| count).sum();
        figure.net += tally.counted;
        figure.invalid += invalid;
        figure.gross += tally.counted + invalid;
        self.pending += tally.pending;
        for (reason, count) in reported {
            *self.refused.entry(*reason).or_default() += count;
        }
        let net = tally.billed.get() - tally.credited.get();
        self.spend_micros += net;
        self.returned_micros += tally.credited.get();
        if let Some(share_bp) = share_bp {
            let share = i128::from(net) * i128::from(share_bp) / 10_000;
            let sum = self.revenue_micros.unwrap_or(0);
            self.revenue_micros = Some(sum + i64::try_from(share).unwrap_or(i64::MAX));
        }
    }

    /// Adds filled opportunities.
    pub(super) fn add_served(&mut self, count: u64) {
        self.requests += count;
        self.filled += count;
    }

    /// Adds unfilled opportunities.
    pub(super) fn add_unfilled(&mut self, reason: NoFill, count: u64) {
        self.requests += count;
        *self.no_fill.entry(reason).or_default() += count;
    }

    /// Subtracts a refund.
    pub(super) fn add_refund(&mut self, micros: Micros) {
        self.spend_micros -= micros.get();
        self.returned_micros += micros.get();
    }
}
