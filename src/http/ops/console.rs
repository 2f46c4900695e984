//! `GET /console`: the operator's page. The page itself contains no protected data; its script fetches
//! that with the key that the operator enters.

use crate::catalog::schema;
use crate::catalog::schema::Kind;
use crate::http::AppState;
use crate::http::public::pages;
use crate::web::pages::console::ConsoleView;
use crate::web::pages::{Link, console};
use actix_web::HttpResponse;
use actix_web::web::Data;

/// `GET /console`.
pub(crate) async fn console(app: Data<AppState>) -> HttpResponse {
    let schema = schema::of(Kind::Weights);
    let links = [Link::new("API", format!("{}/docs", app.public_url))];
    pages::html(console::console(&ConsoleView {
        version: env!("CARGO_PKG_VERSION"),
        weights: &schema,
        links: &links,
    }))
}
