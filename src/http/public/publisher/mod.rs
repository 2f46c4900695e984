//! `GET /reports/publishers/{id}`: a publisher's report page, opened with an expiring link or a key.

mod controls;
mod numbers;
mod setup;
mod tables;

use crate::config::keys::Role;
use crate::domain::party::Publisher;
use crate::domain::zone::Zone;
use crate::http::problem::ApiError;
use crate::http::public::pages;
use crate::http::public::party_page;
use crate::http::public::party_page::{Opened, PageQuery, PageRequest};
use crate::http::public::reports::ReportSources;
use crate::web;
use crate::web::pages::publisher;
use crate::web::pages::publisher::PublisherView;
use actix_web::http::header::HeaderValue;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};

/// `GET /reports/publishers/{id}?link=…&from=…&to=…`.
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
        role: Role::Publisher,
        id: &id,
        query: query.into_inner(),
    };
    let zone = || sources.world.directory().find::<Publisher>(&id).map(|_| Zone::utc());
    let own = id.clone();
    let mut page = party_page::answer(request, zone, move |opened| text(opened, &own)).await?;
    let policy = HeaderValue::from_static(web::FRAMES_POLICY);
    page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(page)
}

fn text(opened: Opened, id: &str) -> (StatusCode, String) {
    let sources = opened.sources.clone();
    let directory = sources.world.directory();
    let Some(own) = directory.find::<Publisher>(id) else {
        // Documents are never forgotten, so it is still there.
        return (StatusCode::NOT_FOUND, String::new());
    };
    let (status, form, content) =
        opened.content(|opened, period| numbers::numbers(opened, own, period));
    let page = publisher::publisher(&PublisherView {
        name: &own.name,
        form,
        content,
        links: &pages::menu(&sources.app),
    });
    (status, page)
}
