//! Visitor activity across the fleet, for rate limits. Kept for at most a day, under keys hashed with
//! the day's salt, which expires with them.

use crate::store::client::{Client, StoreError};
use crate::store::keys;
use redis::Value;

/// The salt of a day. The first caller sets it to `fresh`, expiring after `seconds`.
pub(crate) async fn salt(
    client: &Client,
    day: i64,
    fresh: &[u8; 32],
    seconds: i64,
) -> Result<[u8; 32], StoreError> {
    let (key, seconds) = (keys::salt(day), seconds.to_string());
    let found: Vec<u8> =
        client.call_function("adjacent_1_salt", &key, &[&fresh[..], seconds.as_bytes()]).await?;
    let invalid =
        |_| StoreError::UnexpectedData(format!("{} does not hold a 32-byte salt", key.keys[0]));
    <[u8; 32]>::try_from(found).map_err(invalid)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VisitorEvent {
    /// The first letter of the event kind.
    pub(crate) kind: char,
    /// The visitor's hash under the day's salt.
    pub(crate) visitor: u64,
    pub(crate) at_ms: i64,
    pub(crate) decision: u128,
}

/// A visitor due for a check, claimed by this caller until the fence expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DueVisitor {
    /// The visitor's name in the list.
    pub(crate) name: String,
    /// The fence token; [`complete`] needs it.
    pub(crate) until: String,
}

/// Records events of visitors of one list.
pub(crate) async fn record(
    client: &Client,
    day: i64,
    list: u8,
    events: &[&VisitorEvent],
    seconds: i64,
) -> Result<(), StoreError> {
    let fields = events.iter().map(|event| {
        let name = format!("{day}:{}:{:016x}", event.kind, event.visitor);
        [name, event.at_ms.to_string(), format!("{:032x}", event.decision)]
    });
    let fields: Vec<[String; 3]> = fields.collect();
    let keys = keys::visitors(list, fields.iter().map(|[name, ..]| &**name));
    let seconds = seconds.to_string();
    let arguments = std::iter::once(&seconds).chain(fields.iter().flatten());
    let arguments: Vec<&[u8]> = arguments.map(String::as_bytes).collect();
    let _: Value = client.call_function("adjacent_1_seen", &keys, &arguments).await?;
    Ok(())
}

/// The list a visitor belongs to.
pub(crate) fn list_of(visitor: u64) -> u8 {
    u8::try_from(visitor >> 58).expect("six bits are left")
}

pub(crate) const LISTS: u8 = 64;

/// Claims up to 100 visitors of a list that were inactive for 3 seconds. A claim is exclusive for
/// 30 seconds.
pub(crate) async fn due(client: &Client, list: u8) -> Result<Vec<DueVisitor>, StoreError> {
    let found: Vec<(String, String)> = client
        .call_function("adjacent_1_due", &keys::visitors(list, []), &[b"3", b"30", b"100"])
        .await?;
    Ok(found.into_iter().map(|(name, until)| DueVisitor { name, until }).collect())
}

/// A visitor's events today across the fleet: time in Unix milliseconds, and decision.
pub(crate) async fn events(
    client: &Client,
    list: u8,
    due: &DueVisitor,
) -> Result<Vec<(i64, u128)>, StoreError> {
    let keys = keys::visitor(list, &due.name).read_only();
    let found: Vec<(String, i64)> = client.call_function("adjacent_1_did", &keys, &[]).await?;
    let read = |(decision, at_ms): (String, i64)| {
        u128::from_str_radix(&decision, 16).ok().map(|decision| (at_ms, decision))
    };
    Ok(found.into_iter().filter_map(read).collect())
}

/// Completes a check. A visitor with newer activity stays in the list.
pub(crate) async fn complete(
    client: &Client,
    list: u8,
    due: &DueVisitor,
) -> Result<(), StoreError> {
    let arguments = [due.name.as_bytes(), due.until.as_bytes()];
    let _: Value =
        client.call_function("adjacent_1_done", &keys::visitors(list, []), &arguments).await?;
    Ok(())
}
