//! Reads and atomically replaces key files, which only their owner may read.

use crate::config::document::{Document, Problem};
use crate::config::load::ConfigError;
use crate::config::{files, load};
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::{fmt, io};

/// Parses the file; `None` if it does not exist. Problems have a line number but no source text,
/// which may contain a secret.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ConfigError> {
    if !path.try_exists().map_err(|error| invalid(path, format!("cannot be read: {error}")))? {
        return Ok(None);
    }
    files::require_private(path, "keys")?;
    let (name, text) = (path.display().to_string(), load::read_text(path)?);
    let parsed = Document::parse(&name, &text).and_then(|document| document.deserialize());
    parsed.map(Some).map_err(|problems| {
        let redacted = problems.into_iter().map(|problem| {
            let mut redacted = Problem::of_file(&name, problem.reason);
            (redacted.line, redacted.column) = (problem.line, problem.column);
            redacted.help = problem.help;
            redacted
        });
        ConfigError::Invalid(redacted.collect())
    })
}

/// Replaces the file atomically with `text`, mode 0600. The new file is durable on return; on an
/// error the old file stays.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), ConfigError> {
    write_atomic(path, text).map_err(|error| invalid(path, format!("cannot be written: {error}")))
}

/// A problem with the file as a whole.
pub(super) fn invalid(path: &Path, reason: impl fmt::Display) -> ConfigError {
    ConfigError::Invalid(vec![Problem::of_file(&path.display().to_string(), reason)])
}

fn write_atomic(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
    let temporary = path.with_extension("toml.new");
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {} // a crash may have left one
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_has_mode_0600_and_is_replaced_atomically() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        std::fs::write(folder.path().join("keys.toml.new"), "left by a crash").unwrap();
        for text in ["a = 1\n", "a = 2\n"] {
            replace(&path, text).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_problem_has_a_line_number_but_no_source_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        assert_eq!(read::<toml::Table>(&path).unwrap(), None);
        replace(&path, "").unwrap();
        std::fs::write(&path, "a = 1\nsecret = \"hunter2\" oops\n").unwrap();
        let ConfigError::Invalid(problems) = read::<toml::Table>(&path).unwrap_err() else {
            panic!("expected an invalid file");
        };
        assert_eq!(problems[0].line, 2);
        let shown = format!("{} {:?} {:?}", problems[0], problems[0], problems[0].report());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
