//! A golden journal: segments, seals, checkpoint and records are read from files that this format's first
//! code wrote. When a test here fails, stored bytes have changed: raise the format's version, keep reading
//! the old one, and add files for the new one.

use crate::domain::attribution::{AttributionKey, PageKey};
use crate::domain::event::{EventKind, InvalidReason, NoFill, Pricing};
use crate::domain::goal::Goals;
use crate::domain::targeting::PageFacts;
use crate::journal;
use crate::journal::Entry;
use crate::ledger::history::ReplayFrom;
use crate::ledger::properties::{event, micros};
use crate::ledger::reconciler::Retention;
use crate::ledger::record::{
    Credit, Event, GoalLeaseRequest, LeaseRequest, OpportunityCount, Refund, UnfilledSlot,
    set_stamp,
};
use crate::ledger::restarts::spend;
use crate::ledger::{Ledger, Record, Rules, checkpoint, history};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use std::{fs, io};

const PARTITION: u8 = 3;

// The values of each enum, in the order of their stored numbers. A new value is a new format.
const KINDS: &str = "impression viewable click copy";
const PRICINGS: &str = "cpm vcpm cpc flat";
const TIERS: &str = "sponsorship standard house";
const INVALID_REASONS: &str = "forged expired bot prefetch rate_limited too_fast orphan_click out_of_region \
     wrong_origin over_budget test paused late credited";
/// Reasons since format 6.
const ADDED_INVALID_REASONS: &str = "idle agent over_goal";
const NO_FILLS: &str = "no_candidate all_paced budgets_spent subject_conflict sensitive_page \
     publisher_blocked house_only commercial_off style_mismatch below_relevance \
     label_unavailable unknown_placement paused stale_too_old overloaded";

fn values<T: FromStr<Err: Debug>>(names: &str) -> impl Iterator<Item = T> {
    names.split(' ').map(|name| name.parse().unwrap())
}

fn golden() -> PathBuf {
    stored("journal")
}

fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/stored").join(name)
}

/// Every kind of record, and every value of every enum in one.
fn records() -> Vec<Record> {
    let mut records =
        vec![Record::Budget { campaign: "c".into(), lifetime: Some(micros(5_000)), daily: None }];
    let click = event(EventKind::Click, 1, 2_000, Pricing::Cpc, 70);
    let attribution = click.attribution.clone();
    let mut seq = 0;
    let mut add = |event: &dyn Fn(u64) -> Event| {
        seq += 1;
        records.push(Record::Event(Arc::new(event(seq))));
    };
    for kind in values(KINDS) {
        for pricing in values(PRICINGS) {
            add(&|seq| event(kind, seq, 1_000, pricing, 70));
        }
    }
    for reason in values(INVALID_REASONS) {
        let invalid_reason = Some(reason);
        add(&|seq| Event {
            invalid_reason,
            ..event(EventKind::Impression, seq, 1, Pricing::Cpm, 9)
        });
    }
    for tier in values(TIERS) {
        let attribution =
            || Arc::new(AttributionKey { tier, variant: 2, ..(*attribution).clone() });
        add(&|seq| Event {
            attribution: attribution(),
            ..event(EventKind::Impression, seq, 1_500, Pricing::Cpm, 9)
        });
    }
    for reason in values(ADDED_INVALID_REASONS) {
        let invalid_reason = Some(reason);
        add(&|seq| Event { invalid_reason, ..event(EventKind::Viewable, seq, 1, Pricing::Cpm, 9) });
    }
    let (by, note): (Box<str>, Box<str>) = ("operator".into(), "tested".into());
    let empty = |reason: NoFill| UnfilledSlot {
        page: PageKey {
            publisher: "p".into(),
            placement: "s".into(),
            topic: "t".into(),
            entity: "e".into(),
            region: "DE".into(),
            facts: PageFacts::default(),
            custom: Box::default(),
        },
        reason,
    };
    let empty = values(NO_FILLS).map(|reason| Err(Arc::new(empty(reason))));
    let counts = empty.chain([Ok(attribution.clone())]).map(|slot| OpportunityCount {
        decided_at_ms: 900_000,
        slot,
        count: 300,
    });
    records.extend([
        Record::Tick { at_ms: 3_000 },
        Record::Credit(Box::new(Credit {
            id: click.credit_id(),
            at_ms: 4_000,
            event: Arc::new(click),
            micros: micros(70),
            by: by.clone(),
            note: note.clone(),
        })),
        Record::Refund(Box::new(Refund {
            id: 1 << 100,
            at_ms: 5_000,
            day: 0,
            day_starts_ms: 0,
            attribution,
            micros: micros(1),
            by,
            note,
        })),
        Record::Rules(Rules { grace_ms: 70_000, ..Rules::default() }),
        Record::Opportunities(counts.collect()),
        Record::Join { at_ms: 6_000, timeout_ms: 1_000, predecessors: vec![9, 1 << 60] },
        Record::Lease {
            at_ms: 7_000,
            holder: 1,
            requests: vec![LeaseRequest { campaign: "c".into(), day: 0, micros: micros(90) }],
        },
        Record::Leave { at_ms: 8_000 },
        Record::Gone { at_ms: 8_500, incarnation: 1 << 60, lsn: 7 },
        Record::Goals {
            flight: "f".into(),
            goals: Goals { impressions: Some(5), viewables: None, clicks: Some(1 << 40) },
        },
        Record::GoalLease {
            at_ms: 8_600,
            holder: 1,
            requests: vec![GoalLeaseRequest {
                flight: "f".into(),
                kind: EventKind::Click,
                micros: micros(90),
            }],
        },
    ]);
    records
}

