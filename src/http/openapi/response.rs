//! Responses: statuses, formats, headers.

use crate::http::openapi::example;
use crate::http::problem::meaning;
use serde_json::{Map, Value, json};

const PROBLEM: &str = "application/problem+json";

/// A response object with its status.
pub(super) struct Response {
    pub(crate) status: u16,
    /// The OpenAPI response object.
    pub(crate) object: Value,
}

impl Response {
    /// A response without a body.
    pub(crate) fn bare(status: u16, description: &str) -> Response {
        Response { status, object: json!({ "description": description }) }
    }

    pub(crate) fn json(status: u16, schema: &Value, description: &str) -> Response {
        Response::bare(status, description).in_format("application/json", schema.clone())
    }

    /// A text response of this content type.
    pub(crate) fn text(status: u16, format: &str, description: &str) -> Response {
        Response::bare(status, description).in_format(format, json!({ "type": "string" }))
    }

    /// Problem details with one of these error codes.
    pub(crate) fn problem(status: u16, codes: &[&str]) -> Response {
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        let mut response = Response::bare(status, &meanings(codes)).in_format(PROBLEM, schema);
        response.object["x-codes"] = json!(codes);
        if codes == ["unavailable"] {
            response = response.header("Retry-After");
        }
        response.example(PROBLEM, example::problem(status, codes))
    }

    /// Says when this operation responds with the problem, in place of the meaning of its codes.
    pub(crate) fn when(mut self, words: &str) -> Response {
        let codes = self.object["x-codes"].as_array().into_iter().flatten();
        let quoted: Vec<String> =
            codes.filter_map(Value::as_str).map(|code| format!("`{code}`")).collect();
        self.object["description"] = json!(format!("{words} Code: {}.", quoted.join(" or ")));
        self
    }

    /// Adds a content type.
    pub(crate) fn in_format(mut self, format: &str, schema: Value) -> Response {
        self.object["content"][format] = json!({ "schema": schema });
        self
    }

    /// Adds an example for a content type.
    pub(crate) fn example(mut self, format: &str, value: Value) -> Response {
        self.object["content"][format]["example"] = value;
        self
    }

    /// Adds a response header defined in [`headers`].
    pub(crate) fn header(mut self, name: &str) -> Response {
        let path = format!("#/components/headers/{name}");
        self.object["headers"][name] = json!({ "$ref": path });
        self
    }
}

/// The codes with their meanings.
fn meanings(codes: &[&str]) -> String {
    let meanings: Vec<String> =
        codes.iter().map(|code| format!("`{code}`: {}", meaning(code))).collect();
    format!("{}.", meanings.join("; "))
}

/// Moves the problems in the operations' `responses` to the components, so that each is described
/// once. An operation keeps a reference, and its description if it is not the general one.
pub(super) fn share_problems(responses: &mut Map<String, Value>, shared: &mut Map<String, Value>) {
    for response in responses.values_mut() {
        let Some(codes) = response["x-codes"].as_array() else { continue };
        if response["content"].as_object().is_none_or(|formats| formats.len() > 1) {
            continue;
        }
        let codes: Vec<&str> = codes.iter().filter_map(Value::as_str).collect();
        let name = codes.join("-or-");
        let general = Value::String(meanings(&codes));
        let mut reference = json!({ "$ref": format!("#/components/responses/{name}") });
        if response["description"] != general {
            reference["description"] = response["description"].take();
        }
        let mut problem = std::mem::replace(response, reference);
        problem["description"] = general;
        shared.insert(name, problem);
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
        "Link": {
            "description": "`rel=\"next\"`: the next page, if there is one.",
            "schema": { "type": "string" },
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
            "description": "Paths of request fields that were not read, at most 32 of them and 512 bytes, \
                never a value; for adapters including all that identify a reader; on events, names of reader headers that were not used: without the \
                publisher's secret key, or because they cannot be read.",
            "schema": { "type": "string" },
        },
        "ETag": {
            "description": "The version: for `If-None-Match`, and for `If-Match` if the resource can \
                be changed.",
            "schema": { "type": "string" },
        },
    })
}
