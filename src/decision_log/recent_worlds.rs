//! The worlds that the next lines of a segment may refer to.

use crate::decision_log::line::{Line, WorldLine};
use crate::selection::dice::is_canary;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many worlds back a decision may have been made when it is logged.
const WORLDS: usize = 8;

/// A world as decisions see it: with the weights being served, or those of the canary.
struct Arms {
    served: Arc<WorldLine>,
    canary: Option<(u32, Arc<WorldLine>)>,
}

impl Arms {
    fn of(world: &Arc<WorldLine>) -> Arms {
        match &world.canary {
            Some(canary) => Arms {
                served: Arc::new(world.without_canary()),
                canary: Some((canary.share, Arc::new(canary.world.clone()))),
            },
            None => Arms { served: world.clone(), canary: None },
        }
    }
}

/// The last worlds, by the number of their state.
#[derive(Default)]
pub(super) struct RecentWorlds {
    worlds: BTreeMap<u64, Arms>,
    /// The world after the last line; `None` after a gap.
    current: Option<Arc<WorldLine>>,
}

impl RecentWorlds {
    /// The world with this number that a request was decided on.
    pub(super) fn get(&self, number: u64, request: u128) -> Option<&Arc<WorldLine>> {
        let arms = self.worlds.get(&number)?;
        match &arms.canary {
            Some((share, line)) if is_canary(request, *share) => Some(line),
            _ => Some(&arms.served),
        }
    }

    /// Follows a world or a change of state.
    pub(super) fn advance(&mut self, line: Line) -> Result<(), String> {
        self.current = match (line, self.current.take()) {
            (Line::World(world), _) => Some(Arc::new(world)),
            // Numbers are dense: after a gap, what the change applies to is unknown.
            (Line::Change(change), Some(before)) if change.number == before.state.number + 1 => {
                let mut world = before;
                change.apply_to(Arc::make_mut(&mut world));
                Some(world)
            }
            (Line::Change(_), _) => None,
            (Line::Decision(_), _) => return Err("the line is not a world".to_owned()),
        };
        if let Some(world) = &self.current {
            self.worlds.insert(world.state.number, Arms::of(world));
        }
        while self.worlds.len() > WORLDS {
            self.worlds.pop_first();
        }
        Ok(())
    }
}
