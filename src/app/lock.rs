//! The data directory lock: one server per directory. The lock file has its operations address.

use crate::app::permissions;
use crate::config::ConfigError;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::net::SocketAddr;
use std::path::Path;

/// An exclusive lock on a data directory, released on drop.
pub(crate) struct DataLock {
    file: File,
}

impl DataLock {
    /// Locks the directory, creating it if needed. Fails when a server is running on it.
    pub(crate) fn acquire(data: &Path) -> Result<DataLock, ConfigError> {
        std::fs::create_dir_all(data).map_err(|error| {
            ConfigError::Usage(format!(
                "store.data = {}: cannot create the directory: {error}",
                data.display()
            ))
        })?;
        let path = data.join("lock");
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| {
                ConfigError::Usage(format!(
                    "{}: cannot open the lock file: {error}",
                    path.display()
                ))
            })?;
        if file.try_lock().is_err() {
            return Err(ConfigError::Usage(format!(
                "{} is in use by a running server: stop it or use another --data",
                data.display()
            )));
        }
        permissions::tighten(data);
        Ok(DataLock { file })
    }

    /// Writes the operations listener's address, for other commands to find.
    pub(crate) fn publish_address(&self, ops: SocketAddr) -> std::io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{ops}")
    }
}

/// The operations address of the server running on a data directory; `None` when there is none.
pub(crate) fn running_server(data: &Path) -> Option<SocketAddr> {
    let mut file = File::options().read(true).write(true).open(data.join("lock")).ok()?;
    if file.try_lock().is_ok() {
        return None;
    }
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
