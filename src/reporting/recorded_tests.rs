//! A log with more decisions than a pass reads.

use super::*;
use crate::catalog::files;
use crate::decision_log::{DecisionLog, DecisionLogOptions, SlotLine};
use crate::domain::event::NoFill;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::reporting::funnel;
use crate::selection::compile::compile;
use crate::selection::resolve;
use crate::selection::resolve::{PageInput, RegionSignals, SlotInput};
use crate::selection::slot_stage::SlotStage;
use std::time::Duration;

const START_MS: i64 = 1_780_000_000_000;

fn example() -> Arc<Snapshot> {
    let texts = files::EXAMPLE.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let inventory = files::parse(&texts).unwrap();
    Arc::new(compile(inventory, &Weights::default(), &LabelTable::default()))
}

/// A log with decisions, ten a second, of which every fifth is a test and every other page is about food.
fn log(folder: &Path, snapshot: &Snapshot, decisions: u32) {
    let options = DecisionLogOptions {
        flush: Duration::from_mins(1),
        segment_bytes: 1 << 20,
        retention: Duration::from_hours(24),
        max_bytes: 1 << 30,
        bytes: prometheus::IntGauge::new("bytes", "bytes").unwrap(),
        removed: prometheus::IntCounter::new("removed", "removed").unwrap(),
    };
    let log = DecisionLog::start(folder, 7, START_MS, options).unwrap();
    log.record_world(WorldLine {
        state: State { number: 1, ..State::default() },
        ..WorldLine::default()
    });
    let slots = [SlotInput { name: "article-end".into(), ..SlotInput::default() }];
    let signals = RegionSignals { observed: None, declared: "DE".parse().ok() };
    let publisher = snapshot.publisher_by_id["eu-tech-news"];
    let pages = ["food", "ai-infrastructure"].map(|topic| {
        let input = PageInput { topics: vec![topic.into()], ..PageInput::default() };
        Arc::new(resolve::page(snapshot, publisher, &input, signals, &slots))
    });
    for number in 0..decisions {
        let at_ms = START_MS + i64::from(number) * 100;
        let request = u128::try_from(at_ms).unwrap() << 80 | u128::from(number) << 8;
        log.record_decision(&DecisionLine {
            request,
            at_ms,
            state: 1,
            page: pages[number as usize % 2].clone(),
            url: None,
            forced: None,
            test: number % 5 == 0,
            slots: smallvec::smallvec![SlotLine {
                masked: Vec::new(),
                result: Err(NoFill::LabelUnavailable)
            }],
        });
        if number % 1_000 == 0 {
            log.flush();
        }
    }
}

#[test]
fn of_many_decisions_a_sample_is_read_and_scaled_and_the_answer_says_so() {
    let (folder, snapshot) = (tempfile::tempdir().unwrap(), example());
    log(folder.path(), &snapshot, 20_000);
    let snapshot_of = |_: &WorldLine| Ok(snapshot.clone());
    let all = RecordedDecisions::new(folder.path(), &snapshot_of);
    let few = RecordedDecisions { max_decisions: 4_000, ..all };
    let times = START_MS..START_MS + 86_400_000;

    let (exact, whole) = funnel::count(&all, "zahid-ai-europe", &times).unwrap();
    let (scaled, sample) = funnel::count(&few, "zahid-ai-europe", &times).unwrap();

    assert_eq!((whole.decisions, whole.part, whole.notes.len()), (16_000, 1.0, 0));
    assert_eq!(exact.stages.values().sum::<u64>(), 16_000);
    assert!((0.15..0.25).contains(&sample.part), "{}", sample.part);
    assert!((2_400..4_000).contains(&sample.decisions), "{}", sample.decisions);
    assert!(sample.notes[0].starts_with("counted from a sample of "), "{:?}", sample.notes);
    for (stage, count) in &exact.stages {
        let estimate = scaled.stages[stage] as f64;
        let share = estimate / *count as f64;
        assert!((0.9..1.1).contains(&share), "{stage:?}: {count}, estimated {estimate}");
    }
    assert!(exact.stages.keys().any(|stage| stage.is_targeting()));
    assert!(exact.stages.keys().all(|stage| *stage != SlotStage::Won));
}

#[test]
fn decisions_whose_inventory_cannot_be_read_are_counted_and_named() {
    let (folder, snapshot) = (tempfile::tempdir().unwrap(), example());
    log(folder.path(), &snapshot, 100);
    let missing =
        |_: &WorldLine| Err(CatalogError::NoVersion { what: "inventory", hash: "a".into() });
    let recorded = RecordedDecisions::new(folder.path(), &missing);

    let (counts, coverage) = funnel::count(&recorded, "zahid-ai-europe", &(0..i64::MAX)).unwrap();

    assert_eq!((counts, coverage.decisions), (funnel::SlotCounts::default(), 0));
    assert_eq!(coverage.without_world, 80);
    assert!(coverage.notes.iter().any(|note| note.contains("left out")), "{:?}", coverage.notes);
}
