//! The catalog as machines share it: every change in one order, with the versions it brought.

use crate::catalog::audit::Entry;
use crate::catalog::exchange::Change;
use crate::catalog::exchange::Document;
use crate::catalog::exchange::names;
use crate::store::client::Client;
use crate::store::client::StoreError;
use crate::store::keys;

/// How a change fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is served everywhere from now on.
    Next,
    /// Somebody else was first; this number is served.
    Conflict(u64),
}

/// Publishes a change, if it was made on what is served.
pub async fn publish(client: &Client, change: &Change) -> Result<Published, StoreError> {
    let on = (change.entry.number - 1).to_string();
    let entry = serde_json::to_vec(&change.entry)
        .map_err(|error| StoreError::Foreign(error.to_string()))?;
    let mut arguments: Vec<&[u8]> = vec![on.as_bytes(), &entry];
    for document in &change.documents {
        arguments.extend([document.name.as_bytes(), &document.bytes[..]]);
    }
    let (how, number): (String, u64) =
        client.call("adjacent_1_publish", &keys::catalog(), &arguments).await?;
    Ok(if how == "NEXT" { Published::Next } else { Published::Conflict(number) })
}

/// The number of the change that is served; 0 when there is none.
pub async fn number(client: &Client) -> Result<u64, StoreError> {
    let mut question = redis::cmd("HGET");
    question.arg(&keys::catalog().keys[0]).arg("n");
    Ok(client.ask::<Option<u64>>(&question).await?.unwrap_or(0))
}

/// A change by its number, with those of its versions that are not known already.
pub async fn change(
    client: &Client,
    number: u64,
    known: impl Fn(&str) -> bool,
) -> Result<Change, StoreError> {
    let key = &keys::catalog().keys[0];
    let field = async |field: &str| {
        let mut question = redis::cmd("HGET");
        question.arg(key).arg(field);
        let found: Option<Vec<u8>> = client.ask(&question).await?;
        found.ok_or_else(|| StoreError::Foreign(format!("the catalog has no {field}")))
    };
    let entry: Entry = serde_json::from_slice(&field(&format!("e:{number}")).await?)
        .map_err(|error| StoreError::Foreign(format!("change {number}: {error}")))?;
    let mut documents = Vec::new();
    for name in names(&entry.after).into_iter().filter(|name| !known(name)) {
        documents.push(Document { bytes: field(&name).await?, name });
    }
    Ok(Change { entry, documents })
}
