//! Visitor activity across the fleet, for rate limits. Kept for at most a day, under keys hashed with
//! the day's salt, which expires with them.

use crate::domain::event::EventKind;
use crate::store::client::{Client, StoreError};
use crate::store::keys;
use crate::traffic::EventKeys;
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
    pub(crate) kind: EventKind,
    /// What the event is limited by, under the day's salt.
    pub(crate) keys: EventKeys,
    pub(crate) at_ms: i64,
    pub(crate) decision: u128,
}

impl VisitorEvent {
    /// The decision and the keys within the group.
    fn member(&self) -> Vec<u8> {
        [&self.decision.to_be_bytes()[..], &self.keys.to_bytes()].concat()
    }
}

/// The first letter of an event kind, in names.
fn letter(kind: EventKind) -> char {
    match kind {
        EventKind::Impression => 'i',
        EventKind::Viewable => 'v',
        EventKind::Click => 'c',
        EventKind::Copy => 'p',
    }
}

/// A group of visitors due for a check, claimed by this caller until the fence expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DueVisitors {
    /// The group's name in the list: day, kind and hash.
    name: String,
    /// The fence token; [`complete`] needs it.
    until: String,
}

impl DueVisitors {
    /// The kind of the events; `None` if the name is not one of this version.
    pub(crate) fn kind(&self) -> Option<EventKind> {
        let kind = self.name.split(':').nth(1)?;
        EventKind::ALL.iter().copied().find(|one| kind.chars().eq([letter(*one)]))
    }

    fn group(&self) -> Option<u64> {
        u64::from_str_radix(self.name.split(':').nth(2)?, 16).ok()
    }
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
        let name = format!("{day}:{}:{:016x}", letter(event.kind), event.keys.group());
        (name, event.at_ms.to_string(), event.member())
    });
    let fields: Vec<(String, String, Vec<u8>)> = fields.collect();
    let keys = keys::visitors(list, fields.iter().map(|(name, ..)| &**name));
    let seconds = seconds.to_string();
    let each =
        fields.iter().flat_map(|(name, at, member)| [name.as_bytes(), at.as_bytes(), member]);
    let arguments: Vec<&[u8]> = std::iter::once(seconds.as_bytes()).chain(each).collect();
    let _: Value = client.call_function("adjacent_1_seen", &keys, &arguments).await?;
    Ok(())
}

/// The list a group belongs to.
pub(crate) fn list_of(group: u64) -> u8 {
    u8::try_from(group >> 58).expect("six bits are left")
}

pub(crate) const LISTS: u8 = 64;

/// Claims up to 100 groups of a list, a few seconds after their first event that was not checked, later
/// the more events they have. A claim is exclusive for 30 seconds.
pub(crate) async fn due(client: &Client, list: u8) -> Result<Vec<DueVisitors>, StoreError> {
    let found: Vec<(String, String)> = client
        .call_function("adjacent_1_due", &keys::visitors(list, []), &[b"3", b"30", b"100"])
        .await?;
    Ok(found.into_iter().map(|(name, until)| DueVisitors { name, until }).collect())
}

/// A group's events today across the fleet: time in Unix milliseconds, decision and keys.
pub(crate) async fn events(
    client: &Client,
    list: u8,
    due: &DueVisitors,
) -> Result<Vec<(i64, u128, EventKeys)>, StoreError> {
    let Some(group) = due.group() else { return Ok(Vec::new()) };
    let keys = keys::visitor(list, &due.name).read_only();
    let found: Vec<(Vec<u8>, i64)> = client.call_function("adjacent_1_did", &keys, &[]).await?;
    let read = |(member, at_ms): (Vec<u8>, i64)| {
        let (decision, keys) = member.split_first_chunk()?;
        let keys = EventKeys::from_bytes(group, keys.try_into().ok()?);
        Some((at_ms, u128::from_be_bytes(*decision), keys))
    };
    Ok(found.into_iter().filter_map(read).collect())
}

/// Completes a check. A group with newer activity stays in the list.
pub(crate) async fn complete(
    client: &Client,
    list: u8,
    due: &DueVisitors,
) -> Result<(), StoreError> {
    let arguments = [due.name.as_bytes(), due.until.as_bytes()];
    let _: Value =
        client.call_function("adjacent_1_done", &keys::visitors(list, []), &arguments).await?;
    Ok(())
}
