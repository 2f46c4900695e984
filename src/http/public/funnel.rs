//! `GET /v1/flights/{id}/funnel`: why a flight is delivered as it is.

use crate::config::keys::Role;
use crate::http::problem::ApiError;
use crate::http::public::reports::period::Period;
use crate::http::public::reports::{ReportSources, flush_opportunities};
use crate::http::{blocking, caller, json};
use crate::reporting::funnel::FunnelError;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

/// Days of a pass over the decision log by default.
pub(crate) const DEFAULT_DAYS: i64 = 7;

/// Query parameters of a funnel.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunnelQuery {
    from: Option<String>,
    to: Option<String>,
}

impl From<FunnelError> for ApiError {
    fn from(error: FunnelError) -> ApiError {
        match error {
            FunnelError::UnknownFlight { .. } => {
                ApiError::not_found("unknown_flight", error.to_string())
            }
            FunnelError::Log(ref cause) => ApiError::internal(format!("{error}: {cause}")),
        }
    }
}

/// `GET /v1/flights/{id}/funnel`: exact for operators, rounded for the flight's advertiser.
///
/// # Errors
/// 403 with another party's key, 404 for an unknown flight and for one of another advertiser.
pub(crate) async fn funnel(
    sources: Data<ReportSources>,
    http: HttpRequest,
    id: Path<String>,
    query: Query<FunnelQuery>,
) -> Result<HttpResponse, ApiError> {
    let required = "an operator or advertiser key is required";
    let identity =
        caller::identity(&sources.app, &http)?.ok_or_else(|| ApiError::unauthorized(required))?;
    let of = match identity.role {
        Role::Operator => None,
        Role::Advertiser => Some(identity.owner.clone()),
        Role::Publisher | Role::Exchange => return Err(ApiError::forbidden(required)),
    };
    let app = &sources.app;
    let pass = app.gates.pass_over_log(&identity, app.clock.now_ms()).await?;
    // So that what was served is no less than what was shown.
    flush_opportunities(&sources).await;
    let (id, query, now) = (id.into_inner(), query.into_inner(), app.clock.now());
    let reporting = sources.reporting.clone();
    let read = move || {
        // Until it is done, whether or not the caller waits.
        let _pass = pass;
        let flight = reporting.find_flight(&id, of.as_deref())?;
        let days = (query.from.as_deref(), query.to.as_deref());
        let period = Period::parse_or_last(days, DEFAULT_DAYS, flight.zone.clone(), now)?;
        let times = period.from_ms..period.to_ms;
        Ok::<_, ApiError>(
            reporting.funnel(&flight, &times, of.is_none()).map_err(FunnelError::from)?,
        )
    };
    Ok(json(&blocking(read).await?))
}
