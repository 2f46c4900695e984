//! `GET /v1/admin/topic-shares`.

use crate::http::problem::ApiError;
use crate::http::public::reports::{ReportSources, flush_opportunities};
use crate::http::{blocking, json, ops};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

/// `GET /v1/admin/topic-shares`: which part of each topic's slots today each advertiser has.
pub(crate) async fn topic_shares(
    sources: Data<ReportSources>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    ops::admin::authorize(&sources.app, &http)?;
    flush_opportunities(&sources).await;
    let reporting = sources.reporting.clone();
    Ok(json(&blocking(move || Ok::<_, ApiError>(reporting.topic_shares())).await?))
}
