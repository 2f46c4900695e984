//! Examples: the reference page with its unit, and problem details.

use crate::delivery::rendered_unit::RenderedUnit;
use crate::http::problem::meaning;
use serde_json::{Value, json};

/// Request bodies of `POST /v1/decisions`.
pub(super) fn requests() -> Value {
    json!({
        "article": { "summary": "An article with a slot at its end", "value": {
            "publisher": "eu-tech-news",
            "page": {
                "url": "https://news.example/ai-infrastructure/x",
                "language": "en",
                "topics": ["ai-infrastructure"],
                "entities": [
                    { "name": "@alibaba cloud", "role": "subject" },
                    "european-commission",
                ],
                "keywords": ["data centre"],
                "region": "eu",
                "commercial": "allow",
                "sensitive": [],
                "shown": [],
            },
            "viewer": { "region": "DE" },
            "placements": [
                { "name": "article-end", "key": "article-end", "styles": ["terminal", "card"] },
            ],
            "render": "json",
            "test": false,
        } },
        "least": { "summary": "The minimal request", "value": {
            "publisher": "eu-tech-news",
            "placements": [{ "name": "article-end" }],
        } },
    })
}

/// The reply to the `article` example.
pub(super) fn reply() -> Value {
    json!({
        "request_id": "0198c0de-1f2e-7a3b-8c4d-5e6f70819200",
        "snapshot": {
            "inventory": "e9bd68fe06dd31432af28e2108749ca0",
            "weights": "44b12d74737cf6c3992de0de25e8656a",
            "age_ms": 42,
            "stale": false,
        },
        "warnings": [],
        "decisions": { "article-end": RenderedUnit::example() },
    })
}

/// Problem details with the first of these error codes.
pub(super) fn problem(status: u16, codes: &[&str]) -> Value {
    let code = codes.first().copied().unwrap_or("internal");
    let detail = meaning(code);
    let title = actix_web::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default();
    json!({
        "type": "about:blank", "title": title, "status": status, "detail": detail,
        "code": code, "request_id": "0198c0de-1f2e-7a3b-8c4d-5e6f70819200",
    })
}
