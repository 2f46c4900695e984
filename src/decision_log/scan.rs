//! Reading many decisions in the order in which they were logged, or a sample of them.

use crate::decision_log::decision_id::time_of;
use crate::decision_log::line::{DecisionLine, Line, WorldLine};
use crate::decision_log::recent_worlds::RecentWorlds;
use crate::decision_log::segment_file::{SegmentFile, UNKNOWN_KIND, Unreadable};
use crate::decision_log::segments::{segment_incarnation, segment_names, segment_start};
use crate::decision_log::stored;
use crate::decision_log::stored::Kind;
use std::collections::HashMap;
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;

/// A line is written up to this long after its decision, in milliseconds.
const LATENESS_MS: i64 = 60_000;

/// Decisions to read.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// Times of the decisions, in unix milliseconds.
    pub(crate) times: Range<i64>,
    /// The part of them to read, from 0 to 1; which ones depends on their ids alone.
    pub(crate) part: f64,
}

/// A decision that was read.
pub(crate) struct Step<'a> {
    pub(crate) line: DecisionLine,
    /// The world that it was made on.
    pub(crate) world: &'a Arc<WorldLine>,
    pub(crate) progress: Progress,
}

/// What was read of a log.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// Decisions read.
    pub(crate) decisions: u64,
    /// Decisions whose world cannot be read.
    pub(crate) without_world: u64,
    /// Places that cannot be read.
    pub(crate) unreadable: Vec<Unreadable>,
}

/// How far reading has come, in bytes, and how far it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) done: u64,
    pub(crate) all: u64,
}

impl Span {
    /// Whether this part has a request: a hash of its id decides.
    fn has(&self, request: u128) -> bool {
        let place = f64::from(crc32fast::hash(&request.to_be_bytes())) / f64::from(u32::MAX);
        self.times.contains(&time_of(request)) && (place < self.part || self.part >= 1.0)
    }
}

/// Passes the decisions of a span, each with its world, to `each` until it breaks. What the log has
/// buffered is not on disk: flush it before.
pub(crate) fn scan(
    folder: &Path,
    span: &Span,
    each: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
) -> io::Result<Scanned> {
    if !folder.is_dir() {
        return Ok(Scanned::default());
    }
    let names = overlapping(&segment_names(folder)?, &span.times);
    let mut progress = Progress { done: 0, all: lengths(folder, &names) };
    let mut scanned = Scanned::default();
    // A decision that was in progress when the world changed may be logged in the next segment.
    let mut worlds: HashMap<u64, RecentWorlds> = HashMap::new();
    for name in names {
        let mut file = match SegmentFile::open(folder, &name)? {
            Ok(Some(file)) => file,
            Ok(None) => continue,
            Err(place) => {
                scanned.unreadable.push(place);
                continue;
            }
        };
        let worlds = worlds.entry(segment_incarnation(&name).unwrap_or_default()).or_default();
        let mut report = |step: Step<'_>| {
            let done = progress.done + step.progress.done;
            each(Step { progress: Progress { done, ..progress }, ..step })
        };
        if scan_segment(&mut file, span, worlds, &mut scanned, &mut report)?.is_break() {
            break;
        }
        progress.done += file.length();
    }
    Ok(scanned)
}

/// The bytes of the segments that may have decisions of these times.
pub(crate) fn size(folder: &Path, times: &Range<i64>) -> io::Result<u64> {
    if !folder.is_dir() {
        return Ok(0);
    }
    Ok(lengths(folder, &overlapping(&segment_names(folder)?, times)))
}

fn lengths(folder: &Path, names: &[String]) -> u64 {
    // One that was removed meanwhile has no length.
    names.iter().map(|name| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len())).sum()
}

/// The segments that may have decisions of these times.
fn overlapping(names: &[String], times: &Range<i64>) -> Vec<String> {
    let mut next_starts: HashMap<Option<u64>, i64> = HashMap::new();
    let mut overlapping = Vec::new();
    for name in names.iter().rev() {
        let start_ms = segment_start(name).unwrap_or(i64::MIN);
        // A segment ends where the next one of the same process start begins.
        let next = next_starts.insert(segment_incarnation(name), start_ms);
        let end_ms = next.unwrap_or(i64::MAX);
        let begins_before = start_ms <= times.end.saturating_add(LATENESS_MS);
        if begins_before && end_ms.saturating_add(LATENESS_MS) >= times.start {
            overlapping.push(name.clone());
        }
    }
    overlapping.reverse();
    overlapping
}

