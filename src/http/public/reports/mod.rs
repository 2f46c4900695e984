//! `GET /v1/reports/{party}/{id}`: JSON, or CSV by `Accept` or `format`.

pub(crate) mod access;
pub(crate) mod period;
pub(crate) mod threads;

mod query;
mod stream;
pub(crate) mod table;

use crate::config::keys::Role;
use crate::domain::breakdown::Breakdown;
use crate::events::Events;
use crate::http::problem::ApiError;
use crate::http::public::embed_reports::EmbedReports;
use crate::http::public::reports::query::{MAX_LIMIT, ReportQuery, ReportRequest};
use crate::http::public::reports::stream::{READ_TIMEOUT, Source};
use crate::http::public::reports::threads::{ReportThreads, Slot};
use crate::http::{AppState, caller};
use crate::ledger::views::Views;
use crate::reporting::report::Row;
use crate::reporting::{Completeness, Reporting, report};
use crate::world::Worlds;
use actix_web::http::header;
use actix_web::http::header::{ContentDisposition, HeaderValue};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// How long a report waits for this instance's latest records to reach its ledger.
const SETTLE_TIMEOUT: Duration = Duration::from_millis(500);

/// What a report is made from.
pub(crate) struct ReportSources {
    pub(crate) app: Data<AppState>,
    pub(crate) reporting: Arc<Reporting>,
    pub(crate) events: Arc<Events>,
    pub(crate) world: Arc<Worlds>,
    pub(crate) threads: Arc<ReportThreads>,
    pub(crate) embed_reports: Arc<EmbedReports>,
}

/// A report.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReportReply {
    /// The party's id.
    pub(crate) of: String,
    /// First day.
    pub(crate) from: String,
    /// First day after the report (exclusive).
    pub(crate) to: String,
    /// Time zone of the days.
    pub(crate) tz: String,
    /// Dimensions and context keys: the keys of each row, in this order.
    pub(crate) by: Vec<Breakdown>,
    /// The rows.
    pub(crate) rows: Vec<Row>,
    /// Totals, one row per currency.
    pub(crate) total: Vec<Row>,
    /// Time of generation.
    pub(crate) generated_at: String,
    /// All events received up to this time are included.
    pub(crate) complete_through: String,
    /// Verdicts on everything recorded up to this time are final; in a fleet usually some seconds ago,
    /// and later only once every instance has sent its records. `null` before the fleet's records
    /// were read.
    pub(crate) final_until: Option<String>,
    /// Whether figures may include records after `final_until`: their verdicts, and so counts and
    /// amounts, may still change.
    pub(crate) provisional: bool,
    /// Whether the report is final: no later event can change it.
    #[serde(rename = "final")]
    pub(crate) is_final: bool,
    /// URL of the next page; `null` on the last one. `total` is the same on every page.
    pub(crate) next: Option<String>,
}

string_enum! {
    /// Format of a report.
    Format {
        /// All fields, with metadata.
        Json = "json",
        /// Only the rows.
        Csv = "csv",
    }
}

/// `GET /v1/reports/{advertisers|publishers}/{id}`: for the party itself and operators; for advertisers
/// also by the link to their page.
pub(crate) async fn report(
    sources: Data<ReportSources>,
    http: HttpRequest,
    path: Path<(String, String)>,
    query: ReportQuery,
) -> Result<HttpResponse, ApiError> {
    let (kind, id) = path.into_inner();
    let role = match kind.as_str() {
        "advertisers" => Role::Advertiser,
        "publishers" => Role::Publisher,
        _ => return Err(ApiError::no_route()),
    };
    let caller = access::authorize(&sources.app, &http, role, &id, &query.link)?;
    let format = format(query.format.as_deref(), &http)?;
    let request = query.parse(&sources.app, &sources.world, &kind, &id)?;
    let slot = sources.threads.slot(caller)?;
    flush_opportunities(&sources).await;
    let completeness = sources.reporting.completeness(request.period.to_ms);
    // Taken here: a thread for reports that waits for a core must not hold the ledger.
    let views = sources.reporting.views();
    let mut response = match format {
        Format::Json => {
            let now = sources.app.clock.now();
            let body = move || {
                serde_json::to_vec(&reply(request, id, now, &views, &completeness))
                    .map_err(ApiError::internal)
            };
            HttpResponse::Ok().content_type("application/json").body(slot.run(body).await??)
        }
        Format::Csv => csv(request, &id, slot, Source { views, completeness }).await?,
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// The format that the parameter `format` or else `Accept` names.
///
/// # Errors
/// 422 for an unknown one.
pub(crate) fn format(named: Option<&str>, http: &HttpRequest) -> Result<Format, ApiError> {
    let accepts_csv = || caller::header(http, "accept").is_some_and(|all| all.contains("text/csv"));
    match named {
        Some(name) => name.parse().map_err(|why: String| ApiError::invalid_field("format", why)),
        None if accepts_csv() => Ok(Format::Csv),
        None => Ok(Format::Json),
    }
}

/// Builds a report. Scans every ledger row of the period, so it must run on a thread for reports.
fn reply(
    request: ReportRequest,
    of: String,
    now: Timestamp,
    views: &Views,
    completeness: &Completeness,
) -> ReportReply {
    let report = report::report(views, &request.query);
    let ReportRequest { query, period, .. } = &request;
    ReportReply {
        of,
        from: period.from.to_string(),
        to: period.to.to_string(),
        tz: period.zone.name().to_owned(),
        by: query.by.clone(),
        rows: report.rows,
        total: report.totals,
        generated_at: now.to_string(),
        complete_through: completeness.complete_through.to_string(),
        final_until: completeness.final_until.map(|until| until.to_string()),
        provisional: completeness.is_provisional,
        is_final: completeness.is_final,
        next: report.more_after.map(|last| request.next(&last)),
    }
}

/// One page, if the request is for one; else all rows.
async fn csv(
    request: ReportRequest,
    id: &str,
    slot: Slot,
    source: Source,
) -> Result<HttpResponse, ApiError> {
    let (source, mut query) = (Arc::new(source), request.query.clone());
    if !request.is_paged {
        query.page.limit = MAX_LIMIT;
    }
    let first = {
        let (source, query) = (source.clone(), query.clone());
        slot.run(move || stream::chunk(&source, &query)).await??
    };
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/csv; charset=utf-8")
        .insert_header(ContentDisposition::attachment(format!("adjacent-{id}.csv")));
    Ok(match &first.more_after {
        None => response.body(first.bytes),
        Some(last) if request.is_paged => {
            let next = format!("<{}>; rel=\"next\"", request.next(last));
            response.insert_header((header::LINK, next)).body(first.bytes)
        }
        Some(_) => response.streaming(stream::chunks(first, slot, source, query, READ_TIMEOUT)),
    })
}

/// Writes the opportunity counts collected so far to the journal, so that no report shows more
/// impressions than served units. Continues if the client disconnects. If the journal cannot be written
/// (such as on a full disk), the report goes without the latest counts.
pub(crate) async fn flush_opportunities(sources: &ReportSources) {
    let events = sources.events.clone();
    let written = actix_web::rt::spawn(async move { events.record_opportunities().await });
    if let Ok(Err(error)) = written.await {
        tracing::debug!(%error, "opportunity counts not journaled yet; the report lacks the latest ones");
    }
    // In a fleet, the records come back through the shared store; `complete_through` says how far.
    sources.reporting.settle(SETTLE_TIMEOUT).await;
}
