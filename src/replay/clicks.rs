//! What a configuration would have earned in clicks, from what was logged under another one: off-policy
//! evaluation by importance weights, `w = π_new(a|x) / π_logged(a|x)` for the logged choice `a` on page `x`.
//!
//! The lift is paired, `mean[(w − 1)·r]` for the clicks `r`, because most decisions have `w` near 1 and their
//! noise cancels; the value is self-normalised, `Σwr / Σw` (SNIPS; Swaminathan and Joachims 2015). Neither is a
//! number where the logged configuration never tried what the other one does: then there is a reason instead.

use crate::domain::event::{EventKind, Verdict};
use crate::ledger::history;
use crate::ledger::history::ReplayFrom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::path::Path;

/// A click counts for a decision until this long after it, in milliseconds.
const WINDOW_MS: i64 = 3_600_000;

/// The least effective number of decisions, and its least part of all.
const LEAST_EFFECTIVE: f64 = 1_000.0;
const LEAST_PART: f64 = 0.05;

/// The most of the new configuration's choices that the logged one cannot make.
const MOST_UNSUPPORTED: f64 = 1e-6;

/// An estimate and half of its 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Estimate {
    pub(crate) value: f64,
    pub(crate) plus_minus: f64,
}

/// Clicks under both configurations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ClickValue {
    /// Decisions; of each page the first slot.
    pub(crate) decisions: u64,
    /// Those with a counted click within an hour.
    pub(crate) clicks: u64,
    /// Clicks per decision, as logged.
    pub(crate) logged: Estimate,
    /// Why the estimates below are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
    /// What the new configuration has more of it, per decision (paired).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lift: Option<Estimate>,
    /// The same as a part of what was logged: 0.05 is five per cent more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) relative_lift: Option<Estimate>,
    /// Clicks per decision under the new configuration (self-normalised).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) new: Option<Estimate>,
    /// The mean of the weights: 1 but for chance.
    pub(crate) mean_weight: f64,
    pub(crate) largest_weight: f64,
    /// How many decisions the weighted ones are worth: `(Σw)² / Σw²`.
    pub(crate) effective_decisions: f64,
    /// The part of the new configuration's choices that the logged one could not make.
    pub(crate) unsupported: f64,
}

/// Sums over logged decisions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Estimator {
    decisions: u64,
    clicks: u64,
    unsupported: f64,
    largest: f64,
    /// Of weights and their squares.
    weights: [f64; 2],
    /// Over decisions with a click: of `w`, and of `w²`.
    clicked: [f64; 2],
}

impl Estimator {
    /// Adds a logged decision: the weight of its choice, whether it was clicked, and how much of what the new
    /// configuration chooses here the logged one cannot.
    pub(crate) fn add(&mut self, weight: f64, is_clicked: bool, unsupported: f64) {
        self.decisions += 1;
        self.unsupported += unsupported;
        self.largest = self.largest.max(weight);
        self.weights[0] += weight;
        self.weights[1] += weight * weight;
        if is_clicked {
            self.clicks += 1;
            self.clicked[0] += weight;
            self.clicked[1] += weight * weight;
        }
    }

    /// What these decisions say.
    pub(crate) fn value(&self) -> ClickValue {
        let n = (self.decisions as f64).max(1.0);
        let clicks = self.clicks as f64;
        let [sum, squares] = self.weights;
        let logged = clicks / n;
        let effective = if squares > 0.0 { sum * sum / squares } else { 0.0 };
        let refused = self.refused(effective);
        let estimates = refused.is_none().then(|| self.estimates());
        ClickValue {
            decisions: self.decisions,
            clicks: self.clicks,
            logged: Estimate {
                value: logged,
                plus_minus: 1.96 * (logged * (1.0 - logged) / n).sqrt(),
            },
            refused,
            lift: estimates.map(|[lift, _, _]| lift),
            relative_lift: estimates.map(|[_, relative, _]| relative),
            new: estimates.map(|[_, _, new]| new),
            mean_weight: sum / n,
            largest_weight: self.largest,
            effective_decisions: effective,
            unsupported: self.unsupported / n,
        }
    }

