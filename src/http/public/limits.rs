//! `GET /v1/limits` and `/v1/privacy`: what is cut, what counts for how long, what is kept.

use crate::config::settings::Quota;
use crate::config::settings::RequestLimits;
use crate::config::settings::SnapshotSettings;
use crate::config::settings::Windows;
use crate::http::Face;
use crate::http::public::events;
use crate::http::public::explain;
use crate::traffic::rules::RULES;
use crate::traffic::rules::Rule;
use actix_web::HttpResponse;
use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

/// The settings in force.
#[derive(Serialize, JsonSchema)]
pub struct LimitsReply<'a> {
    /// How long an event may take to count.
    pub windows: Windows,
    /// How much of a request is read.
    pub request: RequestSizes,
    /// How often one visitor counts, per publisher.
    pub visitor: VisitorQuotas<'a>,
    /// Requests a second one address may send before the box answers `overloaded`; 0 is off.
    pub flood_per_second: u32,
    /// How old the inventory may grow.
    pub snapshot: SnapshotSettings,
    /// Everything that can speak against an event, in the order in which it is asked; the first
    /// that speaks gives the verdict.
    pub rules: Vec<RuleReply>,
}

/// One rule.
#[derive(Serialize, JsonSchema)]
pub struct RuleReply {
    /// Its name.
    pub name: &'static str,
    /// `duplicate`, `pending` or `invalid`; `review` where it changes no verdict.
    pub verdict: &'static str,
    /// The reason of an invalid event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// What it looks at.
    pub signal: &'static str,
    /// What holds where nobody sets anything.
    pub default: &'static str,
    /// The settings that change it.
    pub settings: &'static [&'static str],
    /// `givt`: general invalid traffic, told at once; `sivt`: sophisticated, told later.
    pub class: &'static str,
    /// Where it is decided: `request`, `visitor`, `ledger` or `review`.
    pub decided: &'static str,
}

fn rule(rule: &Rule) -> RuleReply {
    RuleReply {
        name: rule.name,
        verdict: rule.verdict,
        reason: rule.reason.map(|reason| reason.as_str()),
        signal: rule.signal,
        default: rule.default,
        settings: rule.settings,
        class: rule.class.as_str(),
        decided: rule.decided.as_str(),
    }
}

/// How much of a request is read; the rest is dropped with a warning.
#[derive(Serialize, JsonSchema)]
pub struct RequestSizes {
    /// Topics of a page.
    pub topics: usize,
    /// Entities of a page.
    pub entities: usize,
    /// Keywords of a page.
    pub keywords: usize,
    /// Characters of a name.
    pub characters: usize,
    /// Placements of a call.
    pub placements: usize,
    /// Bytes of a body.
    pub body_bytes: usize,
    /// Characters of a token.
    pub token_characters: usize,
}

/// Over these an event is kept as `rate_limited`, never refused.
#[derive(Serialize, JsonSchema)]
pub struct VisitorQuotas<'a> {
    /// Page calls with an impression.
    pub impressions: &'a [Quota],
    /// Decisions clicked.
    pub clicks: &'a [Quota],
    /// Page calls with an impression, of a whole network (/24, /48).
    pub network_impressions: &'a [Quota],
    /// Decisions clicked from a whole network.
    pub network_clicks: &'a [Quota],
}

/// `GET /v1/limits`: the settings in force.
pub async fn limits(face: Data<Face>) -> HttpResponse {
    let settings = face.server.settings();
    let RequestLimits { topics, entities, keywords, characters, placements, body_bytes } =
        settings.request;
    explain::json(&LimitsReply {
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
        rules: RULES.iter().map(rule).collect(),
    })
}

/// The data map.
#[derive(Serialize, JsonSchema)]
pub struct PrivacyReply {
    /// Which identifiers of a person are asked for, set or read.
    pub identifiers_of_persons: &'static str,
    /// Everything that is used.
    pub used: Vec<Use>,
    /// What is kept of a page's address.
    pub page_urls: &'static str,
    /// What never is.
    pub never: Vec<&'static str>,
    /// What a publisher may choose to have measured.
    pub measurement: MeasurementWords,
    /// How long things are kept.
    pub retention: Retention,
}

/// One thing that is used.
#[derive(Serialize, JsonSchema)]
pub struct Use {
    /// What.
    pub what: &'static str,
    /// What for.
    pub why: &'static str,
    /// Where and how long.
    pub kept: String,
}

/// The publisher's choices.
#[derive(Serialize, JsonSchema)]
pub struct MeasurementWords {
    /// Everything there is.
    pub full: &'static str,
    /// Without looking at the viewport or telling visitors apart.
    pub basic: &'static str,
    /// As little as possible.
    pub none: &'static str,
}

/// How long things are kept.
#[derive(Serialize, JsonSchema)]
pub struct Retention {
    /// Visitors' limits, in hours.
    pub limits_hours: u32,
    /// Decisions, in days.
    pub decision_log_days: u32,
    /// What was billed.
    pub ledger: &'static str,
}

/// `GET /v1/privacy`: the data map.
pub async fn privacy(face: Data<Face>) -> HttpResponse {
    let days = face.server.settings().decision_log.days;
    let used = |what, why, kept: String| Use { what, why, kept };
    explain::json(&PrivacyReply {
        identifiers_of_persons: "none is asked for, set or read; no cookie, no storage",
        used: vec![
            used("the page's context", "to choose a unit", format!("decision log, {days} days")),
            used(
                "a country-level region",
                "label, targeting, reports",
                format!("decision log, {days} days; ledger, as the law asks"),
            ),
            used(
                "address and agent",
                "against fraud",
                "in memory, and in the store of servers that share one, as a keyed hash under a \
                 salt of the day, 24 hours at the most"
                    .into(),
            ),
        ],
        page_urls: "path, host or none, as the publisher chose; query and fragment never",
        never: vec![
            "identifiers of a reader",
            "cookies",
            "storage",
            "profiles",
            "anything of the reader in tokens, journal, ledger or logs",
        ],
        measurement: MeasurementWords {
            full: "impressions, viewability, clicks; visitor limits in memory",
            basic: "no viewport observation, no visitor key; implied by Sec-GPC",
            none: "decisions and clicks alone",
        },
        retention: Retention {
            limits_hours: 24,
            decision_log_days: days,
            ledger: "as the law asks",
        },
    })
}
