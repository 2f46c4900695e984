//! Opening the files that operators name, and refusing those that others should not see.

use crate::config::document::Problem;
use rustix::fs::OFlags;
use std::ffi::OsStr;
use std::fs::{File, FileType, Metadata};
use std::io;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Whether a file's name begins with a dot. Editors, version control and other file systems keep files of
/// their own under such names: `.#x.toml`, `._x.toml`.
pub(crate) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Opens a regular file, or a link to one, for reading. Everything else is an error at once: opening a
/// pipe waits for its writer, opening a device can have effects, and reading either may never end.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    require_regular(&std::fs::metadata(path)?)?;
    // The file may have been replaced since.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    require_regular(&file.metadata()?)?;
    Ok(file)
}

/// The bytes of a regular file, or of a link to one.
pub(crate) fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn require_regular(metadata: &Metadata) -> io::Result<()> {
    let kind = |of: FileType| match of {
        of if of.is_dir() => "a directory",
        of if of.is_fifo() => "a pipe",
        of if of.is_socket() => "a socket",
        _ => "a device",
    };
    match metadata.is_file() {
        true => Ok(()),
        false => {
            let kind = kind(metadata.file_type());
            Err(io::Error::other(format!("{kind}, not a regular file")))
        }
    }
}

/// A problem if other users than the owner and the group may read or change a file with a secret.
pub(crate) fn require_private(path: &Path, contains: &str) -> Result<(), Vec<Problem>> {
    let name = path.display().to_string();
    let metadata = std::fs::metadata(path)
        .map_err(|error| vec![Problem::of_file(&name, format!("cannot be read: {error}"))])?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o007 == 0 {
        return Ok(());
    }
    let reason = format!(
        "contains {contains}, but its mode {mode:04o} gives all users access: run `chmod {:04o} {name}`; if \
         others may have read it, also replace the secret",
        mode & 0o640 | 0o400
    );
    Err(vec![Problem::of_file(&name, reason)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_file_that_is_not_regular_is_refused_at_once_also_behind_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::from_bits_truncate(0o600), 0).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        std::fs::write(at("file"), "text").unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for (name, target) in [("to-pipe", "pipe"), ("to-link", "to-pipe"), ("to-file", "file")] {
            symlink(target, at(name)).unwrap();
        }
        symlink("/dev/zero", at("to-device")).unwrap();
        for (name, kind) in [
            ("pipe", "a pipe"),
            ("to-pipe", "a pipe"),
            ("to-link", "a pipe"),
            ("folder", "a directory"),
            ("socket", "a socket"),
            ("to-device", "a device"),
        ] {
            // Opening a pipe without a writer would wait here for ever.
            let error = read_regular(&at(name)).unwrap_err().to_string();
            assert_eq!(error, format!("{kind}, not a regular file"), "{name}");
        }
        assert_eq!(read_regular(&at("to-file")).unwrap(), b"text");
    }

    #[test]
    fn a_secret_that_other_users_can_reach_is_refused_with_the_command_that_helps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        std::fs::write(&path, "").unwrap();
        for mode in 0..0o1000 {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let result = require_private(&path, "keys");
            assert_eq!(result.is_ok(), mode & 0o007 == 0, "{mode:o}");
            let Err(problems) = result else { continue };
            let command = format!("run `chmod {:04o} {}`", mode & 0o640 | 0o400, path.display());
            assert!(problems[0].reason.contains(&command), "{}", problems[0]);
        }
    }
}
