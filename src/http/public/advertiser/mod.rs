//! `GET /reports/{id}`: an advertiser's report page, opened with an expiring link or a key.

mod breakdowns;
mod delivery;
mod labels;
mod numbers;

use crate::config::keys::Role;
use crate::domain::id::AdvertiserId;
use crate::domain::party::Advertiser;
use crate::domain::zone::Zone;
use crate::http::problem::ApiError;
use crate::http::public::pages;
use crate::http::public::party_page;
use crate::http::public::party_page::{Opened, PageQuery, PageRequest};
use crate::http::public::reports::ReportSources;
use crate::web::pages::advertiser;
use crate::web::pages::advertiser::AdvertiserView;
use crate::world::Worlds;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};

/// `GET /reports/{id}?link=…&from=…&to=…`.
pub(crate) async fn page(
    sources: Data<ReportSources>,
    http: HttpRequest,
    id: Path<String>,
    query: Query<PageQuery>,
) -> Result<HttpResponse, ApiError> {
    let id = id.into_inner();
    let request = PageRequest {
        sources: &sources,
        http: &http,
        role: Role::Advertiser,
        id: &id,
        query: query.into_inner(),
    };
    let zone = || zone(&sources.world, &id.parse().ok()?);
    let own = id.clone();
    party_page::answer(request, zone, move |opened| text(opened, &own)).await
}

fn text(opened: Opened, id: &str) -> (StatusCode, String) {
    let sources = opened.sources.clone();
    let (status, form, content) =
        opened.content(|opened, period| numbers::numbers(opened, id, period));
    let directory = sources.world.directory();
    let own = directory.find::<Advertiser>(id);
    let page = advertiser::advertiser(&AdvertiserView {
        name: own.map_or(id, |advertiser| &advertiser.name),
        form,
        content,
        links: &pages::menu(&sources.app),
    });
    (status, page)
}

/// The advertiser's time zone; `None` if there never was such an advertiser.
fn zone(world: &Worlds, id: &AdvertiserId) -> Option<Zone> {
    let directory = world.directory();
    directory.find(id.as_str()).map(|advertiser: &Advertiser| advertiser.time_zone.clone())
}
