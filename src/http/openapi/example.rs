//! Examples: the reference page with its unit, and problem details.

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
        "decisions": { "article-end": unit() },
    })
}

fn unit() -> Value {
    let url = |path: &str| format!("https://units.example{path}");
    json!({
        "fill": true,
        "decision_id": "0198c0de-1f2e-7a3b-8c4d-5e6f70819201",
        "tier": "standard",
        "advertiser": { "id": "zahid-host", "name": "zahid.host" },
        "campaign": "zahid-launch",
        "flight": "zahid-ai-europe",
        "creative": {
            "id": "zahid-git-push",
            "hash": "fb48aba58684a4fa86e91813fb196a5b",
            "variant": 0,
            "style": "terminal",
            "language": "en",
            "direction": "ltr",
            "kicker": "reading about AI infrastructure? ship yours in a single git push.",
            "headline": "Run your AI side-project on zahid.host",
            "body": "Push a repository and get a running service with its own address, logs and a \
                certificate.",
            "proof": {
                "text": "4,200+ EU-deployed projects",
                "source": "zahid.host, own count of running projects",
                "as_of": "2026-10-01",
            },
            "command": {
                "text": "git push zahid main",
                "output": "Live at https://your-agent.zahid.host",
                "copy_url": url("/e/AQEAcopy"),
                "copy_text": "copy",
                "copied_text": "copied",
                "aria": "command for a terminal",
            },
            "ctas": [
                {
                    "id": "primary",
                    "text": "Get free account",
                    "click_url": url("/c/AQEAprimary"),
                },
                { "id": "pricing", "text": "Pricing", "click_url": url("/c/AQEApricing") },
            ],
            "click_url": url("/c/AQEAprimary"),
            "landing_domain": "zahid.host",
            "logo": null,
            "image": null,
            "price": {
                "text": "from €0/mo",
                "amount_micros": 0,
                "currency": "EUR",
                "per": "month",
                "tax_included": true,
                "audience": "business",
                "note": "no card required",
                "valid_until": "2036-12-31T23:59:59Z",
            },
        },
        "label": {
            "text": "Anzeige",
            "language": "de",
            "aria": "Anzeige, bezahlter Inhalt",
            "sponsor_line": "präsentiert von zahid.host",
            "ruleset": "adjacent-2026-11",
            "region_basis": "declared",
        },
        "transparency": {
            "on_behalf_of": "zahid.host",
            "paid_by": "Zahid Hosting GmbH",
            "why": "erscheint, weil es auf dieser Seite um AI infrastructure geht",
            "why_text": "warum das",
            "language": "de",
            "why_url": url("/w/0198c0de-1f2e-7a3b-8c4d-5e6f70819201"),
        },
        "rel": "sponsored nofollow noopener",
        "event_urls": {
            "impression": url("/e/AQEAimpression"),
            "viewable": url("/e/AQEAviewable"),
        },
        "impression_until": "2026-11-25T12:15:00Z",
        "click_until": "2026-11-25T14:00:00Z",
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
