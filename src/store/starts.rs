//! Which process start ran where: what was decided can be explained there alone.

use crate::store::client::Client;
use crate::store::client::StoreError;
use crate::store::keys;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

/// A process start, as it tells the others of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The number of its data directory: a later start on the same one has its decisions, too.
    pub data: u64,
    /// The name of its machine.
    pub host: String,
    /// Its operations listener.
    pub ops: String,
    /// When it said so first, in unix milliseconds.
    pub at_ms: i64,
}

/// Says where a process start runs; saying it again changes nothing.
pub async fn announce(client: &Client, incarnation: u64, start: &Start) -> Result<(), StoreError> {
    let text = serde_json::to_string(start).map_err(|error| foreign(&error))?;
    let mut order = redis::cmd("HSETNX");
    order.arg(&keys::starts().keys[0]).arg(format!("{incarnation:016x}")).arg(text);
    client.ask::<i64>(&order).await.map(drop)
}

/// Every process start that is known.
pub async fn all(client: &Client) -> Result<BTreeMap<u64, Start>, StoreError> {
    let mut question = redis::cmd("HGETALL");
    question.arg(&keys::starts().keys[0]);
    let found: BTreeMap<String, String> = client.ask(&question).await?;
    let start = |(incarnation, text): (String, String)| {
        let incarnation = u64::from_str_radix(&incarnation, 16).map_err(|error| foreign(&error))?;
        let start = serde_json::from_str(&text).map_err(|error| foreign(&error))?;
        Ok((incarnation, start))
    };
    found.into_iter().map(start).collect()
}

fn foreign(error: &impl ToString) -> StoreError {
    StoreError::Foreign(format!("the list of instances: {}", error.to_string()))
}
