//! Changes of files that wait for confirmation on this instance.

use crate::catalog::detail::FilePart;
use crate::catalog::difference::Difference;
use crate::http::change::Change;
use crate::http::ops::admin;
use crate::http::problem::ApiError;
use crate::http::{AppState, json};
use crate::publishing::Publishing;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /v1/admin/pending`.
pub(crate) async fn list(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    Ok(json(&publishing.pending()))
}

/// The change to accept.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptRequest {
    /// What its file contains; may be absent if only one change waits.
    #[serde(default)]
    pub(crate) part: Option<FilePart>,
    /// The hash of the content that the caller has seen.
    #[serde(default)]
    pub(crate) hash: Option<String>,
}

/// An accepted change.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AcceptReply {
    /// What it changed.
    pub(crate) difference: Difference,
}

/// `POST /v1/admin/pending/accept`: applies a change if its file still has the content that was judged.
pub(crate) async fn accept(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let change = Change::read(&app, &http, payload, String::new()).await?;
    let request: AcceptRequest = change.json()?;
    let waiting = publishing.pending();
    let part = match (request.part, waiting.as_slice()) {
        (Some(part), _) => part,
        (None, [only]) => only.part,
        (None, []) => {
            return Err(ApiError::not_found("not_found", "no change waits for confirmation"));
        }
        (None, _) => {
            let detail = "several changes wait: say which, `inventory` or `weights`";
            return Err(ApiError::invalid_field("part", detail));
        }
    };
    let difference = publishing.accept(part, request.hash.as_deref(), &change.by).await?;
    Ok(json(&AcceptReply { difference }))
}
