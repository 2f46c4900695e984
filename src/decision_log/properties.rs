//! Properties of the log: every logged decision is found with the state it was made on, in any
//! segment.

use crate::decision_log::segments::segment_names;
use crate::decision_log::{
    DecisionLine, DecisionLog, DecisionLogOptions, LoggedDecision, Lookup, SlotLine, Unreadable,
    WorldLine, find, stored,
};
use crate::domain::event::NoFill;
use crate::domain::targeting::PageFacts;
use crate::journal::frame;
use crate::selection::page::{Commercial, Page, RegionBasis, Viewer};
use crate::selection::rules::Mask;
use crate::selection::snapshot::State;
use prometheus::{IntCounter, IntGauge};
use smallvec::SmallVec;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(super) fn page() -> Page {
    Page {
        publisher: 0,
        topics: SmallVec::new(),
        entities: SmallVec::new(),
        unknown: SmallVec::new(),
        keywords: SmallVec::new(),
        region: None,
        language: "en".parse().unwrap(),
        facts: PageFacts::default(),
        custom: SmallVec::new(),
        commercial: Commercial::Allow,
        sensitive: false,
        paused: false,
        shown: SmallVec::new(),
        viewer: Viewer { country: "DE".parse().ok(), basis: RegionBasis::Declared },
        slots: SmallVec::new(),
    }
}

pub(super) fn decision(at_ms: i64, state: u64) -> DecisionLine {
    DecisionLine {
        request: (u128::try_from(at_ms).unwrap() << 80) | (7 << 8),
        at_ms,
        state,
        page: Arc::new(page()),
        url: Some("news.example/a".into()),
        forced: None,
        test: false,
        slots: smallvec::smallvec![SlotLine {
            masked: vec![Mask::reservation_lost(3), Mask::rejected(4), Mask::creative(5)],
            result: Err(NoFill::AllPaced),
        }],
    }
}

fn state(number: u64) -> State {
    let spent = (0..u32::try_from(number).unwrap()).collect();
    State { number, spent, ..State::default() }
}

pub(super) fn world(inventory: &str, number: u64) -> WorldLine {
    WorldLine { inventory: inventory.into(), state: state(number), ..WorldLine::default() }
}

pub(super) fn look_up(folder: &Path, decision: u128) -> Lookup {
    find(folder, decision, &mut Vec::new()).unwrap()
}

pub(super) fn found(folder: &Path, decision: u128) -> LoggedDecision {
    let Lookup::Found(found) = look_up(folder, decision) else { panic!("{decision:x} not found") };
    *found
}

fn unreadable(folder: &Path, decision: u128) -> Unreadable {
    let mut places = Vec::new();
    let found = find(folder, decision, &mut places).unwrap();
    let Lookup::Unreadable(place) = found else { panic!("{found:?}") };
    place
}

pub(crate) fn options(segment_bytes: u64) -> DecisionLogOptions {
    DecisionLogOptions {
        flush: Duration::from_millis(20),
        segment_bytes,
        retention: Duration::from_secs(3_600),
        max_bytes: 1 << 40,
        bytes: IntGauge::new("bytes", "bytes").unwrap(),
        removed: IntCounter::new("removed", "removed").unwrap(),
    }
}

/// The segments of a folder, oldest first.
pub(super) fn segments(folder: &Path) -> Vec<PathBuf> {
    let names = segment_names(folder).unwrap();
    names.iter().map(|name| folder.join(name)).collect()
}

#[test]
fn a_decision_is_found_with_its_state_in_any_segment() {
    let folder = tempfile::tempdir().unwrap();
    let log = DecisionLog::start(folder.path(), 7, 1_000, options(400)).unwrap();
    log.record_world(WorldLine { inventory: "i".into(), state: state(1), ..WorldLine::default() });
    for number in 2..40 {
        let at_ms = 1_000 + i64::try_from(number).unwrap() * 10;
        log.record_state(&state(number), None);
        // Made on the previous state, logged just after the next one.
        assert!(
            log.record_decision(&decision(at_ms, number.max(2) - 1))
                && log.record_decision(&decision(at_ms + 1, number))
        );
        log.flush();
    }
    let segments = segments(folder.path()).len();
    assert!(segments > 3, "{segments}");

    for number in 2..40 {
        let line = decision(1_001 + i64::try_from(number).unwrap() * 10, number);
        let found = found(folder.path(), line.request | 1);
        assert_eq!((found.line, &found.world.state), (line, &state(number)));
        assert_eq!(found.world.inventory, "i");
    }
    assert_eq!(look_up(folder.path(), 5 << 80), Lookup::Absent);
}

#[test]
fn a_torn_end_hides_only_the_torn_lines() {
    let folder = tempfile::tempdir().unwrap();
    let log = DecisionLog::start(folder.path(), 7, 1_000, options(1 << 20)).unwrap();
    log.record_world(WorldLine { state: state(1), ..WorldLine::default() });
    log.record_decision(&decision(1_000, 1));
    log.record_decision(&decision(2_000, 1));
    drop(log);
    let segment = segments(folder.path()).remove(0);
    let bytes = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, &bytes[..bytes.len() - 3]).unwrap();

    found(folder.path(), decision(1_000, 1).request);
    assert_eq!(look_up(folder.path(), decision(2_000, 1).request), Lookup::Absent);
}

#[test]
fn segments_are_removed_after_the_retention_period() {
    let folder = tempfile::tempdir().unwrap();
    let log = DecisionLog::start(folder.path(), 7, 0, options(64)).unwrap();
    for hour in 0..5i64 {
        log.record_decision(&decision(hour * 3_600_000 + 1, 0));
        log.flush();
    }
    drop(log);
    let segments = segments(folder.path()).len();
    assert!((1..=3).contains(&segments), "{segments} of 5 hourly segments are left");
}

