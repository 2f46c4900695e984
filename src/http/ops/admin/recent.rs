//! Decisions and events as they happen, for operators who watch.

use crate::http::ops::admin;
use crate::http::problem::ApiError;
use crate::http::readiness::Readiness;
use crate::http::{AppState, json};
use crate::world::live_feed::{FeedFilter, FeedKind, FeedPage, LiveFeed};
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use std::time::Duration;

/// The most entries of one answer.
const MAX_ENTRIES: usize = 500;

/// The longest wait for an entry, in milliseconds.
const MAX_WAIT_MS: u64 = 5_000;

/// Time between two looks while an answer waits for an entry, in milliseconds.
const LOOK_EVERY_MS: u64 = 100;

/// Query parameters of the recent entries.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecentQuery {
    after: Option<u64>,
    #[serde(default)]
    wait_ms: u64,
    kind: Option<FeedKind>,
    publisher: Option<String>,
    flight: Option<String>,
    reason: Option<String>,
}

/// `GET /v1/admin/recent`: entries after a number. The first request, without one, begins to watch: entries
/// are kept for half a minute after each request.
pub(crate) async fn recent(
    app: Data<AppState>,
    readiness: Data<Readiness>,
    feed: Data<LiveFeed>,
    http: HttpRequest,
    query: Query<RecentQuery>,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let RecentQuery { after, wait_ms, kind, publisher, flight, reason } = query.into_inner();
    let filter = FeedFilter { kind, publisher, flight, reason };
    let last = feed.watch(app.clock.now_ms());
    let Some(mut after) = after else {
        return Ok(json(&FeedPage { entries: Vec::new(), next: last, missed: 0 }));
    };
    // Numbers begin anew with each process.
    if after > last {
        after = 0;
    }
    let mut missed = 0;
    for _ in 0..wait_ms.min(MAX_WAIT_MS).div_ceil(LOOK_EVERY_MS) {
        let page = feed.after(after, &filter, MAX_ENTRIES);
        missed += page.missed;
        after = page.next;
        if !page.entries.is_empty() || readiness.is_draining() {
            return Ok(json(&FeedPage { missed, ..page }));
        }
        tokio::time::sleep(Duration::from_millis(LOOK_EVERY_MS)).await;
    }
    let page = feed.after(after, &filter, MAX_ENTRIES);
    Ok(json(&FeedPage { missed: missed + page.missed, ..page }))
}
