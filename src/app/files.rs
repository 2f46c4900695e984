//! How many files the process may have open, and how many of them are for connections: a crowd must
//! not take those that the journal needs for its next segment.

use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::getrlimit;
use rustix::process::setrlimit;

/// Files for everything that is not a public connection: segments, logs, catalogs, probes.
const KEPT: u64 = 96;
/// Connections of the operations listener.
pub const OPS_CONNECTIONS: usize = 32;
/// Connections of one worker where nothing else limits them.
const MOST: u64 = 25_000;

/// Asks for as many open files as the process may have; says how many connections each of `workers`
/// may hold at once. More wait to be accepted.
pub fn connections_of_a_worker(workers: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let files = match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be raised");
            current
        }
    };
    // Without a limit of files only ours is left.
    let files = files.unwrap_or(u64::MAX);
    share(files, workers)
}

fn share(files: u64, workers: usize) -> usize {
    let workers = u64::try_from(workers).unwrap_or(1).max(1);
    let each = (files.saturating_sub(KEPT) / workers).clamp(1, MOST);
    usize::try_from(each).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_never_take_the_files_that_are_kept() {
        for (files, workers) in [(128, 2), (256, 2), (1_024, 16), (20_000, 1)] {
            assert!(share(files, workers) as u64 * workers as u64 + KEPT <= files);
        }
        assert_eq!(share(u64::MAX, 4), 25_000);
        assert_eq!(share(10, 4), 1, "it serves all the same");
    }
}
