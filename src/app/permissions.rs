//! Permissions in the data directory: directories 0750 and files 0640 at most, and key files 0600.

use rustix::fs::Mode;
use rustix::process::umask;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What neither the group nor other users may do.
const FORBIDDEN: u32 = 0o027;

/// What a data directory has. Everything else in it is left alone.
const OWN: [&str; 5] = ["catalog", "decisions", "journal", "lock", "notices.jsonl"];

/// From now on, new files have at most mode 0640 and new directories 0750, whatever the process
/// inherited. What it also forbids to the group stays forbidden.
pub(crate) fn restrict_new_files() {
    let forbidden = Mode::from_bits_truncate(FORBIDDEN);
    let inherited = umask(forbidden);
    umask(forbidden | (inherited & Mode::RWXG));
}

/// Takes from an existing data directory what neither the group nor others may do. What cannot be
/// changed, because it belongs to another user, is logged.
pub(crate) fn tighten(data: &Path) {
    let (mut changed, mut failed) = (0_u64, Vec::new());
    let mut left: Vec<PathBuf> = OWN.iter().map(|name| data.join(name)).collect();
    let mut change = |path: &Path| match tighten_one(path) {
        Ok(is_changed) => changed += u64::from(is_changed),
        Err(error) => failed.push((path.to_owned(), error)),
    };
    change(data);
    while let Some(path) = left.pop() {
        // A link is followed at the top only, where an operator may have moved a folder.
        let is_link = path.parent() != Some(data) && path.is_symlink();
        if is_link || !path.exists() {
            continue;
        }
        change(&path);
        let entries = fs::read_dir(&path).into_iter().flatten().flatten();
        left.extend(entries.map(|entry| entry.path()));
    }
    if changed > 0 {
        let folder = data.display().to_string();
        tracing::warn!(
            folder,
            changed,
            "the data directory was open to other users; it no longer is"
        );
    }
    if let Some((path, error)) = failed.first() {
        tracing::warn!(
            path = %path.display(),
            %error,
            files = failed.len(),
            "the data directory is open to other users: run `chmod -R g-w,o-rwx` as its owner"
        );
    }
}

/// Whether the permissions were changed.
fn tighten_one(path: &Path) -> io::Result<bool> {
    let metadata = fs::metadata(path)?;
    let mode = metadata.mode();
    if mode & FORBIDDEN == 0 {
        return Ok(false);
    }
    fs::set_permissions(path, PermissionsExt::from_mode(mode & 0o7777 & !FORBIDDEN))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn an_open_data_directory_is_tightened_and_foreign_files_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (data, elsewhere) = (folder.path().join("data"), folder.path().join("elsewhere"));
        for folder in [data.join("catalog/labels"), data.join("notes"), elsewhere.clone()] {
            fs::create_dir_all(folder).unwrap();
        }
        let files = ["data/lock", "data/catalog/labels/a.json", "data/notes/b", "elsewhere/c"];
        for file in files.map(|name| folder.path().join(name)) {
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, PermissionsExt::from_mode(0o666)).unwrap();
        }
        symlink(&elsewhere, data.join("journal")).unwrap();
        symlink(data.join("notes"), data.join("catalog/link")).unwrap();
        for path in ["data", "data/catalog", "data/catalog/labels", "data/notes", "elsewhere"] {
            fs::set_permissions(folder.path().join(path), PermissionsExt::from_mode(0o2777))
                .unwrap();
        }

        tighten(&data);

        for (path, mode) in [
            ("data", 0o2750),
            ("data/catalog", 0o2750),
            ("data/catalog/labels", 0o2750),
            ("data/catalog/labels/a.json", 0o640),
            ("data/lock", 0o640),
            ("elsewhere", 0o2750),
            ("elsewhere/c", 0o640),
            ("data/notes", 0o2777),
            ("data/notes/b", 0o666),
        ] {
            let found = fs::metadata(folder.path().join(path)).unwrap().mode() & 0o7777;
            assert_eq!(found, mode, "{path}: {found:o}");
        }
        let before = fs::metadata(&data).unwrap().ctime_nsec();
        tighten(&data);
        assert_eq!(fs::metadata(&data).unwrap().ctime_nsec(), before, "nothing is left to change");
    }
}
