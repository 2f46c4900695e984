//! The public listener, for pages, browsers, advertisers and publishers.

pub(crate) mod advertiser;
pub(crate) mod assets;
pub(crate) mod below_path;
pub(crate) mod blocks;
pub(crate) mod call_class;
pub(crate) mod cors;
pub(crate) mod decisions;
pub(crate) mod embed_reports;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod funnel;
pub(crate) mod ignored;
pub(crate) mod images;
pub(crate) mod known_requests;
pub(crate) mod limits;
pub(crate) mod negotiated;
pub(crate) mod notices;
pub(crate) mod pages;
pub(crate) mod party_page;
pub(crate) mod pauses;
pub(crate) mod plain_request;
pub(crate) mod publisher;
pub(crate) mod publisher_key;
pub(crate) mod reply;
pub(crate) mod reports;
pub(crate) mod request;
pub(crate) mod rotation;
pub(crate) mod unit_page;
pub(crate) mod well_known;

use crate::http::problem::ApiError;
use crate::http::routes::{Route, route};
use crate::http::{AppState, extract, guard};
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{Error, HttpResponse, web};

/// Every route of the public listener, grouped by its users.
pub fn table() -> Vec<Route> {
    vec![
        // Pages and publishers' servers requesting units.
        route(decisions::PATH).get(decisions::from_parameters).post(decisions::create),
        route("/v1/unit").get(unit_page::unit),
        // Browsers loading scripts, styles and images.
        route("/embed/pictures/{file}").get_and_head(images::file),
        route("/embed/{file:.*}").get_and_head(assets::file),
        // Operators, advertisers and publishers explaining a decision.
        route("/v1/decisions/{id}/explain").get_and_head(explain::explain),
        route("/v1/decisions/{id}/events").get_and_head(explain::events),
        // Operators and advertisers asking why a flight is delivered as it is.
        route("/v1/flights/{id}/funnel").get_and_head(funnel::funnel),
        route("/v1/flights/{id}/rotation").get_and_head(rotation::rotation),
        // Browsers reporting events.
        route("/e/{token}").get(events::record).post(events::record),
        route("/c/{token}").get_and_head(events::redirect).post(events::redirect),
        // Publishers pausing their pages in an emergency, and blocking sponsors.
        route("/v1/publishers/{id}/pauses").get_and_head(pauses::list).post(pauses::own),
        route("/v1/publishers/{id}/blocks").get_and_head(blocks::list).post(blocks::own),
        // Advertisers and publishers reading reports.
        route("/v1/reports/{party}/{id}").get_and_head(reports::report),
        route("/reports/{id}").get_and_head(advertiser::page),
        route("/reports/publishers/{id}").get_and_head(publisher::page),
        // Readers asking why they see a unit, and reporting it.
        route("/w/{id}").get_and_head(pages::why_page).post(notices::submit),
        // Anyone.
        route("/").get_and_head(pages::start),
        route("/demo").get_and_head(pages::demo),
        route("/demo/explain/{id}").get_and_head(pages::demo_explain),
        route("/docs/search").get_and_head(pages::search),
        route("/docs/{guide}").get_and_head(pages::guide),
        route("/v1/limits").get_and_head(limits::limits),
        route("/v1/privacy").get_and_head(limits::privacy),
        route("/livez").get_and_head(live),
        route("/favicon.ico").get_and_head(well_known::icon),
        route("/robots.txt").get_and_head(well_known::crawlers),
        route("/.well-known/security.txt").get_and_head(well_known::security),
    ]
}

/// Registers the routes of [`table`] and the `additional` ones of the API reference and the protocol
/// adapters; [`around`] is their middleware.
pub(crate) fn routes(
    app: Data<AppState>,
    additional: Vec<Route>,
) -> impl FnOnce(&mut ServiceConfig) {
    move |config: &mut ServiceConfig| {
        config.app_data(app).configure(extract::settings);
        table().into_iter().chain(additional).for_each(|row| {
            config.service(row);
        });
        config.default_service(web::to(not_found));
    }
}

/// The middleware of the public listener: a single one, since each allocates for every request.
pub(crate) async fn around(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let mut response = match cors::preflight(&request) {
        Some(preflight) => request.into_response(preflight),
        None => {
            let response = guard::guarded(request, |request| handle(request, next)).await?;
            below_path::prefix_links(negotiated::page_of_missing(response)).await?
        }
    };
    cors::open(response.headers_mut());
    add_security_headers(response.headers_mut(), "cross-origin");
    Ok(response)
}

async fn handle(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, Error> {
    if decisions::is_create(&request) {
        decisions::create_unrouted(request).await
    } else {
        events::unrouted(request, next).await
    }
}

/// `GET /livez`: 200 while the process responds.
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("live\n")
}

/// Adds the headers of every response. `resource_policy` is the `Cross-Origin-Resource-Policy`.
pub(crate) fn add_security_headers(headers: &mut HeaderMap, resource_policy: &'static str) {
    let policy = (header::CROSS_ORIGIN_RESOURCE_POLICY, resource_policy);
    for (name, value) in [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), policy] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The response for paths without a route: 404.
pub(crate) async fn not_found() -> Result<HttpResponse, ApiError> {
    Err(ApiError::no_route())
}
