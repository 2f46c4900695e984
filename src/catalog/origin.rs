//! Which state of the catalog came from which file, by the entries of the audit log: so that a file undoes no
//! change that was made by API or console after it was applied.

use crate::catalog::audit::Entry;
use crate::catalog::change::Hashes;
use crate::catalog::detail::{ChangeKind, FilePart, FileVersion};

/// Who applies files at the start.
pub(crate) const START: &str = "serve";

/// Who applies saved files.
pub(crate) const SAVED: &str = "file";

/// The description of the first change of a catalog that nothing was applied to.
pub(crate) const EXAMPLE: &str = "example inventory";

/// How a file relates to what is served.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Standing {
    /// It is what is served.
    Served,
    /// What is served came from a file: only the file has changed since.
    Newer,
    /// What is served is the example that nothing was applied to.
    OverExample,
    /// What is served was changed after the file was applied, by this change if it is known.
    Behind(Option<Box<Entry>>),
}

/// The last recorded content of a file.
pub(crate) fn last_of<'a>(
    entries: &'a [Entry],
    part: FilePart,
    path: &str,
) -> Option<&'a FileVersion> {
    let files = entries.iter().rev().flat_map(|entry| &entry.detail.files);
    files.into_iter().find(|file| file.part == part && file.path == path)
}

/// Whether a file that equals what is served need not be recorded: its last content is the recorded one, or what is
/// served came from another file.
pub(super) fn is_known(entries: &[Entry], file: &FileVersion) -> bool {
    match last_of(entries, file.part, &file.path) {
        Some(last) => last.hash == file.hash,
        None => {
            let moved =
                |entry: &&Entry| changes(entry, file.part) && entry.kind() != ChangeKind::Pause;
            entries.iter().rfind(moved).is_none_or(|entry| is_from_file(entry, file.part))
        }
    }
}

/// Compares a file with what is served, both without pauses. `content` is the hash without pauses of a stored
/// version, by its own hash; it is asked about entries of older versions only.
pub(crate) fn standing(
    entries: &[Entry],
    file: &FileVersion,
    served: &str,
    content: impl Fn(&str) -> Option<String>,
) -> Standing {
    if file.hash == served {
        return Standing::Served;
    }
    let part = file.part;
    let applied = |entry: &&Entry| {
        entry.detail.files.iter().any(|one| one.part == part && one.path == file.path)
    };
    let known = entries.iter().rposition(|entry| applied(&entry));
    let older = || entries.iter().rposition(|entry| is_from_file_of_older(entry, part));
    let base = known.or_else(older);
    let hash = base.and_then(|at| match last_of(&entries[at..=at], part, &file.path) {
        Some(version) => Some(version.hash.clone()),
        None => content(of_part(&entries[at].after, part)?),
    });
    if hash.as_deref() == Some(served) {
        return Standing::Newer;
    }
    // Without a base, what was served may have come from another file.
    let after = base.map_or(0, |at| at + 1);
    let mut moved = entries[after..].iter().rev().filter(|entry| changes(entry, part));
    let last = moved.clone().find(|entry| entry.kind() != ChangeKind::Pause);
    match last {
        None if base.is_none() => Standing::Newer,
        Some(entry) if base.is_none() && is_example(entry, part) => Standing::OverExample,
        Some(entry) if base.is_none() && is_from_file(entry, part) => Standing::Newer,
        found => Standing::Behind(found.or_else(|| moved.next()).cloned().map(Box::new)),
    }
}

fn of_part(hashes: &Hashes, part: FilePart) -> Option<&String> {
    match part {
        FilePart::Inventory => hashes.inventory.as_ref(),
        FilePart::Weights => hashes.weights.as_ref(),
    }
}

fn changes(entry: &Entry, part: FilePart) -> bool {
    of_part(&entry.before, part) != of_part(&entry.after, part)
}

fn is_example(entry: &Entry, part: FilePart) -> bool {
    part == FilePart::Inventory && entry.who == START && entry.what == EXAMPLE
}

fn is_from_file(entry: &Entry, part: FilePart) -> bool {
    entry.detail.files.iter().any(|one| one.part == part) || is_from_file_of_older(entry, part)
}

