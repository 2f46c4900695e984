//! What the report pages of advertisers and publishers share: access, period, errors and figures. Each is
//! opened with the party's key, an operator's key, or an expiring link to it.

pub(crate) mod charts;
pub(crate) mod downloads;
pub(crate) mod figures;
pub(crate) mod ledger_snapshot;
pub(crate) mod names;
pub(crate) mod sum;

use crate::config::keys::Role;
use crate::domain::zone::Zone;
use crate::http::caller;
use crate::http::problem::ApiError;
use crate::http::public::reports::period::Period;
use crate::http::public::reports::{ReportSources, access};
use crate::http::public::{pages, reports};
use crate::ledger::views::Views;
use crate::web::pages::report_parts::{DateForm, ReportContent};
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Deserialize;

/// Query parameters of the page. Its form also sends empty ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// Token of a link; empty without one.
    #[serde(default)]
    pub(crate) link: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

/// What a page of a party is made from: one moment of the ledger, and the period if it is valid.
pub(crate) struct Opened {
    pub(crate) sources: Data<ReportSources>,
    pub(crate) views: Views,
    pub(crate) period: Result<Period, ApiError>,
    pub(crate) query: PageQuery,
}

impl Opened {
    /// The state of the date form, the report that `numbers` makes or the rejected date, and the status.
    pub(crate) fn content<R>(
        self,
        numbers: impl FnOnce(&Opened, &Period) -> R,
    ) -> (StatusCode, DateForm, ReportContent<R>) {
        let link = self.query.link.clone();
        match &self.period {
            Ok(period) => {
                let (from, to) = (period.from.to_string(), period.to.to_string());
                let content = ReportContent::Report(Box::new(numbers(&self, period)));
                (StatusCode::OK, DateForm { from, to, link }, content)
            }
            Err(error) => {
                let field = error.field().unwrap_or_default().to_owned();
                let content = ReportContent::InvalidField(field, error.to_string());
                let (from, to) = (self.query.from.clone(), self.query.to.clone());
                (error.status_code(), DateForm { from, to, link }, content)
            }
        }
    }
}

/// Whether the caller is a browser, which gets errors as pages.
fn wants_html(http: &HttpRequest) -> bool {
    caller::header(http, "accept").is_some_and(|all| all.contains("text/html"))
}

/// A request for the page of a party.
pub(crate) struct PageRequest<'a> {
    pub(crate) sources: &'a Data<ReportSources>,
    pub(crate) http: &'a HttpRequest,
    pub(crate) role: Role,
    /// The party's id.
    pub(crate) id: &'a str,
    pub(crate) query: PageQuery,
}

/// Answers with the page that `render` makes on a thread for reports. `zone` is the party's; `None` if there
/// never was such a party.
///
/// # Errors
/// As a JSON report of the party: 401, 403, 404, 422, 429, 503. Browsers get them as pages.
pub(crate) async fn answer(
    request: PageRequest<'_>,
    zone: impl FnOnce() -> Option<Zone>,
    render: impl FnOnce(Opened) -> (StatusCode, String) + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let PageRequest { sources, http, role, id, query } = request;
    let page = async {
        let caller = access::authorize(&sources.app, http, role, id, &query.link)?;
        let unknown = || ApiError::not_found("unknown_party", format!("no {role} `{id}`"));
        let zone = zone().ok_or_else(unknown)?;
        let date = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let (from, to) = (date(&query.from), date(&query.to));
        let now = sources.app.clock.now();
        let period = match Period::parse(from.as_deref(), to.as_deref(), zone, now) {
            // Programs get problem details; browsers get the form with the error in it.
            Err(error) if !wants_html(http) => return Err(error),
            period => period,
        };
        let slot = sources.threads.slot(caller)?;
        reports::flush_opportunities(sources).await;
        let views = sources.reporting.views();
        let opened = Opened { sources: sources.clone(), views, period, query };
        let (status, text) = slot.run(move || render(opened)).await?;
        let mut page = pages::html(text);
        *page.status_mut() = status;
        Ok(page)
    };
    match page.await {
        Err(error) if wants_html(http) => Ok(pages::error_page(&sources.app, &error)),
        answer => answer,
    }
}
