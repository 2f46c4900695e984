//! The OpenAPI 3.1 document: made from the types that are on the wire.

use serde_json::Value;
use serde_json::json;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> = LazyLock::new(build);
static TEXT: LazyLock<String> =
    LazyLock::new(|| serde_json::to_string_pretty(&*DOCUMENT).unwrap_or_default());

/// The document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// The document as text.
pub fn text() -> &'static str {
    &TEXT
}

fn build() -> Value {
    json!({ "openapi": "3.1.0", "info": { "title": "adjacent", "version": env!("CARGO_PKG_VERSION") }, "paths": {} })
}
