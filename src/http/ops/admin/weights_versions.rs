//! Versions of the weights: drafts, their replay, their comparison on live traffic, and their activation.

use crate::catalog::change::ExpectedVersion;
use crate::catalog::weights_versions::{ReplaySummary, ShareMove};
use crate::decision_log::scan::Span;
use crate::domain::weights::Weights;
use crate::http::change::{Change, ConfirmQuery, apply_response};
use crate::http::ops::admin;
use crate::http::ops::admin::{replays, weights};
use crate::http::problem::ApiError;
use crate::http::{AppState, blocking, json};
use crate::publishing::Publishing;
use crate::publishing::weights_versions::{NewDraft, WeightsView};
use crate::replay::{Asked, Documents, ReplayReport, Replaying};
use crate::world::shadow::ShadowReport;
use actix_web::http::header::{CACHE_CONTROL, ETAG};
use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::runtime::Handle;

/// A draft of weights.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftRequest {
    /// The name: 1 to 60 of the characters a-z, 0-9 and `-`.
    pub(crate) name: String,
    /// What they are for; at most 500 characters.
    #[serde(default)]
    pub(crate) note: String,
    /// The weights, complete.
    pub(crate) weights: Weights,
}

/// Weights with what is known of them, and their content.
#[derive(Deserialize, Serialize, JsonSchema)]
pub(crate) struct WeightsVersionReply {
    #[serde(flatten)]
    pub(crate) version: WeightsView,
    /// What is wrong with them on the inventory being served; empty unless the state is `draft`.
    pub(crate) findings: Vec<String>,
    /// What this instance found while it compares them with those being served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shadow: Option<ShadowReport>,
    /// The weights.
    pub(crate) weights: Weights,
}

/// `GET /v1/admin/weights/versions`: newest first; `ETag` is the hash of the active ones.
pub(crate) async fn list(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let versions: Vec<WeightsView> = publishing.weights_versions().await?;
    let mut answer = json(&versions);
    if let Ok(tag) = format!("\"{}\"", publishing.weights_hash()).parse() {
        answer.headers_mut().insert(ETAG, tag);
    }
    Ok(answer)
}

/// `POST /v1/admin/weights/versions`: checks weights and stores them as a draft.
pub(crate) async fn draft(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let change = Change::read(&app, &http, payload, "draft weights".into()).await?;
    let DraftRequest { name, note, weights } = change.json()?;
    weights::check_ranges(&weights)?;
    let version = publishing.draft(NewDraft { name, note, weights }, &change.by).await?;
    Ok(HttpResponse::Created().insert_header((CACHE_CONTROL, "no-store")).json(version))
}

/// `GET /v1/admin/weights/versions/{name}`: `name` may also be a hash, or how one begins.
pub(crate) async fn read(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    name: Path<String>,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let (version, weights) = publishing.weights_version(&name).await?;
    let findings = publishing.weights_findings(&weights).iter().map(ToString::to_string).collect();
    let shadow = publishing.shadow().filter(|shadow| shadow.hash == version.hash);
    Ok(json(&WeightsVersionReply { version, findings, shadow, weights }))
}

/// `DELETE /v1/admin/weights/versions/{name}`: drops a draft.
pub(crate) async fn drop_draft(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    payload: Payload,
    name: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let what = format!("drop weights {name}");
    let change = Change::read(&app, &http, payload, what).await?;
    publishing.drop_draft(&name, &change.by).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /v1/admin/weights/versions/{name}/replay`: replays the decisions of the last 24 hours with these weights.
pub(crate) async fn replay(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    replaying: Data<Replaying>,
    http: HttpRequest,
    payload: Payload,
    name: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let by = Change::read(&app, &http, payload, format!("replay weights {name}")).await?.by;
    let (version, weights) = publishing.weights_version(&name).await?;
    let invalid = |(field, reason): (&'static str, String)| ApiError::invalid_field(field, reason);
    let times = replays::times(None, None, app.clock.now()).map_err(invalid)?;
    let documents = Documents { weights: Some(weights), ..Documents::default() };
    let asked = Asked { span: Span { times, part: 1.0 }, documents, with_clicks: false };
    let (service, who, runtime) = (publishing.into_inner(), by.who.clone(), Handle::current());
    let clock = app.clock.clone();
    let keep = move |report: &ReplayReport| {
        let Some(name) = version.name else { return };
        let summary = summary(report, clock.now(), who);
        if let Err(error) = runtime.block_on(service.keep_replay(&name, summary)) {
            tracing::error!(version = name, %error, "the result of a replay was not kept");
        }
    };
    let replaying: Arc<Replaying> = replaying.into_inner();
    let view = blocking(move || replaying.start(asked, by.who, Some(Box::new(keep)))).await?;
    Ok(HttpResponse::Accepted().insert_header((CACHE_CONTROL, "no-store")).json(view))
}

/// What is kept of a replay.
fn summary(report: &ReplayReport, at: jiff::Timestamp, who: String) -> ReplaySummary {
    let moves = report.advertisers.rows.iter();
    let largest =
        moves.max_by(|one, two| one.share.difference.abs().total_cmp(&two.share.difference.abs()));
    ReplaySummary {
        at,
        who,
        decisions: report.decisions,
        changed: report.changed,
        fill_before: report.fill.before,
        fill_after: report.fill.after,
        largest_move: largest.map(|row| ShareMove {
            advertiser: row.id.clone(),
            before: row.share.before,
            after: row.share.after,
        }),
        needs_confirmation: report.needs_confirmation.clone(),
    }
}

/// `POST /v1/admin/weights/versions/{name}/activate?confirm=`: `If-Match` is the hash of the active weights that the
/// caller last read.
pub(crate) async fn activate(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    payload: Payload,
    name: Path<String>,
    query: Query<ConfirmQuery>,
) -> Result<HttpResponse, ApiError> {
    let change = Change::read(&app, &http, payload, format!("activate weights {name}")).await?;
    let expected = change.seen.as_deref().map_or(ExpectedVersion::Any, ExpectedVersion::Weights);
    let done = publishing.activate(&name, query.is_confirmed(), expected, &change.by).await?;
    Ok(apply_response(&done))
}

/// `GET /v1/admin/weights/shadow`: what this instance found, or `null`.
pub(crate) async fn shadow(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    Ok(json(&publishing.shadow()))
}

/// `POST /v1/admin/weights/versions/{name}/shadow`: compares a version with the weights being served.
pub(crate) async fn begin_shadow(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    payload: Payload,
    name: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let change = Change::read(&app, &http, payload, format!("shadow weights {name}")).await?;
    publishing.set_shadow(Some(&name), &change.by).await?;
    Ok(json(&publishing.shadow()))
}

/// `DELETE /v1/admin/weights/shadow`: ends the comparison.
pub(crate) async fn end_shadow(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let change = Change::read(&app, &http, payload, "end the shadow".into()).await?;
    publishing.set_shadow(None, &change.by).await?;
    Ok(HttpResponse::NoContent().finish())
}
