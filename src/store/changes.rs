//! The fleet's catalog: every change in one order, with the document versions it introduced.

use crate::catalog::audit::Entry;
use crate::catalog::replication::{CatalogChange, VersionBlob, version_names};
use crate::store::client::{Client, StoreError};
use crate::store::keys;

/// The result of publishing a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublishOutcome {
    /// Published; every instance will serve it.
    Published,
    /// Another change was published first; this is the current change number.
    Conflict(u64),
}

/// Publishes a change if its predecessor is the current one (compare-and-set on the number).
pub(crate) async fn publish(
    client: &Client,
    change: &CatalogChange,
) -> Result<PublishOutcome, StoreError> {
    let base = (change.entry.number - 1).to_string();
    let entry = serde_json::to_vec(&change.entry)
        .map_err(|error| StoreError::UnexpectedData(error.to_string()))?;
    let mut arguments: Vec<&[u8]> = vec![base.as_bytes(), &entry];
    for document in &change.documents {
        arguments.extend([document.name.as_bytes(), &document.bytes[..]]);
    }
    let (outcome, number): (String, u64) =
        client.call_function("adjacent_1_publish", &keys::catalog(), &arguments).await?;
    Ok(if outcome == "NEXT" { PublishOutcome::Published } else { PublishOutcome::Conflict(number) })
}

/// The current change number; 0 when there is none.
pub(crate) async fn number(client: &Client) -> Result<u64, StoreError> {
    let mut command = redis::cmd("HGET");
    command.arg(&keys::catalog().keys[0]).arg("n");
    Ok(client.query::<Option<u64>>(&command).await?.unwrap_or(0))
}

/// A change by its number, with those of its documents for which `known` returns false.
pub(crate) async fn change(
    client: &Client,
    number: u64,
    known: impl Fn(&str) -> bool,
) -> Result<CatalogChange, StoreError> {
    let key = &keys::catalog().keys[0];
    let field = async |field: &str| {
        let mut command = redis::cmd("HGET");
        command.arg(key).arg(field);
        let found: Option<Vec<u8>> = client.query(&command).await?;
        found.ok_or_else(|| StoreError::UnexpectedData(format!("the catalog has no field {field}")))
    };
    let entry: Entry = serde_json::from_slice(&field(&format!("e:{number}")).await?)
        .map_err(|error| StoreError::UnexpectedData(format!("change {number}: {error}")))?;
    let mut documents = Vec::new();
    for name in version_names(&entry.after).into_iter().filter(|name| !known(name)) {
        documents.push(VersionBlob { bytes: field(&name).await?, name });
    }
    Ok(CatalogChange { entry, documents })
}
