//! The recorded decisions of the last four weeks: a weighted sample in memory.
//!
//! Of each publisher and hour, all decisions are kept while they are few, and a part of them, by a hash of their
//! ids, while they are many: the weight of a decision is how many it stands for.

use crate::decision_log::line::DecisionLine;
use crate::decision_log::scan::{Span, scan, size};
use crate::decision_log::{SlotLine, WorldLine};
use crate::selection::dice::{Dice, Purpose};
use crate::selection::page::Page;
use crate::selection::translate::Names;
use std::collections::HashMap;
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const DAY_MS: i64 = 86_400_000;

/// How far back decisions are used, in milliseconds.
pub(super) const HISTORY_MS: i64 = 28 * DAY_MS;

/// Decisions of a publisher in an hour that are kept before only a part of them is.
const KEPT_ALWAYS: usize = 200;

/// A decision log of up to this many bytes is read as a whole; a larger one day by day, the last day first, so
/// that what was read before a deadline is the newest.
const READ_AT_ONCE: u64 = 64 << 20;

/// About as many bytes as a stored decision takes, and how many times as many decisions are read as are kept.
const BYTES: u64 = 128;
const READ_FOR_EACH: u64 = 20;

/// How much to read and to keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Decisions that are kept.
    pub(crate) decisions: usize,
    /// When reading ends, whatever was read.
    pub(crate) until: Option<Instant>,
}

/// A decision of the sample.
pub(super) struct Recorded {
    pub(super) at_ms: i64,
    /// The version of the catalog that it was made on, by its place in [`Sample::versions`].
    pub(super) version: usize,
    pub(super) page: Arc<Page>,
    pub(super) url: Option<Arc<str>>,
    pub(super) slots: Box<[SlotLine]>,
    hash: u32,
}

/// Loads the names of a version of the catalog.
pub(super) type ReadNames<'a> = &'a dyn Fn(&WorldLine) -> Option<Names>;

/// The versions of the catalog of a sample's decisions: the hashes of inventory and weights, which rank the
/// flights, and the names.
type Versions = Vec<((String, String), Option<Arc<Names>>)>;

/// A sample of the recorded decisions.
#[derive(Default)]
pub(crate) struct Sample {
    strata: HashMap<(usize, u32, i64), Stratum>,
    pub(super) versions: Versions,
    /// The times that were read.
    pub(super) times: Range<i64>,
    /// The largest number of decisions that a stratum keeps.
    kept: usize,
    total: usize,
    /// The part of the decisions that is read.
    part: f64,
    /// Places of the log that cannot be read.
    pub(super) unreadable: usize,
}

/// The decisions of a publisher and an hour.
#[derive(Default)]
struct Stratum {
    decisions: Vec<Recorded>,
    /// One of `2^halvings` decisions is kept.
    halvings: u32,
}

impl Stratum {
    fn keeps(&self, hash: u32) -> bool {
        self.halvings == 0 || hash >> (32 - self.halvings) == 0
    }

    /// Keeps half of the decisions until there are few enough; returns how many were dropped.
    fn thin(&mut self, most: usize) -> usize {
        let before = self.decisions.len();
        while self.decisions.len() > most && self.halvings < 31 {
            self.halvings += 1;
            let halvings = self.halvings;
            self.decisions.retain(|one| one.hash >> (32 - halvings) == 0);
        }
        before - self.decisions.len()
    }
}

impl Sample {
    /// Reads the decisions of a decision log of the four weeks before `now_ms`.
    pub(crate) fn read(
        folder: &Path,
        now_ms: i64,
        effort: Effort,
        names: ReadNames<'_>,
    ) -> io::Result<Sample> {
        let bytes = size(folder, &(now_ms - HISTORY_MS..now_ms))?;
        let wanted = (effort.decisions as u64 * READ_FOR_EACH * BYTES) as f64;
        let part = (wanted / bytes.max(1) as f64).min(1.0);
        let mut sample = Sample {
            kept: KEPT_ALWAYS.max(effort.decisions / 672),
            part,
            times: now_ms..now_ms,
            ..Sample::default()
        };
        let start = now_ms - HISTORY_MS;
        if bytes <= READ_AT_ONCE {
            sample.add(folder, start..now_ms, effort, names)?;
            sample.times = sample.first().unwrap_or(now_ms)..now_ms;
            return Ok(sample);
        }
        let mut end = now_ms;
        while end > start && effort.until.is_none_or(|until| Instant::now() < until) {
            let begin = (end - DAY_MS).max(start);
            sample.add(folder, begin..end, effort, names)?;
            end = begin;
            sample.times.start = begin;
        }
        sample.times.start = sample.first().unwrap_or(now_ms).max(sample.times.start);
        Ok(sample)
    }

