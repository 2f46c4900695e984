//! The catalog's head (the versions that are served) and the parameters of a change.

use crate::catalog::detail::Detail;
use crate::catalog::error::CatalogError;
use crate::catalog::image::ImageFile;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use serde::{Deserialize, Serialize};

/// The format of `head.json` that this version writes, and the newest one it can read.
pub(crate) const FORMAT: u32 = 1;

/// The hashes of the served versions; absent where none was stored yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Hashes {
    /// Hash of the inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inventory: Option<String>,
    /// Hash of the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) weights: Option<String>,
    /// Hash of the label table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) labels: Option<String>,
    /// Weights that a part of the requests gets. Older versions drop it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) canary: Option<Box<Canary>>,
}

impl Hashes {
    /// The canary.
    pub(crate) fn canary(&self) -> Option<Canary> {
        self.canary.as_deref().cloned()
    }
}

/// Weights that a part of the requests gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Canary {
    /// Hash of the weights.
    pub(crate) weights: String,
    /// The name of the version, else its hash.
    pub(crate) version: String,
    /// The part of the requests, in units of 2^-32.
    pub(crate) share: u32,
    /// When it began.
    #[schemars(with = "String")]
    pub(crate) began: jiff::Timestamp,
    /// When it got this share.
    #[schemars(with = "String")]
    pub(crate) since: jiff::Timestamp,
    /// Seconds after which it gets the next larger share by itself; absent if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step_seconds: Option<u32>,
}

impl Canary {
    /// The share in per cent.
    pub(crate) fn percent(&self) -> f64 {
        // A share is finer than what is asked for.
        (100e6 * f64::from(self.share) / f64::from(u32::MAX)).round() / 1e6
    }
}

/// What happens to the canary in a change of the head.
#[derive(Clone, Copy, Default)]
pub(crate) enum CanaryChange<'a> {
    /// It stays, unless the weights being served become other ones.
    #[default]
    Keep,
    /// It is this one.
    Set(&'a Canary),
    /// It ends.
    End,
}

/// The versions that are served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Head {
    /// The format of this file.
    pub(crate) format: u32,
    /// The number of the last change, starting at 1.
    pub number: u64,
    /// The hashes of the versions.
    #[serde(flatten)]
    pub(crate) hashes: Hashes,
    /// When it was last changed.
    #[schemars(with = "String")]
    pub(crate) at: jiff::Timestamp,
    /// Who changed it.
    pub(crate) who: String,
}

/// Who changes the catalog and why, for the audit log.
#[derive(Clone, Debug)]
pub struct AuditContext {
    /// Who requests the change, such as a key's id.
    pub who: String,
    /// A description of the change.
    pub what: String,
    /// When the change was requested.
    pub at: jiff::Timestamp,
    /// The idempotency key and the hash of the body, if the request has a key.
    pub request: Option<(String, String)>,
}

/// The parts of the head that a change replaces; the others stay.
#[derive(Clone, Copy, Default)]
pub(crate) struct HeadUpdate<'a> {
    /// A new inventory, validated by the caller.
    pub(crate) inventory: Option<&'a Inventory>,
    /// New weights, validated by the caller.
    pub(crate) weights: Option<&'a Weights>,
    /// A new label table, validated by the caller.
    pub(crate) labels: Option<&'a LabelTable>,
    /// What happens to the canary.
    pub(crate) canary: CanaryChange<'a>,
    /// Images that the new inventory refers to and that may not be stored yet.
    pub(crate) images: &'a [ImageFile],
    /// What the audit log says about it; without a kind it is a change of content.
    pub(crate) detail: Option<&'a Detail>,
}

/// The version that the caller based its change on (optimistic concurrency).
#[derive(Clone, Copy, Debug)]
pub enum ExpectedVersion<'a> {
    /// No precondition: the change applies to any version.
    Any,
    /// The head with this number; 0 is an empty catalog.
    Number(u64),
    /// The inventory with this hash.
    Inventory(&'a str),
    /// The weights with this hash.
    Weights(&'a str),
}

impl ExpectedVersion<'_> {
    /// Fails with [`CatalogError::Conflict`] unless the head is still the expected version.
    pub(super) fn check(self, number: u64, head: &Hashes) -> Result<(), CatalogError> {
        let (expected, found) = match self {
            ExpectedVersion::Any => return Ok(()),
            ExpectedVersion::Number(expected) => {
                (format!("number {expected}"), Some(format!("number {number}")))
            }
            ExpectedVersion::Inventory(hash) => (hash.to_owned(), head.inventory.clone()),
            ExpectedVersion::Weights(hash) => (hash.to_owned(), head.weights.clone()),
        };
        let found = found.unwrap_or_else(|| "none".to_owned());
        if found == expected { Ok(()) } else { Err(CatalogError::Conflict { expected, found }) }
    }
}
