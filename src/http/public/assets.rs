//! `/embed/…`: browser files; cached briefly by name and permanently by content hash.

use crate::http::problem::ApiError;
use crate::web::assets;
use actix_web::http::header;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};

/// `GET /embed/{file}`.
pub(crate) async fn file(http: HttpRequest, path: Path<String>) -> Result<HttpResponse, ApiError> {
    let served =
        assets::by_path(&path).ok_or_else(|| ApiError::not_found("not_found", "no such file"))?;
    let gzip = accepts_gzip(&http);
    let tag = format!("\"{}{}\"", served.asset.hash, if gzip { "-gzip" } else { "" });
    let not_modified =
        http.headers().get(header::IF_NONE_MATCH).is_some_and(|sent| sent == tag.as_str());
    let mut answer = if not_modified { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((header::CACHE_CONTROL, served.cache_control()))
        .insert_header((header::VARY, "Accept-Encoding"))
        .insert_header((header::ETAG, tag));
    if not_modified {
        return Ok(answer.finish());
    }
    answer.content_type(served.asset.content_type);
    if gzip {
        answer.insert_header((header::CONTENT_ENCODING, "gzip"));
        return Ok(answer.body(served.asset.gzip.as_slice()));
    }
    Ok(answer.body(served.asset.bytes.as_ref()))
}

/// Whether `Accept-Encoding` lists gzip with a weight above 0.
fn accepts_gzip(http: &HttpRequest) -> bool {
    let sent = http.headers().get(header::ACCEPT_ENCODING).and_then(|sent| sent.to_str().ok());
    sent.unwrap_or_default().split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_ok_and(|weight| weight > 0.0)
    })
}
