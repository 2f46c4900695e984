//! The catalog as a whole: head, history, audit, apply and rollback.

use crate::catalog::change::ExpectedVersion;
use crate::catalog::detail::{Detail, FileVersion};
use crate::catalog::image_store::ImageFault;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::http::change::{Change, apply_response};
use crate::http::json;
use crate::http::ops::admin;
use crate::http::problem::ApiError;
use crate::http::{AppState, blocking};
use crate::ledger::audit::Mismatch;
use crate::publishing::Publishing;
use crate::publishing::apply::CatalogUpdate;
use crate::reporting::Reporting;
use crate::world::Worlds;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /v1/admin/head`.
pub(crate) async fn head(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let head = publishing.head().map_err(ApiError::internal)?;
    Ok(json(&head))
}

/// `GET /v1/admin/history`: the audit log of changes, oldest first.
pub(crate) async fn history(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let entries = publishing.history().map_err(ApiError::internal)?;
    Ok(json(&entries))
}

/// `GET /v1/admin/audit`: recomputes the ledger from the journal and lists mismatches; verifies every
/// stored image.
pub(crate) async fn audit(
    app: Data<AppState>,
    reporting: Data<Reporting>,
    publishing: Data<Publishing>,
    world: Data<Worlds>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let audit = move || {
        let differences = reporting.audit().map_err(ApiError::internal)?;
        let live = world.live();
        let referenced = live.snapshot().inventory.images();
        let images = publishing.images().faults(referenced).map_err(ApiError::internal)?;
        Ok::<_, ApiError>(AuditReply { differences, images })
    };
    Ok(json(&blocking(audit).await?))
}

/// The result of an audit.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AuditReply {
    /// Numbers that do not match the journal; expected to be empty.
    pub(crate) differences: Vec<Mismatch>,
    /// Images whose stored content is missing or corrupt; expected to be empty.
    pub(crate) images: Vec<ImageFault>,
}

/// `GET /v1/admin/inventory`.
pub(crate) async fn inventory(
    app: Data<AppState>,
    world: Data<Worlds>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let live = world.live();
    let mut answer = json(&live.snapshot().inventory);
    if let Ok(tag) = format!("\"{}\"", live.snapshot().inventory_hash).parse() {
        answer.headers_mut().insert(actix_web::http::header::ETAG, tag);
    }
    Ok(answer)
}

/// New versions of whole parts of the catalog; absent parts stay unchanged.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplyRequest {
    /// The whole inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inventory: Option<Inventory>,
    /// The weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) weights: Option<Weights>,
    /// The labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) labels: Option<LabelTable>,
    /// The head number that the caller last read; the change fails if it is no longer current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<u64>,
    /// Confirms what the guard would stop.
    #[serde(default)]
    pub(crate) confirm: bool,
    /// The files that it was read from, so that a later start knows what came from them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<FileVersion>,
    /// Description of the change, for the audit log.
    #[serde(default)]
    pub(crate) what: String,
}

/// `PUT /v1/admin/inventory`: applies all parts atomically.
pub(crate) async fn apply(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let mut change = Change::read(&app, &http, payload, "apply".into()).await?;
    let request: ApplyRequest = change.json()?;
    if !request.what.is_empty() {
        change.by.what.clone_from(&request.what);
    }
    let expected = request.seen.map_or_else(|| change.expected(), ExpectedVersion::Number);
    let wanted = CatalogUpdate {
        inventory: request.inventory,
        weights: request.weights,
        labels: request.labels,
        confirm: request.confirm,
        detail: Detail { files: request.files, ..Detail::default() },
        ..CatalogUpdate::default()
    };
    let done = publishing.apply(wanted, expected, &change.by).await?;
    Ok(apply_response(&done))
}

/// The change to roll back to.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackRequest {
    /// Number of the change whose content to serve again; if absent, the last change of content is undone.
    #[serde(default)]
    pub(crate) number: Option<u64>,
}

/// `POST /v1/admin/rollback`: applies an older inventory, weights and labels as a new change. Pauses stay.
pub(crate) async fn rollback(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let change = Change::read(&app, &http, payload, String::new()).await?;
    let request: RollbackRequest = change.json()?;
    let done = publishing.rollback(request.number, change.by).await?;
    Ok(apply_response(&done))
}
