//! Replays of recorded decisions on another configuration.

use crate::catalog::check::Finding;
use crate::decision_log::scan::Span;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::http::change::BODY_TIMEOUT;
use crate::http::problem::{ApiError, FieldProblem};
use crate::http::{AppState, blocking, body, caller, json};
use crate::replay::{Asked, Documents, JobView, ReplayError, Replaying};
use crate::web;
use crate::web::pages::replay;
use actix_web::http::header;
use actix_web::http::header::ContentDisposition;
use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

/// Maximum body size in bytes; enough for an inventory of 100,000 flights.
const MAX_BODY_BYTES: usize = 256 * 1024 * 1024;

/// How far back a replay without times reaches, in milliseconds.
const DEFAULT_MS: i64 = 86_400_000;

/// What to replay.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ReplayRequest {
    /// The start of the decisions, as RFC 3339; 24 hours before the end if absent.
    #[schemars(with = "Option<String>")]
    pub(crate) from: Option<Timestamp>,
    /// The end, exclusive; now if absent.
    #[schemars(with = "Option<String>")]
    pub(crate) to: Option<Timestamp>,
    /// The part of the decisions to replay, above 0 up to 1; all if absent.
    pub(crate) part: Option<f64>,
    /// Whether to estimate the clicks of the proposed configuration, for which the journal is read.
    pub(crate) clicks: bool,
    /// The complete proposed inventory; if absent, that of each decision.
    pub(crate) inventory: Option<Inventory>,
    /// The proposed weights; if absent, those of each decision.
    pub(crate) weights: Option<Weights>,
    /// The proposed labels; if absent, those of each decision.
    pub(crate) labels: Option<LabelTable>,
}

/// Parameters of a result.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResultQuery {
    format: Option<String>,
}

impl From<ReplayError> for ApiError {
    fn from(error: ReplayError) -> ApiError {
        let problem = |finding: Finding| FieldProblem {
            field: format!("{}/{}/{}", finding.list, finding.id, finding.field),
            reason: finding.reason,
            help: finding.help,
        };
        match error {
            ReplayError::Busy(_) => ApiError::conflict("replay_running", error.to_string()),
            ReplayError::Unknown(_) => ApiError::not_found("not_found", error.to_string()),
            ReplayError::Invalid(findings) => {
                ApiError::invalid_document(findings.into_iter().map(problem).collect())
            }
            other => ApiError::internal(format!("{:#}", anyhow::Error::from(other))),
        }
    }
}

/// The times of a replay.
///
/// # Errors
/// The name of the field and the reason.
pub(crate) fn times(
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    now: Timestamp,
) -> Result<Range<i64>, (&'static str, String)> {
    let to = to.unwrap_or(now).as_millisecond();
    let from = from.map_or(to.saturating_sub(DEFAULT_MS), Timestamp::as_millisecond);
    if from >= to {
        return Err(("to", "must be after `from` (`to` is exclusive)".to_owned()));
    }
    Ok(from..to)
}

/// A part above 0 up to 1.
///
/// # Errors
/// The name of the field and the reason.
pub(crate) fn part(part: Option<f64>) -> Result<f64, (&'static str, String)> {
    let part = part.unwrap_or(1.0);
    match part > 0.0 && part <= 1.0 {
        true => Ok(part),
        false => Err(("part", "must be above 0 and at most 1".to_owned())),
    }
}

/// `POST /v1/admin/replays`: starts a replay in the background. Changes nothing.
pub(crate) async fn start(
    app: Data<AppState>,
    replaying: Data<Replaying>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let identity = caller::require_operator(&app, &http)?;
    let bytes = body::read(payload, MAX_BODY_BYTES, BODY_TIMEOUT).await?;
    let (request, _) = body::json::<ReplayRequest>(&bytes)?;
    let ReplayRequest { from, to, part: asked, clicks, inventory, weights, labels } = request;
    let invalid = |(field, reason): (&'static str, String)| ApiError::invalid_field(field, reason);
    let times = times(from, to, app.clock.now()).map_err(invalid)?;
    let span = Span { times, part: part(asked).map_err(invalid)? };
    let documents = Documents { inventory, weights, labels };
    let asked = Asked { span, documents, with_clicks: clicks };
    let replaying: Arc<Replaying> = replaying.into_inner();
    let asked_by = identity.id;
    let view = blocking(move || replaying.start(asked, asked_by, None)).await?;
    Ok(HttpResponse::Accepted().insert_header((header::CACHE_CONTROL, "no-store")).json(view))
}

/// `GET /v1/admin/replays`: the last replays, newest first, without their results.
pub(crate) async fn list(
    app: Data<AppState>,
    replaying: Data<Replaying>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    caller::require_operator(&app, &http)?;
    let replays: Vec<JobView> = replaying.list();
    Ok(json(&replays))
}

fn number(id: &str) -> Result<u64, ApiError> {
    let missing = || ApiError::not_found("not_found", format!("there is no replay `{id}`"));
    id.parse().map_err(|_| missing())
}

/// `GET /v1/admin/replays/{id}`: progress or result; `format=html` gives the result as a page.
pub(crate) async fn read(
    app: Data<AppState>,
    replaying: Data<Replaying>,
    http: HttpRequest,
    id: Path<String>,
    query: Query<ResultQuery>,
) -> Result<HttpResponse, ApiError> {
    caller::require_operator(&app, &http)?;
    let found = replaying.find(number(&id)?)?;
    match (query.format.as_deref(), &found.report) {
        (None | Some("json"), _) => Ok(json(&found)),
        (Some("html"), Some(report)) => {
            let name = format!("adjacent-replay-{}.html", found.id);
            Ok(HttpResponse::Ok()
                .content_type(web::HTML)
                .insert_header((header::CACHE_CONTROL, "no-store"))
                .insert_header(ContentDisposition::attachment(name))
                .body(replay::replay(report)))
        }
        (Some("html"), None) => {
            Err(ApiError::conflict("no_report", "this replay has no report to show: see its state"))
        }
        _ => Err(ApiError::invalid_field("format", "must be `json` or `html`")),
    }
}

/// `DELETE /v1/admin/replays/{id}`: cancels a replay, or forgets its result.
pub(crate) async fn remove(
    app: Data<AppState>,
    replaying: Data<Replaying>,
    http: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    caller::require_operator(&app, &http)?;
    replaying.remove(number(&id)?)?;
    Ok(HttpResponse::NoContent().finish())
}
