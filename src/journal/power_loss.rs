//! Restarts of a journal on a disk that loses power, fills up and fails, by seed: acknowledged
//! payloads are recovered exactly once, and nothing else is, and no mark is ahead of them.

use crate::journal::simulated_disk::SimulatedDisk;
use crate::journal::{Journal, JournalOptions, chain, recover, segments};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::collections::BTreeMap;

/// Appended payloads, and whether each was acknowledged.
type Sent = BTreeMap<Vec<u8>, bool>;

#[derive(Default, Debug)]
struct Totals {
    sent: usize,
    acknowledged: usize,
    power_losses: usize,
    full: usize,
    failed_syncs: usize,
    reported_corrupt: usize,
}

#[test]
fn acknowledged_payloads_survive_every_restart_on_a_failing_disk() {
    run_seeds(500);
}

#[test]
#[ignore = "takes minutes; run before a release"]
fn ten_thousand_seeds_lose_nothing() {
    run_seeds(10_000);
}

fn run_seeds(seeds: u64) {
    let mut totals = Totals::default();
    for seed in 0..seeds {
        run_seed(seed, &mut totals);
    }
    eprintln!("{seeds} seeds: {totals:?}, lost 0, duplicated 0");
    assert!(
        totals.acknowledged > 0 && totals.acknowledged < totals.sent,
        "both must occur: {totals:?}"
    );
}

fn run_seed(seed: u64, totals: &mut Totals) {
    let mut rng = Pcg64::seed_from_u64(seed);
    // Where syncs cost nothing, if there is such a place: what is durable is simulated.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let mut sent = Sent::new();
    for incarnation in 1..=rng.random_range(2..6) {
        let number = check(folder.path(), &sent, seed, totals);
        let disk = SimulatedDisk::default();
        match rng.random_range(0..4) {
            0 => disk.faults().failing_sync = Some(rng.random_range(2..30)),
            _ => disk.faults().power_loss_at = Some(rng.random_range(1..60)),
        }
        let options = JournalOptions {
            incarnation,
            store: 9,
            number,
            segment_bytes: rng.random_range(80..3_000),
        };
        let Ok(journal) = Journal::start(Box::new(disk.clone()), options, |_| {}) else {
            totals.power_losses += 1;
            disk.lose_power(folder.path(), &mut rng);
            continue;
        };
        write(&journal, &disk, &mut sent, &mut rng, totals);
        totals.failed_syncs += usize::from(!disk.faults().powered_off);
        totals.power_losses += usize::from(disk.faults().powered_off);
        disk.lose_power(folder.path(), &mut rng);
        drop(journal);
    }
    check(folder.path(), &sent, seed, totals);
    totals.sent += sent.len();
    totals.acknowledged += sent.values().filter(|acknowledged| **acknowledged).count();
}

/// Appends payloads, a few at once, until the journal accepts no more.
fn write(
    journal: &Journal,
    disk: &SimulatedDisk,
    sent: &mut Sent,
    rng: &mut Pcg64,
    totals: &mut Totals,
) {
    // On a dead disk the journal may only report that the disk is full, and keep trying.
    while !journal.has_failed() && !disk.faults().powered_off {
        let is_full = rng.random_bool(0.1);
        totals.full += usize::from(is_full);
        disk.faults().full = is_full;
        let payloads: Vec<Vec<u8>> = (0..rng.random_range(1..12))
            .map(|_| {
                let mut payload = rng.random::<u64>().to_le_bytes().to_vec();
                payload.resize(rng.random_range(8..400), 7);
                payload
            })
            .collect();
        let acks: Vec<_> = payloads
            .iter()
            .map(|payload| journal.append(rng.random_range(0..3), payload.clone()))
            .collect();
        for (payload, ack) in payloads.into_iter().zip(acks) {
            let done = ack.map(|ack| ack.blocking_recv());
            sent.insert(payload, matches!(done, Ok(Ok(Ok(())))));
        }
    }
}

/// Recovers, compares with what was appended, and returns the number of the next segment.
fn check(folder: &std::path::Path, sent: &Sent, seed: u64, totals: &mut Totals) -> u64 {
    let mut found: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let recovery =
        recover(folder, 0, Some(9), true, |entry| *found.entry(entry.payload).or_default() += 1)
            .unwrap();
    for (payload, acknowledged) in sent {
        let times = found.remove(payload).unwrap_or(0);
        assert!(
            times == 1 || (times == 0 && !acknowledged),
            "seed {seed}: payload found {times} times"
        );
    }
    assert!(found.is_empty(), "seed {seed}: recovered payloads that were never appended");
    assert_eq!(recovery.lost, [], "seed {seed}: a mark is ahead of what is on disk");
    assert_eq!(recovery.missing_entries(), 0);
    totals.reported_corrupt += usize::from(!recovery.corrupt.is_empty());
    // All segments are finished: each incarnation writes only to its own.
    chain::seal(folder, &segments(folder).unwrap()).unwrap();
    assert!(chain::modified(folder, &segments(folder).unwrap()).unwrap().is_empty());
    recovery.next_segment
}
