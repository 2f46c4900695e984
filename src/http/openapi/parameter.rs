//! Parameters of paths, queries and headers.

use serde_json::Value;
use serde_json::json;

/// A part of a path.
pub(super) fn path(name: &str, description: &str, schema: Value, example: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true,
        "description": description, "schema": schema, "example": example,
    })
}

/// A parameter that may be given once.
pub(super) fn query(
    name: &str,
    description: &str,
    schema: Value,
    example: impl Into<Value>,
) -> Value {
    let example = example.into();
    json!({
        "name": name, "in": "query",
        "description": description, "schema": schema, "example": example,
    })
}

/// The same that must be given.
pub(super) fn required(mut parameter: Value) -> Value {
    parameter["required"] = json!(true);
    parameter
}

/// A parameter that may be repeated: `topic=a&topic=b`.
pub(super) fn repeated(name: &str, description: &str, items: Value, example: &[&str]) -> Value {
    json!({
        "name": name, "in": "query", "style": "form", "explode": true,
        "description": format!("{description} May be repeated."),
        "schema": { "type": "array", "items": items }, "example": example,
    })
}

/// Text that is not empty.
pub(super) fn name() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 128 })
}

/// Any text.
pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

/// A decision's id.
pub(super) fn decision() -> Value {
    let id = json!({ "type": "string", "format": "uuid" });
    path("id", "The decision's id.", id, "0198c0de-1f2e-7a3b-8c4d-5e6f70819201")
}

/// A reference to one of [`shared`].
pub(super) fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

/// Headers that several operations read.
pub(super) fn shared() -> Value {
    let header = |name: &str, description: &str, schema: Value, example: &str| {
        json!({
            "name": name, "in": "header",
            "description": description, "schema": schema, "example": example,
        })
    };
    json!({
        "Sec-GPC": header(
            "Sec-GPC",
            "`1`: the reader's browser asks not to be followed; nothing of the viewport is observed \
             and no visitor key is made. Anything else says nothing.",
            json!({ "type": "string" }),
            "1",
        ),
        "Adjacent-Reader-Address": header(
            "Adjacent-Reader-Address",
            "The reader's address, as a publisher's server saw it. Believed with the publisher's \
             key alone; in memory for 24 hours at the most, against fraud.",
            json!({ "type": "string" }),
            "192.0.2.17",
        ),
        "Adjacent-Reader-Agent": header(
            "Adjacent-Reader-Agent",
            "The reader's `User-Agent`, as a publisher's server saw it. Believed with the \
             publisher's key alone; never kept.",
            json!({ "type": "string" }),
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        ),
    })
}
