//! The document as JSON and as a page. These routes of the public listener are not in its own table:
//! the document depends on the types of all routes.

use crate::http::public::pages::{html, menu};
use crate::http::routes::{Route, route};
use crate::http::{AppState, openapi};
use crate::web::pages::docs;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;

/// The routes.
pub fn table() -> Vec<Route> {
    vec![route("/docs").get_and_head(page), route("/openapi.json").get_and_head(document)]
}

/// `GET /openapi.json`.
async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(openapi::text())
}

/// `GET /docs`.
async fn page(app: Data<AppState>) -> HttpResponse {
    html(docs::docs(openapi::document(), "/openapi.json", &menu(&app)))
}