    fn estimates(&self) -> [Estimate; 3] {
        let n = self.decisions as f64;
        let [weight, weight_squares] = self.weights;
        let [clicked, clicked_squares] = self.clicked;
        let clicks = self.clicks as f64;
        let mean = |sum: f64| sum / n;
        // Of (w − 1)·r, and of its square; r is 0 or 1.
        let lift = mean(clicked - clicks);
        let squares = mean(clicked_squares - 2.0 * clicked + clicks);
        let error = |square: f64, mean: f64| 1.96 * ((square - mean * mean).max(0.0) / n).sqrt();
        let logged = mean(clicks);
        // The relative lift is a ratio of two means over the same decisions: ((w − 1) − ratio)·r / logged.
        let ratio = lift / logged;
        let of_ratio =
            mean(clicked_squares - 2.0 * (1.0 + ratio) * clicked + (1.0 + ratio).powi(2) * clicks);
        let value = clicked / weight;
        // Σ w²(r − value)², over all decisions.
        let spread = clicked_squares * (1.0 - 2.0 * value) + value * value * weight_squares;
        [
            Estimate { value: lift, plus_minus: error(squares, lift) },
            Estimate { value: ratio, plus_minus: error(of_ratio, 0.0) / logged },
            Estimate { value, plus_minus: 1.96 * spread.max(0.0).sqrt() / weight },
        ]
    }

    /// Why no number is given.
    fn refused(&self, effective: f64) -> Option<String> {
        let n = (self.decisions as f64).max(1.0);
        let unsupported = self.unsupported / n;
        if unsupported > MOST_UNSUPPORTED {
            return Some(format!(
                "{:.2} % of what the new configuration chooses was never tried by the logged one: let it run on a \
                 part of the traffic",
                unsupported * 100.0
            ));
        }
        if effective < LEAST_EFFECTIVE || effective < LEAST_PART * n {
            return Some(format!(
                "the {} decisions are worth {effective:.0} for the new configuration, which is too different from \
                 the logged one: at least {LEAST_EFFECTIVE:.0} and {:.0} % of them are needed",
                self.decisions,
                LEAST_PART * 100.0
            ));
        }
        let mean = self.weights[0] / n;
        let error = ((self.weights[1] / n - mean * mean).max(0.0) / n).sqrt();
        if (mean - 1.0).abs() > 3.0 * error + 1e-6 {
            return Some(format!(
                "the mean weight is {mean:.3} instead of 1 ± {:.3}: recorded propensities are not those of the \
                 choices",
                3.0 * error
            ));
        }
        if self.clicks == 0 {
            return Some("no decision of this time has a counted click".to_owned());
        }
        None
    }
}

/// The ids of decisions made in a time that have a counted click within an hour. Reads a whole journal.
pub(crate) fn clicked(journal: &Path, times: &Range<i64>) -> io::Result<HashSet<u128>> {
    let mut clicked = HashSet::new();
    if !journal.is_dir() {
        return Ok(clicked);
    }
    history::replay(journal, ReplayFrom::First, u64::MAX, false, |applied| {
        for judged in &applied.verdicts {
            let event = &judged.event;
            let is_meant = event.kind == EventKind::Click
                && times.contains(&event.decided_at_ms)
                && event.at_ms < event.decided_at_ms + WINDOW_MS;
            if is_meant && judged.verdict == Verdict::Counted {
                clicked.insert(event.decision);
            }
        }
        // A credit says that a click was none.
        for event in applied.adjustments.iter().filter_map(|one| one.event.as_ref()) {
            if event.kind == EventKind::Click {
                clicked.remove(&event.decision);
            }
        }
    })?;
    Ok(clicked)
}

#[cfg(test)]
#[path = "clicks_tests.rs"]
mod tests;