/// A log of five decisions, one per second, on three worlds; and the bytes of its only segment.
fn small_log() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let log = DecisionLog::start(folder.path(), 7, 1_000, options(1 << 20)).unwrap();
    log.record_world(world("a", 1));
    log.record_decision(&decision(1_000, 1));
    log.record_state(&state(2), None);
    log.record_decision(&decision(2_000, 2));
    log.record_decision(&decision(3_000, 2));
    log.record_state(&state(3), None);
    log.record_decision(&decision(4_000, 3));
    log.record_world(world("b", 4));
    log.record_decision(&decision(5_000, 4));
    drop(log);
    let segment = segments(folder.path()).remove(0);
    let bytes = std::fs::read(&segment).unwrap();
    (folder, segment, bytes)
}

/// Where the frames of a segment begin, and how long they are.
pub(super) fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let header = stored::read_header(bytes).unwrap();
    let (mut at, mut found) = (header.length, Vec::new());
    while let Some((_, length)) = frame::read(&bytes[at..], header.incarnation) {
        found.push((at, length));
        at += length;
    }
    found
}

/// The frames of [`small_log`], after the world that begins every segment.
const SECOND_DECISION: usize = 4;
const FIRST_CHANGE: usize = 3;

#[test]
fn a_damaged_line_is_reported_with_its_place_and_hides_no_other() {
    let (folder, segment, mut bytes) = small_log();
    let (at, length) = frames(&bytes)[SECOND_DECISION];
    bytes[at + length - 1] ^= 1;
    std::fs::write(&segment, bytes).unwrap();

    let place = unreadable(folder.path(), decision(2_000, 2).request);
    assert_eq!(place.offset, at);
    assert!(place.reason.contains("checksum"), "{place}");
    for (at_ms, number) in [(1_000, 1), (3_000, 2), (4_000, 3), (5_000, 4)] {
        let line = decision(at_ms, number);
        let found = found(folder.path(), line.request);
        assert_eq!((found.line, found.world.state), (line, state(number)));
    }
}

#[test]
fn a_line_that_does_not_decode_is_reported_and_hides_no_other() {
    let (folder, segment, bytes) = small_log();
    let (at, length) = frames(&bytes)[SECOND_DECISION];
    let (entry, _) = frame::read(&bytes[at..], 7).unwrap();
    let mut changed = bytes[..at].to_vec();
    frame::write(&mut changed, 0, entry.lsn, &[&entry.payload[..], b"a new field"].concat());
    changed.extend_from_slice(&bytes[at + length..]);
    std::fs::write(&segment, changed).unwrap();

    let place = unreadable(folder.path(), decision(2_000, 2).request);
    assert_eq!((place.offset, place.reason.as_str()), (at, "the line is 11 bytes too long"));
    found(folder.path(), decision(1_000, 1).request);
    found(folder.path(), decision(3_000, 2).request);
}

#[test]
fn no_decision_is_replayed_on_a_world_that_cannot_be_read() {
    let (folder, segment, mut bytes) = small_log();
    let (at, length) = frames(&bytes)[FIRST_CHANGE];
    bytes[at + length - 1] ^= 1;
    std::fs::write(&segment, bytes).unwrap();

    found(folder.path(), decision(1_000, 1).request);
    // The next change is intact; what it changes is not.
    for (at_ms, number) in [(2_000, 2), (4_000, 3)] {
        let place = unreadable(folder.path(), decision(at_ms, number).request);
        assert!(place.reason.contains("world"), "{place}");
    }
    assert_eq!(found(folder.path(), decision(5_000, 4).request).world.inventory, "b");
}

#[test]
fn a_segment_in_a_newer_format_is_named_and_stays_until_the_retention_period_is_over() {
    let (folder, segment, mut bytes) = small_log();
    let (newer, own) = (stored::VERSION + 1, stored::VERSION);
    bytes[..8].copy_from_slice(format!("ADJDEC{newer:02}").as_bytes());
    std::fs::write(&segment, &bytes).unwrap();
    let log = DecisionLog::start(folder.path(), 8, 6_000, options(64)).unwrap();
    for second in 6..9 {
        log.record_decision(&decision(second * 1_000, 0));
        log.flush();
    }

    let place = unreadable(folder.path(), decision(2_000, 2).request);
    let reason = format!("its format is {newer} and this version reads formats up to {own}");
    assert!(place.reason.starts_with(&reason), "{place}");
    assert_eq!(std::fs::read(&segment).unwrap(), bytes);
    for hour in [2, 3] {
        log.record_decision(&decision(hour * 3_600_000, 0));
        log.flush();
    }
    assert!(!segment.exists());
}

#[test]
fn a_decision_logged_after_the_next_world_is_found_with_its_own() {
    for segment_bytes in [1, 1 << 20] {
        let folder = tempfile::tempdir().unwrap();
        let log = DecisionLog::start(folder.path(), 7, 1_000, options(segment_bytes)).unwrap();
        log.record_world(world("a", 1));
        log.flush();
        // A decision loads the world, the next one is published, then the decision is logged.
        log.record_world(world("b", 2));
        log.flush();
        log.record_decision(&decision(1_000, 1));
        log.flush();

        let found = found(folder.path(), decision(1_000, 1).request);
        assert_eq!(found.world, world("a", 1), "segments of {segment_bytes} bytes");
    }
}

#[test]
fn a_segment_never_overwrites_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = DecisionLog::start(folder.path(), 7, 1_000, options(1)).unwrap();
    for number in 1..4 {
        log.record_state(&state(number), None);
        log.flush();
    }
    drop(log);
    assert_eq!(segments(folder.path()).len(), 3);
}
