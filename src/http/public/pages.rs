//! HTML pages: start, demo, "why this", guides.

use crate::delivery::rendered_unit::RenderedUnit;
use crate::delivery::unit;
use crate::domain::region::Regions;
use crate::explain::{Audience, Explain, Replay};
use crate::http::caller::Caller;
use crate::http::gate::Pass;
use crate::http::problem::ApiError;
use crate::http::public::explain;
use crate::http::{AppState, json};
use crate::selection::choose::Winner;
use crate::web;
use crate::web::pages::demo::{DemoQuery, DemoView};
use crate::web::pages::failure::FailureView;
use crate::web::pages::index::IndexView;
use crate::web::pages::notice::{NoticeField, NoticeForm, NoticeInput, NoticeWords};
use crate::web::pages::why::WhyView;
use crate::web::pages::{Link, demo, failure, guide, index, search, why};
use crate::world::Worlds;
use actix_web::http::header::HeaderValue;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use bumpalo::Bump;
use serde::Deserialize;

/// Preferred publisher and placement of the demo page.
const DEMO: (&str, &str) = ("eu-tech-news", "article-end");

/// Headers that proxies add.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// An HTML response with the content security policy of all our pages.
pub(crate) fn html(text: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(web::HTML)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_SECURITY_POLICY, web::PAGE_POLICY))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .body(text)
}

/// The error page of reports, shown instead of problem details.
pub(crate) fn error_page(app: &AppState, error: &ApiError) -> HttpResponse {
    let status = error.status_code();
    let help = match status {
        StatusCode::UNAUTHORIZED => {
            "Links to reports expire after some days. Ask the operator of this server for a new one."
        }
        StatusCode::FORBIDDEN => "Each key and each link gives access to the reports of one party.",
        _ => "Check the address, or go to the start page.",
    };
    let mut page = failure_page(app, error, help);
    if status == StatusCode::UNAUTHORIZED {
        page.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    page
}

/// An error with what to do as a page.
pub(crate) fn failure_page(app: &AppState, error: &ApiError, help: &str) -> HttpResponse {
    let status = error.status_code();
    let is_missing = status == StatusCode::NOT_FOUND;
    let mut page = html(failure::failure(&FailureView {
        title: if is_missing {
            "Page not found"
        } else {
            status.canonical_reason().unwrap_or("Error")
        },
        detail: &error.to_string(),
        help,
        is_missing,
        links: &menu(app),
    }));
    *page.status_mut() = status;
    page
}

/// The menu; a trial has the demo, too.
pub(crate) fn menu(app: &AppState) -> Vec<Link> {
    let mut links = vec![Link::new("start", "/")];
    if app.is_trial() {
        links.push(Link::new("demo", "/demo"));
    }
    links.extend(guide::menu());
    links.push(Link::new("API", "/docs"));
    links
}

/// `GET /`.
pub(crate) async fn start(app: Data<AppState>) -> HttpResponse {
    let mut here = vec![
        Link::new("API reference", "/docs").with_note("all endpoints, available offline"),
        Link::new("OpenAPI document", "/openapi.json")
            .with_note("machine-readable API description"),
        Link::new("Limits and windows", "/v1/limits")
            .with_note("request limits, counting windows, traffic rules"),
        Link::new("Data map", "/v1/privacy")
            .with_note("which data is used and stored, and which never is"),
    ];
    let mut groups = Vec::new();
    if app.is_trial() {
        here.insert(
            0,
            Link::new("Demo page", "/demo").with_note("an article with a unit at its end"),
        );
        {
            let ops = app.ops;
            let at = |path: &str| format!("http://{ops}{path}");
            groups.push((
                "Operations".to_owned(),
                vec![
                    Link::new("Metrics", at("/metrics")).with_note("for Prometheus"),
                    Link::new("Console", at("/console")).with_note("inventory, weights, pauses"),
                ],
            ));
        }
    }
    groups.insert(0, ("This server".to_owned(), here));
    groups.insert(1, ("Guides".to_owned(), guide::links().collect()));
    let links = menu(&app);
    html(index::index(&IndexView { version: env!("CARGO_PKG_VERSION"), groups, links: &links }))
}

/// `GET /demo`: only in a trial.
pub(crate) async fn demo(
    app: Data<AppState>,
    world: Data<Worlds>,
    query: Query<DemoQuery>,
) -> Result<HttpResponse, ApiError> {
    if !app.is_trial() {
        return Err(ApiError::no_route());
    }
    let live = world.live();
    let snapshot = live.snapshot();
    let is_demo = |publisher: &&crate::domain::party::Publisher| publisher.id.as_str() == DEMO.0;
    let publishers = &snapshot.inventory.publishers;
    let publisher = publishers.iter().find(is_demo).or_else(|| publishers.first());
    let Some(publisher) = publisher else {
        return Err(ApiError::not_found(
            "no_publisher",
            "the inventory has no publisher to show on the demo page",
        ));
    };
    let placement = publisher.placements.first().map_or(DEMO.1, |placement| placement.id.as_str());
    let topics = snapshot.inventory.topics.iter().take(200);
    let entities = snapshot.inventory.entities.iter().take(200);
    let countries = Regions::default();
    let named =
        |country: crate::domain::region::Country| (country.to_string(), country.name().to_owned());
    let links = menu(&app);
    Ok(html(demo::demo(&DemoView {
        base_url: &app.public_url,
        publisher: publisher.id.as_str(),
        placement,
        region: "eu",
        topics: topics.map(|topic| (topic.id.to_string(), topic.name.clone())).collect(),
        entities: entities.map(|entity| (entity.id.to_string(), entity.name.clone())).collect(),
        countries: countries.countries().map(named).collect(),
        query: query.into_inner(),
        explain: Some("/demo/explain/"),
        links: &links,
    })))
}

/// Waits for a reader's turn.
async fn pass(app: &AppState, http: &HttpRequest) -> Result<Pass, ApiError> {
    app.gates.reader(Caller::read(app, http, false).own_address(), app.clock.now_ms()).await
}

/// `GET /demo/explain/{id}`: the operator's trace without a key; only in a trial.
pub(crate) async fn demo_explain(
    app: Data<AppState>,
    explain: Data<Explain>,
    http: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    // A proxy that the settings do not name may serve readers.
    let is_forwarded = FORWARDED.iter().any(|name| http.headers().contains_key(*name));
    if is_forwarded || !app.is_trial() {
        return Err(ApiError::no_route());
    }
    let _pass = pass(&app, &http).await?;
    let explanation = explain::explanation(&explain, &id, Audience::Operator, None).await?;
    Ok(json(&explanation))
}

/// `GET /w/{decision}`: the "why this" page for readers.
pub(crate) async fn why_page(
    app: Data<AppState>,
    explain: Data<Explain>,
    http: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let decision = explain::decision_id(&id)?;
    let _pass = pass(&app, &http).await?;
    let recomputed = explain::recompute(&explain, decision, false).await?;
    let report_url = app.settings.get().server.report_url_of(&id);
    let sent = Sent { id: &id, report_url, input: NoticeInput::default(), problems: Vec::new() };
    Ok(page_of_unit(why_text(&recomputed, decision, sent).ok_or_else(no_unit)?))
}

/// The error for a decision without a unit.
pub(crate) fn no_unit() -> ApiError {
    ApiError::not_found("no_unit", "no unit was shown for this decision")
}

/// A page about a unit. Its form is sent with this server's origin, which a policy of `no-referrer` hides.
pub(crate) fn page_of_unit(text: String) -> HttpResponse {
    let mut page = html(text);
    page.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    page
}

/// The unit that a decision showed.
pub(crate) fn shown<'a>(
    recomputed: &'a Replay,
    decision: u128,
    texts: &'a Bump,
) -> Option<Shown<'a>> {
    let (line, snapshot) = (&recomputed.found.line, &*recomputed.world.snapshot);
    let slot = crate::decision_log::decision_id::slot_of(decision).unwrap_or(0);
    let win = recomputed.slots.get(slot)?.result.as_ref().ok()?;
    let unit = unit::content(snapshot, &line.page, win, line.at_ms, texts)?;
    let row = &snapshot.publishers[line.page.publisher as usize];
    Some(Shown { win, unit, publisher: snapshot.inventory.publishers[row.doc].id.as_str() })
}

