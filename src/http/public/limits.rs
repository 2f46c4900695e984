//! `GET /v1/limits` and `/v1/privacy`: limits, counting windows and the data map.

use crate::config::limit_settings::QuotaSetting;
use crate::config::settings::{EventWindows, RequestLimits, SnapshotSettings};
use crate::domain::event::EventKind;
use crate::http::AppState;
use crate::http::body;
use crate::http::gate::{CALL_LIMITS, CallLimit};
use crate::http::public::events;
use crate::http::public::negotiated;
use crate::http::public::reports::threads;
use crate::traffic::limits::{Layer, LayerQuotas, Quotas};
use crate::traffic::rules::{RULES, Rule};
use crate::traffic::{Quota, agents};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The limits in force.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LimitsReply<'a> {
    /// Windows within which events are counted.
    pub(crate) windows: EventWindows,
    /// Size limits of a request.
    pub(crate) request: RequestSizes,
    /// Rate limits per visitor and publisher: the first of `layers`.
    pub(crate) visitor: VisitorQuotas<'a>,
    /// All rate limits of events, from narrow to wide. An event over any of them is recorded as invalid with
    /// the reason `rate_limited`. They start anew at midnight UTC, with the salt of the keys.
    pub(crate) layers: Vec<LayerReply>,
    /// The prices at which `layers` states money.
    pub(crate) stated_prices: StatedPrices,
    /// Requests per second from one address before the server answers `overloaded`; 0 turns this off.
    pub(crate) flood_per_second: u32,
    /// Limits of calls that cost much.
    pub(crate) calls: Vec<CallLimit>,
    /// The most connections of one address (per /64 for IPv6); 0 turns this off.
    pub(crate) connections_per_address: u32,
    /// The longest delay of the answer to a wrong key, in milliseconds: 100 after the first one of an address,
    /// twice as much after each further one; 0 turns this off.
    pub(crate) wrong_key_delay_ms: u64,
    /// Age limits of the inventory.
    pub(crate) snapshot: SnapshotSettings,
    /// The rules that can reject an event, in order of evaluation; the first match gives the verdict.
    pub(crate) rules: Vec<RuleReply>,
    /// The lists that the rules about `User-Agent` match with.
    pub(crate) agents: AgentLists,
}

/// The lists that the rules about `User-Agent` match with. Patterns are regular expressions; all but those of
/// `crawlers` ignore case.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AgentLists {
    /// Kinds of browsers.
    pub(crate) browsers: Vec<BrowserKind>,
    /// Names of AI agents, as whole words.
    pub(crate) ai_agents: Vec<&'static str>,
    /// Patterns of the names of AI agents.
    pub(crate) ai_agent_words: &'static [&'static str],
    /// Patterns of programs; the names of phones and carriers are not searched.
    pub(crate) words: &'static [&'static str],
    /// Patterns of crawlers, from `crawler-user-agents` of npm.
    pub(crate) crawlers: Vec<&'static str>,
}

/// A kind of browser.
#[derive(Serialize, JsonSchema)]
pub(crate) struct BrowserKind {
    /// Its name.
    pub(crate) kind: &'static str,
    /// The pattern of its agents.
    pub(crate) pattern: &'static str,
}

fn agent_lists() -> AgentLists {
    AgentLists {
        browsers: agents::BROWSERS
            .iter()
            .map(|(kind, pattern)| BrowserKind { kind, pattern })
            .collect(),
        ai_agents: agents::ai_agents().collect(),
        ai_agent_words: agents::AGENT_WORDS,
        words: agents::WORDS,
        crawlers: agents::crawlers().collect(),
    }
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
    /// Bytes per body of a bid request (`/openrtb2/`), received and unpacked.
    pub(crate) openrtb_body_bytes: usize,
    /// Characters per event token.
    pub(crate) token_characters: usize,
}

/// Rate limits of a visitor.
#[derive(Serialize, JsonSchema)]
pub(crate) struct VisitorQuotas<'a> {
    /// Impressions; viewable impressions as many again.
    pub(crate) impressions: &'a [QuotaSetting],
    /// Decisions clicked; copies as many again.
    pub(crate) clicks: &'a [QuotaSetting],
}

/// Rate limits of one layer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LayerReply {
    /// What events are counted by.
    pub(crate) layer: Layer,
    /// What has the limits.
    pub(crate) subject: &'static str,
    /// Impressions; viewable impressions as many again.
    pub(crate) impressions: Vec<QuotaSetting>,
    /// Decisions clicked; copies as many again.
    pub(crate) clicks: Vec<QuotaSetting>,
    /// The most that can be counted of one subject in any minute of a day (UTC).
    pub(crate) minute: Most,
    /// The most that can be counted of one subject in a day (UTC).
    pub(crate) day: Most,
}

