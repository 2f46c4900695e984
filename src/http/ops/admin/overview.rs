//! Search over campaigns, flights, creatives and sites with their state, spend and progress.

use crate::http::json;
use crate::http::ops::admin;
use crate::http::problem::ApiError;
use crate::http::{AppState, blocking};
use crate::reporting::Reporting;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

/// Query parameters of an overview.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OverviewQuery {
    #[serde(default)]
    search: String,
}

/// `GET /v1/admin/overview?search=`: state, spend and progress of the matching documents.
pub(crate) async fn overview(
    app: Data<AppState>,
    reporting: Data<Reporting>,
    http: HttpRequest,
    query: Query<OverviewQuery>,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let overview = blocking(move || Ok::<_, ApiError>(reporting.overview(&query.search))).await?;
    Ok(json(&overview))
}
