//! Responses: statuses, formats, headers.

use crate::http::openapi::example;
use serde_json::{Value, json};

/// A response object with its status.
pub(super) struct Response {
    pub status: u16,
    /// The OpenAPI response object.
    pub object: Value,
}

impl Response {
    /// A response without a body.
    pub fn bare(status: u16, description: &str) -> Response {
        Response { status, object: json!({ "description": description }) }
    }

    /// A JSON response.
    pub fn json(status: u16, schema: &Value, description: &str) -> Response {
        Response::bare(status, description).in_format("application/json", schema.clone())
    }

    /// A text response of this content type.
    pub fn text(status: u16, format: &str, description: &str) -> Response {
        Response::bare(status, description).in_format(format, json!({ "type": "string" }))
    }

    /// Problem details with one of these error codes.
    pub fn problem(status: u16, codes: &[&str], description: &str) -> Response {
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        let quoted: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
        let description = format!("{description} Code: {}.", quoted.join(" or "));
        let mut response =
            Response::bare(status, &description).in_format("application/problem+json", schema);
        response.object["x-codes"] = json!(codes);
        response.example("application/problem+json", example::problem(status, codes))
    }

    /// Adds a content type.
    pub fn in_format(mut self, format: &str, schema: Value) -> Response {
        self.object["content"][format] = json!({ "schema": schema });
        self
    }

    /// Adds an example for a content type.
    pub fn example(mut self, format: &str, value: Value) -> Response {
        self.object["content"][format]["example"] = value;
        self
    }

    /// Adds a response header defined in [`headers`].
    pub fn header(mut self, name: &str) -> Response {
        let path = format!("#/components/headers/{name}");
        self.object["headers"][name] = json!({ "$ref": path });
        self
    }
}

/// The response headers that callers need to know.
pub(super) fn headers() -> Value {
    json!({
        "Adjacent-Recorded": {
            "description": "The event is on disk. Only this header acknowledges it; without it, a \
                sender may retry. A repeated event is never counted twice.",
            "schema": { "const": "1" },
        },
        "Retry-After": {
            "description": "Seconds to wait before retrying.",
            "schema": { "type": "integer", "minimum": 1 },
        },
        "Location": {
            "description": "The campaign's stored landing page.",
            "schema": { "type": "string", "format": "uri" },
        },
        "Adjacent-No-Fill": {
            "description": "Why there is no unit: the decision's reason, or the protocol's reason \
                for a unit that the caller rejects.",
            "schema": { "type": "string" },
        },
        "Adjacent-Ignored": {
            "description": "Paths of request fields that were ignored, including all that identify \
                a reader.",
            "schema": { "type": "string" },
        },
        "ETag": {
            "description": "The version: for `If-None-Match`, and for `If-Match` if the resource can \
                be changed.",
            "schema": { "type": "string" },
        },
    })
}
