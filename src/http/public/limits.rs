//! `GET /v1/limits` and `/v1/privacy`: limits, counting windows and the data map.

use crate::config::settings::{EventWindows, QuotaSetting, RequestLimits, SnapshotSettings};
use crate::http::public::events;
use crate::http::{AppState, json};
use crate::traffic::rules::{RULES, Rule};
use actix_web::HttpResponse;
use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The limits in force.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LimitsReply<'a> {
    /// EventWindows within which events are counted.
    pub(crate) windows: EventWindows,
    /// Size limits of a request.
    pub(crate) request: RequestSizes,
    /// Rate limits per visitor and publisher.
    pub(crate) visitor: VisitorQuotas<'a>,
    /// Requests per second from one address before the server answers `overloaded`; 0 turns this off.
    pub(crate) flood_per_second: u32,
    /// Age limits of the inventory.
    pub(crate) snapshot: SnapshotSettings,
    /// The rules that can reject an event, in order of evaluation; the first match gives the verdict.
    pub(crate) rules: Vec<RuleReply>,
}

/// One rule.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RuleReply {
    /// Its name.
    pub(crate) name: &'static str,
    /// `duplicate`, `pending` or `invalid`; `review` for a rule that changes no verdict.
    pub(crate) verdict: &'static str,
    /// Reason given to an invalid event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
    /// Condition that the rule checks.
    pub(crate) signal: &'static str,
    /// When or how it applies.
    pub(crate) applies: &'static str,
    /// The settings that control it, with the values in force; of a file, address or header only whether
    /// it is set.
    pub(crate) settings: BTreeMap<&'static str, Value>,
    /// `givt`: general invalid traffic, detected immediately; `sivt`: sophisticated invalid traffic,
    /// detected later.
    pub(crate) class: &'static str,
    /// Where it is evaluated: `request`, `visitor`, `ledger` or `review`.
    pub(crate) decided: &'static str,
}

/// The value of a setting, by its path. What tells about the installation is reduced to whether it is set.
fn value(settings: &Value, path: &str) -> Value {
    let found = settings.pointer(&format!("/{}", path.replace('.', "/"))).unwrap_or(&Value::Null);
    match path.split_once('.') {
        Some(("server" | "traffic", _)) => Value::Bool(!found.is_null()),
        _ => found.clone(),
    }
}

fn rule(rule: &Rule, settings: &Value) -> RuleReply {
    RuleReply {
        name: rule.name,
        verdict: rule.verdict,
        reason: rule.reason.map(|reason| reason.as_str()),
        signal: rule.signal,
        applies: rule.applies,
        settings: rule.settings.iter().map(|path| (*path, value(settings, path))).collect(),
        class: rule.class.as_str(),
        decided: rule.decided.as_str(),
    }
}

/// Size limits of a request; what exceeds them is dropped with a warning.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RequestSizes {
    /// Topics per page.
    pub(crate) topics: usize,
    /// Entities per page.
    pub(crate) entities: usize,
    /// Keywords per page.
    pub(crate) keywords: usize,
    /// Characters per name.
    pub(crate) characters: usize,
    /// Placements per request.
    pub(crate) placements: usize,
    /// Bytes per body.
    pub(crate) body_bytes: usize,
    /// Characters per event token.
    pub(crate) token_characters: usize,
}

/// Rate limits; events above them are recorded as invalid with reason `rate_limited`, never rejected.
#[derive(Serialize, JsonSchema)]
pub(crate) struct VisitorQuotas<'a> {
    /// Decision requests with an impression, per visitor.
    pub(crate) impressions: &'a [QuotaSetting],
    /// Decisions clicked, per visitor.
    pub(crate) clicks: &'a [QuotaSetting],
    /// Decision requests with an impression, per network (/24, /48).
    pub(crate) network_impressions: &'a [QuotaSetting],
    /// Decisions clicked, per network.
    pub(crate) network_clicks: &'a [QuotaSetting],
}

/// `GET /v1/limits`.
pub(crate) async fn limits(app: Data<AppState>) -> HttpResponse {
    let settings = app.settings.get();
    let RequestLimits { topics, entities, keywords, characters, placements, body_bytes } =
        settings.request;
    let values = serde_json::to_value(&*settings).unwrap_or_default();
    json(&LimitsReply {
        windows: settings.windows,
        request: RequestSizes {
            topics,
            entities,
            keywords,
            characters,
            placements,
            body_bytes,
            token_characters: events::TOKEN_CHARS,
        },
        visitor: VisitorQuotas {
            impressions: &settings.limits.impressions,
            clicks: &settings.limits.clicks,
            network_impressions: &settings.limits.network_impressions,
            network_clicks: &settings.limits.network_clicks,
        },
        flood_per_second: settings.limits.flood_per_second,
        snapshot: settings.snapshot,
        rules: RULES.iter().map(|one| rule(one, &values)).collect(),
    })
}

/// The data map: which data is used, for what, and how long it is stored.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PrivacyReply {
    /// Which identifiers of persons are requested, set or read.
    pub(crate) identifiers_of_persons: &'static str,
    /// All data that is used.
    pub(crate) used: Vec<DataUse>,
    /// Which part of a page's URL is stored.
    pub(crate) page_urls: &'static str,
    /// Data that is never stored.
    pub(crate) never: Vec<&'static str>,
    /// The measurement levels a publisher can choose from.
    pub(crate) measurement: MeasurementLevels,
    /// Retention periods.
    pub(crate) retention: Retention,
}

/// One kind of data that is used.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DataUse {
    /// The data.
    pub(crate) what: &'static str,
    /// Purpose.
    pub(crate) why: &'static str,
    /// Where it is stored, and for how long.
    pub(crate) kept: String,
}

/// The measurement levels.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MeasurementLevels {
    /// Full measurement.
    pub(crate) full: &'static str,
    /// Without viewport observation and visitor keys.
    pub(crate) basic: &'static str,
    /// Decisions and clicks only.
    pub(crate) none: &'static str,
}

/// Retention periods.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Retention {
    /// Visitor rate limits, in hours.
    pub(crate) limits_hours: u32,
    /// Decisions, in days.
    pub(crate) decision_log_days: u32,
    /// The ledger of billed events.
    pub(crate) ledger: &'static str,
}

/// `GET /v1/privacy`: the data map.
pub(crate) async fn privacy(app: Data<AppState>) -> HttpResponse {
    let days = app.settings.get().decision_log.days;
    let used = |what, why, kept: String| DataUse { what, why, kept };
    json(&PrivacyReply {
        identifiers_of_persons: "none is asked for, set or read; no cookie, no storage",
        used: vec![
            used("the page's context", "to choose a unit", format!("decision log, {days} days")),
            used(
                "a country-level region",
                "label, targeting, reports",
                format!("decision log, {days} days; ledger, as required by law"),
            ),
            used(
                "IP address and user agent",
                "against fraud",
                "in memory, and in the shared store of a fleet, as a keyed hash with a daily salt, at \
                 most 24 hours"
                    .into(),
            ),
        ],
        page_urls: "path, host or none, by the publisher's setting; query and fragment never",
        never: vec![
            "identifiers of a reader",
            "cookies",
            "storage",
            "profiles",
            "data about the reader in tokens, journal, ledger or logs",
        ],
        measurement: MeasurementLevels {
            full: "impressions, viewability, clicks; visitor limits in memory",
            basic: "no viewport observation, no visitor key; implied by Sec-GPC",
            none: "decisions and clicks only",
        },
        retention: Retention {
            limits_hours: 24,
            decision_log_days: days,
            ledger: "as required by law",
        },
    })
}
