//! Access to a party's reports: the party's own key, an operator key, or an unexpired link to the
//! party's page.

use crate::config::keys::{ReportPage, Role};
use crate::http::problem::ApiError;
use crate::http::{AppState, caller};
use actix_web::HttpRequest;

/// Authorizes the party itself, an operator, or the bearer of a link; returns the name of the caller, for
/// limits. A link is for one party; an empty `link` counts as none.
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
        let page = match role {
            Role::Advertiser => id.parse().map(ReportPage::Advertiser).ok(),
            Role::Publisher => id.parse().map(ReportPage::Publisher).ok(),
            Role::Operator | Role::Exchange => None,
        };
        let now_ms = app.clock.now_ms();
        let is_valid = page.is_some_and(|page| app.links.load().opens(link, &page, now_ms));
        let detail = "this link has expired or is for another page: request a new one";
        let caller = format!("link to {role} {id}");
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
