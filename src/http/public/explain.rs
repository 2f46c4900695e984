//! `GET /v1/decisions/{id}/explain` and `/events`: the trace of a decision and its events.

use crate::cluster::FetchError;
use crate::config::keys::{Identity, Role};
use crate::decision_log::decision_id::slot_of;
use crate::domain::event::{EventKind, InvalidReason, Verdict};
use crate::explain::{Audience, Explain, ExplainError, Explanation, RemoteExplainError, Replay};
use crate::http::problem::ApiError;
use crate::http::{AppState, blocking, caller, json};
use crate::ledger::EventVerdict;
use crate::publishing::Publishing;
use crate::reporting::Reporting;
use crate::token::partition_of;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

impl From<ExplainError> for ApiError {
    fn from(error: ExplainError) -> ApiError {
        match error {
            ExplainError::NotRecorded(_) => {
                ApiError::not_found("decision_not_recorded", error.to_string())
            }
            ExplainError::Unreadable { .. } => {
                ApiError::not_found("decision_unreadable", error.to_string())
            }
            other => ApiError::internal(
                anyhow::Error::from(other)
                    .chain()
                    .map(|c| c.to_string())
                    .collect::<Vec<_>>()
                    .join(": "),
            ),
        }
    }
}

/// Parses a decision id from a path.
pub(crate) fn decision_id(text: &str) -> Result<u128, ApiError> {
    uuid::Uuid::parse_str(text)
        .map(|id| id.as_u128())
        .map_err(|_| ApiError::not_found("decision_not_recorded", "not a decision id (UUID)"))
}

/// The reader of an explanation, from the identity of the key.
///
/// # Errors
/// 403 with an exchange's key.
pub(crate) fn reader_of(identity: &Identity) -> Result<Audience, ApiError> {
    match identity.role {
        Role::Operator => Ok(Audience::Operator),
        Role::Publisher => Ok(Audience::Publisher(identity.owner.clone())),
        Role::Advertiser => Ok(Audience::Advertiser(identity.owner.clone())),
        Role::Exchange => {
            Err(ApiError::forbidden("an operator, advertiser or publisher key is required"))
        }
    }
}

/// Query parameters of an explanation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainQuery {
    want: Option<String>,
    /// Name or hash of other weights.
    weights: Option<String>,
}

/// `GET /v1/decisions/{id}/explain`.
pub(crate) async fn explain(
    app: Data<AppState>,
    explain: Data<Explain>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    (id, query): (Path<String>, Query<ExplainQuery>),
) -> Result<HttpResponse, ApiError> {
    let identity = caller::identity(&app, &http)?.ok_or_else(|| {
        ApiError::unauthorized("an operator, advertiser or publisher key is required")
    })?;
    let _pass = app.gates.identified(&identity, app.clock.now_ms()).await?;
    let (reader, query) = (reader_of(&identity)?, query.into_inner());
    let Some(weights) = query.weights else {
        return Ok(json(&explanation(&explain, &id, reader, query.want).await?));
    };
    if !matches!(reader, Audience::Operator) {
        return Err(ApiError::forbidden("`weights` needs an operator key"));
    }
    let made = recompute(&explain, decision_id(&id)?, true).await?;
    let (version, _) = publishing.weights_version(&weights).await?;
    let explanation = blocking(move || {
        let again = explain.with_weights(made, &version.hash)?;
        again.explained(&Audience::Operator, query.want.as_deref()).map_err(ApiError::from)
    });
    Ok(json(&explanation.await?))
}

/// The explanation of a decision, redacted for one reader.
pub(crate) async fn explanation(
    explain: &Explain,
    id: &str,
    reader: Audience,
    want: Option<String>,
) -> Result<Explanation, ApiError> {
    let is_operator = matches!(reader, Audience::Operator);
    let recomputed = recompute(explain, decision_id(id)?, is_operator).await?;
    blocking(move || recomputed.explained(&reader, want.as_deref()).map_err(ApiError::from)).await
}

