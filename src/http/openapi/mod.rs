//! The OpenAPI 3.1 document, built from the operation tables. Schemas are generated from the wire
//! types, so that they cannot differ from what the server reads and writes.

mod adapters;
mod admin;
mod canary;
mod change;
mod credits;
mod decide;
mod documents;
mod example;
mod explain;
mod forecasts;
mod images;
mod operation;
mod operations;
mod pages;
mod parameter;
pub mod reference;
mod replays;
mod report;
mod response;
mod schemas;
mod site_changes;
mod weights_versions;

use crate::http::openapi::operation::Operation;
use crate::http::openapi::response::Response;
use crate::http::openapi::schemas::Schemas;
use crate::http::overload;
use crate::http::problem::{CODES, Problem};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> = LazyLock::new(build);
static TEXT: LazyLock<String> =
    LazyLock::new(|| serde_json::to_string_pretty(&*DOCUMENT).unwrap_or_default());

/// Groups of operations, in display order.
const TAGS: [(&str, &str); 7] = [
    ("decide", "Request labelled units: one request per page, one answer per placement."),
    ("events", "Event reports from browsers, and click redirects."),
    ("explain", "Explanations and events of decisions; limits and the data map."),
    ("report", "Reports on impressions, clicks and spend."),
    ("adapters", "Adapters for other protocols, each enabled under `[adapters]`."),
    ("pages", "HTML pages and browser files."),
    (
        "operations",
        "The operations listener: probes, metrics, admin. Must not be reachable from the public network.",
    ),
];

const ABOUT: &str = "A contextual sponsored-content server. \
    A page states what it is about; every placement gets one labelled unit or a no-fill reason. \
    No identifier of a reader is requested, set or read.\n\n\
    There are two listeners: the public one (default `127.0.0.1:8080`) and the operations one \
    (default `127.0.0.1:8081`); `x-listener` is the listener of an operation: `public`, `operations` \
    or `both`. API keys are sent in `Authorization: Bearer …` only.\n\n\
    HEAD is supported wherever GET has no side effects, so not for decisions and events. OPTIONS \
    returns 204 with `Allow`; any other method of a known path 405, an unknown path 404. An \
    ambiguous request head returns 400 and one that is too large 431, both without a body, and the \
    connection is closed.\n\n\
    Errors are RFC 9457 problem details with a stable `code`:\n\n";

/// The document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// The document as text.
pub(crate) fn text() -> &'static str {
    &TEXT
}

fn build() -> Value {
    let mut schemas = Schemas::default();
    schemas.output::<Problem>();
    let operations = [
        decide::operations(&mut schemas),
        explain::operations(&mut schemas),
        report::operations(&mut schemas),
        pages::operations(&mut schemas),
        adapters::operations(),
        operations::operations(&mut schemas),
        admin::operations(&mut schemas),
    ];
    let mut paths = json!({});
    let mut problems = Map::new();
    for mut operation in operations.into_iter().flatten() {
        if operation.method == "get"
            && overload::is_read(&operation.path)
            && operation.object["responses"].get("503").is_none()
        {
            operation = operation.response(Response::problem(503, &["unavailable"]));
        }
        let Operation { path, method, mut object } = operation;
        if let Some(responses) = object["responses"].as_object_mut() {
            responses.sort_keys();
            response::share_problems(responses, &mut problems);
        }
        paths[path][method] = object;
    }
    problems.sort_keys();
    let schemas = schemas.into_definitions(&mut paths);
    let codes = CODES.iter().map(|(code, meaning)| format!("- `{code}`: {meaning}"));
    let tags = TAGS.map(|(name, description)| json!({ "name": name, "description": description }));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "adjacent",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!("{ABOUT}{}", codes.collect::<Vec<_>>().join("\n")),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{ "url": "/", "description": "The public listener." }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": problems,
            "parameters": parameter::shared(),
            "headers": response::headers(),
            "securitySchemes": { "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "An operator, advertiser or publisher key.",
            } },
        },
    })
}
