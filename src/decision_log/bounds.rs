//! Tests of bounds: what a look-up reads, how long a line is, how much the log keeps.

use crate::decision_log::line::Line;
use crate::decision_log::properties::{
    decision, found, frames, look_up, options, page, segments, world,
};
use crate::decision_log::{
    DecisionLog, DecisionLogOptions, LoggedDecision, Lookup, Unreadable, find, stored,
};
use crate::selection::page::{Page, Slot};
use smallvec::SmallVec;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Logs `count` decisions of one millisecond each, from 1,000 on, in batches of a hundred.
fn record(log: &DecisionLog, count: i64) {
    for at_ms in 1_000..1_000 + count {
        log.record_decision(&decision(at_ms, 1));
        if at_ms % 100 == 99 {
            log.flush();
        }
    }
}

/// A segment of several chunks, with a damaged line in the first one, and its log.
fn long_log(folder: &Path) -> (DecisionLog, PathBuf) {
    let log = DecisionLog::start(folder, 7, 1_000, options(1 << 30)).unwrap();
    log.record_world(world("a", 1));
    record(&log, 20_000);
    let segment = segments(folder).remove(0);
    let mut bytes = std::fs::read(&segment).unwrap();
    assert!(bytes.len() > 1 << 20, "{}", bytes.len());
    let (at, length) = frames(&bytes)[2];
    bytes[at + length - 1] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    (log, segment)
}

#[test]
fn looking_for_a_decision_reads_a_chunk_and_not_its_segment() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = long_log(folder.path());
    let last = decision(20_999, 1);
    let expected = LoggedDecision { line: last.clone(), world: world("a", 1) };
    let look_up = |find: &dyn Fn(u128, &mut Vec<Unreadable>) -> Lookup| {
        let places = |request| {
            let mut places = Vec::new();
            (find(request, &mut places), places.len())
        };
        // Reading the damaged line would count it.
        assert_eq!(places(last.request), (Lookup::Found(Box::new(expected.clone())), 0));
        assert_eq!(places(last.request | 1 << 16), (Lookup::Absent, 0), "made up");
        assert_eq!(places(last.request | 1 << 50), (Lookup::Absent, 0), "of no process start");
        let (found, read) = places(decision(1_000, 1).request);
        assert!(matches!(found, Lookup::Unreadable(_)) && read == 1, "{found:?}");
    };
    look_up(&|request, places| log.find(request, places).unwrap());
    drop(log);
    look_up(&|request, places| find(folder.path(), request, places).unwrap());
}

#[test]
fn an_index_that_is_missing_or_damaged_is_built_again_from_the_segment() {
    let folder = tempfile::tempdir().unwrap();
    let (log, segment) = long_log(folder.path());
    drop(log);
    let index = segment.with_extension("decisions.index");
    let written = std::fs::read(&index).unwrap();
    for damage in [None, Some(&written[..20]), Some(&[0; 100][..])] {
        match damage {
            None => std::fs::remove_file(&index).unwrap(),
            Some(bytes) => std::fs::write(&index, bytes).unwrap(),
        }
        let line = decision(15_000, 1);
        assert_eq!(found(folder.path(), line.request).line, line, "without a server");
        let log = DecisionLog::start(folder.path(), 8, 60_000, options(1 << 30)).unwrap();
        let Lookup::Found(found) = log.find(line.request, &mut Vec::new()).unwrap() else {
            panic!("not found")
        };
        assert_eq!((found.line, found.world), (line, world("a", 1)));
        let built = std::fs::read(&index).unwrap();
        assert!(built.len() >= written.len(), "{} and {} bytes", built.len(), written.len());
        // The line that cannot be read may be any decision.
        let unknown = decision(15_000, 1).request | 1 << 16;
        assert!(matches!(log.find(unknown, &mut Vec::new()).unwrap(), Lookup::Unreadable(_)));
    }
}

#[test]
fn only_a_decision_that_may_be_buffered_is_worth_a_flush() {
    let folder = tempfile::tempdir().unwrap();
    let mut slow = options(1 << 20);
    slow.flush = Duration::from_secs(600);
    let log = DecisionLog::start(folder.path(), 7, 1_000, slow).unwrap();
    log.record_decision(&decision(50_000, 0));
    log.flush();
    log.record_decision(&decision(60_000, 0));
    let is_recent = |at_ms| log.is_recent(decision(at_ms, 0).request);
    assert_eq!(
        [1_000, 48_000, 50_000, 60_000, 60_001].map(is_recent),
        [false, false, true, true, false]
    );
    assert!(!log.is_recent(decision(60_000, 0).request | 1 << 50), "of another process start");
}

#[test]
fn the_oldest_segments_are_removed_when_the_log_reaches_its_size_limit() {
    let folder = tempfile::tempdir().unwrap();
    let limited = DecisionLogOptions { max_bytes: 20_000, ..options(4_000) };
    let log = DecisionLog::start(folder.path(), 7, 1_000, limited.clone()).unwrap();
    log.record_world(world("a", 1));
    record(&log, 1_000);
    drop(log);

    let size = |path: &PathBuf| std::fs::metadata(path).unwrap().len();
    let total: u64 = segments(folder.path()).iter().map(size).sum();
    assert!(total > 8_000 && total <= 20_000 + 10_000, "{total} bytes of at most 20,000");
    assert_eq!(limited.bytes.get(), i64::try_from(total).unwrap());
    assert!(limited.removed.get() >= 3, "{}", limited.removed.get());
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, segments(folder.path()).len() * 2, "an index beside each segment");
    found(folder.path(), decision(1_999, 1).request);
    assert_eq!(look_up(folder.path(), decision(1_000, 1).request), Lookup::Absent);
}

#[test]
fn a_line_is_short_whatever_texts_its_caller_chose() {
    let mut long = decision(1_000, 1);
    let text = "ﷺ".repeat(5_000);
    let slot = Slot { key: text.clone().into(), placement: None, styles: SmallVec::new() };
    let names = (0..48).map(|number| format!("{number}{text}").into()).collect();
    long.page = Arc::new(Page { unknown: names, slots: SmallVec::from_elem(slot, 8), ..page() });
    let line = stored::encode_decision(&long, Vec::new());
    assert!(line.len() < 2_500, "{} bytes", line.len());
    let Ok(Line::Decision(line)) = stored::decode(stored::VERSION, &line) else { panic!() };
    assert_eq!(line.page.unknown.len(), 8);
    assert!(line.page.unknown[7].starts_with("7ﷺ"));
}
