//! One server a data directory; others find it by what the lock says.

use crate::app::usage;
use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

/// The data directory, held.
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the directory, which is made if need be; refused when a server holds it.
    pub fn take(data: &Path) -> anyhow::Result<Lock> {
        std::fs::create_dir_all(data).map_err(|error| {
            usage(format!("store.data = {} cannot be made: {error}", data.display()))
        })?;
        let path = data.join("lock");
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| usage(format!("{} cannot be opened: {error}", path.display())))?;
        if file.try_lock().is_err() {
            let held = format!("{} is held by a running server", data.display());
            return Err(usage(format!("{held}: stop it, or name another --data")));
        }
        Ok(Lock { file })
    }

    /// Says where the operations listener is.
    pub fn tell(&self, ops: SocketAddr) -> std::io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{ops}")
    }
}

/// Where the server that holds a data directory listens for operations; `None` when nobody does.
pub fn holder(data: &Path) -> Option<SocketAddr> {
    let mut file = File::options().read(true).write(true).open(data.join("lock")).ok()?;
    if file.try_lock().is_ok() {
        return None;
    }
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
