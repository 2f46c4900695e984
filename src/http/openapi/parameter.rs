//! Path, query and header parameters.

use serde_json::{Value, json};

pub(super) fn path(name: &str, description: &str, schema: Value, example: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true,
        "description": description, "schema": schema, "example": example,
    })
}

/// An optional query parameter that may occur once.
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

pub(super) fn required(mut parameter: Value) -> Value {
    parameter["required"] = json!(true);
    parameter
}

/// A repeatable query parameter: `topic=a&topic=b`.
pub(super) fn repeated(name: &str, description: &str, items: Value, example: &[&str]) -> Value {
    json!({
        "name": name, "in": "query", "style": "form", "explode": true,
        "description": format!("{description} Repeatable."),
        "schema": { "type": "array", "items": items }, "example": example,
    })
}

/// Schema: text of 1 to 128 characters.
pub(super) fn name() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 128 })
}

/// Schema: any text.
pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

/// The query parameter `from` of a pass over the decision log; `default` is the period without it.
pub(super) fn first_day(default: &str) -> Value {
    let day = json!({ "type": "string", "format": "date" });
    query("from", &format!("First day. Without both dates, the {default}."), day, "2026-11-01")
}

/// The query parameter `to` that belongs to it.
pub(super) fn day_after() -> Value {
    let day = json!({ "type": "string", "format": "date" });
    query("to", "The day after the last one (exclusive); required with `from`.", day, "2026-11-08")
}

/// The path parameter `id` of a decision.
pub(super) fn decision() -> Value {
    let id = json!({ "type": "string", "format": "uuid" });
    path("id", "The decision's id.", id, "0198c0de-1f2e-7a3b-8c4d-5e6f70819201")
}

/// A reference to one of [`shared`].
pub(super) fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

/// Headers shared by several operations.
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
            "`1`: Global Privacy Control; the viewport is not observed and no visitor key is made; limits \
             by address and network remain. Any other value has no effect.",
            json!({ "type": "string" }),
            "1",
        ),
        "Adjacent-Reader-Address": header(
            "Adjacent-Reader-Address",
            "The reader's IP address, as seen by the publisher's server; a port, brackets and a list as in \
             `X-Forwarded-For` are understood. Accepted only with the publisher's secret key; in memory \
             for at most 24 hours, against fraud.",
            json!({ "type": "string" }),
            "192.0.2.17",
        ),
        "Adjacent-Reader-Agent": header(
            "Adjacent-Reader-Agent",
            "The reader's `User-Agent`, as seen by the publisher's server. Accepted only with the \
             publisher's secret key; never stored.",
            json!({ "type": "string" }),
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        ),
    })
}
