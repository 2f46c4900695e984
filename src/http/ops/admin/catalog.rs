//! The catalog as a whole: its head, its history, a new inventory, a step back.

use crate::catalog::change::Expected;
use crate::catalog::pictures::Fault;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::http::Face;
use crate::http::blocking;
use crate::http::ops::admin;
use crate::http::ops::admin::Change;
use crate::http::problem::ApiError;
use crate::http::public::explain::json;
use crate::ledger::audit::Difference;
use crate::server::apply::ApplyError;
use crate::server::apply::Wanted;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web::Data;
use actix_web::web::Payload;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// `GET /v1/admin/head`.
pub async fn head(face: Data<Face>, http: HttpRequest) -> Result<HttpResponse, ApiError> {
    admin::reads(&face, &http)?;
    let head = face.server.catalog.head().map_err(ApiError::internal)?;
    Ok(json(&head))
}

/// `GET /v1/admin/history`: who changed what, oldest first.
pub async fn history(face: Data<Face>, http: HttpRequest) -> Result<HttpResponse, ApiError> {
    admin::reads(&face, &http)?;
    let entries = face.server.catalog.history().map_err(ApiError::internal)?;
    Ok(json(&entries))
}

/// `GET /v1/admin/audit`: everything recomputed from the journal, and what differs; and every
/// picture, read again.
pub async fn audit(face: Data<Face>, http: HttpRequest) -> Result<HttpResponse, ApiError> {
    admin::reads(&face, &http)?;
    let server = face.server.clone();
    let look = move || {
        let differences = server.audit().map_err(ApiError::internal)?;
        let named = server.live();
        let named = named.snapshot().inventory.pictures();
        let pictures = server.catalog.pictures().faults(named).map_err(ApiError::internal)?;
        Ok::<_, ApiError>(AuditReply { differences, pictures })
    };
    Ok(json(&blocking(look).await?))
}

/// What an audit found.
#[derive(Serialize, JsonSchema)]
pub struct AuditReply {
    /// Numbers that are not what the journal says; none is how it should be.
    pub differences: Vec<Difference>,
    /// Pictures that are not what was stored; none is how it should be.
    pub pictures: Vec<Fault>,
}

/// `GET /v1/admin/inventory`.
pub async fn inventory(face: Data<Face>, http: HttpRequest) -> Result<HttpResponse, ApiError> {
    admin::reads(&face, &http)?;
    let live = face.server.live();
    let mut answer = json(&live.snapshot().inventory);
    if let Ok(tag) = format!("\"{}\"", live.snapshot().inventory_hash).parse() {
        answer.headers_mut().insert(actix_web::http::header::ETAG, tag);
    }
    Ok(answer)
}

/// What is to be served: whole parts; what is absent stays.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// The whole inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Inventory>,
    /// The weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Weights>,
    /// The labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelTable>,
    /// The number of the head that the caller has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<u64>,
    /// Also where a weight moves by more than half.
    #[serde(default)]
    pub force: bool,
    /// What it is, for the audit log.
    #[serde(default)]
    pub what: String,
}

/// `PUT /v1/admin/inventory`: all of it or nothing.
pub async fn apply(
    face: Data<Face>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let mut change = Change::read(&face, &http, payload, "apply".into()).await?;
    let asked: ApplyRequest = change.json()?;
    if !asked.what.is_empty() {
        change.by.what.clone_from(&asked.what);
    }
    let expected = asked.seen.map_or_else(|| change.expected(), Expected::Number);
    let wanted = Wanted {
        inventory: asked.inventory,
        weights: asked.weights,
        labels: asked.labels,
        force: asked.force,
        ..Wanted::default()
    };
    let done = face.server.apply(wanted, expected, &change.by).await?;
    Ok(admin::applied(&done))
}

/// Which change to go back to.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// The number of the head whose versions are to be served again; absent: the one before.
    #[serde(default)]
    pub number: Option<u64>,
}

/// `POST /v1/admin/rollback`: an older head's inventory, weights and labels, as a new change.
pub async fn rollback(
    face: Data<Face>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let mut change = Change::read(&face, &http, payload, String::new()).await?;
    let asked: RollbackRequest = change.json()?;
    let catalog = &face.server.catalog;
    let entries = catalog.history().map_err(ApiError::internal)?;
    let newest = entries.last().map_or(0, |entry| entry.number);
    let number = asked.number.unwrap_or(newest.saturating_sub(1));
    let entry = entries.iter().find(|entry| entry.number == number).ok_or_else(|| {
        ApiError::missing("no_such_version", format!("there was no change number {number}"))
    })?;
    let broken = |error| ApiError::from(ApplyError::Catalog(error));
    let hashes = &entry.after;
    let inventory = hashes.inventory.as_deref().map(|hash| catalog.inventory(hash)).transpose();
    let weights = hashes.weights.as_deref().map(|hash| catalog.weights(hash)).transpose();
    let labels = hashes.labels.as_deref().map(|hash| catalog.labels(hash)).transpose();
    change.by.what = format!("roll back to number {number}");
    let wanted = Wanted {
        inventory: inventory.map_err(broken)?,
        weights: weights.map_err(broken)?,
        labels: labels.map_err(broken)?,
        force: true,
        unchecked: true,
        ..Wanted::default()
    };
    let done = face.server.apply(wanted, Expected::Anything, &change.by).await?;
    Ok(admin::applied(&done))
}
