//! Acknowledged records that vanish from the journal's files are reported at the start, by `audit` and by
//! `export`; `journal repair` releases what is left.

use crate::harness::process::Installation;
use crate::harness::{Process, Reader, Redis, Store, reference, wait_until};
use crate::store::{ledger, write_records};
use adjacent::ledger::event_log::EventLog;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::task::JoinSet;

/// Length of a segment's header, and of a frame's length and checksum, in bytes.
const HEADER: usize = 36;
const FRAME: usize = 8;

/// A damage to the segments, oldest first; returns how many records are lost.
type Damage = fn(&[PathBuf]) -> u64;

/// The ends of all frames of a segment.
fn frame_ends(bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut ends) = (HEADER, Vec::new());
    while let Some(length) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        at += FRAME + u32::from_le_bytes(*length) as usize;
        ends.push(at);
    }
    assert_eq!(at, bytes.len(), "a whole number of frames");
    ends
}

fn records(path: &Path) -> u64 {
    frame_ends(&fs::read(path).unwrap()).len() as u64
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "journal")).collect();
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    fs::remove_dir_all(to).ok();
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Records `count` events, each acknowledged.
async fn record_events(process: &Process, count: usize) {
    let reader = Reader::new();
    let decision = process.decide(&reader, &reference()).await.unwrap();
    let url = decision["decisions"]["article-end"]["event_urls"]["impression"].as_str().unwrap();
    let mut left = count;
    while left > 0 {
        let mut wave = JoinSet::new();
        for _ in 0..left.min(64) {
            let (reader, url) = (reader.clone(), url.to_owned());
            wave.spawn(async move { reader.fire(&url).await });
        }
        left -= wave.len();
        assert!(wave.join_all().await.iter().all(|ack| ack.recorded));
    }
}