/// The most that the rules in force let one subject have counted, by its own layer and all wider ones; null
/// without a limit.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Most {
    pub(crate) impressions: Option<u64>,
    pub(crate) viewable: Option<u64>,
    pub(crate) clicks: Option<u64>,
    pub(crate) copies: Option<u64>,
    /// The most that all of them together can bill at the stated prices, in micros.
    pub(crate) micros: Option<u64>,
}

/// Prices for stating money, in micros of any currency.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct StatedPrices {
    /// Per 1,000 impressions, or viewable impressions.
    pub(crate) cpm_micros: u64,
    /// Per click, or copy.
    pub(crate) cpc_micros: u64,
}

const STATED: StatedPrices = StatedPrices { cpm_micros: 5_000_000, cpc_micros: 1_000_000 };

impl Most {
    fn of(quotas: &Quotas, layer: Layer, seconds: u32) -> Most {
        let most = |kind| quotas.most(layer, kind, seconds);
        let price = |kind| match kind {
            EventKind::Impression | EventKind::Viewable => STATED.cpm_micros / 1_000,
            EventKind::Click | EventKind::Copy => STATED.cpc_micros,
        };
        let micros = EventKind::ALL.iter().map(|kind| Some(most(*kind)? * price(*kind)));
        Most {
            impressions: most(EventKind::Impression),
            viewable: most(EventKind::Viewable),
            clicks: most(EventKind::Click),
            copies: most(EventKind::Copy),
            micros: micros.sum(),
        }
    }
}

fn layers(quotas: &Quotas) -> Vec<LayerReply> {
    let list = |list: &[Quota]| -> Vec<QuotaSetting> {
        list.iter().map(|&Quota { count, seconds }| QuotaSetting { count, seconds }).collect()
    };
    let reply = |(layer, own): (&Layer, &LayerQuotas)| LayerReply {
        layer: *layer,
        subject: layer.subject(),
        impressions: list(&own.impressions),
        clicks: list(&own.clicks),
        minute: Most::of(quotas, *layer, 60),
        day: Most::of(quotas, *layer, 86_400),
    };
    Layer::ALL.iter().zip(&quotas.0).map(reply).collect()
}

/// Titles and first sentences of the pages.
const LIMITS: (&str, &str) = (
    "Limits and windows",
    "Request limits, the windows within which events are counted, and every rule that can reject an event, with \
     the values in force.",
);
const PRIVACY: (&str, &str) = (
    "Data map",
    "Which data this server uses, for what, how long it is kept, and what is never kept.",
);

/// `GET /v1/limits`.
pub(crate) async fn limits(app: Data<AppState>, http: HttpRequest) -> HttpResponse {
    let settings = app.settings.get();
    let RequestLimits { topics, entities, keywords, characters, placements, body_bytes } =
        settings.request;
    let values = serde_json::to_value(&*settings).unwrap_or_default();
    let reply = LimitsReply {
        windows: settings.windows,
        request: RequestSizes {
            topics,
            entities,
            keywords,
            characters,
            placements,
            body_bytes,
            openrtb_body_bytes: body::exchange_limit(body_bytes),
            token_characters: events::TOKEN_CHARS,
        },
        visitor: VisitorQuotas {
            impressions: &settings.limits.impressions,
            clicks: &settings.limits.clicks,
        },
        layers: layers(&settings.limits.quotas()),
        stated_prices: STATED,
        flood_per_second: settings.limits.flood_per_second,
        calls: CALL_LIMITS.into_iter().chain([threads::limit()]).collect(),
        connections_per_address: settings.limits.connections_per_address,
        wrong_key_delay_ms: settings.limits.wrong_key_delay_ms,
        snapshot: settings.snapshot,
        rules: RULES.iter().map(|one| rule(one, &values)).collect(),
        agents: agent_lists(),
    };
    negotiated::reply(&app, &http, LIMITS, &reply)
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
pub(crate) async fn privacy(app: Data<AppState>, http: HttpRequest) -> HttpResponse {
    let days = app.settings.get().decision_log.days;
    let used = |what, why, kept: String| DataUse { what, why, kept };
    let reply = PrivacyReply {
        identifiers_of_persons: "none is asked for, set or read to show a unit; no cookie, no storage",
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
            used(
                "what a reader writes into the form that reports a unit; a name and an email address only \
                 if given there",
                "to handle the notice and to answer it",
                "a file that only the operator reads, until the notice is handled".into(),
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
            basic: "no viewport observation, no visitor key; limits by address and network remain, in \
                    memory, against fraud; implied by Sec-GPC",
            none: "decisions and clicks only",
        },
        retention: Retention {
            limits_hours: 24,
            decision_log_days: days,
            ledger: "as required by law",
        },
    };
    negotiated::reply(&app, &http, PRIVACY, &reply)
}