fn scan_segment(
    file: &mut SegmentFile,
    span: &Span,
    worlds: &mut RecentWorlds,
    scanned: &mut Scanned,
    each: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let (version, range) = (file.version(), file.content());
    let range_end = range.end;
    let (mut ended, mut unreadable) = (ControlFlow::Continue(()), Vec::new());
    file.lines(range, |at, line| {
        let decoded = match line.map(|line| (stored::kind_of(line), line)) {
            Ok((Some(Kind::Decision(id)), _)) if !span.has(id) => return ControlFlow::Continue(()),
            Ok((Some(_), line)) => stored::decode(version, line),
            Ok((None, _)) => Err(UNKNOWN_KIND.to_owned()),
            Err(reason) => Err(reason.to_owned()),
        };
        let problem = match decoded {
            Ok(Line::Decision(line)) => {
                match worlds.get(line.state, line.request) {
                    Some(world) => {
                        scanned.decisions += 1;
                        let progress = Progress { done: at, all: range_end };
                        ended = each(Step { line: *line, world, progress });
                    }
                    None => scanned.without_world += 1,
                }
                None
            }
            Ok(line) => worlds.advance(line).err(),
            Err(reason) => Some(reason),
        };
        unreadable.extend(problem.map(|reason| (at, reason)));
        ended
    })?;
    let places = unreadable.into_iter().map(|(at, reason)| file.place(at, reason));
    scanned.unreadable.extend(places);
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision_log::DecisionLog;
    use crate::decision_log::properties::{decision, frames, options, segments, world};

    /// 1,000 decisions, ten a second, on a new world each second, in several segments.
    fn log(folder: &Path) {
        let log = DecisionLog::start(folder, 7, 0, options(4_000)).unwrap();
        for number in 1..=1_000i64 {
            let state = u64::try_from((number - 1) / 10 + 1).unwrap();
            if number % 10 == 1 {
                log.record_world(world("a", state));
            }
            log.record_decision(&decision(number * 100, state));
            if number % 100 == 0 {
                log.flush();
            }
        }
    }

    fn read(folder: &Path, times: Range<i64>, part: f64) -> (Vec<(i64, u64)>, Scanned) {
        let (mut found, mut last) = (Vec::new(), Progress::default());
        let scanned = scan(folder, &Span { times, part }, &mut |step| {
            assert!(last.done <= step.progress.done && step.progress.done <= step.progress.all);
            last = step.progress;
            found.push((step.line.at_ms, step.world.state.number));
            ControlFlow::Continue(())
        });
        (found, scanned.unwrap())
    }

    #[test]
    fn every_decision_of_the_times_is_read_once_with_its_world() {
        let folder = tempfile::tempdir().unwrap();
        log(folder.path());
        assert!(segments(folder.path()).len() > 3);
        let (found, scanned) = read(folder.path(), 20_000..80_000, 1.0);
        let expected: Vec<_> =
            (200..800u32).map(|n| (i64::from(n) * 100, u64::from(n - 1) / 10 + 1)).collect();
        assert_eq!((found, scanned.decisions), (expected, 600));
        assert_eq!((scanned.without_world, scanned.unreadable.len()), (0, 0));
    }

    #[test]
    fn a_sample_is_the_same_each_time_and_has_about_the_part_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        log(folder.path());
        let (all, few) = (0..i64::MAX, 0.2);
        let (sample, _) = read(folder.path(), all.clone(), few);
        assert!((140..260).contains(&sample.len()), "{}", sample.len());
        assert_eq!(read(folder.path(), all.clone(), few).0, sample);
        let (larger, _) = read(folder.path(), all, 0.5);
        assert!(sample.iter().all(|one| larger.contains(one)), "more include the few");
    }

    #[test]
    fn what_cannot_be_read_hides_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        log(folder.path());
        let segment = segments(folder.path()).remove(1);
        let mut bytes = std::fs::read(&segment).unwrap();
        let (at, length) = frames(&bytes)[2];
        bytes[at + length - 1] ^= 1;
        std::fs::write(&segment, bytes).unwrap();
        let (found, scanned) = read(folder.path(), 0..i64::MAX, 1.0);
        assert_eq!((found.len(), scanned.unreadable.len()), (999, 1));
    }

    #[test]
    fn reading_ends_where_the_reader_breaks() {
        let folder = tempfile::tempdir().unwrap();
        log(folder.path());
        let mut count = 0;
        let span = Span { times: 0..i64::MAX, part: 1.0 };
        let scanned = scan(folder.path(), &span, &mut |_| {
            count += 1;
            if count == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((count, scanned.unwrap().decisions), (7, 7));
    }
}