fn run(installation: &Installation, arguments: &[&str]) -> (Option<i32>, String) {
    let output = installation.command(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// The missing records in a command's output, over all segments.
fn missing(output: &str) -> u64 {
    let numbers = output.split("missing records: ").skip(1).map(|rest| rest.split(',').next());
    numbers.map(|number| number.unwrap().parse::<u64>().unwrap()).sum()
}

fn delete_newest(paths: &[PathBuf]) -> u64 {
    let newest = paths.last().unwrap();
    let lost = records(newest);
    fs::remove_file(newest).unwrap();
    lost
}

fn cut_newest_at_a_frame(paths: &[PathBuf]) -> u64 {
    let newest = paths.last().unwrap();
    let bytes = fs::read(newest).unwrap();
    let ends = frame_ends(&bytes);
    let kept = ends.len() / 2;
    fs::write(newest, &bytes[..ends[kept - 1]]).unwrap();
    (ends.len() - kept) as u64
}

fn zero_newest(paths: &[PathBuf]) -> u64 {
    let newest = paths.last().unwrap();
    let lost = records(newest);
    fs::write(newest, vec![0; fs::read(newest).unwrap().len()]).unwrap();
    lost
}

fn empty_newest(paths: &[PathBuf]) -> u64 {
    let newest = paths.last().unwrap();
    let lost = records(newest);
    fs::write(newest, []).unwrap();
    lost
}

/// As an older copy of the file: all but the last record.
fn put_back_older_newest(paths: &[PathBuf]) -> u64 {
    let newest = paths.last().unwrap();
    let bytes = fs::read(newest).unwrap();
    let ends = frame_ends(&bytes);
    fs::write(newest, &bytes[..ends[ends.len() - 2]]).unwrap();
    1
}

fn delete_first(paths: &[PathBuf]) -> u64 {
    let lost = records(&paths[0]);
    fs::remove_file(&paths[0]).unwrap();
    lost
}

fn delete_middle(paths: &[PathBuf]) -> u64 {
    let lost = records(&paths[1]);
    fs::remove_file(&paths[1]).unwrap();
    lost
}

fn delete_all(paths: &[PathBuf]) -> u64 {
    let lost = paths.iter().map(|path| records(path)).sum();
    paths.iter().for_each(|path| fs::remove_file(path).unwrap());
    lost
}

/// Damages a copy of the journal in `whole`, then asserts that everything reports the loss.
async fn assert_reported(installation: &Installation, whole: &Path, name: &str, damage: Damage) {
    let journal = installation.path("data").join("journal");
    copy(whole, &journal);
    let lost = damage(&segments(&journal));
    assert!(lost > 0);

    let (code, audit) = run(installation, &["audit"]);
    assert_eq!(code, Some(70), "{name}: {audit}");
    assert_eq!(missing(&audit), lost, "{name}: {audit}");
    let (code, export) = run(installation, &["export", "--out", "rows.ndjson"]);
    assert_eq!(code, Some(1), "{name}: {export}");
    assert!(export.contains("the export is incomplete: "), "{name}: {export}");
    assert_eq!(missing(&export), lost, "{name}: {export}");

    // The loss stays known after a start that wrote new segments.
    for _ in 0..2 {
        let process = installation.serve();
        let missing = process.scrape().await.count("adjacent_journal_missing_records");
        assert_eq!(missing, lost, "{name}: {}", process.log());
        process.wait_for_log("acknowledged records are missing in the journal").await;
        process.kill();
    }
}

#[tokio::test]
async fn a_newest_segment_that_is_deleted_cut_zeroed_or_older_is_reported_with_the_number_of_records()
 {
    let installation = Installation::new();
    let process = installation.serve();
    record_events(&process, 40).await;
    process.kill();
    let (journal, whole) = (installation.path("data").join("journal"), installation.path("whole"));
    copy(&journal, &whole);
    let (code, audit) = run(&installation, &["audit"]);
    assert_eq!(code, Some(0), "kill -9 alone is no loss: {audit}");

    let damages: [(&str, Damage); 5] = [
        ("deleted", delete_newest),
        ("cut", cut_newest_at_a_frame),
        ("zeroed", zero_newest),
        ("emptied", empty_newest),
        ("older", put_back_older_newest),
    ];
    for (name, damage) in damages {
        assert_reported(&installation, &whole, name, damage).await;
    }
}

#[tokio::test]
async fn deleted_finished_segments_are_reported_with_the_number_of_records() {
    let installation = Installation::new().set("ADJACENT__STORE__SEGMENT_BYTES", "65536");
    let process = installation.serve();
    let (journal, whole) = (installation.path("data").join("journal"), installation.path("whole"));
    while segments(&journal).len() < 4 {
        record_events(&process, 128).await;
    }
    process.kill();
    copy(&journal, &whole);

    let damages: [(&str, Damage); 3] =
        [("first", delete_first), ("middle", delete_middle), ("all", delete_all)];
    for (name, damage) in damages {
        assert_reported(&installation, &whole, name, damage).await;
    }
}

#[tokio::test]
async fn a_sealed_first_segment_that_is_deleted_is_reported_by_audit_export_and_start() {
    let installation = Installation::new()
        .set("ADJACENT__STORE__SEGMENT_BYTES", "65536")
        .set("ADJACENT__STORE__RECONCILE_INTERVAL_SECONDS", "1");
    let process = installation.serve();
    let (journal, whole) = (installation.path("data").join("journal"), installation.path("whole"));
    while segments(&journal).len() < 3 {
        record_events(&process, 128).await;
    }
    let sealed = || fs::read_to_string(journal.join("chain")).unwrap_or_default();
    let checkpoint = || {
        fs::read_dir(&journal)
            .unwrap()
            .any(|one| one.unwrap().path().extension().is_some_and(|ending| ending == "ledger"))
    };
    wait_until("a sealed segment", async || (!sealed().is_empty() && checkpoint()).then_some(()))
        .await;
    process.kill();
    copy(&journal, &whole);
    assert_reported(&installation, &whole, "first sealed", delete_first).await;
}

fn repair(data: &Path, arguments: &[&str]) -> String {
    let data = data.display().to_string();
    let command = [&["journal", "repair", "--data", &data], arguments].concat();
    let done = Command::new(env!("CARGO_BIN_EXE_adjacent")).args(command).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[tokio::test]
async fn a_flipped_byte_before_unsent_records_holds_them_back_only_until_the_repair() {
    let (redis, data) = (Redis::start(), tempfile::tempdir().unwrap());
    let folder = data.path().join("journal");
    let (old, _) = ledger(&folder, 1, &redis);
    write_records(&old, 100).await;
    drop(old);
    let path = &segments(&folder)[1];
    let mut bytes = fs::read(path).unwrap();
    let before = bytes.clone();
    bytes[frame_ends(&before)[2] + 20] ^= 1;
    fs::write(path, &bytes).unwrap();
    let (new, shared) = ledger(&folder, 2, &redis);
    wait_until("all that can be sent", async || shared.send_files().await.unwrap().then_some(()))
        .await;
    assert!(shared.status().is_blocked, "records behind the damage are held back");
    drop((new, shared));

    let shown = repair(data.path(), &[]);
    assert!(shown.contains("1 segment to repair, 1 records lost"), "{shown}");
    assert_eq!(fs::read(path).unwrap(), bytes, "a dry run changes nothing");
    let done = repair(data.path(), &["--apply"]);
    assert!(done.contains("repaired 1 segment: 1 records are lost"), "{done}");
    let kept = folder.join("quarantine");
    let name = path.file_name().unwrap().to_string_lossy();
    assert_eq!(fs::read(kept.join(format!("{name}.damaged"))).unwrap(), bytes);
    let list = fs::read_to_string(kept.join(format!("{name}.lost.json"))).unwrap();
    assert!(list.contains("\"partition\": 3"), "{list}");

    let (new, shared) = ledger(&folder, 3, &redis);
    assert!(shared.send_files().await.unwrap());
    assert!(shared.follow().await.unwrap());
    let status = shared.status();
    assert!(!status.is_blocked && status.missing_here == 0);
    assert_eq!(new.state().applied(), 100, "99 records and a filler");
}

#[tokio::test]
async fn records_that_redis_has_and_the_journal_lacks_are_counted() {
    let (redis, data) = (Redis::start(), tempfile::tempdir().unwrap());
    let folder = data.path().join("journal");
    let (old, shared) = ledger(&folder, 1, &redis);
    write_records(&old, 20).await;
    assert!(shared.send_files().await.unwrap());
    drop((old, shared));
    // As if an old copy of the whole data directory, without later marks, were put back.
    fs::remove_file(folder.join("acknowledged")).unwrap();
    fs::remove_file(folder.join("manifest")).unwrap();
    let paths = segments(&folder);
    let newest = paths.last().unwrap();
    let lost = records(newest);
    let bytes = fs::read(newest).unwrap();
    fs::write(newest, &bytes[..HEADER]).unwrap();

    let (new, shared) = ledger(&folder, 2, &redis);
    assert!(shared.follow().await.unwrap());

    assert_eq!(shared.status().missing_here, lost);
    drop((new, shared));
    let (code, audit) = {
        let data = data.path().display().to_string();
        let arguments = ["audit", "--store", &redis.url(), "--data", &data];
        let done = Command::new(env!("CARGO_BIN_EXE_adjacent")).args(arguments).output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
    };
    assert_eq!(code, Some(70), "{audit}");
    assert!(audit.contains(&format!("{lost} records fewer")), "{audit}");
    let export = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_adjacent"));
        let done =
            command.args(["export", "--store", &redis.url()]).args(arguments).output().unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let (code, errors) = export(&["--data", &data.path().display().to_string()]);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains(&format!("{lost} records fewer (as sent to the store)")), "{errors}");
    let empty = tempfile::tempdir().unwrap();
    let (code, errors) = export(&["--data", &empty.path().display().to_string()]);
    assert_eq!((code, &*errors), (Some(0), ""), "there is nothing to compare with");
}

#[tokio::test]
async fn a_lost_segment_that_redis_has_is_reported_until_it_is_written_off() {
    let (redis, data) = (Redis::start(), tempfile::tempdir().unwrap());
    let folder = data.path().join("journal");
    let (old, shared) = ledger(&folder, 1, &redis);
    write_records(&old, 20).await;
    assert!(shared.send_files().await.unwrap());
    drop((old, shared));
    let lost = delete_newest(&segments(&folder));
    let (new, shared) = ledger(&folder, 2, &redis);
    assert!(shared.follow().await.unwrap());
    assert_eq!(shared.status().missing_here, lost);
    assert_eq!(new.recovery().lost.len(), 1);
    assert_eq!(new.state().applied(), 20, "the sums are complete");
    drop((new, shared));

    let done = repair(data.path(), &["--apply"]);
    assert!(done.contains(&format!("repaired 1 segment: {lost} records are lost")), "{done}");

    let (new, shared) = ledger(&folder, 3, &redis);
    assert!(shared.send_files().await.unwrap());
    assert!(shared.follow().await.unwrap());
    assert_eq!((shared.status().missing_here, new.recovery().lost.len()), (0, 0));
    assert!(repair(data.path(), &[]).contains("nothing to repair"));
}
