//! The fleet's catalog: every change in one order, with the document versions it introduced, and the named versions of
//! the weights.

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

/// Publishes all named versions of the weights, with weights that the store may lack, if the ones that they are based
/// on are the current ones (compare-and-set on the revision, from the first to the second).
pub(crate) async fn publish_versions(
    client: &Client,
    (base, new): (u64, u64),
    versions: &[u8],
    documents: &[VersionBlob],
) -> Result<PublishOutcome, StoreError> {
    let (base, new) = (base.to_string(), new.to_string());
    let mut arguments: Vec<&[u8]> = vec![base.as_bytes(), versions, new.as_bytes()];
    for document in documents {
        arguments.extend([document.name.as_bytes(), &document.bytes[..]]);
    }
    let (outcome, revision): (String, u64) =
        client.call_function("adjacent_1_versions", &keys::catalog(), &arguments).await?;
    let is_done = outcome == "NEXT";
    Ok(if is_done { PublishOutcome::Published } else { PublishOutcome::Conflict(revision) })
}

/// The revision of the named versions; 0 when there are none.
pub(crate) async fn versions_revision(client: &Client) -> Result<u64, StoreError> {
    let found = catalog_field(client, "r").await?;
    let found = found.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
    Ok(found.unwrap_or(0))
}

/// All named versions of the weights, as they were published.
pub(crate) async fn versions(client: &Client) -> Result<Option<Vec<u8>>, StoreError> {
    catalog_field(client, "w").await
}

/// A version of a document by its name: `weights:0123…`.
pub(crate) async fn document(client: &Client, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    catalog_field(client, name).await
}

async fn catalog_field(client: &Client, field: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut command = redis::cmd("HGET");
    command.arg(&keys::catalog().keys[0]).arg(field);
    client.query(&command).await
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
    let field = async |field: &str| {
        let found = catalog_field(client, field).await?;
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
