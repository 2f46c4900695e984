//! Decides recorded decisions again as they were: nothing may differ, to the last bit.

use crate::decision_log::WorldLine;
use crate::decision_log::line::{Chosen, DecisionLine};
use crate::decision_log::scan::{Progress, Span, scan};
use crate::domain::event::NoFill;
use crate::replay::document::Reproduced;
use crate::replay::side::Recorded;
use crate::selection::choose;
use crate::selection::choose::Request;
use crate::selection::rules::Exclusions;
use crate::selection::snapshot::{Snapshot, World};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// Worlds and versions that are kept.
const KEPT: usize = 8;

/// Ids of decisions that differ, which are kept.
const EXAMPLES: usize = 10;

/// What deciding again found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Reproduction {
    /// Decisions that were made again.
    pub(crate) decisions: u64,
    /// Their slots: winner, creative, text variant, style and both propensities, or the reason for no unit.
    pub(crate) slots: Reproduced,
    /// Decisions whose world cannot be read.
    pub(crate) without_world: u64,
    /// Places of the decision log that cannot be read.
    pub(crate) unreadable_places: u64,
}

struct Again<'a> {
    recorded: &'a Recorded<'a>,
    snapshots: VecDeque<([String; 3], Arc<Snapshot>)>,
    worlds: VecDeque<(Arc<WorldLine>, Rc<World>)>,
    found: Reproduction,
}

/// Decides the decisions of a span again on their own worlds and compares every recorded result. Forced units
/// are left out: an operator chose them.
pub(crate) fn reproduce(
    folder: &Path,
    span: &Span,
    recorded: &Recorded<'_>,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> io::Result<Reproduction> {
    let mut again = Again {
        recorded,
        snapshots: VecDeque::new(),
        worlds: VecDeque::new(),
        found: Reproduction::default(),
    };
    let scanned = scan(folder, span, &mut |step| {
        again.add(&step.line, step.world);
        progress(step.progress)
    })?;
    let mut found = again.found;
    found.without_world += scanned.without_world;
    found.unreadable_places = scanned.unreadable.len() as u64;
    Ok(found)
}

impl Again<'_> {
    fn add(&mut self, line: &DecisionLine, world: &Arc<WorldLine>) {
        if line.forced.is_some() {
            return;
        }
        let Some(world) = self.world(world) else {
            self.found.without_world += 1;
            return;
        };
        self.found.decisions += 1;
        let request =
            Request { world: &world, page: &line.page, now_ms: line.at_ms, id: line.request };
        let mut exclusions = Exclusions::default();
        for (slot, recorded) in line.slots.iter().enumerate() {
            exclusions.begin_slot(&recorded.masked);
            let result = match choose::gave_up(&recorded.masked) {
                // The catalog was too old: nothing was chosen.
                _ if recorded.result == Err(NoFill::StaleTooOld) => continue,
                Some(reason) => Err(reason),
                None => choose::choose(&request, slot, &exclusions).result,
            };
            if let Ok(win) = &result {
                exclusions.advertisers.push(world.snapshot.flights[win.place].advertiser);
            }
            let result = result.as_ref().map(Chosen::from).map_err(|reason| *reason);
            self.compare(line.request, result == recorded.result);
        }
    }

    fn compare(&mut self, request: u128, is_equal: bool) {
        let slots = &mut self.found.slots;
        slots.checked += 1;
        if !is_equal {
            slots.different += 1;
            if slots.examples.len() < EXAMPLES {
                slots.examples.push(uuid::Uuid::from_u128(request).to_string());
            }
        }
    }

    fn world(&mut self, line: &Arc<WorldLine>) -> Option<Rc<World>> {
        let known = self.worlds.iter().rfind(|(known, _)| Arc::ptr_eq(known, line));
        if let Some((_, world)) = known {
            return Some(world.clone());
        }
        let snapshot = self.snapshot(line)?;
        let world = Rc::new(World::new(snapshot, line.state.clone()));
        keep(&mut self.worlds, (line.clone(), world.clone()));
        Some(world)
    }

    fn snapshot(&mut self, line: &WorldLine) -> Option<Arc<Snapshot>> {
        let hashes = [&line.inventory, &line.weights, &line.labels];
        let known = self.snapshots.iter().rfind(|(known, _)| known.iter().eq(hashes));
        if let Some((_, snapshot)) = known {
            return Some(snapshot.clone());
        }
        let snapshot = (self.recorded.snapshot_of)(line).ok()?;
        keep(&mut self.snapshots, (hashes.map(Clone::clone), snapshot.clone()));
        Some(snapshot)
    }
}

fn keep<T>(kept: &mut VecDeque<T>, one: T) {
    if kept.len() >= KEPT {
        kept.pop_front();
    }
    kept.push_back(one);
}
