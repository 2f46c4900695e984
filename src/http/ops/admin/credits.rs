//! Money given back: credits for invalid traffic, and refunds.

use crate::domain::event::EventKind;
use crate::domain::money::Micros;
use crate::http::Face;
use crate::http::ops::admin::Change;
use crate::http::problem::ApiError;
use crate::http::public::explain::json;
use crate::server::credit;
use crate::server::credit::CreditError;
use crate::server::credit::Credited;
use crate::server::credit::Reason;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web::Data;
use actix_web::web::Payload;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Decisions that one call may take back: they are found in one reading of the journal.
const MOST: usize = 10_000;
/// The longest note, in characters.
const NOTE_CHARS: usize = 500;

/// Invalid traffic that was found.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditRequest {
    /// The decisions whose events no longer count; at most 10,000.
    pub decisions: Vec<String>,
    /// Which of their events; all kinds unless it says some.
    #[serde(default)]
    pub kinds: Vec<EventKind>,
    /// Why; kept with the entry.
    pub note: String,
}

/// What was taken back.
#[derive(Serialize, JsonSchema)]
pub struct CreditReply {
    /// Every event that counted and does not any more.
    pub credited: Vec<Credited>,
    /// What this call gave back, in micros by currency.
    pub micros: BTreeMap<String, i64>,
}

/// `POST /v1/admin/credits`: idempotent by itself, an event is credited once.
pub async fn credit(
    face: Data<Face>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let change = Change::read(&face, &http, payload, "credit".into()).await?;
    let asked: CreditRequest = change.json()?;
    if asked.decisions.is_empty() || asked.decisions.len() > MOST {
        return Err(ApiError::refused("decisions", format!("has 1 to {MOST} ids")));
    }
    let note = note(&asked.note)?;
    let id = |(at, text): (usize, &String)| match uuid::Uuid::parse_str(text) {
        Ok(id) => Ok(id.as_u128()),
        Err(_) => Err(ApiError::refused(format!("decisions[{at}]"), "is not the id of a decision")),
    };
    let decisions: Result<BTreeSet<u128>, ApiError> =
        asked.decisions.iter().enumerate().map(id).collect();
    let kinds = if asked.kinds.is_empty() { EventKind::ALL } else { &asked.kinds };
    let reason = Reason { by: &change.by.who, note };
    let credited = face.server.credit(decisions?, kinds, reason).await?;
    let micros = credit::sums(&credited);
    tracing::info!(by = change.by.who, events = credited.len(), "invalid traffic is credited");
    Ok(json(&CreditReply { credited, micros }))
}

/// Money to give back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundRequest {
    /// Whose.
    pub campaign: String,
    /// For which day, in the advertiser's zone, such as `2026-11-25`.
    pub day: String,
    /// How much, in micros of the advertiser's currency.
    pub micros: Micros,
    /// Why; kept with the entry.
    pub note: String,
}

/// What came back.
#[derive(Serialize, JsonSchema)]
pub struct RefundReply {
    /// Whose.
    pub campaign: String,
    /// For which day.
    pub day: String,
    /// How much came back, in micros: never more than the day was billed.
    pub micros: i64,
}

/// `POST /v1/admin/refunds`: needs an `Idempotency-Key`, which gives once.
pub async fn refund(
    face: Data<Face>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let change = Change::read(&face, &http, payload, "refund".into()).await?;
    let (key, _) = change.by.request.as_ref().ok_or_else(|| {
        ApiError::refused("Idempotency-Key", "is needed: a refund asked twice gives once")
    })?;
    let asked: RefundRequest = change.json()?;
    let day = asked.day.parse::<jiff::civil::Date>().map_err(|_| {
        ApiError::refused("day", format!("`{}` is not a date: write 2026-11-25", asked.day))
    })?;
    if asked.micros == Micros::ZERO {
        return Err(ApiError::refused("micros", "is more than nothing"));
    }
    let reason = Reason { by: &change.by.who, note: note(&asked.note)? };
    let hash = blake3::hash(format!("refund {key}").as_bytes());
    let id = u128::from_le_bytes(*hash.as_bytes().first_chunk().expect("32 bytes"));
    let micros = face.server.refund(id, &asked.campaign, day, asked.micros, reason).await?;
    tracing::info!(by = change.by.who, campaign = asked.campaign, "money is given back");
    Ok(json(&RefundReply { campaign: asked.campaign, day: day.to_string(), micros: micros.get() }))
}

fn note(text: &str) -> Result<&str, ApiError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > NOTE_CHARS {
        return Err(ApiError::refused("note", format!("has 1 to {NOTE_CHARS} characters")));
    }
    Ok(text)
}

impl From<CreditError> for ApiError {
    fn from(error: CreditError) -> ApiError {
        match error {
            CreditError::Journal(error) => ApiError::unavailable(error),
            CreditError::Waits => ApiError::away(error.to_string()),
            CreditError::Read(error) => ApiError::internal(error),
            CreditError::NoCampaign(_) => ApiError::missing("no_such_document", error.to_string()),
            CreditError::Reused { .. } => ApiError::refused("Idempotency-Key", error.to_string()),
        }
    }
}
