//! Upload and list images. Inventory documents refer to an image by its address.

use crate::catalog::image::{ImageFile, MAX_BYTES};
use crate::domain::image::Address;
use crate::http::change::BODY_TIMEOUT;
use crate::http::json;
use crate::http::ops::admin;
use crate::http::problem::ApiError;
use crate::http::{AppState, blocking, body, caller};
use crate::publishing::Publishing;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;

/// A stored image.
#[derive(Serialize, JsonSchema)]
pub(crate) struct StoredImage {
    /// Address of the image, as used in `logo` and `image.file`.
    #[schemars(example = &"3f0c1b6f0b8b4a7c9d2e5f60718293a4-640x360.webp")]
    pub(crate) address: String,
    /// Width in pixels.
    pub(crate) width: u16,
    /// Height in pixels.
    pub(crate) height: u16,
    /// Size in bytes as stored, without metadata.
    pub(crate) bytes: u64,
}

impl StoredImage {
    fn of(address: &Address, bytes: u64) -> StoredImage {
        let Address { width, height, .. } = *address;
        StoredImage { address: address.to_string(), width, height, bytes }
    }
}

/// `GET /v1/admin/images`.
pub(crate) async fn list(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let list = move || publishing.images().list().map_err(ApiError::internal);
    let images = blocking(list).await?;
    let stored: Vec<StoredImage> =
        images.iter().map(|(address, bytes)| StoredImage::of(address, *bytes)).collect();
    Ok(json(&stored))
}

/// `POST /v1/admin/images`: the body is the image file. Addresses are content hashes, so uploading the
/// same image again is idempotent. An image is served only once the inventory refers to it.
pub(crate) async fn store(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let identity = caller::require_operator(&app, &http)?;
    let bytes = body::read(payload, MAX_BYTES, BODY_TIMEOUT).await?;
    let invalid = |reason| ApiError::invalid_field("", format!("the image {reason}"));
    let image = blocking(move || ImageFile::read(&bytes, None).map_err(invalid)).await?;
    let (address, bytes) =
        (image.address(), u64::try_from(image.bytes().len()).unwrap_or(u64::MAX));
    publishing.store_image(image, &identity.id).await.map_err(ApiError::internal)?;
    Ok(json(&StoredImage::of(&address, bytes)))
}
