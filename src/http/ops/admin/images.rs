//! Pictures, handed in and listed. An inventory names them by their addresses.

use crate::catalog::picture::MAX_BYTES;
use crate::catalog::picture::Picture;
use crate::domain::picture::Address;
use crate::http::Face;
use crate::http::blocking;
use crate::http::body;
use crate::http::caller;
use crate::http::ops::admin;
use crate::http::ops::admin::WITHIN;
use crate::http::problem::ApiError;
use crate::http::public::explain::json;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web::Data;
use actix_web::web::Payload;
use schemars::JsonSchema;
use serde::Serialize;

/// A stored picture.
#[derive(Serialize, JsonSchema)]
pub struct StoredPicture {
    /// What an inventory names it by: `logo`, `image.file`.
    #[schemars(example = &"3f0c1b6f0b8b4a7c9d2e5f60718293a4-640x360.webp")]
    pub address: String,
    /// In pixels.
    pub width: u16,
    /// In pixels.
    pub height: u16,
    /// As it is stored: without metadata.
    pub bytes: u64,
}

impl StoredPicture {
    fn of(address: &Address, bytes: u64) -> StoredPicture {
        let Address { width, height, .. } = *address;
        StoredPicture { address: address.to_string(), width, height, bytes }
    }
}

/// `GET /v1/admin/images`.
pub async fn list(face: Data<Face>, http: HttpRequest) -> Result<HttpResponse, ApiError> {
    admin::reads(&face, &http)?;
    let server = face.server.clone();
    let list = move || server.catalog.pictures().list().map_err(ApiError::internal);
    let found = blocking(list).await?;
    let stored: Vec<StoredPicture> =
        found.iter().map(|(address, bytes)| StoredPicture::of(address, *bytes)).collect();
    Ok(json(&stored))
}

/// `POST /v1/admin/images`: the body is a file. The same picture has the same address, however
/// often it is sent; no page shows it before an inventory names it.
pub async fn store(
    face: Data<Face>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let identity = caller::operator(&face, &http)?;
    let bytes = body::read(payload, MAX_BYTES, WITHIN).await?;
    let server = face.server.clone();
    let keep = move || {
        let refused = |why| ApiError::refused("", format!("the picture {why}"));
        let picture = Picture::read(&bytes, None).map_err(refused)?;
        server.catalog.put_picture(&picture).map_err(ApiError::internal)?;
        Ok::<_, ApiError>(picture)
    };
    let picture = blocking(keep).await?;
    let address = picture.address();
    tracing::info!(picture = %address, who = identity.id, "a picture is stored");
    // A unit that lacked it shows it, and other machines have it.
    face.server.hand_on(address).await.map_err(ApiError::internal)?;
    let bytes = u64::try_from(picture.bytes().len()).unwrap_or(u64::MAX);
    Ok(json(&StoredPicture::of(&address, bytes)))
}
