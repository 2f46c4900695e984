//! The figures of a row, and how rows of the ledger add to them.

use crate::domain::event::EventKind;
use crate::domain::event::InvalidReason;
use crate::domain::event::NoFill;
use crate::domain::money::Micros;
use crate::ledger::views::Tally;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Events of one kind. Duplicates and tests are neither gross nor invalid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Figure {
    /// Counted and invalid.
    pub gross: u64,
    /// Kept and never billed, or credited since.
    pub invalid: u64,
    /// Counted.
    pub net: u64,
}

/// The figures of one row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Figures {
    /// Slots that were asked for; an advertiser's are those it filled. Tests, robots and floods are
    /// left out. A crash may lose the last second of these two, which no bill depends on.
    pub requests: u64,
    /// Those that got a unit.
    pub filled: u64,
    /// Those that got none, by reason: in a publisher's reports.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub no_fill: BTreeMap<NoFill, u64>,
    /// Units that began to render.
    pub impressions: Figure,
    /// Units half in view for a second.
    pub viewable: Figure,
    /// Calls to action followed.
    pub clicks: Figure,
    /// Commands copied.
    pub copies: Figure,
    /// Events that wait for their impression.
    pub pending: u64,
    /// Invalid events by reason, of all kinds.
    pub refused: BTreeMap<InvalidReason, u64>,
    /// Billed, with what was given back taken off, in micros of the row's currency.
    pub spend_micros: i64,
    /// Given back: credits for invalid traffic, and refunds.
    pub returned_micros: i64,
    /// The publisher's share of what was spent: in its own reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revenue_micros: Option<i64>,
}

/// Whether a row of events adds to any figure: tests and duplicates do not, and what had nothing
/// else stands in no report.
pub(super) fn tells(tally: &Tally) -> bool {
    let invalid =
        |(reason, count): (&InvalidReason, &u64)| *reason != InvalidReason::Test && *count > 0;
    tally.counted > 0 || tally.pending > 0 || tally.invalid.iter().any(invalid)
}

impl Figures {
    /// Adds a row of events. The publisher's share is rounded down in each row of the ledger, so
    /// that it adds up however a report is broken down.
    pub(super) fn event(&mut self, kind: EventKind, tally: &Tally, share_bp: Option<u16>) {
        let figure = match kind {
            EventKind::Impression => &mut self.impressions,
            EventKind::Viewable => &mut self.viewable,
            EventKind::Click => &mut self.clicks,
            EventKind::Copy => &mut self.copies,
        };
        let tests = tally.invalid.get(&InvalidReason::Test).copied().unwrap_or(0);
        let invalid = tally.invalid_total() - tests;
        figure.net += tally.counted;
        figure.invalid += invalid;
        figure.gross += tally.counted + invalid;
        self.pending += tally.pending;
        for (reason, count) in &tally.invalid {
            if *reason != InvalidReason::Test {
                *self.refused.entry(*reason).or_default() += count;
            }
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

    /// Adds units that were served.
    pub(super) fn served(&mut self, count: u64) {
        self.requests += count;
        self.filled += count;
    }

    /// Adds slots that stayed empty.
    pub(super) fn unfilled(&mut self, reason: NoFill, count: u64) {
        self.requests += count;
        *self.no_fill.entry(reason).or_default() += count;
    }

    /// Takes off money that was given back.
    pub(super) fn refunded(&mut self, micros: Micros) {
        self.spend_micros -= micros.get();
        self.returned_micros += micros.get();
    }
}