/// Records of every kind that has an attribution, with values of reported context keys: format 7.
fn records_with_values() -> Vec<Record> {
    let with_values = |attribution: &Arc<AttributionKey>, custom: &str| {
        let mut unit = AttributionKey::clone(attribution);
        unit.page.custom = custom.into();
        Arc::new(unit)
    };
    let both = |of: &Arc<AttributionKey>| with_values(of, "paywall=free;section=other");
    let mut records: Vec<Record> = Vec::new();
    for record in self::records() {
        match record {
            Record::Budget { .. } => records.push(record),
            Record::Credit(credit) => {
                let of = |event: &Event| both(&event.attribution);
                let click = Event { attribution: of(&credit.event), ..Event::clone(&credit.event) };
                records.push(Record::Event(Arc::new(click.clone())));
                records
                    .push(Record::Credit(Box::new(Credit { event: Arc::new(click), ..*credit })));
            }
            Record::Refund(refund) => {
                let attribution = both(&refund.attribution);
                records.push(Record::Refund(Box::new(Refund { attribution, ..*refund })));
            }
            Record::Opportunities(counts) => {
                let with_values = |count: OpportunityCount| {
                    let slot = match count.slot {
                        Ok(unit) => Ok(with_values(&unit, "section=news")),
                        Err(slot) => {
                            let mut slot = UnfilledSlot::clone(&slot);
                            slot.page.custom = "paywall=metered".into();
                            Err(Arc::new(slot))
                        }
                    };
                    OpportunityCount { slot, ..count }
                };
                records.push(Record::Opportunities(counts.into_iter().map(with_values).collect()));
            }
            _ => {}
        }
    }
    records
}

/// The first format that has a record.
fn since(record: &Record) -> u8 {
    let is_added = |event: &Event| {
        event.invalid_reason.is_some_and(|reason| ADDED_INVALID_REASONS.contains(reason.as_str()))
    };
    match record {
        Record::Goals { .. } | Record::GoalLease { .. } => 6,
        Record::Event(event) if is_added(event) => 6,
        Record::Gone { .. } => 5,
        _ => 1,
    }
}

fn open(folder: &Path, incarnation: u64) -> io::Result<Ledger> {
    Ledger::open(folder, incarnation, 1 << 20, Rules::default(), Box::new(|_| {}))
}

/// A copy of the golden journal.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(golden()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}

/// Writes the golden journal, if there is none.
#[tokio::test]
async fn write_the_golden_journal() {
    if std::env::var_os("ADJACENT_BLESS").is_none() {
        return;
    }
    for (folder, records) in written() {
        if folder.exists() {
            continue;
        }
        let first = open(&folder, 0x0007_0000_0000_0001).unwrap();
        for record in records {
            first.write(PARTITION, &record).await.unwrap();
        }
        drop(first);
        let second = open(&folder, 0x0007_0000_0000_0002).unwrap();
        second.reconcile(Retention::default(), 0).unwrap();
        second.write(PARTITION, &Record::Tick { at_ms: 9_000 }).await.unwrap();
    }
}

/// The golden journals in the formats that are written, and their records: those without values of reported
/// context keys have format 6, those with some format 7.
fn written() -> [(PathBuf, Vec<Record>); 2] {
    [(golden(), records()), (stored("journal-7"), records_with_values())]
}