/// Older versions recorded that a change came from a file, and not from which.
fn is_from_file_of_older(entry: &Entry, part: FilePart) -> bool {
    let at_start = match part {
        FilePart::Inventory => "inventory from the command line",
        FilePart::Weights => "weights file",
    };
    let is_file = entry.who == SAVED || entry.who == START && entry.what == at_start;
    is_file && entry.detail.kind.is_none() && changes(entry, part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::detail::Detail;

    const PATH: &str = "/srv/inventory";

    /// A change that serves `after`, whose content has the same name.
    fn change(number: u64, who: &str, what: &str, after: &str) -> Entry {
        let hashes = |hash: &str| Hashes { inventory: Some(hash.to_owned()), ..Hashes::default() };
        let before = hashes(&format!("before {number}"));
        let at = jiff::Timestamp::UNIX_EPOCH;
        let (who, what, after) = (who.to_owned(), what.to_owned(), hashes(after));
        let detail = Box::default();
        Entry { number, at, who, what, before, after, key: None, body: None, detail }
    }

    fn version(path: &str, hash: &str) -> FileVersion {
        let part = FilePart::Inventory;
        FileVersion { part, path: path.to_owned(), hash: hash.to_owned() }
    }

    fn from_file(number: u64, path: &str, hash: &str) -> Entry {
        let detail = Detail { files: vec![version(path, hash)], ..Detail::of(ChangeKind::Content) };
        let detail = Box::new(detail);
        Entry { detail, ..change(number, SAVED, "file changed", hash) }
    }

    fn by_api(number: u64, hash: &str) -> Entry {
        let detail = Box::new(Detail::of(ChangeKind::Content));
        Entry { detail, ..change(number, "anna", "replace flights/x", hash) }
    }

    fn of(entries: &[Entry], file: &str) -> Standing {
        let served = entries.last().and_then(|entry| entry.after.inventory.clone());
        let same = |hash: &str| Some(hash.to_owned());
        standing(entries, &version(PATH, file), &served.unwrap_or_default(), same)
    }

    fn behind(number: u64) -> impl Fn(&Standing) -> bool {
        move |found| matches!(found, Standing::Behind(Some(entry)) if entry.number == number)
    }

    #[test]
    fn only_a_file_that_changed_alone_since_it_was_applied_is_newer() {
        let applied = [from_file(1, PATH, "a")];
        assert_eq!(of(&applied, "a"), Standing::Served);
        assert_eq!(of(&applied, "b"), Standing::Newer);
        let edited = [from_file(1, PATH, "a"), by_api(2, "b")];
        assert_eq!(of(&edited, "b"), Standing::Served, "the same change was made in the file");
        assert!(behind(2)(&of(&edited, "a")), "the file did not change");
        assert!(behind(2)(&of(&edited, "c")), "both changed");
        let back = [from_file(1, PATH, "a"), by_api(2, "b"), by_api(3, "a")];
        assert_eq!(of(&back, "c"), Standing::Newer, "the API's change was undone");
    }

    #[test]
    fn the_change_that_is_named_is_the_last_one_of_content() {
        let pause = Box::new(Detail::of(ChangeKind::Pause));
        let pause = Entry { detail: pause, ..change(3, "ben", "pause flight x", "c") };
        assert!(behind(2)(&of(&[from_file(1, PATH, "a"), by_api(2, "b"), pause], "a")));
    }

    #[test]
    fn a_file_that_was_never_applied_is_newer_than_another_file_only() {
        assert_eq!(of(&[from_file(1, "/elsewhere", "a")], "b"), Standing::Newer);
        assert!(behind(2)(&of(&[from_file(1, "/elsewhere", "a"), by_api(2, "b")], "c")));
        assert!(behind(1)(&of(&[by_api(1, "a")], "b")));
        assert_eq!(of(&[change(1, START, EXAMPLE, "a")], "b"), Standing::OverExample);
        assert!(behind(2)(&of(&[change(1, START, EXAMPLE, "a"), by_api(2, "b")], "c")));
    }

    #[test]
    fn entries_of_older_versions_came_from_a_file_if_their_description_says_so() {
        let older = |who: &str, what: &str| change(1, who, what, "a");
        for entry in [older(START, "inventory from the command line"), older(SAVED, "file changed")]
        {
            assert_eq!(of(std::slice::from_ref(&entry), "b"), Standing::Newer);
            assert!(behind(2)(&of(&[entry, change(2, "anna", "apply", "b")], "a")));
        }
    }
}
