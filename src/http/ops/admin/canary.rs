//! Weights that a part of the requests gets.

use crate::http::change::Change;
use crate::http::ops::admin;
use crate::http::problem::ApiError;
use crate::http::{AppState, json};
use crate::publishing::Publishing;
use crate::publishing::canary::CanaryPlan;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The shortest and the longest time between two steps, in seconds.
const STEP_SECONDS: std::ops::RangeInclusive<u32> = 1..=7 * 86_400;

/// Seconds between two steps, unless stated.
const DEFAULT_STEP_SECONDS: u32 = 600;

/// How a canary is to run: by `percent` or by itself.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CanaryRequest {
    /// The part of the requests, in per cent: above 0; 100 activates the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) percent: Option<f64>,
    /// Whether it gets 1 per cent, then 10, then is activated, without further ado.
    pub(crate) auto: bool,
    /// With `auto`: the least seconds of each step; 600 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step_seconds: Option<u32>,
}

impl CanaryRequest {
    fn plan(&self) -> Result<CanaryPlan, ApiError> {
        match (self.percent, self.auto) {
            (Some(percent), false) if percent > 0.0 && percent <= 100.0 => {
                Ok(CanaryPlan::Percent(percent))
            }
            (Some(_), false) => {
                Err(ApiError::invalid_field("percent", "must be above 0 and at most 100"))
            }
            (None, true) => {
                let seconds = self.step_seconds.unwrap_or(DEFAULT_STEP_SECONDS);
                if STEP_SECONDS.contains(&seconds) {
                    return Ok(CanaryPlan::Steps(seconds));
                }
                Err(ApiError::invalid_field("step_seconds", "must be from 1 to 604800"))
            }
            _ => Err(ApiError::invalid_field("percent", "state either `percent` or `auto`")),
        }
    }
}

/// `GET /v1/admin/weights/canary`.
pub(crate) async fn canary(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    Ok(json(&publishing.canary()))
}

/// `POST /v1/admin/weights/versions/{name}/canary`.
pub(crate) async fn begin(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    payload: Payload,
    name: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let change = Change::read(&app, &http, payload, format!("canary {name}")).await?;
    let plan = change.json::<CanaryRequest>()?.plan()?;
    publishing.set_canary(&name, plan, &change.by).await?;
    Ok(json(&publishing.canary()))
}

/// `DELETE /v1/admin/weights/canary`.
pub(crate) async fn end(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let change = Change::read(&app, &http, payload, "end the canary".into()).await?;
    publishing.end_canary(&change.by).await?;
    Ok(HttpResponse::NoContent().finish())
}
