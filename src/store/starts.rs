//! Registry of process starts. A decision's record is only on the host of the start that made it.

use crate::store::client::{Client, StoreError};
use crate::store::keys;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A process start, as registered by the instance itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessStart {
    /// The data directory's id; later starts on the same directory have this start's decisions too.
    pub(crate) data: u64,
    pub(crate) host: String,
    /// The address of its operations listener.
    pub(crate) ops: String,
    /// When it was first registered, in Unix milliseconds.
    pub(crate) at_ms: i64,
}

/// Registers a process start. Idempotent.
pub(crate) async fn register(
    client: &Client,
    incarnation: u64,
    start: &ProcessStart,
) -> Result<(), StoreError> {
    let text = serde_json::to_string(start).map_err(|error| unexpected(&error))?;
    let mut command = redis::cmd("HSETNX");
    command.arg(&keys::starts().keys[0]).arg(format!("{incarnation:016x}")).arg(text);
    client.query::<i64>(&command).await.map(drop)
}

/// Every registered process start.
pub(crate) async fn all(client: &Client) -> Result<BTreeMap<u64, ProcessStart>, StoreError> {
    let mut command = redis::cmd("HGETALL");
    command.arg(&keys::starts().keys[0]);
    let found: BTreeMap<String, String> = client.query(&command).await?;
    let start = |(incarnation, text): (String, String)| {
        let incarnation =
            u64::from_str_radix(&incarnation, 16).map_err(|error| unexpected(&error))?;
        let start = serde_json::from_str(&text).map_err(|error| unexpected(&error))?;
        Ok((incarnation, start))
    };
    found.into_iter().map(start).collect()
}

fn unexpected(error: &impl ToString) -> StoreError {
    StoreError::UnexpectedData(format!("adj:{{all}}:starts: {}", error.to_string()))
}
