//! Restart tests of the ledger: with and without checkpoints, and after files were changed.

use crate::domain::event::{EventKind, Pricing};
use crate::ledger::account::Account;
use crate::ledger::history::ReplayFrom;
use crate::ledger::properties::event;
use crate::ledger::reconciler::{ReconcileReport, Retention};
use crate::ledger::{Ledger, Record, Rules, State, audit, checkpoint, history};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const SMALL: u64 = 2_000;

fn open(folder: &Path, incarnation: u64) -> std::io::Result<Ledger> {
    Ledger::open(folder, incarnation, SMALL, Rules::default(), Box::new(|_| {}))
}

/// Records a click and an impression for each decision in `from..to`.
async fn fill(ledger: &Ledger, from: u64, to: u64) {
    for seq in from..to {
        let at_ms = i64::try_from(seq).unwrap() * 1_000;
        for (kind, later) in [(EventKind::Click, 900), (EventKind::Impression, 100)] {
            let mut event = event(kind, seq, at_ms + later, Pricing::Cpc, 70);
            event.decided_at_ms = at_ms;
            ledger.record(event).await.unwrap();
        }
    }
}

fn state(ledger: &Ledger) -> State {
    ledger.state().clone()
}

pub(super) fn spend(state: &State) -> Vec<(String, Account)> {
    let accounts = state.accounts().into_iter();
    accounts.map(|(campaign, account)| (campaign.to_owned(), account.clone())).collect()
}

fn pass(ledger: &Ledger) -> ReconcileReport {
    let report = ledger.reconcile(Retention::default(), 0).unwrap();
    assert_eq!((report.mismatches.len(), report.drift_micros), (0, 0), "{:?}", report.mismatches);
    report
}

/// A folder with the history of two process starts, each with a checkpoint.
async fn history() -> (tempfile::TempDir, State) {
    history_of(0).await
}

async fn history_of(incarnation: u64) -> (tempfile::TempDir, State) {
    let folder = tempfile::tempdir().unwrap();
    for process in 1..=2 {
        let ledger = open(folder.path(), incarnation + process).unwrap();
        fill(&ledger, (process - 1) * 40, process * 40).await;
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
async fn a_start_from_a_checkpoint_equals_a_replay_of_everything() {
    let (folder, resumed) = history().await;
    let read = |since| history::replay(folder.path(), since, u64::MAX, false, |_| {}).unwrap();
    let (whole, all) = read(ReplayFrom::First);
    let (_, behind) = read(ReplayFrom::NewestCheckpoint);

    assert_eq!(whole.state, resumed);
    assert!(behind.entries < all.entries / 2, "{} of {}", behind.entries, all.entries);
    assert_eq!(audit::recompute(folder.path(), u64::MAX).unwrap().2, vec![]);
}

#[tokio::test]
async fn a_token_counts_once_on_both_sides_of_a_checkpoint() {
    let (folder, before) = history().await;
    let ledger = open(folder.path(), 4).unwrap();
    fill(&ledger, 0, 80).await;
    assert_eq!(spend(&state(&ledger)), spend(&before));
}

#[tokio::test]
async fn an_unreadable_checkpoint_is_reported_and_the_previous_one_is_used() {
    let (folder, before) = history().await;
    let newest = files(folder.path(), "ledger").pop().unwrap();
    let mut bytes = std::fs::read(&newest).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&newest, bytes).unwrap();

    let ledger = open(folder.path(), 4).unwrap();
    assert_eq!(spend(&state(&ledger)), spend(&before));
    let recovery = ledger.recovery();
    assert!(recovery.corrupt[0].contains("checksum does not match"), "{recovery:?}");
}

#[tokio::test]
async fn old_segments_are_removed_after_the_retention_period_and_the_sums_stay() {
    let (folder, before) = history().await;
    let ledger = open(folder.path(), 4).unwrap();
    pass(&ledger);
    let segments = files(folder.path(), "journal").len();
    let newest = files(folder.path(), "journal").pop().unwrap();
    let tomorrow = newest.metadata().unwrap().modified().unwrap() + Duration::from_secs(86_400);
    let tomorrow_ms = tomorrow.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let retention = Retention { segments: Some(Duration::from_secs(60)), ..Retention::default() };
    let report = ledger.reconcile(retention, i64::try_from(tomorrow_ms).unwrap()).unwrap();
    assert!(report.removed > 3 && report.removed < segments, "{} of {segments}", report.removed);
    drop(ledger);

    let ledger = open(folder.path(), 5).unwrap();
    assert_eq!(spend(&state(&ledger)), spend(&before));
    assert_eq!(ledger.recovery().corrupt, Vec::<String>::new());
    assert_eq!(audit::recompute(folder.path(), u64::MAX).unwrap().2, vec![]);
    // The decisions are still known: nothing is billed again.
    fill(&ledger, 0, 80).await;
    assert_eq!(spend(&state(&ledger)), spend(&before));
}

#[tokio::test]
async fn a_history_without_its_beginning_is_rejected_and_never_summed() {
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
    assert_eq!(spend(&state(&ledger)), spend(&before));
    assert!(ledger.recovery().corrupt[0].contains("another data directory"));
}

#[tokio::test]
async fn a_value_changed_in_memory_is_found_by_the_next_pass() {
    let (folder, _) = history().await;
    let ledger = open(folder.path(), 4).unwrap();
    ledger.state().account_mut("c").unwrap().bill(0, crate::ledger::properties::micros(11));

    let report = ledger.reconcile(Retention::default(), 0).unwrap();
    assert_eq!(report.drift_micros, 11);
    assert_eq!(report.mismatches[0].what, "spend of c");
}

#[tokio::test]
async fn a_pass_while_events_arrive_finds_no_mismatch() {
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
async fn changed_event_windows_are_recorded_once_and_apply_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let narrow = Rules { click_ms: 100_000, ..Rules::default() };
    let mut applied = 0;
    for (incarnation, rules, records) in [(1, Rules::default(), 0), (2, narrow, 64), (3, narrow, 0)]
    {
        let ledger =
            Ledger::open(folder.path(), incarnation, SMALL, rules, Box::new(|_| {})).unwrap();
        ledger.write(0, &Record::Tick { at_ms: 1 }).await.unwrap();
        let state = state(&ledger);
        assert_eq!(state.partitions_with_other_rules(&rules), Vec::<u8>::new());
        assert_eq!(state.applied() - applied, records + 1, "once per partition");
        applied = state.applied();
    }
}
