//! A quick look: a sample of the last day's decisions under what is served and under what is proposed.

use crate::catalog::effect::Effect;
use crate::catalog::guard::PredictEffect;
use crate::catalog::{Catalog, CatalogError};
use crate::decision_log::WorldLine;
use crate::decision_log::scan::{Span, scan, size};
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::forecast::Measured;
use crate::replay::document::{ReplayReport, Replayed, report};
use crate::replay::pass::Pass;
use crate::replay::side::{Documents, Recorded};
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a look takes at most, but for compiling what is proposed.
pub(super) const QUICK: Duration = Duration::from_millis(1_200);

/// So many decisions are read in any case, within this much more time: the guard judges shares from a thousand slots
/// on, and a slow or busy machine must not make it see less.
const LEAST: u32 = 2_000;
const PATIENCE: Duration = Duration::from_secs(6);

const HOUR_MS: i64 = 3_600_000;

/// How far back it looks, in milliseconds.
const DAY_MS: i64 = 24 * HOUR_MS;

/// Decisions that are wanted, and about as many bytes as one takes in the log.
const DECISIONS: u64 = 10_000;
const BYTES: u64 = 128;

/// A log of up to this many bytes is read in one go; of a larger one, hours in an order that covers the day
/// evenly however soon the time is up.
const READ_AT_ONCE: u64 = 64 << 20;

/// Hours in the order in which they are read: each next one is far from those before.
const ORDER: [i64; 24] =
    [0, 12, 6, 18, 3, 15, 9, 21, 1, 13, 7, 19, 4, 16, 10, 22, 2, 14, 8, 20, 5, 17, 11, 23];

/// When to look, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recent {
    pub(super) now_ms: i64,
    pub(super) until: Instant,
}

/// Replays a sample of the decisions of the last 24 hours, until the time is up.
pub(super) fn recent(
    folder: &Path,
    (before, after): (Documents, Documents),
    recorded: &Recorded<'_>,
    Recent { now_ms, until }: Recent,
) -> io::Result<ReplayReport> {
    let day = now_ms - DAY_MS..now_ms.saturating_add(1);
    let bytes = size(folder, &day)?;
    let part = ((DECISIONS * BYTES) as f64 / bytes.max(1) as f64).min(1.0);
    let times: Vec<Range<i64>> = if bytes <= READ_AT_ONCE {
        vec![day.clone()]
    } else {
        let hour = |at: &i64| day.start + at * HOUR_MS..day.start + (at + 1) * HOUR_MS;
        ORDER.iter().map(hour).collect()
    };
    let mut pass = Pass::new(recorded, before, after);
    let (mut without_world, mut unreadable_places, mut count) = (0, 0, 0u32);
    let is_over = |count: u32| {
        let now = Instant::now();
        now >= until && (count >= LEAST || now >= until + PATIENCE)
    };
    for times in times {
        if is_over(count) {
            break;
        }
        let scanned = scan(folder, &Span { times, part }, &mut |step| {
            pass.add(&step.line, step.world);
            count += 1;
            match count.is_multiple_of(256) && is_over(count) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        without_world += scanned.without_world;
        unreadable_places += scanned.unreadable.len() as u64;
    }
    let (from_ms, to_ms) = (day.start, day.end);
    let sampled = part;
    Ok(report(&pass, &Replayed { from_ms, to_ms, sampled, without_world, unreadable_places }))
}

/// The decisions and the catalog of a data directory whose server does not run, or starts.
pub(crate) struct DataDirectory {
    /// Its path.
    pub(crate) path: PathBuf,
    /// The present time.
    pub(crate) now_ms: i64,
}

/// Why a data directory says nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The decision log or the journal cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl DataDirectory {
    /// Runs with the recorded versions, and with assumed rates.
    pub(crate) fn with_recorded<T>(
        &self,
        run: impl FnOnce(&Catalog, &Recorded<'_>) -> io::Result<T>,
    ) -> Result<T, DirectoryError> {
        let catalog = Catalog::open(&self.path.join("catalog"))?;
        let snapshot_of = |line: &WorldLine| {
            catalog.snapshot(&line.inventory, &line.weights, &line.labels).map(Arc::new)
        };
        let measured = Measured::default();
        let recorded =
            Recorded { catalog: &catalog, snapshot_of: &snapshot_of, measured: &measured };
        Ok(run(&catalog, &recorded)?)
    }

    /// What these documents would change of the last day's decisions, compared with what was served last, from a
    /// sample. `None` if nothing was served or recorded.
    pub(crate) fn recent(
        &self,
        inventory: &Inventory,
        weights: &Weights,
        labels: &LabelTable,
    ) -> Result<Option<ReplayReport>, DirectoryError> {
        let decisions = self.path.join("decisions");
        if !self.path.join("catalog").is_dir() || !decisions.is_dir() {
            return Ok(None);
        }
        let when = Recent { now_ms: self.now_ms, until: Instant::now() + QUICK };
        let after = Documents {
            inventory: Some(inventory.clone()),
            weights: Some(weights.clone()),
            labels: Some(labels.clone()),
        };
        let report = self.with_recorded(|catalog, recorded| match served(catalog) {
            Ok(Some(before)) => recent(&decisions, (before, after), recorded, when).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        })?;
        Ok(report.filter(|report| report.slots > 0))
    }
}

/// The documents that are served; `None` unless there are all three.
fn served(catalog: &Catalog) -> Result<Option<Documents>, CatalogError> {
    let hashes = catalog.head()?.map(|head| head.hashes).unwrap_or_default();
    let (Some(inventory), Some(weights), Some(labels)) =
        (&hashes.inventory, &hashes.weights, &hashes.labels)
    else {
        return Ok(None);
    };
    Ok(Some(Documents {
        inventory: Some(catalog.inventory(inventory)?),
        weights: Some(catalog.weights(weights)?),
        labels: Some(catalog.labels(labels)?),
    }))
}

impl PredictEffect for DataDirectory {
    fn effect(
        &self,
        inventory: &Inventory,
        weights: &Weights,
        labels: &LabelTable,
    ) -> Option<Effect> {
        match DataDirectory::recent(self, inventory, weights, labels) {
            Ok(report) => report.map(|report| report.effect()),
            Err(error) => {
                tracing::warn!(%error, "no prediction of a change: the records cannot be read");
                None
            }
        }
    }
}
