//! What visitors did on any machine today: in the store for a day at the most, under keys that mean
//! nothing without the day's salt, which goes with them.

use crate::store::client::Client;
use crate::store::client::StoreError;
use crate::store::keys;
use redis::Value;

/// The salt of a day: the first machine that asks makes it, `fresh`, for `seconds`.
pub async fn salt(
    client: &Client,
    day: i64,
    fresh: &[u8; 32],
    seconds: i64,
) -> Result<[u8; 32], StoreError> {
    let (slot, seconds) = (keys::salt(day), seconds.to_string());
    let found: Vec<u8> =
        client.call("adjacent_1_salt", &slot, &[&fresh[..], seconds.as_bytes()]).await?;
    let foreign = |_| StoreError::Foreign(format!("{} is no salt", slot.keys[0]));
    <[u8; 32]>::try_from(found).map_err(foreign)
}

/// What a visitor did, as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What was done: the first letter of an event's kind.
    pub kind: char,
    /// The visitor's number under the day's salt.
    pub visitor: u64,
    /// When, in unix milliseconds.
    pub at_ms: i64,
    /// The decision.
    pub decision: u128,
}

/// A visitor of a day that somebody should look at, and until when nobody else does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its name in the list.
    pub name: String,
    /// The fence: whoever has it may say that it is done.
    pub until: String,
}

/// Notes what visitors of one list did.
pub async fn note(
    client: &Client,
    day: i64,
    list: u8,
    sightings: &[&Sighting],
    seconds: i64,
) -> Result<(), StoreError> {
    let words = sightings.iter().map(|sighting| {
        let name = format!("{day}:{}:{:016x}", sighting.kind, sighting.visitor);
        [name, sighting.at_ms.to_string(), format!("{:032x}", sighting.decision)]
    });
    let words: Vec<[String; 3]> = words.collect();
    let slot = keys::visitors(list, words.iter().map(|[name, ..]| &**name));
    let seconds = seconds.to_string();
    let arguments = std::iter::once(&seconds).chain(words.iter().flatten());
    let arguments: Vec<&[u8]> = arguments.map(String::as_bytes).collect();
    let _: Value = client.call("adjacent_1_seen", &slot, &arguments).await?;
    Ok(())
}

/// The list that a visitor is in.
pub fn list_of(visitor: u64) -> u8 {
    u8::try_from(visitor >> 58).expect("six bits are left")
}

/// How many lists there are.
pub const LISTS: u8 = 64;

/// Visitors of a list that were last seen some seconds ago; for a while nobody else gets them.
pub async fn due(client: &Client, list: u8) -> Result<Vec<Due>, StoreError> {
    let found: Vec<(String, String)> =
        client.call("adjacent_1_due", &keys::visitors(list, []), &[b"3", b"30", b"100"]).await?;
    Ok(found.into_iter().map(|(name, until)| Due { name, until }).collect())
}

/// What a visitor did today, on all machines: times in unix milliseconds, and decisions.
pub async fn seen(client: &Client, list: u8, due: &Due) -> Result<Vec<(i64, u128)>, StoreError> {
    let slot = keys::visitor(list, &due.name).reading();
    let found: Vec<(String, i64)> = client.call("adjacent_1_did", &slot, &[]).await?;
    let read = |(decision, at_ms): (String, i64)| {
        u128::from_str_radix(&decision, 16).ok().map(|decision| (at_ms, decision))
    };
    Ok(found.into_iter().filter_map(read).collect())
}

/// Whoever looked at a visitor has done what there was to do; one that was seen since stays.
pub async fn done(client: &Client, list: u8, due: &Due) -> Result<(), StoreError> {
    let arguments = [due.name.as_bytes(), due.until.as_bytes()];
    let _: Value = client.call("adjacent_1_done", &keys::visitors(list, []), &arguments).await?;
    Ok(())
}
