//! `GET /v1/flights/{id}/rotation`: how the creatives of a flight take turns.

use crate::config::keys::Role;
use crate::http::problem::ApiError;
use crate::http::{AppState, blocking, caller, json};
use crate::publishing::Publishing;
use crate::reporting::Reporting;
use crate::reporting::funnel::FunnelError;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

/// `GET /v1/flights/{id}/rotation`, for operators and the flight's advertiser.
///
/// # Errors
/// 403 with another party's key, 404 for a flight that is not served and for one of another advertiser.
pub(crate) async fn rotation(
    app: Data<AppState>,
    reporting: Data<Reporting>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let required = "an operator or advertiser key is required";
    let identity =
        caller::identity(&app, &http)?.ok_or_else(|| ApiError::unauthorized(required))?;
    let of = match identity.role {
        Role::Operator => None,
        Role::Advertiser => Some(identity.owner.clone()),
        Role::Publisher | Role::Exchange => return Err(ApiError::forbidden(required)),
    };
    let id = id.into_inner();
    let read = move || {
        reporting.find_flight(&id, of.as_deref())?;
        let unknown = FunnelError::UnknownFlight { id: id.clone(), help: " is served".to_owned() };
        Ok::<_, ApiError>(publishing.rotation_of(&id).ok_or(unknown)?)
    };
    Ok(json(&blocking(read).await?))
}
