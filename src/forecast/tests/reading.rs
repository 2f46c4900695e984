//! The sample of the decision log.

use super::*;

#[test]
fn a_sample_of_many_decisions_stands_for_all_of_them() {
    let old = old();
    let times = now() - DAY..now();
    let lines =
        || times.clone().step_by(2_000).map(|at_ms| line(&old, ("one", "ai"), &["top"], at_ms));
    let mut sample = Sample::of(Vec::new(), Names::of(&old), now());
    let mut reversed = Sample::of(Vec::new(), Names::of(&old), now());
    lines().for_each(|line| sample.keep(line, 0, 5_000));
    let mut all: Vec<_> = lines().collect();
    all.reverse();
    all.into_iter().for_each(|line| reversed.keep(line, 0, 5_000));
    let (kept, stands_for) = sample.size();
    assert!(kept <= 5_000 && kept > 1_200, "{kept}");
    assert!((stands_for / 43_200.0 - 1.0).abs() < 0.06, "{stands_for}");
    let ids =
        |sample: &Sample| sample.decisions().iter().map(|(one, _)| one.at_ms).collect::<Vec<_>>();
    assert_eq!(ids(&sample), ids(&reversed), "the order has no effect");
}

#[test]
fn a_sample_is_read_from_a_decision_log_and_refreshed() {
    use crate::decision_log::{DecisionLog, DecisionLogOptions};
    use std::time::Duration;
    let options = DecisionLogOptions {
        flush: Duration::from_millis(20),
        segment_bytes: 100_000,
        retention: Duration::from_secs(1 << 31),
        max_bytes: 1 << 40,
        bytes: prometheus::IntGauge::new("bytes", "bytes").unwrap(),
        removed: prometheus::IntCounter::new("removed", "removed").unwrap(),
    };
    let (folder, old) = (tempfile::tempdir().unwrap(), old());
    let log = DecisionLog::start(folder.path(), 7, 0, options).unwrap();
    let world = WorldLine { inventory: "a".into(), ..WorldLine::default() };
    let state = crate::selection::snapshot::State { number: 1, ..Default::default() };
    log.record_world(WorldLine { state, ..world });
    let record = |from: i64, to: i64| {
        for at_ms in (from..to).step_by(3_600_000) {
            let line = line(&old, ("one", "ai"), &["top"], at_ms);
            let id = uuid::Builder::from_unix_timestamp_millis(at_ms.unsigned_abs(), &[7; 10]);
            log.record_decision(&DecisionLine { request: id.into_uuid().as_u128(), ..line });
        }
        log.flush();
    };
    let effort = Effort { decisions: 1_000, until: None };
    let names = |_: &WorldLine| Some(Names::of(&old));
    let read = |now_ms: i64| Sample::read(folder.path(), now_ms, effort, &names).unwrap();
    assert_eq!(read(now()).size().0, 0);
    record(now() - 30 * DAY, now());
    let mut sample = read(now());
    assert_eq!((sample.size().0, sample.times.clone()), (28 * 24, now() - 28 * DAY..now()));
    record(now(), now() + DAY);
    sample.refresh(folder.path(), now() + DAY, effort, &names).unwrap();
    assert_eq!((sample.size().0, sample.times.end), (28 * 24, now() + DAY));
    assert_eq!(
        Sample::read(&folder.path().join("none"), now(), effort, &names).unwrap().size().0,
        0
    );
}
