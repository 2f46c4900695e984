//! Slow work outside the threads that serve requests.

use std::cell::Cell;

/// Priority of threads for slow work, as of `nice`: serving threads have 0.
const NICE: i32 = 10;

thread_local! {
    static IS_LOWERED: Cell<bool> = const { Cell::new(false) };
}

/// Gives the calling thread the priority of slow work, for as long as it lives, so that the work delays no
/// request that is served meanwhile.
pub(crate) fn lower_priority() {
    // On Linux this is about the calling thread alone.
    if cfg!(target_os = "linux")
        && !IS_LOWERED.replace(true)
        && rustix::process::setpriority_process(None, NICE).is_err()
    {
        tracing::debug!("a thread for slow work has the priority of all others");
    }
}

/// Runs blocking work on the blocking thread pool. A panic in `work` is resumed in the caller.
pub(crate) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let slow = move || {
        lower_priority();
        work()
    };
    let done = tokio::task::spawn_blocking(slow).await;
    done.unwrap_or_else(|broken| std::panic::resume_unwind(broken.into_panic()))
}
