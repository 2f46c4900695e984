//! Reading and replacing a file that only its owner may read.

use crate::config::document::Document;
use crate::config::document::Problem;
use crate::config::load;
use crate::config::load::ConfigError;
use serde::de::DeserializeOwned;
use std::fmt;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::ErrorKind;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file as a `T`; `None` when there is no such file. A problem names its line and never shows
/// it: there may be a secret in it.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ConfigError> {
    if !path.try_exists().map_err(|error| refused(path, format!("cannot be read: {error}")))? {
        return Ok(None);
    }
    let (name, text) = (path.display().to_string(), load::text_of(path)?);
    let read = Document::parse(&name, &text).and_then(|document| document.whole());
    read.map(Some).map_err(|problems| {
        let hidden = problems.into_iter().map(|shown| {
            let mut bare = Problem::of_file(&name, shown.reason);
            (bare.line, bare.column, bare.help) = (shown.line, shown.column, shown.help);
            bare
        });
        ConfigError::Invalid(hidden.collect())
    })
}

/// Replaces the file by `text`, mode 0600. On return it would survive a power cut; on an error the
/// old one stands.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), ConfigError> {
    written(path, text).map_err(|error| refused(path, format!("cannot be written: {error}")))
}

/// What is wrong with the file as a whole.
pub(super) fn refused(path: &Path, reason: impl fmt::Display) -> ConfigError {
    ConfigError::Invalid(vec![Problem::of_file(&path.display().to_string(), reason)])
}

fn written(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
    let beside = path.with_extension("toml.new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {} // a crash may have left one
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_its_owners_alone_and_replaced_as_a_whole() {
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
    fn a_mistake_has_a_place_and_shows_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        assert_eq!(read::<toml::Table>(&path).unwrap(), None);
        std::fs::write(&path, "a = 1\nsecret = \"hunter2\" oops\n").unwrap();
        let ConfigError::Invalid(problems) = read::<toml::Table>(&path).unwrap_err() else {
            panic!("it is the file that is wrong");
        };
        assert_eq!(problems[0].line, 2);
        let shown = format!("{} {:?} {:?}", problems[0], problems[0], problems[0].report());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
