//! Replay: what recorded decisions would have been with other weights or another inventory.
//!
//! [`pass`] decides each recorded decision on both [sides](side) and adds exact probabilities up in a
//! [`tally`]; nothing is drawn. [`document`] is the result, and [`mod@reproduce`] proves that the records hold
//! what was decided.

pub(crate) mod clicks;
mod contexts;
mod document;
mod pass;
mod recent;
mod reproduce;
mod service;
mod side;
mod tally;
#[cfg(test)]
mod tests;

pub(crate) use document::{Compared, ReplayReport, ShareRow, Shares};
pub(crate) use recent::DataDirectory;
pub(crate) use reproduce::{Reproduction, reproduce};
pub(crate) use service::{Asked, JobState, JobView, ReplayError, Replaying};
pub(crate) use side::{Documents, Recorded};

use crate::decision_log::scan::{Progress, Span, scan};
use crate::replay::clicks::Estimator;
use crate::replay::document::Replayed;
use crate::replay::pass::Pass;
use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

/// What to compare.
pub(crate) struct Question {
    /// The decisions to replay.
    pub(crate) span: Span,
    /// The configuration before; documents that are absent are those of each decision.
    pub(crate) before: Documents,
    /// The configuration after.
    pub(crate) after: Documents,
    /// The clicked decisions, to estimate the clicks of the configuration after.
    pub(crate) clicked: Option<HashSet<u128>>,
}

/// Replays the decisions of the log in `folder` with both configurations, until `progress` breaks. What the
/// log has buffered is not on disk: flush it before.
pub(crate) fn replay(
    folder: &Path,
    question: &Question,
    recorded: &Recorded<'_>,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> io::Result<ReplayReport> {
    let mut pass = Pass::new(recorded, question.before.clone(), question.after.clone());
    pass.clicks = question.clicked.as_ref().map(|clicked| (clicked, Estimator::default()));
    let scanned = scan(folder, &question.span, &mut |step| {
        pass.add(&step.line, step.world);
        progress(step.progress)
    })?;
    let replayed = Replayed {
        from_ms: question.span.times.start,
        to_ms: question.span.times.end,
        sampled: question.span.part,
        without_world: scanned.without_world,
        unreadable_places: scanned.unreadable.len() as u64,
    };
    Ok(document::report(&pass, &replayed))
}
