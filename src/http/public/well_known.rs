//! Files that programs look for: `/favicon.ico`, `/robots.txt`, and `/.well-known/security.txt` of
//! [RFC 9116](https://www.rfc-editor.org/rfc/rfc9116).

use crate::http::AppState;
use crate::http::problem::ApiError;
use crate::web::assets;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use jiff::SignedDuration;

/// What is for browsers and parties alone: following such an address is an event, or needs a key.
const CRAWLERS: &str = "User-agent: *\nDisallow: /c/\nDisallow: /e/\nDisallow: /w/\nDisallow: /v1/\n\
     Disallow: /reports/\nDisallow: /demo/explain/\n";

/// How long the contact is valid after it was read. The RFC recommends less than a year.
const VALID: SignedDuration = SignedDuration::from_hours(24 * 90);

fn text(body: String) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(body)
}

/// `GET /favicon.ico`: the icon of all pages, for replies that cannot link it. Browsers go by its content
/// type, which is SVG.
pub(crate) async fn icon() -> Result<HttpResponse, ApiError> {
    let icon = assets::by_name(assets::ICON).ok_or_else(ApiError::no_route)?;
    Ok(HttpResponse::Ok()
        .content_type(icon.content_type)
        .insert_header((header::CACHE_CONTROL, "public, max-age=86400"))
        .body(icon.bytes.as_ref()))
}

/// `GET /robots.txt`.
pub(crate) async fn crawlers() -> HttpResponse {
    text(CRAWLERS.to_owned())
}

/// `GET /.well-known/security.txt`; 404 without the setting `server.security_contact`.
pub(crate) async fn security(app: Data<AppState>) -> Result<HttpResponse, ApiError> {
    let settings = app.settings.get();
    let contact = settings.server.security_contact.as_deref().ok_or_else(ApiError::no_route)?;
    let expires = (app.clock.now() + VALID).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let url = settings.server.public_url.as_deref().map(|url| url.trim_end_matches('/'));
    let canonical = url.map(|url| format!("Canonical: {url}/.well-known/security.txt\n"));
    let canonical = canonical.unwrap_or_default();
    Ok(text(format!(
        "Contact: {contact}\nExpires: {expires}\n{canonical}Preferred-Languages: en\n"
    )))
}
