//! The file size limit, whose signal must not end the process. The open file limit and the share of it for connections, so that a traffic peak cannot exhaust the
//! file descriptors that the journal needs for its next segment.

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use std::io;
use tokio::signal::unix::{SignalKind, signal};

/// File descriptors reserved for segments, logs, catalogs and operations connections.
const RESERVED_FILES: u64 = 96;
/// Maximum connections of the operations listener.
pub(crate) const OPS_CONNECTIONS: usize = 32;
/// Maximum connections of one worker.
const MAX_CONNECTIONS: u64 = 25_000;

/// From now on, a write beyond the file size limit (`RLIMIT_FSIZE`) returns an error. By default its
/// signal, `SIGXFSZ`, ends the process. Call it within the runtime.
pub(crate) fn survive_file_size_limit() -> io::Result<()> {
    // The handler stays when the stream of signals is dropped.
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(drop)
}

/// Raises the soft limit of open files to the hard limit. Returns the maximum number of concurrent
/// connections per worker; further ones wait in the accept queue.
pub(crate) fn connections_per_worker(workers: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let files = match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "cannot raise the open file limit; keeping the current one");
            current
        }
    };
    // With no file limit only MAX_CONNECTIONS applies.
    let files = files.unwrap_or(u64::MAX);
    connection_limit(files, workers)
}

fn connection_limit(files: u64, workers: usize) -> usize {
    let workers = u64::try_from(workers).unwrap_or(1).max(1);
    let each = (files.saturating_sub(RESERVED_FILES) / workers).clamp(1, MAX_CONNECTIONS);
    usize::try_from(each).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_never_use_the_reserved_files() {
        for (files, workers) in [(128, 2), (256, 2), (1_024, 16), (20_000, 1)] {
            assert!(
                connection_limit(files, workers) as u64 * workers as u64 + RESERVED_FILES <= files
            );
        }
        assert_eq!(connection_limit(u64::MAX, 4), 25_000);
        assert_eq!(connection_limit(10, 4), 1, "at least one connection");
    }
}
