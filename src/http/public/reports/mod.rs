//! `GET /v1/reports/{party}/{id}`: JSON, or CSV by `Accept` or `format`.

pub(crate) mod access;
pub(crate) mod period;

mod table;

use crate::config::keys::Role;
use crate::domain::attribution::Dimension;
use crate::domain::party::{Advertiser, Publisher, RevenueShare};
use crate::domain::zone::Zone;
use crate::events::Events;
use crate::http::problem::ApiError;
use crate::http::public::reports::period::Period;
use crate::http::{AppState, blocking, caller, json};
use crate::reporting::Reporting;
use crate::reporting::report;
use crate::reporting::report::{Party, Query, Row};
use crate::world::Worlds;
use crate::world::directory::Directory;
use actix_web::http::header;
use actix_web::http::header::{ContentDisposition, HeaderValue};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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
}

/// Query parameters of a report.
#[derive(Deserialize)]
pub(crate) struct ReportQuery {
    from: Option<String>,
    to: Option<String>,
    by: Option<String>,
    tz: Option<String>,
    /// Token of a link to an advertiser's page.
    #[serde(default)]
    link: String,
    format: Option<String>,
    /// Filters, by the name of their dimension.
    #[serde(flatten)]
    others: BTreeMap<String, String>,
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
    /// Dimensions: the keys of each row, in this order.
    pub(crate) by: Vec<Dimension>,
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
    /// Next page; always `null`, since a report has one page.
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
    query: actix_web::web::Query<ReportQuery>,
) -> Result<HttpResponse, ApiError> {
    let ((kind, id), query) = (path.into_inner(), query.into_inner());
    let (role, party) = match kind.as_str() {
        "advertisers" => (Role::Advertiser, Party::Advertiser(id.clone())),
        "publishers" => (
            Role::Publisher,
            Party::Publisher {
                id: id.clone(),
                shares: revenue_shares(&sources.world.directory(), &id),
            },
        ),
        _ => return Err(ApiError::no_route()),
    };
    access::authorize(&sources.app, &http, role, &id, &query.link)?;
    let accepts_csv =
        || caller::header(&http, "accept").is_some_and(|all| all.contains("text/csv"));
    let format = match query.format.as_deref() {
        Some(name) => name.parse().map_err(|why: String| ApiError::invalid_field("format", why))?,
        None if accepts_csv() => Format::Csv,
        None => Format::Json,
    };
    flush_opportunities(&sources).await;
    let name = format!("adjacent-{id}.csv");
    let reply = blocking(move || reply(&sources, party, &id, &query)).await?;
    let mut response = match format {
        Format::Json => json(&reply),
        Format::Csv => HttpResponse::Ok()
            .content_type("text/csv; charset=utf-8")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header(ContentDisposition::attachment(name))
            .body(table::csv(&reply).map_err(ApiError::internal)?),
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    Ok(response)
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

/// A publisher's revenue shares, by date.
fn revenue_shares(directory: &Directory, id: &str) -> Vec<RevenueShare> {
    let own = directory.find::<Publisher>(id);
    own.map_or_else(Vec::new, |publisher| publisher.revenue_share.clone())
}

/// Builds a report. Scans every ledger row of the period, so it must run on a blocking thread.
fn reply(
    sources: &ReportSources,
    party: Party,
    id: &str,
    parameters: &ReportQuery,
) -> Result<ReportReply, ApiError> {
    let directory = sources.world.directory();
    let own_zone = match &party {
        Party::Advertiser(_) => {
            directory.find::<Advertiser>(id).map(|advertiser| advertiser.time_zone.clone())
        }
        Party::Publisher { .. } => directory.find::<Publisher>(id).map(|_| Zone::utc()),
    };
    let own_zone = own_zone.ok_or_else(|| {
        ApiError::not_found("unknown_party", format!("no advertiser or publisher `{id}`"))
    })?;
    let zone = match &parameters.tz {
        None => own_zone,
        Some(name) => Zone::try_from(name.clone())
            .map_err(|error| ApiError::invalid_field("tz", error.to_string()))?,
    };
    let now = sources.app.clock.now();
    let period = Period::parse(parameters.from.as_deref(), parameters.to.as_deref(), zone, now)?;
    let mut by: Vec<Dimension> = Vec::new();
    for name in parameters.by.as_deref().unwrap_or("day").split(',').filter(|name| !name.is_empty())
    {
        let dimension =
            name.trim().parse().map_err(|why: String| ApiError::invalid_field("by", why))?;
        if !by.contains(&dimension) {
            by.push(dimension);
        }
    }
    let filters = Dimension::FILTERS.iter().filter_map(|dimension| {
        Some((*dimension, parameters.others.get(dimension.as_str())?.clone()))
    });
    let query = Query {
        party,
        from_ms: period.from_ms,
        to_ms: period.to_ms,
        by,
        zone: period.zone.clone(),
        filters: filters.collect(),
    };
    let completeness = sources.reporting.completeness(period.to_ms);
    let (rows, total) = report::report(&sources.reporting.views(), &query);
    Ok(ReportReply {
        of: id.to_owned(),
        from: period.from.to_string(),
        to: period.to.to_string(),
        tz: period.zone.name().to_owned(),
        by: query.by,
        rows,
        total,
        generated_at: now.to_string(),
        complete_through: completeness.complete_through.to_string(),
        final_until: completeness.final_until.map(|until| until.to_string()),
        provisional: completeness.is_provisional,
        is_final: completeness.is_final,
        next: None,
    })
}
