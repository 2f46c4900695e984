//! What the creative of a unit was drawn from.

use crate::domain::campaign::Rotation;
use crate::explain::terms::chance;
use crate::selection::choose::Winner;
use crate::selection::snapshot::Snapshot;
use crate::selection::trace::SlotTrace;
use schemars::JsonSchema;
use serde::Serialize;

/// The creatives that a flight could show in a slot.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct RotationView {
    /// How they take turns.
    pub(crate) rotation: Rotation,
    /// With `optimise`, the pages whose counted clicks the probabilities are learned from: those of the `topic`,
    /// of its `topic_group`, or all of the `flight`. Absent: nothing was learned yet, and all are equally likely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) learned_from: Option<&'static str>,
    /// The texts that could fill the slot.
    pub(crate) creatives: Vec<CreativeView>,
}

/// A text that could fill a slot.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct CreativeView {
    /// Creative id.
    pub(crate) creative: String,
    /// Variant number; 0 is the creative's own text.
    pub(crate) variant: u8,
    /// P(creative and variant | flight).
    pub(crate) probability: f64,
}

/// What the winner's creative was drawn from; `None` if there was no choice.
pub(super) fn of_winner(
    snapshot: &Snapshot,
    win: &Winner,
    traced: &SlotTrace,
) -> Option<RotationView> {
    if traced.creatives.len() < 2 {
        return None;
    }
    let creative = |number: u32| snapshot.inventory.creatives[number as usize].id.to_string();
    let creatives = traced.creatives.iter().map(|one| CreativeView {
        creative: creative(one.creative),
        variant: one.variant,
        probability: chance(one.propensity),
    });
    Some(RotationView {
        rotation: snapshot.flights[win.place].rotation,
        learned_from: traced.learned.map(|scope| scope.as_str()),
        creatives: creatives.collect(),
    })
}
