//! Pause and resume by an operator. Takes effect within two seconds, even if the rest of the inventory
//! fails newer checks.

use crate::catalog::pause;
use crate::catalog::pause::Pausable;
use crate::http::AppState;
use crate::http::change::{Change, apply_response};
use crate::http::problem::ApiError;
use crate::publishing::Publishing;
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
    let done = publishing.edit(made, change.expected(), true, &change.by).await?;
    Ok(apply_response(&done))
}
