//! Changes of files that wait for confirmation: what is served stays, and operators see what waits and why.

use crate::catalog::audit::Entry;
use crate::catalog::detail::{FilePart, FileVersion};
use crate::catalog::difference::Difference;
use crate::catalog::guard;
use crate::catalog::guard::Concern;
use crate::publishing::source::BUILT_IN;
use serde::Serialize;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A change of a file that waits for confirmation.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub(crate) struct PendingChange {
    /// What the file contains.
    pub(crate) part: FilePart,
    /// Its absolute path on the instance that answers.
    pub(crate) path: String,
    /// Hash of the content that was judged. It is accepted only as long as the file has it.
    pub(crate) hash: String,
    /// When it was judged first.
    #[schemars(with = "String")]
    pub(crate) since: jiff::Timestamp,
    /// Why it waits.
    pub(crate) reason: String,
    /// What needs confirmation; empty if it waits because what is served was changed after the file was applied.
    pub(crate) concerns: Vec<Concern>,
    /// What applying it would change.
    pub(crate) difference: Difference,
    /// The command that applies it.
    pub(crate) command: String,
}

impl PendingChange {
    /// A change that the guard stopped.
    pub(crate) fn guarded(
        file: FileVersion,
        since: jiff::Timestamp,
        concerns: Vec<Concern>,
        difference: Difference,
    ) -> PendingChange {
        let reason = guard::summary(&concerns);
        PendingChange { concerns, ..PendingChange::new(file, since, reason, difference) }
    }

    /// A change that would undo `by`, which was made after the file was applied; `None` of what is compiled in,
    /// which is no file of the operator.
    pub(crate) fn behind(
        file: FileVersion,
        since: jiff::Timestamp,
        by: Option<&Entry>,
        difference: Difference,
    ) -> Option<PendingChange> {
        if file.path == BUILT_IN {
            return None;
        }
        let who = by.map_or_else(
            || "served was changed".to_owned(),
            |by| format!("served was changed by {} at {} ({})", by.who, by.at, by.what),
        );
        let pull = match file.part {
            FilePart::Inventory => format!("adjacent pull {}", quoted(&file.path)),
            FilePart::Weights => format!("adjacent pull --weights {}", quoted(&file.path)),
        };
        let apply = command(&file.path);
        let reason = format!(
            "{who} after this file was applied; `{pull}` brings the file up to date, `{apply}` applies the file"
        );
        Some(PendingChange::new(file, since, reason, difference))
    }

    fn new(
        file: FileVersion,
        since: jiff::Timestamp,
        reason: String,
        difference: Difference,
    ) -> PendingChange {
        let FileVersion { part, path, hash } = file;
        let command = command(&path);
        PendingChange { part, path, hash, since, reason, concerns: Vec::new(), difference, command }
    }

    /// Logs it as a warning.
    pub(crate) fn log(&self) {
        tracing::warn!(
            file = self.part.as_str(),
            path = self.path,
            reason = self.reason,
            changes = self.difference.to_string().trim_end(),
            accept = self.command,
            "a changed file waits for confirmation; what is served stays"
        );
    }
}

fn command(path: &str) -> String {
    format!("adjacent apply --force {}", quoted(path))
}

/// A path as a word of a shell.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,".contains(c);
    match path.chars().all(is_plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

/// The changes that wait, at most one of each part.
pub(crate) struct PendingChanges(Mutex<Vec<PendingChange>>);

impl PendingChanges {
    /// Those of the start.
    pub(crate) fn new(changes: Vec<PendingChange>) -> PendingChanges {
        PendingChanges(Mutex::new(changes))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<PendingChange>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them.
    pub(crate) fn list(&self) -> Vec<PendingChange> {
        self.lock().clone()
    }

    /// Adds a change in place of the one of its part, unless its content is served since it was judged; returns
    /// whether it is new. `served` gives the hash of a part's content.
    pub(crate) fn add(&self, change: PendingChange, served: impl Fn(FilePart) -> String) -> bool {
        let mut changes = self.lock();
        if change.hash == served(change.part) {
            return false;
        }
        let known = changes.iter().position(|one| one.part == change.part);
        let is_known = known.is_some_and(|at| {
            let one = &changes[at];
            (&one.path, &one.hash, &one.reason) == (&change.path, &change.hash, &change.reason)
        });
        if is_known {
            return false;
        }
        if let Some(at) = known {
            changes.remove(at);
        }
        changes.push(change);
        true
    }

    /// Removes the change of a part: its file is served.
    pub(crate) fn clear(&self, part: FilePart) {
        self.lock().retain(|one| one.part != part);
    }

    /// Removes the changes of these files: their recorded content is what is served.
    pub(crate) fn clear_files(&self, files: &[FileVersion]) {
        let is_known = |one: &PendingChange| {
            files.iter().any(|file| file.part == one.part && file.path == one.path)
        };
        self.lock().retain(|one| !is_known(one));
    }

    /// Removes changes whose content is served. `served` gives the hash of a part's content.
    pub(crate) fn clear_served(&self, served: impl Fn(FilePart) -> String) {
        let mut changes = self.lock();
        if !changes.is_empty() {
            changes.retain(|one| one.hash != served(one.part));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(part: FilePart, hash: &str) -> PendingChange {
        let file = FileVersion { part, path: "/it's/here".to_owned(), hash: hash.to_owned() };
        let (now, nothing) = (jiff::Timestamp::UNIX_EPOCH, Difference::default());
        PendingChange::guarded(file, now, Vec::new(), nothing)
    }

    #[test]
    fn a_change_waits_until_its_file_changes_or_is_served_and_is_new_once() {
        let pending = PendingChanges::new(Vec::new());
        let other = |_| "other".to_owned();
        assert!(!pending.add(change(FilePart::Inventory, "a"), |_| "a".to_owned()), "it is served");
        assert!(pending.add(change(FilePart::Inventory, "a"), other));
        assert!(!pending.add(change(FilePart::Inventory, "a"), other), "the same again");
        assert!(pending.add(change(FilePart::Weights, "w"), other));
        assert!(pending.add(change(FilePart::Inventory, "b"), other), "another content");
        assert_eq!(pending.list().len(), 2, "one of each part");

        pending.clear_served(|_| "b".to_owned());
        assert_eq!(pending.list(), [change(FilePart::Weights, "w")]);
        pending.clear(FilePart::Weights);
        assert!(pending.list().is_empty());
    }

    #[test]
    fn the_command_can_be_pasted_into_a_shell() {
        let command = change(FilePart::Inventory, "a").command;
        assert_eq!(command, r"adjacent apply --force '/it'\''s/here'");
    }
}
