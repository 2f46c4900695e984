//! Endpoints of other protocols. Their formats are defined elsewhere and only outlined here, in the
//! adapters' folders; their guide maps every field.

use crate::domain::protocol::Protocol;
use crate::http::openapi::operation::{Key, Operation, operation};
use crate::http::openapi::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An operation in an adapter's `openapi.json`: what differs from the other adapters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Outline {
    operation_id: String,
    summary: String,
    description: String,
    #[serde(default)]
    parameters: Vec<Value>,
    request_body: Option<Body>,
    /// By status; the headers of adapters are added.
    responses: BTreeMap<u16, Value>,
    /// Whether it has options that require an operator key.
    #[serde(default)]
    operator_only: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    schema: Value,
    example: Value,
}

/// The operations, in the order of the protocols.
pub(super) fn operations() -> Vec<Operation> {
    let outlines = Protocol::ALL.iter().flat_map(|protocol| {
        let paths: BTreeMap<String, BTreeMap<String, Outline>> =
            serde_json::from_str(protocol.openapi()).expect("tests build this document");
        paths
    });
    let complete = |(path, methods): (String, BTreeMap<String, Outline>)| {
        methods.into_iter().map(move |(method, outline)| complete(&path, &method, outline))
    };
    outlines.flat_map(complete).collect()
}

fn complete(path: &str, method: &str, outline: Outline) -> Operation {
    let mut row = operation(method, path, &outline.operation_id)
        .describe(&outline.summary, &outline.description)
        .tag("adapters")
        .key(Key::Optional);
    if !outline.parameters.is_empty() {
        row = row.parameters(outline.parameters);
    }
    if let Some(Body { schema, example }) = outline.request_body {
        let summary = "An article with a slot at its end";
        let examples = json!({ "page": { "summary": summary, "value": example } });
        let malformed = Response::problem(400, &["malformed_request"]);
        row = row.body(&["application/json"], &schema, &examples).response(malformed);
    }
    for (status, object) in outline.responses {
        row = row.response(
            Response { status, object }.header("Adjacent-No-Fill").header("Adjacent-Ignored"),
        );
    }
    if outline.operator_only {
        let words = "The request requires an operator key.";
        row = row.response(Response::problem(403, &["forbidden"]).when(words));
    }
    row.response(Response::problem(404, &["adapter_disabled", "unknown_publisher"]))
        .response(Response::problem(422, &["invalid_field"]))
}
