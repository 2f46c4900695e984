//! Laws of a ledger over several starts: with checkpoints, without, and after somebody was there.

use crate::domain::event::BillOn;
use crate::domain::event::EventKind;
use crate::ledger::Ledger;
use crate::ledger::Record;
use crate::ledger::Rules;
use crate::ledger::State;
use crate::ledger::audit;
use crate::ledger::checkpoint;
use crate::ledger::history;
use crate::ledger::history::Since;
use crate::ledger::keeper;
use crate::ledger::laws::event;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::SystemTime;

const SMALL: u64 = 2_000;

fn open(folder: &Path, incarnation: u64) -> std::io::Result<Ledger> {
    Ledger::open(folder, incarnation, SMALL, Rules::default(), Box::new(|_| {}))
}

/// Impressions and clicks of decisions `from..to`.
async fn fill(ledger: &Ledger, from: u64, to: u64) {
    for seq in from..to {
        let at_ms = i64::try_from(seq).unwrap() * 1_000;
        for (kind, later) in [(EventKind::Click, 900), (EventKind::Impression, 100)] {
            let mut event = event(kind, seq, at_ms + later, BillOn::Click, 70);
            event.decided_at_ms = at_ms;
            ledger.record(event).await.unwrap();
        }
    }
}

fn state(ledger: &Ledger) -> State {
    ledger.state().clone()
}

fn pass(ledger: &Ledger) -> keeper::Kept {
    let kept = keeper::pass(ledger, None, SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!((kept.differences.len(), kept.drift_micros), (0, 0), "{:?}", kept.differences);
    kept
}

/// A folder with history: two starts, both with a checkpoint.
async fn history() -> (tempfile::TempDir, State) {
    history_of(0).await
}

async fn history_of(incarnation: u64) -> (tempfile::TempDir, State) {
    let folder = tempfile::tempdir().unwrap();
    for life in 1..=2 {
        let ledger = open(folder.path(), incarnation + life).unwrap();
        fill(&ledger, (life - 1) * 40, life * 40).await;
        assert!(pass(&ledger).checkpoint);
    }
    let last = state(&open(folder.path(), 3).unwrap());
    (folder, last)
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|own| own == ending)).collect();
    found.sort();
    found
}

#[tokio::test]
async fn a_start_from_a_checkpoint_knows_what_a_start_from_the_beginning_knows() {
    let (folder, resumed) = history().await;
    let read = |since| history::replay(folder.path(), since, u64::MAX, false, |_| {}).unwrap();
    let (whole, all) = read(Since::First);
    let (_, behind) = read(Since::Newest);

    assert_eq!(whole.state, resumed);
    assert!(behind.entries < all.entries / 2, "{} of {}", behind.entries, all.entries);
    assert_eq!(audit::recompute(folder.path(), u64::MAX).unwrap().2, vec![]);
}

#[tokio::test]
async fn a_token_counts_once_on_both_sides_of_a_checkpoint() {
    let (folder, before) = history().await;
    let ledger = open(folder.path(), 4).unwrap();
    fill(&ledger, 0, 80).await;
    assert_eq!(state(&ledger).accounts, before.accounts);
}

#[tokio::test]
async fn a_checkpoint_that_does_not_read_is_told_and_the_one_before_is_used() {
    let (folder, before) = history().await;
    let newest = files(folder.path(), "ledger").pop().unwrap();
    let mut bytes = std::fs::read(&newest).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&newest, bytes).unwrap();

    let ledger = open(folder.path(), 4).unwrap();
    assert_eq!(state(&ledger).accounts, before.accounts);
    assert!(ledger.recovery().damaged[0].contains("damaged"), "{:?}", ledger.recovery());
}

