//! Rolling back: which change's content is served again.
//!
//! A rollback without a number undoes the last change of content, and the next one the change before that. So the
//! changes form a tree: a change of content is a child of the content it replaced, and a rollback goes back to a
//! node. Pauses are no part of it.

use crate::catalog::audit::Entry;
use crate::catalog::detail::ChangeKind;
use crate::catalog::error::CatalogError;
use crate::catalog::pause;
use crate::catalog::store::Catalog;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::selection::compile::content_hash;

/// Why nothing is rolled back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UndoError {
    /// There is no such change.
    #[error("no change with number {0}")]
    NoChange(u64),
    /// Nothing would change, or nothing can be undone; the text says which.
    #[error("{0}")]
    Impossible(String),
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// The content of an earlier change. A part that the catalog did not have then is `None`.
pub(crate) struct Earlier {
    /// The number of the change.
    pub(crate) number: u64,
    /// Its inventory, with the pauses of its time.
    pub(crate) inventory: Option<Inventory>,
    /// Its weights.
    pub(crate) weights: Option<Weights>,
    /// Its labels.
    pub(crate) labels: Option<LabelTable>,
}

impl Earlier {
    fn read(catalog: &Catalog, entry: &Entry) -> Result<Earlier, CatalogError> {
        let hashes = &entry.after;
        let inventory = hashes.inventory.as_deref().map(|hash| catalog.inventory(hash));
        let weights = hashes.weights.as_deref().map(|hash| catalog.weights(hash));
        let labels = hashes.labels.as_deref().map(|hash| catalog.labels(hash));
        Ok(Earlier {
            number: entry.number,
            inventory: inventory.transpose()?,
            weights: weights.transpose()?,
            labels: labels.transpose()?,
        })
    }

    fn equals(&self, served: &Earlier) -> bool {
        let content = |one: &Earlier| one.inventory.as_ref().map(pause::content_hash);
        let weights = |one: &Earlier| one.weights.as_ref().map(content_hash);
        let labels = |one: &Earlier| one.labels.as_ref().map(content_hash);
        (self.weights.is_none() || weights(self) == weights(served))
            && (self.labels.is_none() || labels(self) == labels(served))
            && (self.inventory.is_none() || content(self) == content(served))
    }
}

impl Catalog {
    /// The content of change `number`, or without a number that before the last change of content that can be
    /// undone.
    pub(crate) fn earlier(&self, number: Option<u64>) -> Result<Earlier, UndoError> {
        let entries = self.history()?;
        let Some(newest) = entries.last() else {
            return Err(UndoError::Impossible("nothing was ever applied".to_owned()));
        };
        let served = Earlier::read(self, newest)?;
        let Some(number) = number else {
            for before in ancestors(&entries) {
                let earlier = Earlier::read(self, before)?;
                if !earlier.equals(&served) {
                    return Ok(earlier);
                }
            }
            let reason = "there is no change of content to undo: what is served is the oldest content; \
                          pauses are ended by resuming";
            return Err(UndoError::Impossible(reason.to_owned()));
        };
        let entry = entries.iter().find(|entry| entry.number == number);
        let earlier = Earlier::read(self, entry.ok_or(UndoError::NoChange(number))?)?;
        if earlier.equals(&served) {
            return Err(UndoError::Impossible(format!(
                "the content of change {number} is what is served; pauses are ended by resuming"
            )));
        }
        Ok(earlier)
    }
}

