//! Lives of a journal on a disk that loses its power, fills up and breaks, by seed: what was
//! acknowledged is there, once, and nothing that was never handed over.

use crate::journal::Journal;
use crate::journal::Start;
use crate::journal::chain;
use crate::journal::recover;
use crate::journal::segments;
use crate::journal::simulated::Simulated;
use rand::RngExt;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use std::collections::BTreeMap;

/// What was handed over, by payload, and whether it was acknowledged.
type Sent = BTreeMap<Vec<u8>, bool>;

#[derive(Default, Debug)]
struct Sums {
    sent: usize,
    acknowledged: usize,
    cuts: usize,
    full: usize,
    failed_syncs: usize,
    told_as_damage: usize,
}

#[test]
fn what_was_acknowledged_survives_every_life_of_a_disk_that_breaks() {
    lives(500);
}

#[test]
#[ignore = "takes minutes: run it before a release"]
fn ten_thousand_lives_lose_nothing_either() {
    lives(10_000);
}

fn lives(seeds: u64) {
    let mut sums = Sums::default();
    for seed in 0..seeds {
        live(seed, &mut sums);
    }
    eprintln!("{seeds} seeds: {sums:?}, lost 0, doubled 0");
    assert!(sums.acknowledged > 0 && sums.acknowledged < sums.sent, "both happen: {sums:?}");
}

fn live(seed: u64, sums: &mut Sums) {
    let mut dice = Pcg64::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut sent = Sent::new();
    for life in 1..=dice.random_range(2..6) {
        let number = check(folder.path(), &sent, seed, sums);
        let disk = Simulated::default();
        match dice.random_range(0..4) {
            0 => disk.inside().fails_at = Some(dice.random_range(2..30)),
            _ => disk.inside().cut_at = Some(dice.random_range(1..60)),
        }
        let start = Start {
            incarnation: life,
            store: 9,
            number,
            segment_bytes: dice.random_range(80..3_000),
        };
        let Ok(journal) = Journal::start(Box::new(disk.clone()), start, |_| {}) else {
            sums.cuts += 1;
            disk.power_cut(folder.path(), &mut dice);
            continue;
        };
        write(&journal, &disk, &mut sent, &mut dice, sums);
        sums.failed_syncs += usize::from(!disk.inside().dark);
        sums.cuts += usize::from(disk.inside().dark);
        disk.power_cut(folder.path(), &mut dice);
        drop(journal);
    }
    check(folder.path(), &sent, seed, sums);
    sums.sent += sent.len();
    sums.acknowledged += sent.values().filter(|acknowledged| **acknowledged).count();
}

/// Hands payloads over, a few at once, until the journal takes no more.
fn write(journal: &Journal, disk: &Simulated, sent: &mut Sent, dice: &mut Pcg64, sums: &mut Sums) {
    // A journal on a dead disk may only say that it has no room, and go on trying.
    while !journal.has_failed() && !disk.inside().dark {
        let is_full = dice.random_bool(0.1);
        sums.full += usize::from(is_full);
        disk.inside().full = is_full;
        let payloads: Vec<Vec<u8>> = (0..dice.random_range(1..12))
            .map(|_| {
                let mut payload = dice.random::<u64>().to_le_bytes().to_vec();
                payload.resize(dice.random_range(8..400), 7);
                payload
            })
            .collect();
        let acks: Vec<_> = payloads
            .iter()
            .map(|payload| journal.append(dice.random_range(0..3), payload.clone()))
            .collect();
        for (payload, ack) in payloads.into_iter().zip(acks) {
            let done = ack.map(|ack| ack.blocking_recv());
            sent.insert(payload, matches!(done, Ok(Ok(Ok(())))));
        }
    }
}

/// Recovers, compares with what was handed over, and says which number the next segment takes.
fn check(folder: &std::path::Path, sent: &Sent, seed: u64, sums: &mut Sums) -> u64 {
    let mut found: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let recovery =
        recover(folder, 0, Some(9), true, |entry| *found.entry(entry.payload).or_default() += 1)
            .unwrap();
    for (payload, acknowledged) in sent {
        let times = found.remove(payload).unwrap_or(0);
        assert!(times == 1 || (times == 0 && !acknowledged), "seed {seed}: {times} of one payload");
    }
    assert!(found.is_empty(), "seed {seed}: nobody handed these over");
    sums.told_as_damage += usize::from(!recovery.damaged.is_empty());
    // All of them are finished: nobody writes to a segment of another life.
    chain::seal(folder, &segments(folder).unwrap()).unwrap();
    assert!(chain::changed(folder, &segments(folder).unwrap()).unwrap().is_empty());
    recovery.next_segment
}
