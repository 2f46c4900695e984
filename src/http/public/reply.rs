//! The decision reply: one answer per placement.

use crate::delivery::rendered_unit::RenderedUnit;
use crate::domain::event::NoFill;
use crate::explain::Explanation;
use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use smallvec::SmallVec;

/// The reply to a decision request.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DecisionReply<'a> {
    /// Id of the request.
    pub(crate) request_id: String,
    /// The versions it was decided on.
    pub(crate) snapshot: SnapshotReply<'a>,
    /// What was truncated, ignored or not understood.
    pub(crate) warnings: Vec<String>,
    /// One answer per placement, by its key.
    #[schemars(with = "std::collections::BTreeMap<String, Answer<'a>>")]
    pub(crate) decisions: Answers<'a>,
    /// The full trace, if an operator requested it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) explanation: Option<Explanation>,
}

/// The versions that a decision was made on.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SnapshotReply<'a> {
    /// Content hash of the inventory.
    pub(crate) inventory: &'a str,
    /// Content hash of the weights.
    pub(crate) weights: &'a str,
    /// Time since the catalog was last reached, in milliseconds.
    pub(crate) age_ms: i64,
    /// Whether the inventory is older than `snapshot.stale_after_seconds`.
    pub(crate) stale: bool,
}

/// Answers by key, in the order of the request.
pub(crate) struct Answers<'a>(pub(crate) SmallVec<[(&'a str, Answer<'a>); 2]>);

impl Serialize for Answers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, answer) in &self.0 {
            map.serialize_entry(key, answer)?;
        }
        map.end()
    }
}

/// A unit, or the reason why there is none.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Answer<'a> {
    /// A unit.
    Fill(Box<RenderedUnit<'a>>),
    /// No unit.
    NoFill(NoFillReply),
}

/// A slot without a unit.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NoFillReply {
    /// Always false.
    #[schemars(extend("const" = false))]
    pub(crate) fill: bool,
    /// The decision's id.
    pub(crate) decision_id: String,
    /// Why there is no unit.
    pub(crate) reason: NoFill,
}

impl NoFillReply {
    /// The answer for a slot without a unit.
    pub(crate) fn new(id: u128, reason: NoFill) -> NoFillReply {
        NoFillReply { fill: false, decision_id: uuid::Uuid::from_u128(id).to_string(), reason }
    }
}
