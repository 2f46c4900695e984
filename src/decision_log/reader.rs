//! Reading: a decision id contains its time and the mark of the process start that made it, a segment's
//! name those of its first line; the index of the segment says in which part the time is.
//!
//! What cannot be read hides nothing else: reading continues at the next intact line. Only decisions
//! whose world it may have been are lost with it.

use crate::decision_log::decision_id::{request_of, time_of};
use crate::decision_log::index::Index;
use crate::decision_log::instance_mark::{has_mark, mark_of};
use crate::decision_log::line::{DecisionLine, Line, WorldLine};
use crate::decision_log::recent_worlds::RecentWorlds;
use crate::decision_log::segment_file::{SegmentFile, UNKNOWN_KIND, Unreadable};
use crate::decision_log::segments::{
    OpenSegment, index_name, segment_incarnation, segment_names, segment_start,
};
use crate::decision_log::stored;
use crate::decision_log::stored::Kind;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

const CONTINUE: ControlFlow<()> = ControlFlow::Continue(());

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

/// Looks for the decision with this id, or with this request id. Adds the places that it could not read
/// to `unreadable`.
pub fn find(folder: &Path, decision: u128, unreadable: &mut Vec<Unreadable>) -> io::Result<Lookup> {
    Reader::new(folder.to_owned(), false).find(decision, None, unreadable)
}

/// Most indexes in memory.
const MAX_INDEXES: usize = 4_096;

/// Looks for decisions in the segments of a folder; remembers their indexes.
pub(crate) struct Reader {
    folder: PathBuf,
    /// Whether to write the indexes that it had to build.
    saves: bool,
    indexes: Mutex<BTreeMap<String, Arc<Index>>>,
    /// Held while an index is built: once, however many callers need it.
    building: Mutex<()>,
}

/// The result of looking for a decision in one segment.
enum Search {
    Ended(Lookup),
    /// Not found, and this place cannot be read.
    Damaged(Unreadable),
    Absent,
}

