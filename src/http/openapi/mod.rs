//! The OpenAPI 3.1 document, put together from the operations' tables; its schemas are made from
//! the types that are on the wire, so that it cannot say what the server does not.

mod admin;
mod answer;
mod ask;
mod credits;
mod decide;
mod dialects;
mod documents;
mod example;
mod images;
mod operation;
mod operations;
mod pages;
mod parameter;
mod report;
mod schemas;

use crate::http::openapi::operation::Operation;
use crate::http::openapi::schemas::Schemas;
use crate::http::problem::CODES;
use crate::http::problem::Problem;
use serde_json::Value;
use serde_json::json;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> = LazyLock::new(build);
static TEXT: LazyLock<String> =
    LazyLock::new(|| serde_json::to_string_pretty(&*DOCUMENT).unwrap_or_default());

/// Groups of operations, in reading order.
const TAGS: [(&str, &str); 7] = [
    ("decide", "One call per page in, one labelled unit per placement out."),
    ("events", "What browsers report, and where clicks lead."),
    ("ask", "Why a decision ended as it did, and what became of it; limits and the data map."),
    ("report", "What was shown, clicked and spent."),
    ("dialects", "Other clients' ways of asking, each turned on under `[adapters]`."),
    ("pages", "Pages that people read, and the files of their browsers."),
    ("operations", "The operations listener: probes, metrics, admin. Never on the open network."),
];

/// What a real server answered, by operation and format: `tests/it/examples.rs` records it and asks again.
const ANSWERED: &str = include_str!("answered.json");

const ABOUT: &str = "A contextual sponsored-content server. \
    A page tells what it is about; every placement gets one labelled unit or a reason why not. \
    No identifier of a reader is asked for, set or read.\n\n\
    There are two listeners: the public one (default `127.0.0.1:8080`) and the operations one \
    (default `127.0.0.1:8081`); `x-listener` says where an operation is: `public`, `operations` \
    or `both`. Keys go into `Authorization: Bearer …` and nowhere else.\n\n\
    HEAD answers like GET, without a body, wherever reading has no consequence; a decision and an \
    event take no HEAD. OPTIONS answers 204 with `Allow`; any other method of a known path 405, \
    an unknown path 404. A head that no two servers would read alike is answered 400 and one that \
    is too large 431, both without a body, and the connection is closed.\n\n\
    Errors are RFC 9457 problem details with a stable `code`:\n\n";

/// The document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// The document as text.
pub fn text() -> &'static str {
    &TEXT
}

fn build() -> Value {
    let mut schemas = Schemas::default();
    schemas.written::<Problem>();
    let operations = [
        decide::operations(&mut schemas),
        ask::operations(&mut schemas),
        report::operations(&mut schemas),
        pages::operations(&mut schemas),
        dialects::operations(),
        operations::operations(&mut schemas),
        admin::operations(&mut schemas),
    ];
    let answered: Value = serde_json::from_str(ANSWERED).unwrap_or_default();
    let mut paths = json!({});
    for Operation { path, method, mut said } in operations.into_iter().flatten() {
        let own = said["operationId"].as_str().and_then(|id| answered.get(id));
        for (format, example) in own.and_then(Value::as_object).into_iter().flatten() {
            said["responses"]["200"]["content"][format]["example"] = example.clone();
        }
        if let Some(answers) = said["responses"].as_object_mut() {
            answers.sort_keys();
        }
        paths[path][method] = said;
    }
    let schemas = schemas.into_all(&mut paths);
    let codes = CODES.iter().map(|(code, meaning)| format!("- `{code}`: {meaning}"));
    let tags = TAGS.map(|(name, about)| json!({ "name": name, "description": about }));
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
            "parameters": parameter::shared(),
            "headers": answer::headers(),
            "securitySchemes": { "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A key of the operator, of an advertiser or of a publisher.",
            } },
        },
    })
}
