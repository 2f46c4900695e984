//! What the operations that change the catalog share.

use crate::http::openapi::operation::Operation;
use crate::http::openapi::parameter::query;
use crate::http::openapi::response::Response;
use crate::http::openapi::schemas::Schemas;
use crate::publishing::apply::AppliedChange;
use serde_json::{Value, json};

/// `?confirm=true`.
pub(super) fn confirm() -> Value {
    let about = "Confirms what the guard would stop.";
    query("confirm", about, json!({ "type": "boolean" }), true)
}

/// Adds the headers and responses that all changes share.
pub(super) fn change(schemas: &mut Schemas, row: Operation) -> Operation {
    let applied = schemas.output::<AppliedChange>();
    let header = |name: &str, description: &str| {
        json!({ "name": name, "in": "header", "description": description,
            "schema": { "type": "string" } })
    };
    row.parameters([
        header("If-Match", "The hash that the caller last read; 412 if it is no longer current."),
        header("Idempotency-Key", "A change repeated with the same key is applied once."),
    ])
    .response(Response::json(200, &applied, "The change is applied.").header("ETag"))
    .response(Response::problem(400, &["malformed_request"]))
    .response(Response::problem(412, &["precondition_failed"]))
    .response(Response::problem(503, &["unavailable"]))
}
