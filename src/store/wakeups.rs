//! Wake-ups: an instance that appended to a log tells the others, which then read at once and otherwise
//! rarely. A wake-up is a hint that may be lost at any time.

use crate::store::client::{Client, StoreError};
use crate::store::connect;
use redis::Value;
use redis::aio::PubSub;

/// The channel. Every node of a cluster passes its messages on to all others.
pub(crate) const CHANNEL: &str = "adj:{all}:wakeups";

/// Tells all instances that a log has grown.
pub(crate) async fn announce(client: &Client) -> Result<(), StoreError> {
    let mut command = redis::cmd("PUBLISH");
    command.arg(CHANNEL).arg("");
    client.query::<Value>(&command).await.map(drop)
}

/// Subscribes, over a connection of its own, to what instances announce.
pub(crate) async fn subscribe(client: &Client) -> Result<PubSub, StoreError> {
    let subscribing = connect::subscribe(client.config(), CHANNEL);
    match tokio::time::timeout(connect::TOTAL_TIMEOUT, subscribing).await {
        Ok(subscribed) => Ok(subscribed?),
        Err(_) => Err(StoreError::timed_out()),
    }
}
