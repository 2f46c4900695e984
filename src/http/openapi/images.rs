//! Pictures: handed in and listed by an operator.

use crate::domain::picture::Format;
use crate::http::openapi::answer::Answer;
use crate::http::openapi::operation::Operation;
use crate::http::openapi::operation::operation;
use crate::http::openapi::schemas::Schemas;
use crate::http::ops::admin::images::StoredPicture;
use serde_json::json;

/// The rows, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let list = schemas.written::<Vec<StoredPicture>>();
    let stored = schemas.written::<StoredPicture>();
    let formats: Vec<&str> = Format::ALL.iter().map(|format| format.content_type()).collect();
    let bytes = json!({ "type": "string", "format": "binary" });
    vec![
        operation("get", "/v1/admin/images", "images")
            .says("Every stored picture", "Also those that no inventory names any more.")
            .answers(Answer::json(200, &list, "The pictures, in the order of their addresses.")),
        operation("post", "/v1/admin/images", "storeImage")
            .says(
                "Store a picture",
                "A PNG, JPEG, GIF or WebP of one frame, up to 256 KiB and 2048 pixels a side, as \
                 the body; its content says which. Metadata is taken out. The same picture has the \
                 same address, however often it is sent. Nobody sees it before `logo` of an \
                 advertiser or `image.file` of a creative names it.",
            )
            .body(&formats, &bytes, &json!({}))
            .answers(Answer::json(200, &stored, "It is stored."))
            .answers(Answer::problem(400, &["unparsable"], "The body broke off."))
            .answers(Answer::problem(422, &["field_refused"], "It is no picture to be shown.")),
    ]
}