#[tokio::test]
async fn old_events_go_when_their_time_is_over_and_the_sums_stay() {
    let (folder, before) = history().await;
    let ledger = open(folder.path(), 4).unwrap();
    pass(&ledger);
    let segments = files(folder.path(), "journal").len();
    let newest = files(folder.path(), "journal").pop().unwrap();
    let tomorrow = newest.metadata().unwrap().modified().unwrap() + Duration::from_secs(86_400);
    let kept = keeper::pass(&ledger, Some(Duration::from_secs(60)), tomorrow).unwrap();
    assert!(kept.removed > 3 && kept.removed < segments, "{} of {segments}", kept.removed);
    drop(ledger);

    let ledger = open(folder.path(), 5).unwrap();
    assert_eq!(state(&ledger).accounts, before.accounts);
    assert_eq!(ledger.recovery().damaged, Vec::<String>::new());
    assert_eq!(audit::recompute(folder.path(), u64::MAX).unwrap().2, vec![]);
    // The decisions' identities are still known: nothing bills again.
    fill(&ledger, 0, 80).await;
    assert_eq!(state(&ledger).accounts, before.accounts);
}

#[tokio::test]
async fn a_history_without_its_beginning_is_refused_and_never_summed_up() {
    let (folder, _) = history().await;
    for path in files(folder.path(), "ledger") {
        std::fs::remove_file(path).unwrap();
    }
    std::fs::remove_file(&files(folder.path(), "journal")[0]).unwrap();
    let error = open(folder.path(), 4).err().unwrap().to_string();
    assert!(error.contains("restore them from a backup"), "{error}");
}

#[tokio::test]
async fn a_checkpoint_of_another_history_is_not_used() {
    let (folder, before) = history().await;
    let (other, _) = history_of(100).await;
    let (mine, theirs) = (files(folder.path(), "ledger"), files(other.path(), "ledger"));
    std::fs::copy(theirs.last().unwrap(), mine.last().unwrap()).unwrap();

    let ledger = open(folder.path(), 4).unwrap();
    assert_eq!(state(&ledger).accounts, before.accounts);
    assert!(ledger.recovery().damaged[0].contains("another data directory"));
}

#[tokio::test]
async fn a_number_changed_in_memory_is_found_by_the_next_pass() {
    let (folder, _) = history().await;
    let ledger = open(folder.path(), 4).unwrap();
    ledger.state().accounts.get_mut("c").unwrap().bill(0, crate::ledger::laws::micros(11));

    let kept = keeper::pass(&ledger, None, SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(kept.drift_micros, 11);
    assert_eq!(kept.differences[0].what, "spend of c");
}

#[tokio::test]
async fn a_pass_beside_events_that_come_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = std::sync::Arc::new(open(folder.path(), 1).unwrap());
    let filled = tokio::spawn({
        let ledger = ledger.clone();
        async move { fill(&ledger, 0, 400).await }
    });
    let mut passes = 0;
    while !filled.is_finished() {
        let own = ledger.clone();
        tokio::task::spawn_blocking(move || pass(&own)).await.unwrap();
        passes += 1;
    }
    filled.await.unwrap();
    assert!(passes > 1 && pass(&ledger).sealed <= files(folder.path(), "journal").len());
    assert!(checkpoint::numbers(folder.path()).unwrap().len() <= 2);
}

#[tokio::test]
async fn changed_windows_are_on_record_once_and_hold_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let narrow = Rules { click_ms: 100_000, ..Rules::default() };
    let mut known = 0;
    for (life, rules, records) in [(1, Rules::default(), 0), (2, narrow, 64), (3, narrow, 0)] {
        let ledger = Ledger::open(folder.path(), life, SMALL, rules, Box::new(|_| {})).unwrap();
        ledger.write(0, &Record::Tick { at_ms: 1 }).await.unwrap();
        let state = state(&ledger);
        assert_eq!(state.ruled_otherwise(&rules), Vec::<u8>::new());
        assert_eq!(state.applied() - known, records + 1, "once for each partition");
        known = state.applied();
    }
}
