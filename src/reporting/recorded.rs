//! One pass over the decisions that this instance recorded in a time, each on the world that it was made
//! on; of many, a sample.

use crate::catalog::CatalogError;
use crate::decision_log;
use crate::decision_log::scan::{Scanned, Span, scan};
use crate::decision_log::{DecisionLine, WorldLine};
use crate::reporting::Reporting;
use crate::selection::snapshot::{Snapshot, State, World};
use schemars::JsonSchema;
use serde::Serialize;
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;

/// Decisions that are read completely; of more, a sample of about so many.
const MAX_DECISIONS: u64 = 200_000;

/// Decisions from which the number of all is estimated.
const PROBE: u64 = 2_000;

/// Compiled versions that are kept while reading.
const CACHED: usize = 4;

/// Compiles the versions that a world names.
pub(crate) type SnapshotOf<'a> = dyn Fn(&WorldLine) -> Result<Arc<Snapshot>, CatalogError> + 'a;

/// Where decisions are recorded.
pub(crate) struct RecordedDecisions<'a> {
    folder: &'a Path,
    snapshot_of: &'a SnapshotOf<'a>,
    max_decisions: u64,
}

/// What was read of the decisions that this instance recorded.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Coverage {
    /// Number of decisions that were read. Tests are left out.
    pub(crate) decisions: u64,
    /// The part of all recorded decisions that was read, from 0 to 1: below 1 the counts are scaled up.
    pub(crate) part: f64,
    /// Number of decisions that were left out, because the inventory that they were made on cannot be read.
    pub(crate) without_world: u64,
    /// Number of places of the decision log that cannot be read; their decisions are missing.
    pub(crate) unreadable: usize,
    /// What limits the figures, as sentences.
    pub(crate) notes: Vec<String>,
}

