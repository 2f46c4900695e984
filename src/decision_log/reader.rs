//! Reading: a decision id contains its time, a segment's name the time of its first line.

use crate::decision_log::line::{DecisionLine, Line, WorldLine};
use crate::decision_log::writer::segment_start;
use crate::journal::frame;
use crate::selection::snapshot::State;
use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// A logged decision with the world it was made on.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedDecision {
    /// The decision.
    pub line: DecisionLine,
    /// Catalog versions, and the state.
    pub world: WorldLine,
}

/// The request id of a decision id: without the slot number.
pub const fn request_of(decision: u128) -> u128 {
    decision & !0xFF
}

/// The slot index, from 0, of a decision id; `None` for a request id.
pub fn slot_of(decision: u128) -> Option<usize> {
    usize::try_from(decision & 0xFF).ok()?.checked_sub(1)
}

/// The creation time of a UUID version 7, in unix milliseconds.
pub fn time_of(id: u128) -> i64 {
    i64::try_from(id >> 80).unwrap_or(i64::MAX)
}

/// The decision with this id, or with this request id; `None` when it is not in the log.
pub fn find(folder: &Path, decision: u128) -> io::Result<Option<LoggedDecision>> {
    let request = request_of(decision);
    let mut names: Vec<String> = fs::read_dir(folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| segment_start(name).is_some())
        .collect();
    names.sort();
    // A line is written up to a second after its decision, and clocks of process starts may differ.
    let at_ms = time_of(request);
    let next = names.partition_point(|name| segment_start(name).is_some_and(|s| s <= at_ms));
    let near = next.saturating_sub(2)..(next + 2).min(names.len());
    for name in names[near].iter().rev() {
        if let Some(found) = find_in(&fs::read(folder.join(name))?, request) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Searches the bytes of one segment.
fn find_in(bytes: &[u8], request: u128) -> Option<LoggedDecision> {
    let frame::Header { incarnation, length, .. } = frame::read_header(bytes)?;
    let mut at = length;
    let mut world = WorldLine::default();
    let mut states: BTreeMap<u64, State> = BTreeMap::new();
    while let Some((entry, length)) = bytes.get(at..).and_then(|b| frame::read(b, incarnation)) {
        at += length;
        match postcard::from_bytes::<Line>(&entry.payload).ok()? {
            Line::World(line) => {
                world = *line;
                states.insert(world.state.number, world.state.clone());
            }
            Line::Change(change) => {
                change.apply(&mut world.state);
                states.insert(world.state.number, world.state.clone());
                // A decision is logged moments after it is made, never many states later.
                while states.len() > 8 {
                    states.pop_first();
                }
            }
            Line::Decision(line) if line.request == request => {
                let state = states.remove(&line.state)?;
                return Some(LoggedDecision { line: *line, world: WorldLine { state, ..world } });
            }
            Line::Decision(_) => {}
        }
    }
    None
}
