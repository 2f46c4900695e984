//! What is served, and what it takes to change it.

use crate::catalog::audit::Entry;
use crate::catalog::error::CatalogError;
use crate::catalog::picture::Picture;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use serde::Deserialize;
use serde::Serialize;

/// The form of `head.json` that this version writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// The hashes of what is served; absent where nothing was put yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Hashes {
    /// Of the inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<String>,
    /// Of the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Of the label table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
}

/// What is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Head {
    /// The form of this file.
    pub format: u32,
    /// Counts changes, the first is 1.
    pub number: u64,
    /// The versions.
    #[serde(flatten)]
    pub hashes: Hashes,
    /// When it was changed.
    #[schemars(with = "String")]
    pub at: jiff::Timestamp,
    /// By whom.
    pub who: String,
}

impl From<&Entry> for Head {
    fn from(entry: &Entry) -> Head {
        Head {
            format: FORMAT,
            number: entry.number,
            hashes: entry.after.clone(),
            at: entry.at,
            who: entry.who.clone(),
        }
    }
}

/// Who changes the catalog, for the audit log.
#[derive(Clone, Debug)]
pub struct By {
    /// Who, such as a key's id.
    pub who: String,
    /// What is asked, in words.
    pub what: String,
    /// When.
    pub at: jiff::Timestamp,
    /// Idempotency key and hash of the body, where the request has one.
    pub request: Option<(String, String)>,
}

/// What a change replaces; the rest of the head stays.
#[derive(Clone, Copy, Default)]
pub struct Parts<'a> {
    /// A new inventory, checked by the caller.
    pub inventory: Option<&'a Inventory>,
    /// New weights, checked by the caller.
    pub weights: Option<&'a Weights>,
    /// A new label table, checked by the caller.
    pub labels: Option<&'a LabelTable>,
    /// Pictures that the new inventory names, and may not be stored yet.
    pub pictures: &'a [Picture],
}

/// What the caller has seen before it decided to change something.
#[derive(Clone, Copy, Debug)]
pub enum Expected<'a> {
    /// Nothing: the change holds whatever is there.
    Anything,
    /// The head of this number; 0 is an empty catalog.
    Number(u64),
    /// This inventory.
    Inventory(&'a str),
    /// These weights.
    Weights(&'a str),
    /// This label table.
    Labels(&'a str),
}

impl Expected<'_> {
    /// Whether the catalog is still what the caller saw.
    pub(super) fn agrees(self, number: u64, head: &Hashes) -> Result<(), CatalogError> {
        let (expected, found) = match self {
            Expected::Anything => return Ok(()),
            Expected::Number(seen) => (format!("number {seen}"), Some(format!("number {number}"))),
            Expected::Inventory(hash) => (hash.to_owned(), head.inventory.clone()),
            Expected::Weights(hash) => (hash.to_owned(), head.weights.clone()),
            Expected::Labels(hash) => (hash.to_owned(), head.labels.clone()),
        };
        let found = found.unwrap_or_else(|| "nothing".to_owned());
        if found == expected { Ok(()) } else { Err(CatalogError::Conflict { expected, found }) }
    }
}