/// A unit with the choice that showed it.
pub(crate) struct Shown<'a> {
    win: &'a Winner,
    pub(crate) unit: RenderedUnit<'a>,
    /// The publisher's id.
    pub(crate) publisher: &'a str,
}

/// What the reader sent before: an address, or a form with problems.
pub(crate) struct Sent<'a> {
    pub(crate) id: &'a str,
    /// Where units are reported instead of by the form.
    pub(crate) report_url: Option<String>,
    pub(crate) input: NoticeInput,
    pub(crate) problems: Vec<NoticeField>,
}

/// The text of the "why this" page; `None` if no unit was shown.
pub(crate) fn why_text(recomputed: &Replay, decision: u128, sent: Sent<'_>) -> Option<String> {
    let (line, snapshot) = (&recomputed.found.line, &*recomputed.world.snapshot);
    let texts = Bump::new();
    let Shown { win, unit, .. } = shown(recomputed, decision, &texts)?;
    let label = snapshot.labels.find(line.page.viewer.country, &line.page.language)?;
    let own = snapshot.labels.words(label.words)?;
    let (language, words) = own.page()?;
    let topic = win.matched.topic.map(|topic| snapshot.taxonomy.name(topic));
    let entity = win.matched.entity.map(|entity| snapshot.entities.name(entity));
    let publisher = &snapshot.publishers[line.page.publisher as usize];
    Some(why::why(&WhyView {
        language: language.as_str(),
        direction: language.direction(),
        words,
        because: unit.transparency.why,
        never: &own.never,
        label: unit.label.text,
        shown_by: unit.advertiser.name,
        on_behalf_of: unit.transparency.on_behalf_of,
        paid_by: unit.transparency.paid_by,
        matched: topic.or(entity),
        country: line.page.viewer.country.map(crate::domain::region::Country::name),
        site: Some(&snapshot.inventory.publishers[publisher.doc].name),
        decision: sent.id,
        privacy_url: "/v1/privacy",
        notice: sent.report_url.is_none().then(|| NoticeForm {
            words: NoticeWords::of(language),
            input: sent.input,
            problems: sent.problems,
        }),
        report_url: sent.report_url,
    }))
}

/// Query parameters of the search.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchQuery {
    /// Words that a section must have.
    #[serde(default)]
    q: String,
}

/// `GET /docs/search`: the sections of the guides with all words of `q`.
pub(crate) async fn search(app: Data<AppState>, query: Query<SearchQuery>) -> HttpResponse {
    html(search::search(&query.q, &app.public_url, &menu(&app)))
}

/// `GET /docs/{guide}`.
pub(crate) async fn guide(
    app: Data<AppState>,
    name: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let found = guide::named(&name).ok_or_else(ApiError::no_route)?;
    Ok(html(guide::guide(found, &app.public_url, &menu(&app))))
}
