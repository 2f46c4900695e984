//! `GET /reports/{id}`: an advertiser's page, by a link that expires or by its key.

mod books;
mod breakdowns;
mod numbers;
mod sold;
mod sum;
mod words;

use crate::config::keys::Role;
use crate::domain::id::AdvertiserId;
use crate::domain::zone::Zone;
use crate::http::Face;
use crate::http::blocking;
use crate::http::caller;
use crate::http::problem::ApiError;
use crate::http::public::pages;
use crate::http::public::reports;
use crate::http::public::reports::access;
use crate::http::public::reports::period::Period;
use crate::server::Server;
use crate::web::pages::Link;
use crate::web::pages::advertiser;
use crate::web::pages::advertiser::AdvertiserView;
use crate::web::pages::advertiser::Told;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::web::Path;
use actix_web::web::Query;
use serde::Deserialize;

/// The parameters of the page. A form sends empty ones, too.
#[derive(Deserialize)]
pub struct Opened {
    #[serde(default)]
    link: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

/// `GET /reports/{id}?link=…&from=…&to=…`.
pub async fn page(
    face: Data<Face>,
    http: HttpRequest,
    id: Path<String>,
    opened: Query<Opened>,
) -> Result<HttpResponse, ApiError> {
    let reads_pages = caller::header(&http, "accept").is_some_and(|all| all.contains("text/html"));
    match answer(&face, &http, &id, opened.into_inner(), reads_pages).await {
        Err(error) if reads_pages => Ok(pages::failed(&face, &error)),
        answer => answer,
    }
}

async fn answer(
    face: &Data<Face>,
    http: &HttpRequest,
    id: &str,
    opened: Opened,
    reads_pages: bool,
) -> Result<HttpResponse, ApiError> {
    access::allowed(face, http, Role::Advertiser, id, &opened.link)?;
    let unknown = || ApiError::missing("unknown_party", format!("there is no `{id}`"));
    let id: AdvertiserId = id.parse().map_err(|_| unknown())?;
    let zone = zone(&face.server, &id).ok_or_else(unknown)?;
    let date = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let (from, to) = (date(&opened.from), date(&opened.to));
    let now = face.server.clock.now();
    let period = match Period::asked(from.as_deref(), to.as_deref(), zone, now) {
        // A program gets the problem, a person the form with what is wrong in it.
        Err(error) if !reads_pages => return Err(error),
        period => period,
    };
    reports::up_to_date(&face.server).await;
    let (server, links) = (face.server.clone(), pages::menu(face));
    let (status, text) =
        blocking(move || Ok::<_, ApiError>(text(&server, &id, period, &opened, &links))).await?;
    let mut page = pages::html(text);
    *page.status_mut() = status;
    Ok(page)
}

fn text(
    server: &Server,
    id: &AdvertiserId,
    period: Result<Period, ApiError>,
    opened: &Opened,
    links: &[Link],
) -> (StatusCode, String) {
    let (status, told, from, to) = match period {
        Ok(period) => {
            let told = numbers::numbers(server, id, &period, &opened.link);
            let (from, to) = (period.from.to_string(), period.to.to_string());
            (StatusCode::OK, Told::Numbers(Box::new(told)), from, to)
        }
        Err(error) => {
            let field = error.field().unwrap_or_default().to_owned();
            let told = Told::Refused(field, error.to_string());
            (error.status_code(), told, opened.from.clone(), opened.to.clone())
        }
    };
    let live = server.live();
    let page = advertiser::advertiser(&AdvertiserView {
        name: numbers::owner(&live, id).map_or(id.as_str(), |owner| &owner.name),
        from: &from,
        to: &to,
        link: &opened.link,
        told,
        links,
    });
    (status, page)
}

/// Whose days an advertiser's are.
fn zone(server: &Server, id: &AdvertiserId) -> Option<Zone> {
    numbers::owner(&server.live(), id).map(|owner| owner.time_zone.clone())
}