/// Recomputes a decision from its record, which may be on another instance. Only operators see the
/// addresses of instances and file names in errors.
///
/// # Errors
/// 404 if no instance has a readable record or the one that has it does not respond, 503 if the other
/// instances cannot be asked now.
pub(crate) async fn recompute(
    explain: &Explain,
    decision: u128,
    is_operator: bool,
) -> Result<Replay, ApiError> {
    let id = uuid::Uuid::from_u128(decision);
    explain.replay_anywhere(decision).await.map_err(|error| match error {
        RemoteExplainError::Explain(ExplainError::Unreadable { decision, .. }) if !is_operator => {
            let detail = format!(
                "decision `{decision}` cannot be read from the decision log: contact the operator of this server"
            );
            ApiError::not_found("decision_unreadable", detail)
        }
        RemoteExplainError::Explain(error) => error.into(),
        RemoteExplainError::Fetch(FetchError::Store(error)) => {
            tracing::warn!(
                %error,
                "shared store unavailable; cannot look up another instance's decision, answering 503"
            );
            ApiError::dependency_unavailable(format!(
                "decision `{id}` is not on this instance, and the shared store, through which the other \
                 instances are queried, does not respond: retry shortly"
            ))
        }
        RemoteExplainError::Fetch(FetchError::Busy) => ApiError::dependency_unavailable(format!(
            "decision `{id}` is not on this instance, and too many lookups on other instances are \
             pending: retry shortly"
        )),
        RemoteExplainError::Fetch(FetchError::NoResponse(starts)) if is_operator => {
            let addresses = starts.iter().map(|start| format!("{} ({})", start.ops, start.host));
            let addresses = addresses.collect::<Vec<_>>().join(" or ");
            let detail = format!(
                "another instance has the record of `{id}` and does not respond: restart it on its \
                 data directory, or run `adjacent explain` there; its operations listener was \
                 {addresses}"
            );
            ApiError::not_found("decision_elsewhere", detail)
        }
        RemoteExplainError::Fetch(FetchError::NoResponse(_)) => {
            let detail = format!(
                "another instance has the record of `{id}` and does not respond: try again later"
            );
            ApiError::not_found("decision_elsewhere", detail)
        }
    })
}

/// One event of a decision with its verdict.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct EventView {
    /// Kind of event.
    pub(crate) kind: EventKind,
    /// Id of the call to action that was clicked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cta: Option<String>,
    /// Time of receipt.
    pub(crate) at: String,
    /// Verdict.
    #[schemars(extend("enum" = Verdict::LABELS))]
    pub(crate) verdict: &'static str,
    /// Reason, if the verdict is `invalid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<InvalidReason>,
    /// Amount billed for it, in micros.
    pub(crate) billed_micros: i64,
}

/// The events of a decision, in order of receipt.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct EventsReply {
    /// Id of the decision.
    pub(crate) decision_id: String,
    /// Its events; at most 1,000.
    pub(crate) events: Vec<EventView>,
    /// Number of later events that are left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) omitted: usize,
}

/// Most events of a decision in a reply.
const MAX_EVENTS: usize = 1_000;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// `GET /v1/decisions/{id}/events`: requires a publisher or operator key.
pub(crate) async fn events(
    app: Data<AppState>,
    reporting: Data<Reporting>,
    explain: Data<Explain>,
    http: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let identity = caller::identity(&app, &http)?
        .ok_or_else(|| ApiError::unauthorized("a publisher or operator key is required"))?;
    if matches!(identity.role, Role::Advertiser | Role::Exchange) {
        return Err(ApiError::forbidden("a publisher or operator key is required"));
    }
    let decision = decision_id(&id)?;
    let _pass = app.gates.events(&identity, app.clock.now_ms()).await?;
    let is_operator = identity.role == Role::Operator;
    let mut found = match recompute(&explain, decision, is_operator).await {
        Ok(made) if is_operator || made.publisher() == identity.owner => {
            let slot = slot_of(decision).and_then(|slot| made.campaign(slot));
            let made = slot.map(|campaign| (partition_of(campaign), made.found.line.at_ms));
            match made {
                Some(_) => blocking(move || events_of(&reporting, decision, made)).await?,
                None => Vec::new(),
            }
        }
        Ok(_) => Vec::new(),
        // Its events may be in the journal all the same, which is kept longer.
        Err(_) if is_operator => blocking(move || events_of(&reporting, decision, None)).await?,
        Err(error) => return Err(error),
    };
    let omitted = found.len().saturating_sub(MAX_EVENTS);
    found.truncate(MAX_EVENTS);
    let events = found
        .iter()
        .map(|judged| EventView {
            kind: judged.event.kind,
            cta: judged.event.cta.as_ref().map(|(_, id)| id.to_string()),
            at: jiff::Timestamp::from_millisecond(judged.event.at_ms)
                .unwrap_or_default()
                .to_string(),
            verdict: judged.verdict.as_str(),
            reason: judged.verdict.reason(),
            billed_micros: judged.billed.get(),
        })
        .collect();
    Ok(json(&EventsReply { decision_id: id.into_inner(), events, omitted }))
}

fn events_of(
    reporting: &Reporting,
    decision: u128,
    made: Option<(u8, i64)>,
) -> Result<Vec<EventVerdict>, ApiError> {
    reporting.events_of(decision, made).map_err(ApiError::internal)
}
