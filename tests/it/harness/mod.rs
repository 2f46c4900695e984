//! Building blocks of the black-box tests: servers with their own data directories, readers with a
//! browser, decisions, events and scrapes.

pub mod decision;
pub mod inventory;
pub mod metrics;
pub mod page;
pub mod ports;
pub mod process;
pub mod promql;
pub mod raw_http;
pub mod reader;
pub mod redis;
pub mod redis_cluster;
pub mod scripted_redis;
pub mod server;
pub mod tls_redis;

pub use decision::{Decision, reference};
pub use metrics::Scrape;
pub use process::Process;
pub use reader::{Ack, Reader};
pub use redis::{Redis, Store};
pub use redis_cluster::{RedisCluster, Sentinels};
pub use server::{Setup, TestServer};

use std::time::{Duration, Instant};

/// How long a test waits for a state before it fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Polls `check` until it returns a value; panics with the awaited `state` after [`PATIENCE`].
pub async fn wait_until<T>(state: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(Instant::now() < end, "timed out waiting for: {state}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
