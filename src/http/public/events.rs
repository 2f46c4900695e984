//! `/e/{token}` and `/c/{token}`: event reports and click redirects.

use crate::events::Events;
use crate::events::record::{ClickOutcome, RecordOutcome};
use crate::http::problem::ApiError;
use crate::http::public::ignored;
use crate::http::public::ignored::IGNORED;
use crate::http::{AppState, caller};
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::web::{Data, Path};
use actix_web::{Error, HttpRequest, HttpResponse, HttpResponseBuilder};
use std::time::{Duration, Instant};

/// Response header: the event is on disk. Only this header acknowledges an event.
pub(crate) const RECORDED: &str = "Adjacent-Recorded";

/// Response headers that a page's script may read (CORS).
pub(crate) const EXPOSED: &str =
    "Adjacent-Recorded, Adjacent-Ignored, Adjacent-No-Fill, Retry-After";

/// Maximum length of a token, in characters.
pub(crate) const TOKEN_CHARS: usize = 220;

/// How long a click waits for its record to reach the disk before it is redirected anyway.
const CLICK_RECORD_TIMEOUT: Duration = Duration::from_millis(20);

/// Answers `GET` and `POST` of a token before the router: matching the rows of the route table and extracting the
/// token take as long as half of the rest. Whatever is unusual goes on to the router, and to [`record`] or
/// [`redirect`].
pub(crate) async fn unrouted(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let is_usual = [Method::GET, Method::POST].contains(request.method())
        && plain_token(request.path()).is_some();
    if !is_usual {
        return next.call(request).await;
    }
    let (request, _) = request.into_parts();
    let (app, events) = (request.app_data::<Data<AppState>>(), request.app_data::<Data<Events>>());
    let (app, events) = app.zip(events).expect("`app` registers both on the public listener");
    let answer = match plain_token(request.path()).expect("checked above") {
        (Target::Event, token) => answer_event(app, events, &request, token).await,
        (Target::Click, token) => answer_click(app, events, &request, token).await,
    };
    Ok(match answer {
        Ok(response) => ServiceResponse::new(request, response),
        Err(error) => ServiceResponse::from_err(error, request),
    })
}

/// What a token in a path is for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    Event,
    Click,
}

/// The token of a path that has nothing to decode: of characters of base64url, as every valid token.
fn plain_token(path: &str) -> Option<(Target, &str)> {
    let (target, token) = match path.strip_prefix("/e/") {
        Some(token) => (Target::Event, token),
        None => (Target::Click, path.strip_prefix("/c/")?),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (!token.is_empty() && token.bytes().all(is_plain)).then_some((target, token))
}

/// `GET` and `POST /e/{token}`: 204 whether or not the token is valid; 503 only if events cannot be
/// recorded.
pub(crate) async fn record(
    app: Data<AppState>,
    events: Data<Events>,
    request: HttpRequest,
    token: Path<String>,
) -> Result<HttpResponse, ApiError> {
    answer_event(&app, &events, &request, &token).await
}

async fn answer_event(
    app: &AppState,
    events: &Events,
    request: &HttpRequest,
    token: &str,
) -> Result<HttpResponse, ApiError> {
    let began = Instant::now();
    let (reporter, ignored) = caller::reporter(app, request);
    let text = if token.len() <= TOKEN_CHARS { token } else { "" };
    let recorded = events.record(text, &reporter).await;
    app.metrics.observe_event_ack(began.elapsed());
    let mut answer = HttpResponse::NoContent();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    list_ignored(&mut answer, &ignored);
    match recorded {
        RecordOutcome::OnDisk => Ok(answer.insert_header((RECORDED, "1")).finish()),
        RecordOutcome::Rejected(_) => Ok(answer.finish()),
        RecordOutcome::Unavailable(error) => Err(ApiError::unavailable(error)),
    }
}

/// `GET /c/{token}`: 302 to the stored landing page, 404 for an invalid token. `POST`, and `GET` with
/// `noredirect`, count the click alone: 204.
pub(crate) async fn redirect(
    app: Data<AppState>,
    events: Data<Events>,
    request: HttpRequest,
    token: Path<String>,
) -> Result<HttpResponse, ApiError> {
    answer_click(&app, &events, &request, &token).await
}

async fn answer_click(
    app: &AppState,
    events: &Events,
    request: &HttpRequest,
    token: &str,
) -> Result<HttpResponse, ApiError> {
    let began = Instant::now();
    let (reporter, ignored) = caller::reporter(app, request);
    let text = if token.len() <= TOKEN_CHARS { token } else { "" };
    let click = events.click(text, &reporter, CLICK_RECORD_TIMEOUT).await;
    app.metrics.observe_event_ack(began.elapsed());
    match click {
        ClickOutcome::NotFound => {
            Err(ApiError::not_found("not_found", "the click token is invalid"))
        }
        ClickOutcome::Redirect { to, recorded } => {
            let mut answer = if request.method() == Method::POST || wants_no_redirect(request) {
                HttpResponse::NoContent()
            } else {
                let mut redirect = HttpResponse::Found();
                redirect.insert_header((header::LOCATION, to));
                redirect
            };
            answer
                .insert_header((header::CACHE_CONTROL, "no-store"))
                .insert_header((header::REFERRER_POLICY, "strict-origin"));
            list_ignored(&mut answer, &ignored);
            if recorded {
                answer.insert_header((RECORDED, "1"));
            }
            Ok(answer.finish())
        }
    }
}

/// Whether a server reports a click for its reader, whom it redirects by itself.
fn wants_no_redirect(request: &HttpRequest) -> bool {
    url::form_urlencoded::parse(request.query_string().as_bytes())
        .any(|(name, value)| name == "noredirect" && !["0", "false"].contains(&&*value))
}

/// Names the reader headers that were not used, because only the publisher's server may send them, or
/// because they cannot be read. Depends on the request alone, never on the token.
fn list_ignored(answer: &mut HttpResponseBuilder, ignored: &[&str]) {
    if let Some(names) = ignored::value(ignored) {
        answer.insert_header((IGNORED, names));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_paths_of_a_token_without_escapes_are_answered_before_the_router() {
        assert_eq!(plain_token("/e/AQ_-9"), Some((Target::Event, "AQ_-9")));
        assert_eq!(plain_token("/c/AQ_-9"), Some((Target::Click, "AQ_-9")));
        for other in
            ["/", "/e", "/e/", "/e/a/b", "/e/%41", "/e/a+b", "//e/a", "/E/a", "/w/a", "/%65/a"]
        {
            assert_eq!(plain_token(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_token_taken_before_the_router_is_the_one_that_the_router_finds(
            path in "/(e|c|w)/([A-Za-z0-9_-]{0,9}(%[2-7][0-9a-f])?){1,9}[+./~]?",
        ) {
            let Some((target, token)) = plain_token(&path) else { return Ok(()) };
            let pattern = if target == Target::Event { "/e/{token}" } else { "/c/{token}" };
            let url = actix_web::dev::Url::new(path.parse().unwrap());
            let mut found = actix_web::dev::Path::new(url);
            prop_assert!(actix_web::dev::ResourceDef::new(pattern).capture_match_info(&mut found));
            prop_assert_eq!(found.load::<String>().unwrap(), token);
        }
    }
}