#[test]
fn a_segment_of_the_written_format_holds_every_record_byte_for_byte() {
    for (folder, records) in written() {
        let found = entries(&folder);
        assert_eq!(found.len(), records.len());
        let mut last = i64::MIN;
        for (entry, record) in found.iter().zip(&records) {
            let stamped = Record::decode(&entry.payload).unwrap();
            assert_eq!(&stamped.record, record);
            let mut encoded = record.encode();
            set_stamp(&mut encoded, stamped.stamp);
            assert_eq!(entry.payload, encoded, "{record:?}");
            assert!(stamped.stamp >= last, "stamps follow the journal");
            last = stamped.stamp;
        }
    }
    let formats: Vec<u8> =
        entries(&stored("journal-7")).iter().map(|entry| entry.payload[0]).collect();
    assert_eq!(formats, [6, 7, 7, 7, 7], "a budget, and what has an attribution");
}

#[test]
fn every_invalid_reason_keeps_its_stored_number() {
    let stored: Vec<InvalidReason> =
        [INVALID_REASONS, ADDED_INVALID_REASONS].into_iter().flat_map(values).collect();
    assert_eq!(stored, InvalidReason::ALL);
    for (number, reason) in stored.iter().enumerate() {
        assert_eq!(postcard::to_stdvec(reason).unwrap(), [u8::try_from(number).unwrap()]);
    }
}

#[test]
fn records_of_older_formats_are_read_and_take_their_time_for_a_stamp_that_they_lack() {
    for version in [4, 5] {
        let (found, records) = (entries(&stored(&format!("journal-{version}"))), records());
        let known = records.iter().filter(|one| since(one) <= version);
        assert_eq!(found.len(), known.clone().count());
        for (entry, record) in found.iter().zip(known) {
            assert!(entry.payload[0] <= version);
            let stamped = Record::decode(&entry.payload).unwrap();
            assert_eq!(&stamped.record, record);
            if version == 4 {
                assert_eq!(stamped.stamp, record.at_ms().unwrap_or(i64::MIN));
            }
        }
    }
}

/// The records of the first incarnation of a journal, all in one partition.
fn entries(folder: &Path) -> Vec<Entry> {
    let mut found = Vec::new();
    let store = history::store_id(folder).unwrap();
    let recovery = journal::recover(folder, 0, store, false, |entry| found.push(entry)).unwrap();
    assert_eq!((recovery.corrupt, recovery.torn_bytes), (Vec::new(), 0));
    found.retain(|one: &Entry| {
        (one.partition, one.incarnation) == (PARTITION, 0x0007_0000_0000_0001)
    });
    found
}

#[test]
fn the_checkpoint_of_the_written_format_gives_the_state_of_all_records() {
    for (folder, _) in written() {
        let read = |since| history::replay(&folder, since, u64::MAX, false, |_| {}).unwrap();
        let (whole, _) = read(ReplayFrom::First);
        let (resumed, recovery) = read(ReplayFrom::NewestCheckpoint);
        assert_eq!(recovery.corrupt, Vec::<String>::new());
        assert_eq!(recovery.segments, 1, "the checkpoint was not used");
        assert_eq!(resumed.state, whole.state);
    }
}

#[test]
fn a_checkpoint_in_a_newer_format_is_named_and_the_journal_is_replayed() {
    let folder = copy();
    let expected = history::replay(&golden(), ReplayFrom::First, u64::MAX, false, |_| {}).unwrap();
    let [number] = checkpoint::numbers(folder.path()).unwrap()[..] else { panic!() };
    let path = folder.path().join(format!("{number:010}.ledger"));
    let mut bytes = fs::read(&path).unwrap();
    bytes[..8].copy_from_slice(b"ADJLED05");
    fs::write(&path, bytes).unwrap();

    let ledger = open(folder.path(), 5).unwrap();
    assert_eq!(spend(&ledger.state()), spend(&expected.0.state));
    let reported = &ledger.recovery().corrupt[0];
    let expected = format!("{}: its format is 5 and this version reads format 4", path.display());
    assert!(reported.starts_with(&expected), "{reported}");
}

#[test]
fn a_segment_in_a_newer_format_stops_the_start_and_stays_as_it_is() {
    let folder = copy();
    let last = journal::segments(folder.path()).unwrap().pop().unwrap().path;
    let mut bytes = fs::read(&last).unwrap();
    bytes[..8].copy_from_slice(b"ADJLOG03");
    bytes[32] ^= 1;
    fs::write(&last, &bytes).unwrap();

    let error = open(folder.path(), 5).err().unwrap().to_string();
    let expected = "its format is 3 and this version reads formats up to 2; start a newer version";
    assert!(error.starts_with(&format!("{}: {expected}", last.display())), "{error}");
    assert_eq!(fs::read(&last).unwrap(), bytes);
    assert!(!folder.path().join("quarantine").exists());
}
