//! `GET /reports/{id}`: an advertiser's report page, opened with an expiring link or a key.

mod breakdowns;
mod delivery;
mod labels;
mod ledger_snapshot;
mod numbers;
mod sum;

use crate::config::keys::Role;
use crate::domain::id::AdvertiserId;
use crate::domain::party::Advertiser;
use crate::domain::zone::Zone;
use crate::http::caller;
use crate::http::problem::ApiError;
use crate::http::public::reports::ReportSources;
use crate::http::public::reports::access;
use crate::http::public::reports::period::Period;
use crate::http::public::{pages, reports};
use crate::ledger::views::Views;
use crate::web::pages::advertiser::{AdvertiserContent, AdvertiserView};
use crate::web::pages::{Link, advertiser};
use crate::world::Worlds;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Deserialize;

/// Query parameters of the page. Its form also sends empty ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    #[serde(default)]
    link: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

/// `GET /reports/{id}?link=…&from=…&to=…`.
pub(crate) async fn page(
    sources: Data<ReportSources>,
    http: HttpRequest,
    id: Path<String>,
    query: Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let wants_html = caller::header(&http, "accept").is_some_and(|all| all.contains("text/html"));
    match answer(&sources, &http, &id, query.into_inner(), wants_html).await {
        Err(error) if wants_html => Ok(pages::error_page(&sources.app, &error)),
        answer => answer,
    }
}

async fn answer(
    sources: &Data<ReportSources>,
    http: &HttpRequest,
    id: &str,
    query: PageQuery,
    wants_html: bool,
) -> Result<HttpResponse, ApiError> {
    let caller = access::authorize(&sources.app, http, Role::Advertiser, id, &query.link)?;
    let unknown = || ApiError::not_found("unknown_party", format!("no advertiser `{id}`"));
    let id: AdvertiserId = id.parse().map_err(|_| unknown())?;
    let zone = zone(&sources.world, &id).ok_or_else(unknown)?;
    let date = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let (from, to) = (date(&query.from), date(&query.to));
    let now = sources.app.clock.now();
    let period = match Period::parse(from.as_deref(), to.as_deref(), zone, now) {
        // Programs get problem details; browsers get the form with the error in it.
        Err(error) if !wants_html => return Err(error),
        period => period,
    };
    let slot = sources.threads.slot(caller)?;
    reports::flush_opportunities(sources).await;
    let views = sources.reporting.views();
    let (state, links) = (sources.clone(), pages::menu(&sources.app));
    let page = move || text(&state, &views, &id, period, &query, &links);
    let (status, text) = slot.run(page).await?;
    let mut page = pages::html(text);
    *page.status_mut() = status;
    Ok(page)
}

fn text(
    sources: &ReportSources,
    views: &Views,
    id: &AdvertiserId,
    period: Result<Period, ApiError>,
    query: &PageQuery,
    links: &[Link],
) -> (StatusCode, String) {
    let (status, content, from, to) = match period {
        Ok(period) => {
            let numbers = numbers::numbers(sources, views, id, &period, &query.link);
            let (from, to) = (period.from.to_string(), period.to.to_string());
            (StatusCode::OK, AdvertiserContent::Report(Box::new(numbers)), from, to)
        }
        Err(error) => {
            let field = error.field().unwrap_or_default().to_owned();
            let content = AdvertiserContent::InvalidField(field, error.to_string());
            (error.status_code(), content, query.from.clone(), query.to.clone())
        }
    };
    let directory = sources.world.directory();
    let own = directory.find::<Advertiser>(id.as_str());
    let page = advertiser::advertiser(&AdvertiserView {
        name: own.map_or(id.as_str(), |advertiser| &advertiser.name),
        from: &from,
        to: &to,
        link: &query.link,
        content,
        links,
    });
    (status, page)
}

/// The advertiser's time zone; `None` if there never was such an advertiser.
fn zone(world: &Worlds, id: &AdvertiserId) -> Option<Zone> {
    let directory = world.directory();
    directory.find(id.as_str()).map(|advertiser: &Advertiser| advertiser.time_zone.clone())
}
