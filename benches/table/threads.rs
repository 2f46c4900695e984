//! CPU time and memory of this process from `/proc`.

use std::collections::BTreeSet;

/// The ids of all threads of this process.
pub fn all() -> BTreeSet<u64> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// CPU time of these threads in nanoseconds; threads that ended count as 0.
pub fn nanoseconds(threads: &BTreeSet<u64>) -> u64 {
    let of = |thread: &u64| -> Option<u64> {
        let path = format!("/proc/self/task/{thread}/schedstat");
        std::fs::read_to_string(path).ok()?.split(' ').next()?.parse().ok()
    };
    threads.iter().filter_map(of).sum()
}

/// The threads among these that handle requests.
pub fn workers(threads: &BTreeSet<u64>) -> BTreeSet<u64> {
    let name = |thread: &u64| {
        std::fs::read_to_string(format!("/proc/self/task/{thread}/comm")).unwrap_or_default()
    };
    threads.iter().copied().filter(|thread| name(thread).starts_with("actix-rt")).collect()
}

/// A field of `/proc/self/status`, in MiB.
fn status_mib(key: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Current and peak resident memory, in MiB.
pub fn resident_mib() -> (f64, f64) {
    (status_mib("VmRSS:"), status_mib("VmHWM:"))
}
