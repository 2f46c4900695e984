//! Lists and removes what readers reported about units to this instance.

use crate::http::ops::admin;
use crate::http::problem::ApiError;
use crate::http::{AppState, blocking, caller, json};
use crate::notices::{MAX_BYTES, Notice, Notices, Removal};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;

/// The notices of this instance.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NoticesReply {
    /// Notices to handle, oldest first.
    pub(crate) notices: Vec<Notice>,
    /// Notices that were handled and removed, oldest first; the newest 10,000.
    pub(crate) removed: Vec<Removal>,
    /// Stored lines that this version cannot read.
    pub(crate) unreadable: usize,
    /// Size of what is stored, in bytes.
    pub(crate) bytes: u64,
    /// Its largest size: then notices are refused.
    pub(crate) max_bytes: u64,
}

/// `GET /v1/admin/notices`.
pub(crate) async fn list(
    app: Data<AppState>,
    notices: Data<Notices>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let listed = blocking(move || notices.list().map_err(ApiError::internal)).await?;
    Ok(json(&NoticesReply {
        notices: listed.notices,
        removed: listed.removals,
        unreadable: listed.unreadable,
        bytes: listed.bytes,
        max_bytes: MAX_BYTES,
    }))
}

/// `DELETE /v1/admin/notices/{reference}`: once it was handled. Name, address and explanation are gone then.
pub(crate) async fn remove(
    app: Data<AppState>,
    notices: Data<Notices>,
    http: HttpRequest,
    reference: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let by = caller::require_operator(&app, &http)?.id;
    let now = app.clock.now();
    let remove = move || notices.remove(&reference, &by, now).map_err(ApiError::internal);
    let removal = blocking(remove).await?.ok_or_else(|| {
        ApiError::not_found("not_found", "this instance has no notice with this reference")
    })?;
    tracing::info!(by = removal.by, reference = removal.reference, "notice of a reader removed");
    Ok(json(&removal))
}
