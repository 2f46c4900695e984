//! Records of decisions that machines ask each other for: each is on the disk of the one that
//! decided. What is asked and answered stands here for a minute at the most.

use crate::store::client::Client;
use crate::store::client::StoreError;
use crate::store::keys;

/// How long a question or an answer stands, in seconds.
const SECONDS: &[u8] = b"60";

/// Asks whoever has this data directory for a decision; asking twice is asking once.
pub async fn ask(client: &Client, data: u64, decision: u128) -> Result<(), StoreError> {
    let name = format!("{decision:032x}");
    client.call("adjacent_1_ask", &keys::asked(data), &[name.as_bytes(), SECONDS]).await
}

/// Takes what this data directory is asked for.
pub async fn asked(client: &Client, data: u64) -> Result<Vec<u128>, StoreError> {
    let names: Vec<String> = client.call("adjacent_1_asked", &keys::asked(data), &[]).await?;
    Ok(names.iter().filter_map(|name| u128::from_str_radix(name, 16).ok()).collect())
}

/// Tells what this data directory has of a decision.
pub async fn tell(
    client: &Client,
    data: u64,
    decision: u128,
    record: &[u8],
) -> Result<(), StoreError> {
    let mut order = redis::cmd("SET");
    order.arg(&keys::told(data, decision).keys[0]).arg(record).arg("EX").arg(SECONDS);
    client.ask(&order).await
}

/// What a data directory has of a decision, if that was told.
pub async fn told(
    client: &Client,
    data: u64,
    decision: u128,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut question = redis::cmd("GET");
    question.arg(&keys::told(data, decision).keys[0]);
    client.ask(&question).await
}
