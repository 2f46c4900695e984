//! Changes that a publisher makes itself: its secret key, or an operator's.

use crate::config::keys::{Identity, Role};
use crate::http::problem::ApiError;
use crate::http::{AppState, caller};
use actix_web::HttpRequest;

/// The identity of the publisher `id`, or of an operator. A link to the page is no key: it changes nothing.
///
/// # Errors
/// 401 without a valid key, 403 with another party's key.
pub(crate) fn require(app: &AppState, http: &HttpRequest, id: &str) -> Result<Identity, ApiError> {
    let identity = caller::identity(app, http)?
        .ok_or_else(|| ApiError::unauthorized("the publisher's secret key is required"))?;
    let own = identity.role == Role::Publisher && identity.owner == id;
    if own || identity.role == Role::Operator {
        Ok(identity)
    } else {
        Err(ApiError::forbidden("this key is for another party"))
    }
}

/// The response for a publisher that the served inventory does not have.
pub(crate) fn unknown(id: &str) -> ApiError {
    ApiError::not_found("not_found", format!("no publisher `{id}`"))
}
