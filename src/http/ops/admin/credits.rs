//! Credits for invalid traffic, and refunds.

use crate::domain::event::EventKind;
use crate::domain::local_time;
use crate::domain::money::Micros;
use crate::http::AppState;
use crate::http::change::Change;
use crate::http::json;
use crate::http::problem::ApiError;
use crate::reporting::Reporting;
use crate::reporting::credit;
use crate::reporting::credit::{CreditError, CreditReason, Credited, Refunded};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum number of decisions per request; all are found in one scan of the journal.
const MAX_DECISIONS: usize = 10_000;
/// Maximum length of a note, in characters.
const MAX_NOTE_CHARS: usize = 500;

/// Decisions whose events were invalid traffic.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreditRequest {
    /// The decisions whose events no longer count; at most 10,000.
    pub(crate) decisions: Vec<String>,
    /// Kinds of events to credit; all kinds if empty.
    #[serde(default)]
    pub(crate) kinds: Vec<EventKind>,
    /// Reason; stored with the entry.
    pub(crate) note: String,
}

/// The credited events.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CreditReply {
    /// Every event that was counted and is now invalid, or will be.
    pub(crate) credited: Vec<Credited>,
    /// Amount credited by this request, in micros by currency.
    pub(crate) micros: BTreeMap<String, i64>,
}

/// `POST /v1/admin/credits`: idempotent, because each event is credited at most once.
pub(crate) async fn credit(
    app: Data<AppState>,
    reporting: Data<Reporting>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let change = Change::read(&app, &http, payload, "credit".into()).await?;
    let request: CreditRequest = change.json()?;
    if request.decisions.is_empty() || request.decisions.len() > MAX_DECISIONS {
        return Err(ApiError::invalid_field(
            "decisions",
            format!("must have 1 to {MAX_DECISIONS} ids"),
        ));
    }
    let note = note(&request.note)?;
    let reason_text = format!("credit of {} decisions: {note}", request.decisions.len());
    let id = |(at, text): (usize, &String)| match uuid::Uuid::parse_str(text) {
        Ok(id) => Ok(id.as_u128()),
        Err(_) => {
            Err(ApiError::invalid_field(format!("decisions[{at}]"), "is not a decision id (UUID)"))
        }
    };
    let decisions: Result<BTreeSet<u128>, ApiError> =
        request.decisions.iter().enumerate().map(id).collect();
    let kinds = if request.kinds.is_empty() { EventKind::ALL } else { &request.kinds };
    let reason = CreditReason { by: &change.by.who, note };
    let credited = reporting.credit(decisions?, kinds, reason).await?;
    let micros = credit::sums(&credited);
    tracing::info!(
        by = change.by.who,
        owner = change.owner,
        what = reason_text,
        effect = format!("{} events credited, micros by currency: {micros:?}", credited.len()),
        "invalid traffic credited"
    );
    Ok(json(&CreditReply { credited, micros }))
}

/// A refund to a campaign.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefundRequest {
    /// The campaign's id.
    pub(crate) campaign: String,
    /// The day to refund, in the advertiser's time zone, such as `2026-11-25`.
    pub(crate) day: String,
    /// Amount in micros of the advertiser's currency.
    pub(crate) micros: Micros,
    /// Reason; stored with the entry.
    pub(crate) note: String,
}

/// The refunded amount.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RefundReply {
    /// The campaign's id.
    pub(crate) campaign: String,
    /// The refunded day.
    pub(crate) day: String,
    /// Amount refunded, in micros: at most what the day was billed.
    pub(crate) micros: i64,
    /// Recorded, but nothing was billed on that day yet: refunded at its first bill. The same request
    /// with the same key then has the amount.
    pub(crate) pending: bool,
}

/// `POST /v1/admin/refunds`: requires an `Idempotency-Key`; each key refunds at most once.
pub(crate) async fn refund(
    app: Data<AppState>,
    reporting: Data<Reporting>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let change = Change::read(&app, &http, payload, "refund".into()).await?;
    let (key, _) = change.by.request.as_ref().ok_or_else(|| {
        ApiError::invalid_field(
            "Idempotency-Key",
            "is required, so that a retry does not refund twice",
        )
    })?;
    let request: RefundRequest = change.json()?;
    let day = local_time::day(&request.day).map_err(|_| {
        ApiError::invalid_field(
            "day",
            format!("`{}` is not a date (expected a form such as 2026-11-25)", request.day),
        )
    })?;
    if request.micros == Micros::ZERO {
        return Err(ApiError::invalid_field("micros", "must be greater than 0"));
    }
    let reason = CreditReason { by: &change.by.who, note: note(&request.note)? };
    let hash = blake3::hash(format!("refund {key}").as_bytes());
    let id = u128::from_le_bytes(*hash.as_bytes().first_chunk().expect("32 bytes"));
    let refunded = reporting.refund(id, &request.campaign, day, request.micros, reason).await?;
    let (status, micros) = match refunded {
        Refunded::Issued(micros) => (StatusCode::OK, micros.get()),
        Refunded::Pending => (StatusCode::ACCEPTED, 0),
    };
    let effect = match refunded {
        Refunded::Issued(_) => format!("{micros} micros refunded"),
        Refunded::Pending => format!("{} micros at the first bill of the day", request.micros),
    };
    tracing::info!(
        by = change.by.who,
        owner = change.owner,
        what = format!("refund of {} for {day}: {}", request.campaign, request.note.trim()),
        effect,
        "refund recorded"
    );
    let mut response = json(&RefundReply {
        campaign: request.campaign,
        day: day.to_string(),
        micros,
        pending: refunded == Refunded::Pending,
    });
    *response.status_mut() = status;
    Ok(response)
}

fn note(text: &str) -> Result<&str, ApiError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_NOTE_CHARS {
        return Err(ApiError::invalid_field(
            "note",
            format!("must have 1 to {MAX_NOTE_CHARS} characters"),
        ));
    }
    Ok(text)
}

impl From<CreditError> for ApiError {
    fn from(error: CreditError) -> ApiError {
        match error {
            CreditError::Journal(error) => ApiError::unavailable(error),
            CreditError::Pending => ApiError::dependency_unavailable(error.to_string()),
            CreditError::Read(error) => ApiError::internal(error),
            CreditError::UnknownCampaign(_) => ApiError::not_found("not_found", error.to_string()),
            CreditError::KeyReused { .. } => {
                ApiError::invalid_field("Idempotency-Key", error.to_string())
            }
        }
    }
}
