//! What black-box tests speak: servers with a data directory of their own, readers with a browser,
//! decisions, events, scrapes.

pub mod cluster;
pub mod decision;
pub mod expression;
pub mod inventory;
pub mod metrics;
pub mod ports;
pub mod process;
pub mod reader;
pub mod redis;
pub mod scripted;
pub mod secure;
pub mod server;

pub use cluster::Cluster;
pub use cluster::Sentinels;
pub use decision::Decision;
pub use decision::reference;
pub use metrics::Scrape;
pub use process::Process;
pub use reader::Ack;
pub use reader::Reader;
pub use redis::Redis;
pub use redis::Store;
pub use server::Setup;
pub use server::TestServer;

use std::time::Duration;
use std::time::Instant;

/// How long a test waits for a state before it gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Looks until `look` finds something; `what` is said when it never does.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "in vain waited for: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
