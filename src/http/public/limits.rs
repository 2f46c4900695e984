//! `GET /v1/limits` and `/v1/privacy`: what is cut, what counts for how long, what is kept.

use crate::http::Face;
use crate::http::public::events;
use crate::http::public::explain;
use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

/// `GET /v1/limits`: the settings in force.
pub async fn limits(face: Data<Face>) -> HttpResponse {
    let settings = face.server.settings();
    let mut request = json!(settings.request);
    request["token_characters"] = json!(events::TOKEN_CHARS);
    explain::json(&json!({
        "windows": settings.windows,
        "request": request,
        "visitor": { "impressions": settings.limits.impressions, "clicks": settings.limits.clicks },
        "flood_per_second": settings.limits.flood_per_second,
        "snapshot": settings.snapshot,
    }))
}

/// `GET /v1/privacy`: the data map.
pub async fn privacy(face: Data<Face>) -> HttpResponse {
    let days = face.server.settings().decision_log.days;
    explain::json(&json!({
        "identifiers_of_persons": "none is asked for, set or read; no cookie, no storage",
        "used": [
            { "what": "the page's context", "why": "to choose a unit", "kept": format!("decision log, {days} days") },
            { "what": "a country-level region", "why": "label, targeting, reports", "kept": format!("decision log, {days} days; ledger, as the law asks") },
            { "what": "address and agent", "why": "against fraud", "kept": "in memory as a keyed hash under a salt of the day, 24 hours at the most" },
        ],
        "page_urls": "path, host or none, as the publisher chose; query and fragment never",
        "never": ["identifiers of a reader", "cookies", "storage", "profiles", "anything of the reader in tokens, journal, ledger or logs"],
        "measurement": { "full": "impressions, viewability, clicks; visitor limits in memory", "basic": "no viewport observation, no visitor key; implied by Sec-GPC", "none": "decisions and clicks alone" },
        "retention": { "limits_hours": 24, "decision_log_days": days, "ledger": "as the law asks" },
    }))
}
