//! Pause and resume by an operator. Takes effect within two seconds, even if the rest of the inventory
//! fails newer checks.

use crate::catalog::detail::PauseDetail;
use crate::catalog::pause;
use crate::catalog::pause::Pausable;
use crate::http::change::{Change, apply_response, check_reason};
use crate::http::ops::admin;
use crate::http::problem::ApiError;
use crate::http::{AppState, blocking, json};
use crate::publishing::Publishing;
use crate::publishing::apply::Edit;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

/// What an operator pauses or resumes.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PauseRequest {
    /// Kind of document.
    pub(crate) what: Pausable,
    /// Id of the document.
    pub(crate) id: String,
    /// `true` pauses it, `false` resumes it.
    pub(crate) paused: bool,
    /// Why; for other operators.
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// `GET /v1/admin/pauses`: what is paused, by whom, since when and why.
pub(crate) async fn list(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let list = move || publishing.pauses().map_err(ApiError::internal);
    Ok(json(&blocking(list).await?))
}

/// `POST /v1/admin/pauses`.
pub(crate) async fn set(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let mut change = Change::read(&app, &http, payload, String::new()).await?;
    let request: PauseRequest = change.json()?;
    let verb = if request.paused { "pause" } else { "resume" };
    change.by.what = format!("{verb} {} {}", request.what, request.id);
    let made = |inventory: &_| pause::set(inventory, request.what, &request.id, request.paused);
    check_reason(request.reason.as_ref())?;
    let detail = PauseDetail {
        what: request.what.to_string(),
        id: request.id.clone(),
        path: None,
        topic: None,
        paused: request.paused,
        reason: request.reason.clone(),
    };
    let how = Edit::Pause(Some(detail));
    let done = publishing.edit(made, change.expected(), how, &change.by).await?;
    Ok(apply_response(&done))
}
