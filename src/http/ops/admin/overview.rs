//! What is sold and how it does, for an operator who looks for one of many.

use crate::http::Face;
use crate::http::blocking;
use crate::http::ops::admin;
use crate::http::problem::ApiError;
use crate::http::public::explain::json;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web::Data;
use actix_web::web::Query;
use serde::Deserialize;

/// Parameters of an overview.
#[derive(Deserialize)]
pub struct Sought {
    #[serde(default)]
    search: String,
}

/// `GET /v1/admin/overview?search=`: states, money and progress of what was found.
pub async fn overview(
    face: Data<Face>,
    http: HttpRequest,
    sought: Query<Sought>,
) -> Result<HttpResponse, ApiError> {
    admin::reads(&face, &http)?;
    let server = face.server.clone();
    let found = blocking(move || Ok::<_, ApiError>(server.overview(&sought.search))).await?;
    Ok(json(&found))
}
