//! `/embed/…`: the files of a browser, by name for a short while, by content for ever.

use crate::http::problem::ApiError;
use crate::web::assets;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Path;

/// `GET /embed/{file}`.
pub async fn file(http: HttpRequest, path: Path<String>) -> Result<HttpResponse, ApiError> {
    let served = assets::served(&path)
        .ok_or_else(|| ApiError::missing("no_such_file", "there is no such file"))?;
    let tag = format!("\"{}\"", served.asset.hash);
    let known = http.headers().get(header::IF_NONE_MATCH).is_some_and(|sent| sent == tag.as_str());
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((header::CACHE_CONTROL, served.cache_control()))
        .insert_header((header::ETAG, tag));
    if known {
        return Ok(answer.finish());
    }
    Ok(answer.content_type(served.asset.content_type).body(served.asset.bytes.as_ref()))
}
