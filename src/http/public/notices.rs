//! A reader reports a unit with the form on the page behind "why this".

use crate::explain::Explain;
use crate::http::caller::{self, Caller};
use crate::http::problem::ApiError;
use crate::http::public::explain;
use crate::http::public::pages::{self, Sent};
use crate::http::{AppState, blocking, body};
use crate::notices::{Notice, NoticeError, NoticeReason, Notices};
use crate::web::pages::notice::{
    self, EMAIL_CHARS, EXPLANATION_CHARS, NAME_CHARS, NoticeField, NoticeInput, NoticeWords,
};
use actix_web::http::{ConnectionType, StatusCode, header};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use bumpalo::Bump;
use schemars::JsonSchema;

/// The form, as its fields are named.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "JSON Schema of the form")]
pub(crate) struct NoticeDocument {
    /// What is wrong with the unit.
    pub(crate) reason: NoticeReason,
    /// Why.
    #[schemars(length(min = 1, max = 2000))]
    pub(crate) explanation: String,
    /// The reader's name. Required with `illegal_content`.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub(crate) name: Option<String>,
    /// The reader's email address. Required with `illegal_content`.
    #[serde(default)]
    #[schemars(length(max = 254))]
    pub(crate) email: Option<String>,
    /// The statement of good faith.
    #[schemars(extend("const" = "yes"))]
    pub(crate) good_faith: String,
}

/// Longest body, in bytes: a character of the form takes up to twelve.
const MAX_BODY_BYTES: usize = 32 * 1024;

/// `POST /w/{decision}`.
pub(crate) async fn submit(
    app: Data<AppState>,
    (explain, notices): (Data<Explain>, Data<Notices>),
    http: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> HttpResponse {
    let wants_html = caller::header(&http, "accept").is_some_and(|all| all.contains("text/html"));
    match answer(&app, (&explain, notices), &http, &id, payload).await {
        Ok(answer) => answer,
        Err(error) if wants_html => {
            let help = "Nothing was stored. Go back to send your notice again.";
            let mut page = pages::failure_page(&app, &error, help);
            let plain = error.error_response();
            if let Some(seconds) = plain.headers().get(header::RETRY_AFTER) {
                page.headers_mut().insert(header::RETRY_AFTER, seconds.clone());
            }
            if plain.head().connection_type() == ConnectionType::Close {
                page.head_mut().set_connection_type(ConnectionType::Close);
            }
            page
        }
        Err(error) => error.error_response(),
    }
}

async fn answer(
    app: &AppState,
    (explain, notices): (&Explain, Data<Notices>),
    http: &HttpRequest,
    id: &str,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    if app.settings.get().server.report_url_of(id).is_some() {
        return Err(ApiError::no_route());
    }
    if !is_own_page(app, http) {
        return Err(ApiError::forbidden("a notice is sent from the page of this server only"));
    }
    let decision = explain::decision_id(id)?;
    let body = body::read(payload, MAX_BODY_BYTES, app.body_timeout).await?;
    let own_address = Caller::read(app, http, false).own_address();
    let _pass = app.gates.notice(own_address, app.clock.now_ms()).await?;
    let recomputed = explain::recompute(explain, decision, false).await?;
    let texts = Bump::new();
    let shown = pages::shown(&recomputed, decision, &texts).ok_or_else(pages::no_unit)?;
    let input = read(&body);
    let words = NoticeWords::of(&recomputed.found.line.page.language);
    let unit = &shown.unit;
    let notice = match checked(&input) {
        Ok((reason, explanation)) => Notice {
            reference: format!("{:016x}", rand::random::<u64>()),
            at: app.clock.now(),
            decision: id.to_owned(),
            publisher: shown.publisher.to_owned(),
            advertiser: unit.advertiser.id.to_owned(),
            creative: unit.creative.id.to_owned(),
            reason,
            explanation,
            name: Some(input.name.trim().to_owned()).filter(|name| !name.is_empty()),
            email: Some(input.email.trim().to_owned()).filter(|email| !email.is_empty()),
        },
        Err(problems) => {
            let sent = Sent { id, report_url: None, input, problems };
            let text = pages::why_text(&recomputed, decision, sent).ok_or_else(pages::no_unit)?;
            let mut page = pages::page_of_unit(text);
            *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(page);
        }
    };
    let (reference, reason) = (notice.reference.clone(), notice.reason);
    blocking(move || notices.add(notice)).await?;
    tracing::info!(reference, decision = id, %reason, "notice of a reader stored");
    Ok(pages::html(notice::received(words, &reference)))
}

impl From<NoticeError> for ApiError {
    fn from(error: NoticeError) -> ApiError {
        ApiError::unavailable(error)
    }
}

/// Whether the form was sent from a page of this server, and not by a page of another site in its reader's name.
fn is_own_page(app: &AppState, http: &HttpRequest) -> bool {
    let is_own = |origin: &str| {
        let host = caller::header(http, "host").unwrap_or_default();
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        origin == app.own_origin || (!host.is_empty() && authority.eq_ignore_ascii_case(host))
    };
    let site = caller::header(http, "sec-fetch-site");
    site.is_none_or(|site| site == "same-origin")
        && caller::header(http, "origin").is_none_or(is_own)
}

fn read(body: &[u8]) -> NoticeInput {
    let mut input = NoticeInput::default();
    for (name, value) in url::form_urlencoded::parse(body) {
        let value = value.into_owned();
        match name.parse() {
            Ok(NoticeField::Reason) => input.reason = value,
            Ok(NoticeField::Explanation) => input.explanation = value,
            Ok(NoticeField::Name) => input.name = value,
            Ok(NoticeField::Email) => input.email = value,
            Ok(NoticeField::GoodFaith) => input.good_faith = value == "yes",
            Err(_) => {}
        }
    }
    input
}

/// The reason and the explanation, or the fields that are missing or invalid.
fn checked(input: &NoticeInput) -> Result<(NoticeReason, String), Vec<NoticeField>> {
    let reason = input.reason.parse();
    // Browsers send and count line ends differently.
    let explanation = input.explanation.replace("\r\n", "\n").trim().to_owned();
    let fits = |text: &str, limit: usize| text.trim().chars().count() <= limit;
    let is_named = |text: &str| !text.trim().is_empty();
    let needs_name = reason == Ok(NoticeReason::IllegalContent);
    let email = input.email.trim();
    let is_address = email.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !email.contains(char::is_whitespace)
    });
    let all = [
        (NoticeField::Reason, reason.is_ok()),
        (NoticeField::Explanation, is_named(&explanation) && fits(&explanation, EXPLANATION_CHARS)),
        (
            NoticeField::Name,
            fits(&input.name, NAME_CHARS) && (!needs_name || is_named(&input.name)),
        ),
        (
            NoticeField::Email,
            fits(email, EMAIL_CHARS) && (is_address || (email.is_empty() && !needs_name)),
        ),
        (NoticeField::GoodFaith, input.good_faith),
    ];
    let problems: Vec<NoticeField> =
        all.into_iter().filter(|(_, is_valid)| !is_valid).map(|(field, _)| field).collect();
    match reason {
        Ok(reason) if problems.is_empty() => Ok((reason, explanation)),
        _ => Err(problems),
    }
}