impl Reader {
    pub(crate) fn new(folder: PathBuf, saves: bool) -> Reader {
        Reader { folder, saves, indexes: Mutex::default(), building: Mutex::default() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Looks for a decision, or a request. Reads only segments of process starts that may have made it,
    /// and of them a chunk or two, and of one that was found what follows the last world before it.
    pub(crate) fn find(
        &self,
        decision: u128,
        open: Option<&OpenSegment>,
        unreadable: &mut Vec<Unreadable>,
    ) -> io::Result<Lookup> {
        let request = request_of(decision);
        let mut names = segment_names(&self.folder)?;
        names.retain(|name| {
            segment_incarnation(name).is_some_and(|of| has_mark(request, mark_of(of)))
        });
        // A line is written up to a second after its decision.
        let at_ms = time_of(request);
        let next = names.partition_point(|name| segment_start(name).is_some_and(|s| s <= at_ms));
        let near = next.saturating_sub(2)..(next + 2).min(names.len());
        let mut possible = None;
        for at in near.rev() {
            match self.search(&names[..=at], open, request, unreadable)? {
                Search::Ended(found) => return Ok(found),
                Search::Damaged(place) => possible = possible.or(Some(place)),
                Search::Absent => {}
            }
        }
        Ok(possible.map_or(Lookup::Absent, Lookup::Unreadable))
    }

    /// Looks for a request in the last of these segments.
    fn search(
        &self,
        names: &[String],
        open: Option<&OpenSegment>,
        request: u128,
        unreadable: &mut Vec<Unreadable>,
    ) -> io::Result<Search> {
        let Some((name, before)) = names.split_last() else { return Ok(Search::Absent) };
        let mut file = match SegmentFile::open(&self.folder, name)? {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(Search::Absent),
            Err(place) => {
                unreadable.push(place.clone());
                return Ok(Search::Damaged(place));
            }
        };
        let index = self.index(&mut file, open)?;
        let mut damaged = None;
        for number in index.at(time_of(request)) {
            // Most of what unknown callers ask for was never made: worlds are decoded only for what was.
            let (is_there, mut damages) = file.has(index.range(number), request)?;
            if !is_there {
                damaged = damaged.or_else(|| damages.first().cloned());
                unreadable.append(&mut damages);
                continue;
            }
            let mut scan = Scan::of(&mut file, index.since_world(number), Some(request))?;
            damaged = damaged.or_else(|| scan.unreadable.first().cloned());
            unreadable.append(&mut scan.unreadable);
            let (offset, line) = match scan.found.take() {
                None => continue,
                Some((offset, Ok(line))) => (offset, line),
                Some((_, Err(place))) => {
                    unreadable.push(place.clone());
                    return Ok(Search::Ended(Lookup::Unreadable(place)));
                }
            };
            let world = match scan.world(&line) {
                Some(world) => Some(world),
                None => match index.before(number) {
                    Some(range) => Scan::of(&mut file, range, None)?.world(&line),
                    None => self.world_before(before, name, open, &line)?,
                },
            };
            return Ok(Search::Ended(match world {
                Some(world) => Lookup::Found(Box::new(LoggedDecision { line, world })),
                None => Lookup::Unreadable(
                    file.place(offset, "the world that it was made on cannot be read"),
                ),
            }));
        }
        Ok(damaged.map_or(Search::Absent, Search::Damaged))
    }

    /// The world of a decision in the segment before `name` of the same process start: a decision
    /// that was in progress when the world changed may be logged in the next segment.
    fn world_before(
        &self,
        before: &[String],
        name: &str,
        open: Option<&OpenSegment>,
        line: &DecisionLine,
    ) -> io::Result<Option<WorldLine>> {
        let own = segment_incarnation(name);
        let previous = before.last().filter(|previous| segment_incarnation(previous) == own);
        let Some(previous) = previous else { return Ok(None) };
        let Ok(Some(mut file)) = SegmentFile::open(&self.folder, previous)? else {
            return Ok(None);
        };
        let index = self.index(&mut file, open)?;
        let Some(last) = index.last() else { return Ok(None) };
        Ok(Scan::of(&mut file, last, None)?.world(line))
    }

    /// The index of a segment: from memory, else its file, else the segment itself.
    fn index(&self, file: &mut SegmentFile, open: Option<&OpenSegment>) -> io::Result<Arc<Index>> {
        if let Some(open) = open.filter(|open| open.name == file.name()) {
            return Ok(open.index.clone());
        }
        if let Some(known) = self.known(file) {
            return Ok(known);
        }
        let _one_at_a_time = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.known(file) {
            return Ok(known);
        }
        let path = self.folder.join(index_name(file.name()));
        let stored = fs::read(&path).ok().and_then(|b| Index::decode(&b, file.length()));
        let index = match stored {
            Some(index) => index,
            None => {
                let built = file.build_index()?;
                if self.saves {
                    // Without the file, it is built again after the next start.
                    fs::write(&path, built.encode()).ok();
                }
                built
            }
        };
        let index = Arc::new(index);
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        if indexes.len() >= MAX_INDEXES {
            indexes.clear();
        }
        indexes.insert(file.name().to_owned(), index.clone());
        Ok(index)
    }

    fn known(&self, file: &SegmentFile) -> Option<Arc<Index>> {
        let indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        indexes.get(file.name()).filter(|known| known.length() == file.length()).cloned()
    }
}

/// What was read of a chunk.
#[derive(Default)]
struct Scan {
    worlds: RecentWorlds,
    /// The decision with its offset, or why it cannot be read.
    found: Option<(u64, Result<DecisionLine, Unreadable>)>,
    unreadable: Vec<Unreadable>,
}

impl Scan {
    fn world(&self, line: &DecisionLine) -> Option<WorldLine> {
        let world = self.worlds.get(line.state, line.request);
        world.map(|world| WorldLine::clone(world))
    }

    /// Reads a range of a segment up to this request, or to its end.
    fn of(file: &mut SegmentFile, range: Range<u64>, request: Option<u128>) -> io::Result<Scan> {
        let (mut scan, mut unreadable, mut found) = (Scan::default(), Vec::new(), None);
        let version = file.version();
        file.lines(range, |at, line| {
            let problem = match line.map(|line| (stored::kind_of(line), line)) {
                Ok((Some(Kind::Decision(id)), _)) if Some(id) != request => return CONTINUE,
                Ok((Some(Kind::Decision(_)), line)) => {
                    let decoded = match stored::decode(version, line) {
                        Ok(Line::Decision(line)) => Ok(*line),
                        Ok(_) => Err("the line is not a decision".to_owned()),
                        Err(reason) => Err(reason),
                    };
                    found = Some((at, decoded));
                    return ControlFlow::Break(());
                }
                Ok((Some(Kind::World | Kind::Change), line)) => {
                    stored::decode(version, line).and_then(|line| scan.worlds.advance(line)).err()
                }
                Ok((None, _)) => Some(UNKNOWN_KIND.to_owned()),
                Err(reason) => Some(reason.to_owned()),
            };
            unreadable.extend(problem.map(|reason| (at, reason)));
            CONTINUE
        })?;
        let place = |(at, reason)| file.place(at, reason);
        scan.unreadable = unreadable.into_iter().map(place).collect();
        scan.found = found.map(|(at, line)| (at, line.map_err(|reason| file.place(at, reason))));
        Ok(scan)
    }
}
