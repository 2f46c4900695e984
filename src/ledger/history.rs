//! Replays the ledger from its files: a checkpoint and the segments after it, or all segments.

use crate::journal;
use crate::journal::{Recovery, chain};
use crate::ledger::apply::EntryOutcome;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::outcome::ApplyOutcome;
use crate::ledger::{apply, checkpoint};
use std::path::Path;
use std::{fs, io};

/// The file with the id of the data directory.
const STORE: &str = "store";

/// The random id of a journal folder, if it has one yet.
pub(crate) fn store_id(folder: &Path) -> io::Result<Option<u64>> {
    let path = folder.join(STORE);
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(text) => u64::from_str_radix(text.trim(), 16).map(Some).map_err(|_| {
            let file = path.display();
            io::Error::other(format!("{file}: not a 16-digit hex id; restore it from a backup"))
        }),
    }
}

/// Writes the folder's id: that of existing segments, else `fresh`.
pub(crate) fn ensure_store_id(folder: &Path, fresh: u64) -> io::Result<u64> {
    if let Some(existing) = store_id(folder)? {
        return Ok(existing);
    }
    let segments = journal::segments(folder)?;
    let in_segments = segments.iter().find_map(|segment| {
        let bytes = fs::read(&segment.path).ok()?;
        journal::frame::read_header(&bytes)?.store
    });
    let number = in_segments.unwrap_or(fresh);
    let temporary = folder.join("store.new");
    fs::write(&temporary, format!("{number:016x}\n"))?;
    fs::File::open(&temporary)?.sync_all()?;
    fs::rename(&temporary, folder.join(STORE))?;
    fs::File::open(folder)?.sync_all()?;
    Ok(number)
}

/// Where a replay starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayFrom {
    /// The newest readable checkpoint: for a start.
    NewestCheckpoint,
    /// The first existing record: for an audit.
    First,
}

/// The state that a replay starts from. An error when both a checkpoint and the first segment are
/// missing: a sum over the rest would be wrong.
pub(crate) fn starting_point(
    folder: &Path,
    since: ReplayFrom,
) -> io::Result<checkpoint::StartingPoint> {
    let store = store_id(folder)?;
    let segments = journal::segments(folder)?;
    let sealed = chain::seals(folder)?;
    let first = segments.first().map(|segment| segment.number);
    let began = sealed.keys().next().copied().into_iter().chain(first).min();
    let is_complete = first == began || segments.is_empty() && sealed.is_empty();
    if since == ReplayFrom::First && is_complete {
        return Ok(checkpoint::StartingPoint::default());
    }
    let mut found = match since {
        ReplayFrom::NewestCheckpoint => checkpoint::newest(folder, store)?,
        ReplayFrom::First => oldest(folder, store)?,
    };
    let missing = first.is_none_or(|first| first > found.checkpoint.from);
    if !is_complete && found.checkpoint.from == 0 && missing {
        return Err(io::Error::other(format!(
            "{}: the first segments are missing and no checkpoint is readable{}: restore them from a backup; \
             to go on without them, run `adjacent journal repair`",
            folder.display(),
            found.unusable.drain(..).map(|why| format!(" ({why})")).collect::<String>()
        )));
    }
    Ok(found)
}

fn oldest(folder: &Path, store: Option<u64>) -> io::Result<checkpoint::StartingPoint> {
    let mut found = checkpoint::StartingPoint::default();
    for from in checkpoint::numbers(folder)? {
        match checkpoint::read(folder, from, store)? {
            Ok(checkpoint) => {
                found.checkpoint = checkpoint;
                break;
            }
            Err(why) => found.unusable.push(format!("checkpoint {from}: {why}")),
        }
    }
    Ok(found)
}

/// Replays the records of one partition that decisions made at `since_ms` or later may depend on: from the
/// newest checkpoint before them, else from the first record. Records of other partitions are not
/// decoded.
pub(crate) fn replay_partition(
    folder: &Path,
    partition: u8,
    since_ms: i64,
    each: &mut dyn FnMut(&ApplyOutcome),
) -> io::Result<()> {
    let store = store_id(folder)?;
    let newest = starting_point(folder, ReplayFrom::NewestCheckpoint)?.checkpoint;
    let found = match newest.state.partition(partition).latest_ms < since_ms {
        true => newest,
        false => starting_point(folder, ReplayFrom::First)?.checkpoint,
    };
    let Checkpoint { from, mut state } = found;
    let mut failed = None;
    journal::recover(folder, from, store, false, |entry| {
        if entry.partition != partition || failed.is_some() {
            return;
        }
        match apply::apply_entry(&mut state, &entry) {
            Ok(EntryOutcome::Next(applied) | EntryOutcome::Gap { applied, .. }) => each(&applied),
            Ok(EntryOutcome::Duplicate) => {}
            Err(error) => failed = Some(error),
        }
    })?;
    failed.map_or(Ok(()), |error| Err(io::Error::other(error)))
}

/// Replays the first `most` records, or all. `each` receives the effect of every record after the
/// checkpoint.
pub fn replay(
    folder: &Path,
    since: ReplayFrom,
    most: u64,
    repair: bool,
    mut each: impl FnMut(&ApplyOutcome),
) -> io::Result<(Checkpoint, Recovery)> {
    let store = store_id(folder)?;
    let found = starting_point(folder, since)?;
    let Checkpoint { from, mut state } = found.checkpoint;
    let mut unreadable = None;
    let mut gaps = Vec::new();
    let mut recovery = journal::recover(folder, from, store, repair, |entry| {
        if state.applied() >= most {
            return;
        }
        match apply::apply_entry(&mut state, &entry) {
            Ok(EntryOutcome::Next(applied)) => each(&applied),
            Ok(EntryOutcome::Duplicate) => {}
            Ok(EntryOutcome::Gap { missing, applied }) => {
                gaps.push(format!(
                    "partition {} of incarnation {:016x}: {missing} records before LSN {} are missing",
                    entry.partition, entry.incarnation, entry.lsn
                ));
                each(&applied);
            }
            Err(error) => {
                unreadable.get_or_insert_with(|| {
                    format!(
                        "record {} of partition {} of incarnation {:016x} cannot be read: {error}",
                        entry.lsn, entry.partition, entry.incarnation
                    )
                });
            }
        }
    })?;
    if let Some(error) = unreadable {
        return Err(io::Error::other(format!("{}: {error}", folder.display())));
    }
    recovery.corrupt.extend(found.unusable);
    recovery.corrupt.extend(gaps);
    Ok((Checkpoint { from: recovery.next_segment, state }, recovery))
}
