//! The decision reply: one answer per placement.

use crate::delivery::json_text::JsonText;
use crate::delivery::rendered_unit::RenderedUnit;
use crate::domain::event::NoFill;
use crate::explain::Explanation;
use bumpalo::boxed::Box;
use schemars::JsonSchema;
use smallvec::SmallVec;

/// The reply to a decision request.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct DecisionReply<'a> {
    /// Id of the request.
    pub(crate) request_id: &'a str,
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
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Serialize))]
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

/// A unit, or the reason why there is none.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(untagged)]
pub(crate) enum Answer<'a> {
    /// A unit.
    #[schemars(with = "RenderedUnit<'a>")]
    #[cfg_attr(test, serde(serialize_with = "tests::unit"))]
    Fill(Box<'a, RenderedUnit<'a>>),
    /// The same as JSON.
    #[schemars(skip)]
    #[cfg_attr(test, serde(skip))]
    Written(&'a [u8]),
    /// No unit.
    NoFill(NoFillReply<'a>),
}

/// A slot without a unit.
#[derive(JsonSchema)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(crate) struct NoFillReply<'a> {
    /// Always false.
    #[schemars(extend("const" = false))]
    pub(crate) fill: bool,
    /// The decision's id.
    pub(crate) decision_id: &'a str,
    /// Why there is no unit.
    pub(crate) reason: NoFill,
}

impl DecisionReply<'_> {
    /// The reply as JSON.
    pub(crate) fn into_json(self) -> Vec<u8> {
        let mut out = JsonText::with_capacity(4_096);
        out.text(r#"{"request_id":"#, self.request_id);
        out.text(r#","snapshot":{"inventory":"#, self.snapshot.inventory);
        out.text(r#","weights":"#, self.snapshot.weights);
        out.value(r#","age_ms":"#, &self.snapshot.age_ms);
        out.value(r#","stale":"#, &self.snapshot.stale);
        out.value(r#"},"warnings":"#, &self.warnings);
        out.raw(r#","decisions":{"#);
        for (at, (key, answer)) in self.decisions.0.iter().enumerate() {
            out.text(if at == 0 { "" } else { "," }, key);
            out.raw(":");
            match answer {
                Answer::Fill(unit) => unit.write(&mut out),
                Answer::Written(json) => out.written(json),
                Answer::NoFill(reply) => {
                    out.value(r#"{"fill":"#, &reply.fill);
                    out.text(r#","decision_id":"#, reply.decision_id);
                    out.text(r#","reason":"#, reply.reason.as_str());
                    out.raw("}");
                }
            }
        }
        out.raw("}");
        if let Some(explanation) = &self.explanation {
            out.value(r#","explanation":"#, explanation);
        }
        out.raw("}");
        out.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::unit_json::tests::{unit_of, unit_values};
    use bumpalo::Bump;
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde::ser::SerializeMap;
    use serde::{Serialize, Serializer};

    impl Serialize for Answers<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(Some(self.0.len()))?;
            for (key, answer) in &self.0 {
                map.serialize_entry(key, answer)?;
            }
            map.end()
        }
    }

    pub(super) fn unit<S: Serializer>(
        unit: &Box<'_, RenderedUnit<'_>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        (**unit).serialize(serializer)
    }

    proptest! {
        #[test]
        fn a_reply_is_written_as_its_serializer_writes_it(
            keys in prop::collection::vec((any::<String>(), select(NoFill::ALL), any::<bool>()), 0..4),
            values in unit_values(),
            warnings in prop::collection::vec(any::<String>(), 0..3),
            (age_ms, stale) in any::<(i64, bool)>(),
        ) {
            let kept = Bump::new();
            let answers = keys.iter().map(|(key, reason, fills)| {
                let empty = NoFillReply { fill: false, decision_id: "a", reason: *reason };
                let fill = || Answer::Fill(Box::new_in(unit_of(&values, &kept), &kept));
                (&**key, if *fills { fill() } else { Answer::NoFill(empty) })
            });
            let reply = DecisionReply {
                request_id: "0198c0de-1f2e-7a3b-8c4d-5e6f70819200",
                snapshot: SnapshotReply { inventory: "e9bd", weights: "44b1", age_ms, stale },
                warnings,
                decisions: Answers(answers.collect()),
                explanation: None,
            };
            let expected = serde_json::to_string(&reply).unwrap();
            prop_assert_eq!(String::from_utf8(reply.into_json()).unwrap(), expected);
        }
    }
}
