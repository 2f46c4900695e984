//! Reading: a decision id contains its time, a segment's name the time of its first line.
//!
//! What cannot be read hides nothing else: reading continues at the next intact line. Only decisions
//! whose world it may have been are lost with it.

use crate::decision_log::instance_mark::{has_mark, mark_of};
use crate::decision_log::line::{DecisionLine, Line, WorldLine};
use crate::decision_log::stored;
use crate::decision_log::stored::Kind;
use crate::decision_log::writer::{segment_incarnation, segment_start};
use crate::journal::frame;
use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, fs, io};

/// How many worlds back a decision may have been made when it is logged.
const WORLDS: usize = 8;

/// A logged decision with the world it was made on.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedDecision {
    pub(crate) line: DecisionLine,
    /// Catalog versions, and the state.
    pub(crate) world: WorldLine,
}

impl LoggedDecision {
    /// Encodes the record for another instance, after `out`. Its format is [`Self::FORMAT`].
    pub(crate) fn encode(&self, out: Vec<u8>) -> Vec<u8> {
        stored::encode_record(&self.line, &self.world, out)
    }

    /// The format of encoded records.
    pub(crate) const FORMAT: u8 = stored::VERSION;

    /// Decodes a record in this format, or returns why that is not possible.
    pub(crate) fn decode(format: u8, bytes: &[u8]) -> Result<LoggedDecision, String> {
        stored::decode_record(format, bytes).map(|(line, world)| LoggedDecision { line, world })
    }
}

/// A place of the log that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unreadable {
    /// File name of the segment.
    pub(crate) segment: String,
    /// Where it begins, in bytes.
    pub(crate) offset: usize,
    /// Why it cannot be read.
    pub(crate) reason: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unreadable { segment, offset, reason } = self;
        write!(f, "decisions/{segment}, byte {offset}: {reason}")
    }
}

/// The result of looking for a decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// The decision.
    Found(Box<LoggedDecision>),
    /// It is, or may be, at this place.
    Unreadable(Unreadable),
    /// It is not in the log.
    Absent,
}

/// The request id of a decision id: without the slot number.
pub(crate) const fn request_of(decision: u128) -> u128 {
    decision & !0xFF
}

/// The slot index, from 0, of a decision id; `None` for a request id.
pub(crate) fn slot_of(decision: u128) -> Option<usize> {
    usize::try_from(decision & 0xFF).ok()?.checked_sub(1)
}

/// The creation time of a UUID version 7, in unix milliseconds.
pub(crate) fn time_of(id: u128) -> i64 {
    i64::try_from(id >> 80).unwrap_or(i64::MAX)
}

/// Looks for the decision with this id, or with this request id. Adds the places that it could not read
/// to `unreadable`.
pub fn find(folder: &Path, decision: u128, unreadable: &mut Vec<Unreadable>) -> io::Result<Lookup> {
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
    let mut possible = None;
    for at in near.rev() {
        let name = &names[at];
        let mut scan = Scan::of(name, &fs::read(folder.join(name))?, Some(request));
        unreadable.append(&mut scan.unreadable);
        match scan.found.take() {
            Some((_, Ok(line))) if scan.worlds.contains_key(&line.state) => {
                let world = scan.worlds.remove(&line.state).expect("checked above");
                return Ok(Lookup::Found(Box::new(LoggedDecision { line, world })));
            }
            Some((offset, Ok(line))) => {
                let world = world_before(folder, &names[..at], name, line.state)?;
                return Ok(match world {
                    Some(world) => Lookup::Found(Box::new(LoggedDecision { line, world })),
                    None => Lookup::Unreadable(Unreadable {
                        segment: name.clone(),
                        offset,
                        reason: "the world that it was made on cannot be read".to_owned(),
                    }),
                });
            }
            Some((_, Err(place))) => {
                unreadable.push(place.clone());
                return Ok(Lookup::Unreadable(place));
            }
            // Damage hides which decisions were there.
            None if segment_incarnation(name).is_some_and(|of| has_mark(request, mark_of(of))) => {
                possible =
                    possible.or_else(|| unreadable.iter().find(|p| p.segment == *name).cloned());
            }
            None => {}
        }
    }
    Ok(possible.map_or(Lookup::Absent, Lookup::Unreadable))
}