/// The states before the one that is served, nearest first, as far as they are complete.
fn ancestors(entries: &[Entry]) -> Vec<&Entry> {
    // Of each entry: the change of content that is in force after it, and that before that change.
    let mut in_force: Vec<Option<usize>> = Vec::with_capacity(entries.len());
    let mut parents: Vec<Option<usize>> = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let now = in_force.last().copied().flatten();
        let restored = entry
            .restores()
            .filter(|_| entry.kind() == ChangeKind::Rollback)
            .and_then(|number| entries[..at].iter().position(|one| one.number == number));
        let (next, parent) = match (entry.kind(), restored) {
            _ if entry.before == entry.after => (now, None),
            (ChangeKind::Pause | ChangeKind::Canary, _) => (now.or(Some(at)), None),
            (_, Some(restored)) => (in_force[restored], None),
            (_, None) => (Some(at), now),
        };
        in_force.push(next);
        parents.push(parent);
    }
    let mut found = Vec::new();
    let mut at = in_force.last().copied().flatten();
    while let Some(parent) = at.and_then(|at| parents[at]) {
        let after = &entries[parent].after;
        if after.inventory.is_none() || after.weights.is_none() || after.labels.is_none() {
            break;
        }
        found.push(&entries[parent]);
        at = Some(parent);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::change::Hashes;
    use crate::catalog::detail::Detail;

    /// A history of `(kind, content after it, restored number)`.
    fn history(steps: &[(ChangeKind, u8, Option<u64>)]) -> Vec<Entry> {
        let hashes = |content: u8| {
            let hash = Some(format!("{content}"));
            Hashes {
                inventory: hash.clone(),
                weights: hash.clone(),
                labels: hash,
                ..Hashes::default()
            }
        };
        let mut before = Hashes::default();
        let entries = (1..).zip(steps).map(|(number, (kind, content, restores))| {
            let after = hashes(*content);
            let detail = Box::new(Detail { restores: *restores, ..Detail::of(*kind) });
            let at = jiff::Timestamp::UNIX_EPOCH;
            let (who, what) = ("t".to_owned(), "t".to_owned());
            let before = std::mem::replace(&mut before, after.clone());
            Entry { number, at, who, what, before, after, key: None, body: None, detail }
        });
        entries.collect()
    }

    fn undone(steps: &[(ChangeKind, u8, Option<u64>)]) -> Vec<u64> {
        ancestors(&history(steps)).into_iter().map(|entry| entry.number).collect()
    }

    const CONTENT: ChangeKind = ChangeKind::Content;
    const PAUSE: ChangeKind = ChangeKind::Pause;
    const BACK: ChangeKind = ChangeKind::Rollback;

    #[test]
    fn a_rollback_undoes_the_last_change_of_content_and_the_next_one_the_change_before_it() {
        let three = [(CONTENT, 1, None), (CONTENT, 2, None), (CONTENT, 3, None)];
        assert_eq!(undone(&three), [2, 1]);
        let once = [&three[..], &[(BACK, 2, Some(2))]].concat();
        assert_eq!(undone(&once), [1], "undo, not redo");
        let twice = [&once[..], &[(BACK, 1, Some(1))]].concat();
        assert_eq!(undone(&twice), [0; 0]);
        let anew = [&once[..], &[(CONTENT, 4, None)]].concat();
        assert_eq!(undone(&anew), [2, 1], "what was undone is no longer before it");
        let forward = [&twice[..], &[(BACK, 3, Some(3))]].concat();
        assert_eq!(undone(&forward), [2, 1], "number 3 again, and what was before it");
    }

    #[test]
    fn pauses_are_skipped() {
        let steps = [
            (CONTENT, 1, None),
            (PAUSE, 2, None),
            (CONTENT, 3, None),
            (PAUSE, 4, None),
            (CONTENT, 4, None),
        ];
        assert_eq!(undone(&steps), [1], "without the pause");
        let paused_after = [&steps[..3], &[(PAUSE, 4, None)], &[(BACK, 5, Some(2))]].concat();
        assert_eq!(undone(&paused_after), [0; 0], "number 2 has the content of number 1");
    }

    #[test]
    fn an_incomplete_state_is_not_gone_back_to() {
        let mut entries = history(&[(CONTENT, 1, None), (CONTENT, 2, None), (CONTENT, 3, None)]);
        entries[0].after.labels = None;
        entries[1].before.labels = None;
        let found: Vec<u64> = ancestors(&entries).into_iter().map(|entry| entry.number).collect();
        assert_eq!(found, [2]);
    }

    #[test]
    fn entries_of_older_versions_are_read_by_their_description() {
        let mut entries = history(&[
            (CONTENT, 1, None),
            (CONTENT, 2, None),
            (PAUSE, 3, None),
            (CONTENT, 4, None),
            (BACK, 2, Some(2)),
        ]);
        for (entry, what) in entries.iter_mut().zip([
            "inventory from the command line",
            "apply config/",
            "pause flight x",
            "apply config/",
            "roll back to number 2",
        ]) {
            (entry.detail, entry.what) = (Box::default(), what.to_owned());
        }
        let found: Vec<u64> = ancestors(&entries).into_iter().map(|entry| entry.number).collect();
        assert_eq!(found, [1]);
    }
}
