//! The fleet's images, stored by content address, so that writing one twice changes nothing.

use crate::store::client::{Client, StoreError};
use crate::store::keys;

pub(crate) async fn count(client: &Client) -> Result<u64, StoreError> {
    let mut command = redis::cmd("HLEN");
    command.arg(&keys::images().keys[0]);
    client.query(&command).await
}

/// The content addresses of all stored images.
pub(crate) async fn addresses(client: &Client) -> Result<Vec<String>, StoreError> {
    let mut command = redis::cmd("HKEYS");
    command.arg(&keys::images().keys[0]);
    client.query(&command).await
}

/// An image's bytes, unverified: the caller checks them against the address.
pub(crate) async fn get(client: &Client, address: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut command = redis::cmd("HGET");
    command.arg(&keys::images().keys[0]).arg(address);
    client.query(&command).await
}

/// Stores an image for the fleet.
pub(crate) async fn put(client: &Client, address: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let mut command = redis::cmd("HSET");
    command.arg(&keys::images().keys[0]).arg(address).arg(bytes);
    client.query(&command).await
}
