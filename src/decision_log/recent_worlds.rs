//! The worlds that the next lines of a segment may refer to.

use crate::decision_log::line::{Line, WorldLine};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many worlds back a decision may have been made when it is logged.
const WORLDS: usize = 8;

/// The last worlds, by the number of their state.
#[derive(Default)]
pub(super) struct RecentWorlds {
    worlds: BTreeMap<u64, Arc<WorldLine>>,
    /// The world after the last line; `None` after a gap.
    current: Option<Arc<WorldLine>>,
}

impl RecentWorlds {
    pub(super) fn get(&self, number: u64) -> Option<&Arc<WorldLine>> {
        self.worlds.get(&number)
    }

    /// Follows a world or a change of state.
    pub(super) fn advance(&mut self, line: Line) -> Result<(), String> {
        self.current = match (line, self.current.take()) {
            (Line::World(world), _) => Some(Arc::new(world)),
            // Numbers are dense: after a gap, what the change applies to is unknown.
            (Line::Change(change), Some(before)) if change.number == before.state.number + 1 => {
                let mut world = before;
                change.apply(&mut Arc::make_mut(&mut world).state);
                Some(world)
            }
            (Line::Change(_), _) => None,
            (Line::Decision(_), _) => return Err("the line is not a world".to_owned()),
        };
        if let Some(world) = &self.current {
            self.worlds.insert(world.state.number, world.clone());
        }
        while self.worlds.len() > WORLDS {
            self.worlds.pop_first();
        }
        Ok(())
    }
}
