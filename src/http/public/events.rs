//! `/e/{token}` and `/c/{token}`: events and redirects.

use crate::http::Face;
use crate::http::caller::Caller;
use crate::http::problem::ApiError;
use crate::server::record::Click;
use crate::server::record::Recorded;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::web::Path;
use std::time::Duration;
use std::time::Instant;

/// Says that the event is on disk; only that acknowledges.
pub const RECORDED: &str = "Adjacent-Recorded";

/// Headers that a page's script may read.
pub const EXPOSED: &str = "Adjacent-Recorded, Adjacent-Ignored, Adjacent-No-Fill, Retry-After";

/// The longest token, in characters.
pub const TOKEN_CHARS: usize = 220;

/// How long a click waits for the disk before it is redirected all the same.
const PATIENCE: Duration = Duration::from_millis(20);

/// `GET` and `POST /e/{token}`: 204 whatever the token is worth; 503 only when nothing can be taken.
pub async fn record(
    face: Data<Face>,
    request: HttpRequest,
    token: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let began = Instant::now();
    let seen = Caller::read(&face, &request, false).sighting();
    let text = if token.len() <= TOKEN_CHARS { token.as_str() } else { "" };
    let recorded = face.server.record(text, &seen).await;
    face.server.metrics.acknowledged_in(began.elapsed());
    let mut answer = HttpResponse::NoContent();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    match recorded {
        Recorded::OnDisk => Ok(answer.insert_header((RECORDED, "1")).finish()),
        Recorded::Forged => Ok(answer.finish()),
        Recorded::Refused(error) => Err(ApiError::unavailable(error)),
    }
}

/// `GET /c/{token}`: 302 to the stored landing page, 404 for what is no click of ours.
pub async fn redirect(
    face: Data<Face>,
    request: HttpRequest,
    token: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let began = Instant::now();
    let seen = Caller::read(&face, &request, false).sighting();
    let text = if token.len() <= TOKEN_CHARS { token.as_str() } else { "" };
    let click = face.server.click(text, &seen, PATIENCE).await;
    face.server.metrics.acknowledged_in(began.elapsed());
    match click {
        Click::NotFound => Err(ApiError::missing("no_such_link", "this link leads nowhere")),
        Click::Redirect { to, recorded } => {
            let mut answer = HttpResponse::Found();
            answer
                .insert_header((header::LOCATION, to))
                .insert_header((header::CACHE_CONTROL, "no-store"))
                .insert_header((header::REFERRER_POLICY, "strict-origin"));
            if recorded {
                answer.insert_header((RECORDED, "1"));
            }
            Ok(answer.finish())
        }
    }
}
