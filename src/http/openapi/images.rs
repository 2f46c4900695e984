//! Upload and list images.

use crate::domain::image::Format;
use crate::http::openapi::operation::{Operation, operation};
use crate::http::openapi::response::Response;
use crate::http::openapi::schemas::Schemas;
use crate::http::ops::admin::images::StoredImage;
use serde_json::json;

/// The operations, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let list = schemas.output::<Vec<StoredImage>>();
    let stored = schemas.output::<StoredImage>();
    let formats: Vec<&str> = Format::ALL.iter().map(|format| format.content_type()).collect();
    let bytes = json!({ "type": "string", "format": "binary" });
    vec![
        operation("get", "/v1/admin/images", "images")
            .describe("List stored images", "Includes images that the inventory no longer refers to.")
            .response(Response::json(200, &list, "The images, sorted by address.")),
        operation("post", "/v1/admin/images", "storeImage")
            .describe(
                "Upload an image",
                "The body is a PNG, JPEG, GIF or WebP with one frame, at most 256 KiB and 2048 pixels \
                 per side; the format is detected from the content. Metadata is removed. Addresses are \
                 content hashes, so repeated uploads give the same address. The image is served once an \
                 advertiser's `logo` or a creative's `image.file` refers to it.",
            )
            .body(&formats, &bytes, &json!({}))
            .response(Response::json(200, &stored, "The stored image."))
            .response(Response::problem(400, &["malformed_request"]).when("The body is incomplete."))
            .response(Response::problem(422, &["invalid_field"]).when("The image is invalid or not supported.")),
    ]
}
