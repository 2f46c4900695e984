//! Decision records on request between instances: a record is on the disk of the instance that decided.
//! Requests and replies expire within a minute.

use crate::store::client::{Client, StoreError};
use crate::store::keys;

/// Expiry of a request or a reply, in seconds.
const EXPIRY_SECONDS: &[u8] = b"60";

/// Requests a decision's record from the instance with this data directory. Idempotent.
pub(crate) async fn request(client: &Client, data: u64, decision: u128) -> Result<(), StoreError> {
    let name = format!("{decision:032x}");
    client
        .call_function(
            "adjacent_1_ask",
            &keys::record_requests(data),
            &[name.as_bytes(), EXPIRY_SECONDS],
        )
        .await
}

/// Takes (removes and returns) the requests to this data directory, at most 32.
pub(crate) async fn take_requests(client: &Client, data: u64) -> Result<Vec<u128>, StoreError> {
    let names: Vec<String> =
        client.call_function("adjacent_1_asked", &keys::record_requests(data), &[]).await?;
    Ok(names.iter().filter_map(|name| u128::from_str_radix(name, 16).ok()).collect())
}

/// Replies with this data directory's record of a decision.
pub(crate) async fn reply(
    client: &Client,
    data: u64,
    decision: u128,
    record: &[u8],
) -> Result<(), StoreError> {
    let mut command = redis::cmd("SET");
    command
        .arg(&keys::record_reply(data, decision).keys[0])
        .arg(record)
        .arg("EX")
        .arg(EXPIRY_SECONDS);
    client.query(&command).await
}

/// A data directory's reply for a decision, if it has arrived.
pub(crate) async fn fetch_reply(
    client: &Client,
    data: u64,
    decision: u128,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut command = redis::cmd("GET");
    command.arg(&keys::record_reply(data, decision).keys[0]);
    client.query(&command).await
}