    /// Reads what was recorded since the last time, and forgets what is older than four weeks.
    pub(crate) fn refresh(
        &mut self,
        folder: &Path,
        now_ms: i64,
        effort: Effort,
        names: ReadNames<'_>,
    ) -> io::Result<()> {
        let start = now_ms - HISTORY_MS;
        self.add(folder, self.times.end..now_ms, effort, names)?;
        for stratum in self.strata.values_mut() {
            stratum.decisions.retain(|one| one.at_ms >= start);
        }
        self.strata.retain(|_, stratum| !stratum.decisions.is_empty());
        self.total = self.strata.values().map(|stratum| stratum.decisions.len()).sum();
        let first = self.first().unwrap_or(now_ms);
        self.times = self.times.start.max(start).max(first.min(now_ms))..now_ms;
        Ok(())
    }

    fn first(&self) -> Option<i64> {
        self.times_of_decisions().min()
    }

    /// The number of decisions, and how many these stand for.
    pub(super) fn size(&self) -> (usize, f64) {
        let of = |stratum: &Stratum| stratum.decisions.len() as f64 * self.weight(stratum);
        (self.total, self.strata.values().map(of).sum())
    }

    /// Whether the first decision is a day before the end: of less, the other hours of a day are unknown.
    pub(super) fn has_a_day(&self) -> bool {
        let first = self.times_of_decisions().min();
        first.is_some_and(|first| self.times.end - first >= DAY_MS)
    }

    /// The times of all decisions, in no order.
    pub(super) fn times_of_decisions(&self) -> impl Iterator<Item = i64> + '_ {
        self.strata.values().flat_map(|stratum| &stratum.decisions).map(|one| one.at_ms)
    }

    fn weight(&self, stratum: &Stratum) -> f64 {
        f64::from(stratum.halvings).exp2() / self.part
    }

    /// The decisions, in the order of their times, each with its weight.
    pub(super) fn decisions(&self) -> Vec<(&Recorded, f64)> {
        let mut all: Vec<(&Recorded, f64)> = self
            .strata
            .values()
            .flat_map(|one| one.decisions.iter().map(|decision| (decision, self.weight(one))))
            .collect();
        all.sort_by_key(|(one, _)| (one.at_ms, one.hash));
        all
    }

    fn add(
        &mut self,
        folder: &Path,
        times: Range<i64>,
        effort: Effort,
        names: ReadNames<'_>,
    ) -> io::Result<()> {
        let span = Span { times, part: self.part };
        let mut count = 0u32;
        let scanned = scan(folder, &span, &mut |step| {
            if !step.line.test && step.line.forced.is_none() {
                let version = self.version(step.world, names);
                self.keep(step.line, version, effort.decisions);
            }
            count += 1;
            let is_late = || effort.until.is_some_and(|until| Instant::now() >= until);
            if count.is_multiple_of(1_024) && is_late() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        self.unreadable += scanned.unreadable.len();
        Ok(())
    }

    fn version(&mut self, world: &WorldLine, names: ReadNames<'_>) -> usize {
        let is_same = |(inventory, weights): &(String, String)| {
            *inventory == world.inventory && *weights == world.weights
        };
        let known = self.versions.iter().rposition(|(hashes, _)| is_same(hashes));
        known.unwrap_or_else(|| {
            let hashes = (world.inventory.clone(), world.weights.clone());
            self.versions.push((hashes, names(world).map(Arc::new)));
            self.versions.len() - 1
        })
    }

    /// A sample of these decisions, made on one version.
    #[cfg(test)]
    pub(super) fn of(lines: Vec<DecisionLine>, names: Names, now_ms: i64) -> Sample {
        let versions = vec![(Default::default(), Some(Arc::new(names)))];
        let mut sample = Sample { versions, kept: KEPT_ALWAYS, part: 1.0, ..Sample::default() };
        lines.into_iter().for_each(|line| sample.keep(line, 0, 1 << 20));
        sample.times = sample.first().unwrap_or(now_ms)..now_ms;
        sample
    }

    pub(super) fn keep(&mut self, line: DecisionLine, version: usize, most: usize) {
        // A slot that no request has: the number says nothing about any draw.
        let roll = Dice::new(line.request, u16::MAX).roll(0, Purpose::Explore);
        let hash = (roll >> 32) as u32;
        let stratum = (version, line.page.publisher, line.at_ms.div_euclid(3_600_000));
        let stratum = self.strata.entry(stratum).or_default();
        if !stratum.keeps(hash) {
            return;
        }
        let (at_ms, page, url, slots) =
            (line.at_ms, line.page, line.url, line.slots.into_vec().into());
        stratum.decisions.push(Recorded { at_ms, version, page, url, slots, hash });
        self.total += 1;
        self.total -= stratum.thin(self.kept);
        while self.total > most && self.kept > 1 {
            self.kept /= 2;
            let kept = self.kept;
            let dropped: usize = self.strata.values_mut().map(|one| one.thin(kept)).sum();
            self.total -= dropped;
        }
    }
}
