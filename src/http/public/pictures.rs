//! `/embed/pictures/…`: logos and images, by content for ever.

use crate::domain::picture;
use crate::http::Face;
use crate::http::blocking;
use crate::http::problem::ApiError;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::web::Path;

/// An address never means other bytes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// A picture that somebody opens by itself is a picture and nothing else.
const NOTHING: &str = "default-src 'none'";

/// `GET /embed/pictures/{file}`: what is served, or was until a moment ago, names it; nothing else
/// that is stored is shown.
pub async fn file(
    face: Data<Face>,
    http: HttpRequest,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let missing = || ApiError::missing("no_such_file", "there is no such picture");
    let (hash, format) = picture::named(&path).ok_or_else(missing)?;
    let shown = face.server.picture(hash).filter(|shown| shown.address.format == format);
    let shown = shown.ok_or_else(missing)?;
    let tag = format!("\"{}\"", shown.address.digits());
    let known = http.headers().get(header::IF_NONE_MATCH).is_some_and(|sent| sent == tag.as_str());
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((header::CACHE_CONTROL, FOR_EVER))
        .insert_header((header::CONTENT_SECURITY_POLICY, NOTHING))
        .insert_header((header::ETAG, tag));
    if known {
        return Ok(answer.finish());
    }
    let server = face.server.clone();
    let read = blocking(move || Ok::<_, ApiError>(shown.bytes(server.catalog.pictures())));
    let bytes = read.await?.ok_or_else(missing)?;
    Ok(answer.content_type(format.content_type()).body(bytes))
}
