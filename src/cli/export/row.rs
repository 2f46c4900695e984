//! The export row: flat, with the same columns in every format.

use crate::domain::attribution::{AttributionKey, Dimension};
use crate::domain::money::Currency;
use crate::ledger::EventVerdict;
use crate::ledger::outcome::Adjustment;
use crate::ledger::record::Event;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// One row. Credits and refunds are separate rows with a negative amount, so that `billed_micros` sums
/// to the spend.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    /// `event`, `credit` or `refund`.
    entry: &'static str,
    kind: Option<&'static str>,
    cta: Option<String>,
    at: String,
    decided_at: String,
    decision_id: Option<String>,
    verdict: Option<&'static str>,
    reason: Option<&'static str>,
    billed_micros: i64,
    currency: Currency,
    #[serde(flatten)]
    attribution: Columns,
}

/// The column of the values of reported context keys: `KEY=VALUE`, separated by `;`.
pub(super) const CUSTOM: &str = "custom";

/// The attribution: a column per dimension.
#[derive(Clone, Debug)]
struct Columns(Arc<AttributionKey>);

impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unit = &self.0;
        let mut columns = serializer.serialize_map(None)?;
        for dimension in Dimension::attributed() {
            match dimension {
                Dimension::Variant => columns.serialize_entry(dimension.as_str(), &unit.variant)?,
                _ => columns.serialize_entry(
                    dimension.as_str(),
                    &dimension.value(Some(unit), &unit.page),
                )?,
            }
        }
        columns.serialize_entry(CUSTOM, &unit.page.custom)?;
        columns.end()
    }
}

fn timestamp(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

impl Row {
    pub(super) fn event(judged: &EventVerdict) -> Row {
        let (event, verdict) = (&judged.event, judged.verdict);
        Row {
            verdict: Some(verdict.as_str()),
            reason: verdict.reason().map(|reason| reason.as_str()),
            billed_micros: judged.billed.get(),
            ..Row::of("event", Some(event), &event.attribution, event.at_ms, event.decided_at_ms)
        }
    }

    /// A row for a credit or a refund.
    pub(super) fn returned(returned: &Adjustment) -> Row {
        let event = returned.event.as_ref();
        let entry = if event.is_some() { "credit" } else { "refund" };
        Row {
            reason: event.map(|_| "credited"),
            billed_micros: -returned.micros.get(),
            ..Row::of(entry, event, &returned.attribution, returned.at_ms, returned.decided_at_ms)
        }
    }

    fn of(
        entry: &'static str,
        event: Option<&Arc<Event>>,
        of: &Arc<AttributionKey>,
        at_ms: i64,
        decided_at_ms: i64,
    ) -> Row {
        let id = |event: &Arc<Event>| uuid::Uuid::from_u128(event.decision).to_string();
        Row {
            entry,
            kind: event.map(|event| event.kind.as_str()),
            cta: event.and_then(|event| event.cta.as_ref()).map(|(_, id)| id.to_string()),
            at: timestamp(at_ms),
            decided_at: timestamp(decided_at_ms),
            decision_id: event.map(id),
            verdict: None,
            reason: None,
            billed_micros: 0,
            currency: of.currency,
            attribution: Columns(of.clone()),
        }
    }
}
