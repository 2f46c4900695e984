//! Read and replace the weights.

use crate::catalog::change::ExpectedVersion;
use crate::domain::weights::Weights;
use crate::http::AppState;
use crate::http::change::{Change, ConfirmQuery, apply_response};
use crate::http::json;
use crate::http::ops::admin;
use crate::http::problem::{ApiError, FieldProblem};
use crate::publishing::Publishing;
use crate::publishing::apply::CatalogUpdate;
use crate::world::Worlds;
use actix_web::web::{Data, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use garde::Validate;

/// `GET /v1/admin/weights`.
pub(crate) async fn weights(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    world: Data<Worlds>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let hash = world.live().snapshot().weights_hash.clone();
    let weights = publishing.weights(&hash).map_err(ApiError::internal)?;
    let mut answer = json(&weights.complete());
    if let Ok(tag) = format!("\"{hash}\"").parse() {
        answer.headers_mut().insert(actix_web::http::header::ETAG, tag);
    }
    Ok(answer)
}

/// `PUT /v1/admin/weights?confirm=`: `If-Match` is the hash of the weights that the caller last read.
pub(crate) async fn replace(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    payload: Payload,
    query: Query<ConfirmQuery>,
) -> Result<HttpResponse, ApiError> {
    let change = Change::read(&app, &http, payload, "replace the weights".into()).await?;
    let weights: Weights = change.json()?;
    check_ranges(&weights)?;
    let expected = change.seen.as_deref().map_or(ExpectedVersion::Any, ExpectedVersion::Weights);
    let confirm = query.is_confirmed();
    let wanted = CatalogUpdate { weights: Some(weights), confirm, ..CatalogUpdate::default() };
    let done = publishing.apply(wanted, expected, &change.by).await?;
    Ok(apply_response(&done))
}

/// Checks the range of each weight.
pub(super) fn check_ranges(weights: &Weights) -> Result<(), ApiError> {
    let Err(report) = weights.validate() else { return Ok(()) };
    let problems = report.iter().map(|(path, error)| FieldProblem {
        field: path.to_string(),
        reason: error.message().to_owned(),
        help: None,
    });
    Err(ApiError::invalid_document(problems.collect()))
}
