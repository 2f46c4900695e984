//! What a browser gets as a page and a program as JSON: replies with figures, and what is not found.

use crate::http::AppState;
use crate::http::json;
use crate::http::problem::ApiError;
use crate::http::public::pages;
use crate::web::pages::figures::{FiguresView, figures};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{Accept, Header, HeaderValue, Quality};
use actix_web::http::{Method, StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

/// Whether `Accept` prefers HTML to JSON. Programs that name neither get JSON.
fn prefers_html(request: &impl HttpMessage) -> bool {
    let Ok(accepted) = Accept::parse(request) else { return false };
    let quality = |kind: &str| {
        let found = accepted.iter().filter(|one| one.item.essence_str() == kind);
        found.map(|one| one.quality).max().unwrap_or(Quality::ZERO)
    };
    quality("text/html") > quality("application/json")
}

/// A reply of figures: a page with `title` and the sentence `lead`, or JSON.
pub(crate) fn reply<T: Serialize + JsonSchema>(
    app: &AppState,
    http: &HttpRequest,
    (title, lead): (&str, &str),
    document: &T,
) -> HttpResponse {
    let mut response = match serde_json::to_value(document) {
        Ok(value) if prefers_html(http) => {
            let settings = SchemaSettings::draft2020_12().for_serialize();
            let schema = settings.into_generator().into_root_schema_for::<T>().to_value();
            pages::html(figures(&FiguresView {
                title,
                lead,
                path: http.path(),
                reply: &value,
                schema: &schema,
                links: &pages::menu(app),
            }))
        }
        _ => json(document),
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

/// Whether a person looks at the response: a page in a frame or a file of a page is not in the address bar.
fn is_page_view(request: &HttpRequest) -> bool {
    let target = request.headers().get("sec-fetch-dest");
    [Method::GET, Method::HEAD].contains(request.method())
        && target.is_none_or(|target| target == "document")
        && prefers_html(request)
}

/// Replaces the problem details of a 404 with a page for those who opened the address in a browser.
pub(crate) fn page_of_missing(mut response: ServiceResponse) -> ServiceResponse {
    let is_missing = response.status() == StatusCode::NOT_FOUND
        && response.response().error().is_some_and(|error| error.as_error::<ApiError>().is_some());
    if !is_missing {
        return response;
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    if !is_page_view(response.request()) {
        return response;
    }
    let app = response.request().app_data::<Data<AppState>>();
    let error = response.response().error().and_then(|error| error.as_error::<ApiError>());
    let Some(mut page) = app.zip(error).map(|(app, error)| pages::error_page(app, error)) else {
        return response;
    };
    page.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    let (request, _) = response.into_parts();
    ServiceResponse::new(request, page)
}
