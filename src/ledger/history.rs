//! The ledger as its files tell it: a checkpoint and the segments behind it, or all of them again.

use crate::journal;
use crate::journal::Recovery;
use crate::journal::chain;
use crate::ledger::apply;
use crate::ledger::apply::Applied;
use crate::ledger::apply::Fit;
use crate::ledger::checkpoint;
use crate::ledger::checkpoint::Checkpoint;
use std::fs;
use std::io;
use std::path::Path;

/// The file that names the store.
const STORE: &str = "store";

/// The random number of a journal's folder, where it has one yet.
pub fn store(folder: &Path) -> io::Result<Option<u64>> {
    let path = folder.join(STORE);
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(text) => u64::from_str_radix(text.trim(), 16)
            .map(Some)
            .map_err(|_| io::Error::other(format!("{} is not a store's number", path.display()))),
    }
}

/// Gives a folder its number, `fresh` unless segments in it have one already.
pub fn name_store(folder: &Path, fresh: u64) -> io::Result<u64> {
    if let Some(known) = store(folder)? {
        return Ok(known);
    }
    let segments = journal::segments(folder)?;
    let told = segments.iter().find_map(|segment| {
        let bytes = fs::read(&segment.path).ok()?;
        journal::frame::read_header(&bytes)?.store
    });
    let number = told.unwrap_or(fresh);
    let beside = folder.join("store.new");
    fs::write(&beside, format!("{number:016x}\n"))?;
    fs::File::open(&beside)?.sync_all()?;
    fs::rename(&beside, folder.join(STORE))?;
    fs::File::open(folder)?.sync_all()?;
    Ok(number)
}

/// Where a reading of the files begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// The newest checkpoint that reads: what a start needs.
    Newest,
    /// The first record that is still there: what a proof needs.
    First,
}

/// The state that a reading begins with. An error when neither a checkpoint nor the first segment
/// is there: a sum over the rest would be a wrong number.
pub fn beginning(folder: &Path, since: Since) -> io::Result<checkpoint::Found> {
    let store = store(folder)?;
    let segments = journal::segments(folder)?;
    let sealed = chain::links(folder)?;
    let first = segments.first().map(|segment| segment.number);
    let began = sealed.keys().next().copied().into_iter().chain(first).min();
    let is_complete = first == began || segments.is_empty() && sealed.is_empty();
    if since == Since::First && is_complete {
        return Ok(checkpoint::Found::default());
    }
    let mut found = match since {
        Since::Newest => checkpoint::newest(folder, store)?,
        Since::First => oldest(folder, store)?,
    };
    let missing = first.is_none_or(|first| first > found.checkpoint.from);
    if !is_complete && found.checkpoint.from == 0 && missing {
        return Err(io::Error::other(format!(
            "{}: the first segments are gone and no checkpoint reads{}: restore them from a backup",
            folder.display(),
            found.damaged.drain(..).map(|why| format!(" ({why})")).collect::<String>()
        )));
    }
    Ok(found)
}

fn oldest(folder: &Path, store: Option<u64>) -> io::Result<checkpoint::Found> {
    let mut found = checkpoint::Found::default();
    for from in checkpoint::numbers(folder)? {
        match checkpoint::read(folder, from, store)? {
            Ok(checkpoint) => {
                found.checkpoint = checkpoint;
                break;
            }
            Err(why) => found.damaged.push(format!("checkpoint {from}: {why}")),
        }
    }
    Ok(found)
}

/// The ledger after the first `most` of all its records, or after every one that is there. `each`
/// sees what every record changed, beginning with the first behind the checkpoint.
pub fn replay(
    folder: &Path,
    since: Since,
    most: u64,
    mend: bool,
    mut each: impl FnMut(&Applied),
) -> io::Result<(Checkpoint, Recovery)> {
    let store = store(folder)?;
    let found = beginning(folder, since)?;
    let Checkpoint { from, mut state } = found.checkpoint;
    let mut foreign = None;
    let mut gaps = Vec::new();
    let mut recovery = journal::recover(folder, from, store, mend, |entry| {
        if state.applied() >= most {
            return;
        }
        match apply::apply_entry(&mut state, &entry) {
            Ok(Fit::Next(applied)) => each(&applied),
            Ok(Fit::Again) => {}
            Ok(Fit::Gap { missing, applied }) => {
                gaps.push(format!(
                    "partition {} of {:016x}: {missing} records before {} are missing",
                    entry.partition, entry.incarnation, entry.lsn
                ));
                each(&applied);
            }
            Err(error) => foreign = Some(error),
        }
    })?;
    if let Some(error) = foreign {
        let place = folder.display();
        return Err(io::Error::other(format!(
            "{place} holds a record this version cannot read: {error}"
        )));
    }
    recovery.damaged.extend(found.damaged);
    recovery.damaged.extend(gaps);
    Ok((Checkpoint { from: recovery.next_segment, state }, recovery))
}
