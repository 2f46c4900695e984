//! Properties of the log: every logged decision is found with the state it was made on, in any
//! segment.

use crate::decision_log::writer::DecisionLogOptions;
use crate::decision_log::{DecisionLine, DecisionLog, Line, SlotLine, WorldLine, find};
use crate::domain::event::NoFill;
use crate::selection::page::{Commercial, Page, RegionBasis, Viewer};
use crate::selection::rules::Mask;
use crate::selection::snapshot::State;
use smallvec::SmallVec;
use std::time::Duration;

fn page() -> Page {
    Page {
        publisher: 0,
        topics: SmallVec::new(),
        entities: SmallVec::new(),
        unknown: SmallVec::new(),
        keywords: SmallVec::new(),
        region: None,
        language: "en".parse().unwrap(),
        commercial: Commercial::Allow,
        sensitive: false,
        paused: false,
        shown: SmallVec::new(),
        viewer: Viewer { country: "DE".parse().ok(), basis: RegionBasis::Declared },
        slots: SmallVec::new(),
    }
}

fn decision(at_ms: i64, state: u64) -> DecisionLine {
    DecisionLine {
        request: (u128::try_from(at_ms).unwrap() << 80) | (7 << 8),
        at_ms,
        state,
        page: page(),
        url: Some("news.example/a".into()),
        forced: None,
        test: false,
        slots: vec![SlotLine {
            masked: vec![Mask::reservation_lost(3), Mask::rejected(4), Mask::creative(5)],
            result: Err(NoFill::AllPaced),
        }],
    }
}

fn state(number: u64) -> State {
    let spent = (0..u32::try_from(number).unwrap()).collect();
    State { number, spent, ..State::default() }
}

fn options(segment_bytes: u64) -> DecisionLogOptions {
    DecisionLogOptions {
        flush: Duration::from_millis(20),
        segment_bytes,
        retention: Duration::from_secs(3_600),
    }
}

#[test]
fn a_decision_is_found_with_its_state_in_any_segment() {
    let folder = tempfile::tempdir().unwrap();
    let log = DecisionLog::start(folder.path(), 7, 1_000, options(400)).unwrap();
    log.record_world(WorldLine { inventory: "i".into(), state: state(1), ..WorldLine::default() });
    for number in 1..40 {
        let at_ms = 1_000 + i64::try_from(number).unwrap() * 10;
        log.record_state(&state(number));
        // Made on the previous state, logged just after the next one.
        assert!(
            log.record_decision(decision(at_ms, number.max(2) - 1))
                && log.record_decision(decision(at_ms + 1, number))
        );
        log.flush();
    }
    let segments = std::fs::read_dir(folder.path()).unwrap().count();
    assert!(segments > 3, "{segments}");

    for number in 2..40 {
        let line = decision(1_001 + i64::try_from(number).unwrap() * 10, number);
        let found = find(folder.path(), line.request | 1).unwrap().unwrap();
        assert_eq!((found.line, &found.world.state), (line, &state(number)));
        assert_eq!(found.world.inventory, "i");
    }
    assert_eq!(find(folder.path(), 5 << 80).unwrap(), None);
}

#[test]
fn a_torn_end_hides_only_the_torn_lines() {
    let folder = tempfile::tempdir().unwrap();
    let log = DecisionLog::start(folder.path(), 7, 1_000, options(1 << 20)).unwrap();
    log.record_world(WorldLine { state: state(1), ..WorldLine::default() });
    log.record_decision(decision(1_000, 1));
    log.record_decision(decision(2_000, 1));
    drop(log);
    let segment = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let bytes = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, &bytes[..bytes.len() - 3]).unwrap();

    assert!(find(folder.path(), decision(1_000, 1).request).unwrap().is_some());
    assert!(find(folder.path(), decision(2_000, 1).request).unwrap().is_none());
}

#[test]
fn segments_are_removed_after_the_retention_period() {
    let folder = tempfile::tempdir().unwrap();
    let log = DecisionLog::start(folder.path(), 7, 0, options(64)).unwrap();
    for hour in 0..5i64 {
        log.record_decision(decision(hour * 3_600_000 + 1, 0));
        log.flush();
    }
    drop(log);
    let segments = std::fs::read_dir(folder.path()).unwrap().count();
    assert!((1..=3).contains(&segments), "{segments} of 5 hourly segments are left");
}

#[test]
fn a_line_is_read_back_as_written() {
    let line = Line::Decision(Box::new(decision(5, 6)));
    let bytes = postcard::to_stdvec(&line).unwrap();
    assert_eq!(postcard::from_bytes::<Line>(&bytes).unwrap(), line);
}
