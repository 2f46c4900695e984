//! `/e/{token}` and `/c/{token}`: event reports and click redirects.

use crate::events::Events;
use crate::events::record::{ClickOutcome, RecordOutcome};
use crate::http::problem::ApiError;
use crate::http::public::ignored;
use crate::http::public::ignored::IGNORED;
use crate::http::{AppState, caller};
use actix_web::http::{Method, header};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
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

/// `GET` and `POST /e/{token}`: 204 whether or not the token is valid; 503 only if events cannot be
/// recorded.
pub(crate) async fn record(
    app: Data<AppState>,
    events: Data<Events>,
    request: HttpRequest,
    token: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let began = Instant::now();
    let (reporter, ignored) = caller::reporter(&app, &request);
    let text = if token.len() <= TOKEN_CHARS { token.as_str() } else { "" };
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
    let began = Instant::now();
    let (reporter, ignored) = caller::reporter(&app, &request);
    let text = if token.len() <= TOKEN_CHARS { token.as_str() } else { "" };
    let click = events.click(text, &reporter, CLICK_RECORD_TIMEOUT).await;
    app.metrics.observe_event_ack(began.elapsed());
    match click {
        ClickOutcome::NotFound => {
            Err(ApiError::not_found("not_found", "the click token is invalid"))
        }
        ClickOutcome::Redirect { to, recorded } => {
            let mut answer = if request.method() == Method::POST || wants_no_redirect(&request) {
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
