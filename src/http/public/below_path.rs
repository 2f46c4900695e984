//! Pages of a server below a path of its host: their links begin with that path.

use crate::http::AppState;
use actix_web::Error;
use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::ServiceResponse;
use actix_web::http::header;
use actix_web::web::Data;

/// Attributes that hold an address of this server. In a page's texts the quote is escaped, so none of
/// them contains one of these.
const ATTRIBUTES: [&str; 3] = ["href=\"/", "src=\"/", "action=\"/"];

/// Prefixes the addresses in HTML pages with the path of `server.public_url`. The proxy in front removes
/// it from requests.
pub(crate) async fn prefix_links(response: ServiceResponse) -> Result<ServiceResponse, Error> {
    let is_html = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let app = response.request().app_data::<Data<AppState>>().filter(|_| is_html);
    let path = app.map(|app| path(&app.public_url).to_owned());
    let Some(path) = path.filter(|path| !path.is_empty()) else { return Ok(response) };
    let (request, response) = response.into_parts();
    let (head, body) = response.into_parts();
    let bytes = to_bytes(body).await?;
    let page = prefixed(&String::from_utf8_lossy(&bytes), &path);
    Ok(ServiceResponse::new(request, head.set_body(BoxBody::new(page))))
}

/// The path of a base URL without its trailing slash, such as `/units`; empty without one.
fn path(base: &str) -> &str {
    let host = base.split_once("://").map_or(base, |(_, rest)| rest);
    host.find('/').map_or("", |at| &host[at..])
}

fn prefixed(page: &str, path: &str) -> String {
    ATTRIBUTES.iter().fold(page.to_owned(), |page, attribute| {
        let quoted = attribute.trim_end_matches('/');
        page.replace(attribute, &format!("{quoted}{path}/"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_get_the_path_and_others_stay() {
        let page = "<a href=\"/docs/api\"><a href=\"https://x.example/\"><img src=\"/embed/a.css\">\
                    <form action=\"/w/1\"><p>href=&quot;/x&quot;</p>";
        let expected = "<a href=\"/units/docs/api\"><a href=\"https://x.example/\">\
                        <img src=\"/units/embed/a.css\"><form action=\"/units/w/1\">\
                        <p>href=&quot;/x&quot;</p>";
        assert_eq!(prefixed(page, path("https://news.example/units")), expected);
    }

    #[test]
    fn only_a_base_url_below_a_path_has_one() {
        assert_eq!(path("https://units.example"), "");
        assert_eq!(path("http://127.0.0.1:8080"), "");
        assert_eq!(path("https://news.example/a/b"), "/a/b");
    }
}
