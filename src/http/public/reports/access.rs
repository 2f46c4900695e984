//! Access to a party's reports: the party's own key, an operator key, or an unexpired link to an
//! advertiser's page.

use crate::config::keys::Role;
use crate::http::problem::ApiError;
use crate::http::{AppState, caller};
use actix_web::HttpRequest;

/// Authorizes the party itself, an operator, or the bearer of a link; returns the name of the caller, for
/// limits. A link is for one advertiser; an empty `link` counts as none.
///
/// # Errors
/// 401 without a valid key or link, 403 with another party's key.
pub(crate) fn authorize(
    app: &AppState,
    http: &HttpRequest,
    role: Role,
    id: &str,
    link: &str,
) -> Result<String, ApiError> {
    if !link.is_empty() {
        let advertiser = app.links.load().verify(link, app.clock.now_ms());
        let is_valid = role == Role::Advertiser && advertiser.is_some_and(|own| own.as_str() == id);
        let detail = "this link has expired or is for another page: request a new one";
        let caller = format!("link {id}");
        return if is_valid { Ok(caller) } else { Err(ApiError::unauthorized(detail)) };
    }
    let identity = caller::identity(app, http)?.ok_or_else(|| {
        ApiError::unauthorized("the party's key, its report link or an operator key is required")
    })?;
    if identity.role == Role::Operator || (identity.role == role && identity.owner == id) {
        Ok(identity.id)
    } else {
        Err(ApiError::forbidden("this key is for another party's reports"))
    }
}
