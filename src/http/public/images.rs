//! `/embed/pictures/…`: logos and creative images by content hash, cached permanently.

use crate::domain::image;
use crate::http::blocking;
use crate::http::problem::ApiError;
use crate::world::Worlds;
use actix_web::http::header;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

/// Content-addressed, so the response never changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// An image opened as a document may load and run nothing.
const IMAGE_POLICY: &str = "default-src 'none'";

/// `GET /embed/pictures/{file}`: serves images that the inventory refers to, or did until recently; other
/// stored images are 404.
pub(crate) async fn file(
    world: Data<Worlds>,
    http: HttpRequest,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let missing = || ApiError::not_found("not_found", "no such image");
    let (hash, format) = image::parse_file_name(&path).ok_or_else(missing)?;
    let shown = world.image(hash).filter(|shown| shown.address.format == format);
    let shown = shown.ok_or_else(missing)?;
    let tag = format!("\"{}\"", shown.address.digits());
    let not_modified =
        http.headers().get(header::IF_NONE_MATCH).is_some_and(|sent| sent == tag.as_str());
    let mut answer = if not_modified { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((header::CACHE_CONTROL, IMMUTABLE))
        .insert_header((header::CONTENT_SECURITY_POLICY, IMAGE_POLICY))
        .insert_header((header::ETAG, tag));
    if not_modified {
        return Ok(answer.finish());
    }
    let read = blocking(move || Ok::<_, ApiError>(world.image_bytes(&shown)));
    let bytes = read.await?.ok_or_else(missing)?;
    Ok(answer.content_type(format.content_type()).body(bytes))
}