impl Coverage {
    /// A count of the part that was read, scaled to all.
    pub(crate) fn scaled(&self, count: u64) -> u64 {
        if self.part >= 1.0 {
            return count;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let scaled = (count as f64 / self.part).round() as u64;
        scaled
    }

    /// Rounds how many decisions there were, for readers who do not see all of them.
    pub(crate) fn round(&mut self, rounded: fn(u64) -> u64) {
        self.decisions = rounded(self.decisions);
        self.without_world = rounded(self.without_world);
    }
}

impl<'a> RecordedDecisions<'a> {
    /// The decision log in `folder`, which may not exist.
    pub(crate) fn new(folder: &'a Path, snapshot_of: &'a SnapshotOf<'a>) -> RecordedDecisions<'a> {
        RecordedDecisions { folder, snapshot_of, max_decisions: MAX_DECISIONS }
    }

    /// Passes the decisions of these times to `each`, with their worlds; tests are left out.
    pub(crate) fn each(
        &self,
        times: &Range<i64>,
        mut each: impl FnMut(&World, &DecisionLine),
    ) -> io::Result<Coverage> {
        if !self.folder.is_dir() {
            return Ok(Coverage {
                part: 1.0,
                notes: vec![NO_LOG.to_owned()],
                ..Coverage::default()
            });
        }
        let part = self.part(times)?;
        let mut coverage = Coverage { part, ..Coverage::default() };
        let mut worlds = RecentWorld { snapshots: Vec::new(), last: None };
        let span = Span { times: times.clone(), part };
        let scanned = scan(self.folder, &span, &mut |step| {
            if step.line.test {
                return ControlFlow::Continue(());
            }
            match worlds.get(step.world, self.snapshot_of) {
                Some(world) => {
                    coverage.decisions += 1;
                    each(world, &step.line);
                }
                None => coverage.without_world += 1,
            }
            ControlFlow::Continue(())
        })?;
        coverage.without_world += scanned.without_world;
        coverage.unreadable = scanned.unreadable.len();
        let log_start = decision_log::log_start(self.folder)?;
        coverage.notes = notes(&coverage, &scanned, times, log_start);
        Ok(coverage)
    }

    /// The part to read, from the length of the first decisions and of the log.
    fn part(&self, times: &Range<i64>) -> io::Result<f64> {
        let probe = PROBE.min(self.max_decisions);
        let (mut count, mut first, mut last) = (0u64, None, (0, 0));
        let span = Span { times: times.clone(), part: 1.0 };
        scan(self.folder, &span, &mut |step| {
            count += 1;
            last = (step.progress.done, step.progress.all);
            first.get_or_insert(last.0);
            if count > probe { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let first = first.unwrap_or_default();
        let read = last.0.saturating_sub(first);
        if count <= probe || read == 0 {
            return Ok(1.0);
        }
        let expected = probe as f64 * last.1.saturating_sub(first) as f64 / read as f64;
        Ok((self.max_decisions as f64 / expected).min(1.0))
    }
}

impl Reporting {
    /// Reads the decisions that this server recorded, those of the last moment included.
    pub(super) fn read_recorded<T>(
        &self,
        read: impl FnOnce(RecordedDecisions<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        self.log.flush();
        let snapshot_of = |line: &WorldLine| {
            let versions = (&*line.inventory, &*line.weights, &*line.labels);
            self.world.snapshot_in_passing(versions)
        };
        read(RecordedDecisions::new(self.log.folder(), &snapshot_of))
    }
}

const NO_LOG: &str = "this data directory has no decision log";

/// The world of the last decision, and the last compiled versions; `None` for one that is unavailable.
struct RecentWorld {
    snapshots: Vec<(WorldLine, Option<Arc<Snapshot>>)>,
    last: Option<(Arc<WorldLine>, Option<World>)>,
}

impl RecentWorld {
    fn get(&mut self, line: &Arc<WorldLine>, snapshot_of: &SnapshotOf<'_>) -> Option<&World> {
        if self.last.as_ref().is_none_or(|(last, _)| !Arc::ptr_eq(last, line)) {
            let snapshot = self.snapshot(line, snapshot_of);
            let world = snapshot.map(|snapshot| World::new(snapshot, line.state.clone()));
            self.last = Some((line.clone(), world));
        }
        self.last.as_ref().and_then(|(_, world)| world.as_ref())
    }

    fn snapshot(&mut self, of: &WorldLine, snapshot_of: &SnapshotOf<'_>) -> Option<Arc<Snapshot>> {
        let names =
            |line: &WorldLine| [&line.inventory, &line.weights, &line.labels].map(String::clone);
        let wanted = names(of);
        if let Some((_, found)) = self.snapshots.iter().find(|(line, _)| names(line) == wanted) {
            return found.clone();
        }
        let found = snapshot_of(of)
            .inspect_err(
                |error| tracing::warn!(%error, "decisions left out: cannot read their inventory"),
            )
            .ok();
        let line = WorldLine { state: State::default(), ..of.clone() };
        self.snapshots.insert(0, (line, found.clone()));
        self.snapshots.truncate(CACHED);
        found
    }
}

/// What limits the figures.
fn notes(
    coverage: &Coverage,
    scanned: &Scanned,
    times: &Range<i64>,
    log_start: Option<i64>,
) -> Vec<String> {
    let time = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string();
    let mut notes = Vec::new();
    match log_start {
        None => notes.push("no decision has been recorded yet".to_owned()),
        Some(start) if start >= times.end => notes.push(format!(
            "no decision of this time is recorded any more: the decision log begins at {}; it keeps them for \
             `decision_log.days`, up to `decision_log.max_bytes`",
            time(start)
        )),
        Some(start) if start > times.start => notes.push(format!(
            "the decision log begins at {}: earlier decisions were not made, or are not kept",
            time(start)
        )),
        Some(_) if scanned.decisions == 0 => {
            notes.push("no decision was made in this time".to_owned());
        }
        Some(_) => {}
    }
    if coverage.part < 1.0 {
        notes.push(format!(
            "counted from a sample of {:.2} % of the decisions, and scaled up",
            coverage.part * 100.0
        ));
    }
    if coverage.unreadable > 0 {
        notes.push(format!(
            "places of the decision log that cannot be read: {}; the decisions there are missing",
            coverage.unreadable
        ));
    }
    if coverage.without_world > 0 {
        notes.push(
            "some decisions are left out: the inventory or the state that they were made on cannot be read"
                .to_owned(),
        );
    }
    notes
}

#[cfg(test)]
#[path = "recorded_tests.rs"]
mod tests;