/// The world with this number in the segment before `name` of the same process start: a decision that
/// was in progress when the world changed may be logged in the next segment.
fn world_before(
    folder: &Path,
    before: &[String],
    name: &str,
    number: u64,
) -> io::Result<Option<WorldLine>> {
    let own = segment_incarnation(name);
    let previous = before.last().filter(|previous| segment_incarnation(previous) == own);
    let Some(previous) = previous else { return Ok(None) };
    let bytes = fs::read(folder.join(previous))?;
    Ok(Scan::of(previous, &bytes, None).worlds.remove(&number))
}

/// What was read of one segment.
#[derive(Default)]
struct Scan {
    /// The last worlds, by the number of their state.
    worlds: BTreeMap<u64, WorldLine>,
    /// The world after the last line; `None` after a gap.
    current: Option<WorldLine>,
    /// The decision with its offset, or why it cannot be read.
    found: Option<(usize, Result<DecisionLine, Unreadable>)>,
    unreadable: Vec<Unreadable>,
}

impl Scan {
    /// Reads the bytes of a segment up to this request, or to the end.
    fn of(segment: &str, bytes: &[u8], request: Option<u128>) -> Scan {
        let mut scan = Scan::default();
        let place = |offset, reason| Unreadable { segment: segment.to_owned(), offset, reason };
        if bytes.len() < stored::HEADER {
            // It is being created, or was at a crash.
            return scan;
        }
        let header = match stored::read_header(bytes) {
            Ok(header) => header,
            Err(reason) => {
                scan.unreadable.push(place(0, reason));
                return scan;
            }
        };
        let mut at = header.length;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let Some((entry, length)) = frame::read(rest, header.incarnation) else {
                let next = (1..rest.len())
                    .find(|next| frame::read(&rest[*next..], header.incarnation).is_some());
                // A line at the end that is not whole was being written, now or at a crash.
                if next.is_some() || frame::is_whole(rest) {
                    let reason =
                        "the checksum of the line does not match; restore the file from a backup";
                    scan.unreadable.push(place(at, reason.to_owned()));
                }
                at += next.unwrap_or(rest.len());
                continue;
            };
            let line = &entry.payload;
            match stored::kind_of(line) {
                Some(Kind::Decision(id)) if Some(id) != request => {}
                Some(Kind::Decision(_)) => {
                    let decoded = match stored::decode(header.version, line) {
                        Ok(Line::Decision(line)) => Ok(*line),
                        Ok(_) => Err("the line is not a decision".to_owned()),
                        Err(reason) => Err(reason),
                    };
                    scan.found = Some((at, decoded.map_err(|reason| place(at, reason))));
                    return scan;
                }
                Some(Kind::World) => {
                    let decoded = stored::decode(header.version, line);
                    if let Err(reason) = decoded.and_then(|line| scan.advance(line)) {
                        scan.unreadable.push(place(at, reason));
                    }
                }
                None => scan.unreadable.push(place(at, "the line has an unknown kind".to_owned())),
            }
            at += length;
        }
        scan
    }

    /// Follows a world or a change of state.
    fn advance(&mut self, line: Line) -> Result<(), String> {
        match (line, &mut self.current) {
            (Line::World(world), _) => self.current = Some(world),
            // Numbers are dense: after a gap, what the change applies to is unknown.
            (Line::Change(change), Some(world)) if change.number == world.state.number + 1 => {
                change.apply(&mut world.state);
            }
            (Line::Change(_), _) => self.current = None,
            (Line::Decision(_), _) => return Err("the line is not a world".to_owned()),
        }
        if let Some(world) = &self.current {
            self.worlds.insert(world.state.number, world.clone());
        }
        while self.worlds.len() > WORLDS {
            self.worlds.pop_first();
        }
        Ok(())
    }
}
