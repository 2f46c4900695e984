//! Forecasts of flights, for operators who sell them.

use crate::catalog::check::Finding;
use crate::domain::inventory::Inventory;
use crate::forecast::{ForecastError, Forecasting};
use crate::http::change::BODY_TIMEOUT;
use crate::http::problem::{ApiError, FieldProblem};
use crate::http::{AppState, blocking, body, caller, json};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Maximum body size in bytes: about ten thousand flights.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// The flights to forecast.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ForecastRequest {
    /// Documents that are new, or in place of served ones with the same ids.
    pub(crate) inventory: Inventory,
    /// Ids of the flights to forecast; all flights of `inventory` if empty. Of more than 20 the first are.
    pub(crate) flights: Vec<String>,
}

impl From<ForecastError> for ApiError {
    fn from(error: ForecastError) -> ApiError {
        let problem = |finding: Finding| FieldProblem {
            field: format!("{}/{}/{}", finding.list, finding.id, finding.field),
            reason: finding.reason,
            help: finding.help,
        };
        match error {
            ForecastError::UnknownFlight(_) => ApiError::not_found("not_found", error.to_string()),
            ForecastError::Invalid(findings) => {
                ApiError::invalid_document(findings.into_iter().map(problem).collect())
            }
            other => ApiError::internal(format!("{:#}", anyhow::Error::from(other))),
        }
    }
}

/// `POST /v1/admin/forecasts`: supply, availability and delivery of flights, and the probability of reaching
/// their goals. Changes nothing.
pub(crate) async fn forecast(
    app: Data<AppState>,
    forecasting: Data<Forecasting>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let identity = caller::require_operator(&app, &http)?;
    let bytes = body::read(payload, MAX_BODY_BYTES, BODY_TIMEOUT).await?;
    let (request, _) = body::json::<ForecastRequest>(&bytes)?;
    let ForecastRequest { inventory, flights } = request;
    if flights.is_empty() && inventory.flights.is_empty() {
        let reason = "must name a flight, or `inventory` must have one";
        return Err(ApiError::invalid_field("flights", reason));
    }
    let _pass = app.gates.forecast(&identity, app.clock.now_ms()).await?;
    Ok(json(&blocking(move || forecasting.forecast(inventory, flights)).await?))
}
