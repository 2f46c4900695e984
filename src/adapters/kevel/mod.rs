//! The Kevel Decision API: one call a page, one answer a `divName`.

pub mod reply;
pub mod request;

use crate::adapters::Dialect;
use crate::adapters::answers;
use crate::adapters::answers::Refusals;
use crate::adapters::counted;
use crate::adapters::kevel::reply::Answer;
use crate::adapters::kevel::reply::Reply;
use crate::adapters::kevel::request::Asked;
use crate::adapters::spoken;
use crate::config::keys::Identity;
use crate::config::keys::Role;
use crate::domain::event::NoFill;
use crate::http::Face;
use crate::http::blocking;
use crate::http::body;
use crate::http::caller;
use crate::http::problem::ApiError;
use crate::http::public::decisions;
use crate::selection::choose::Win;
use crate::server::decide::Decided;
use crate::server::explain::Explanation;
use crate::server::explain::Reader;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::web::Payload;
use serde::Deserialize;
use std::time::Instant;

/// The header by which an operator asks for the trace besides: a key, or an object with `apiKey`.
const EXPLAIN: &str = "x-adzerk-explain";

/// Headers in which this dialect's clients send a key.
const KEYS: [&str; 2] = ["x-adzerk-apikey", "x-kevel-apikey"];

/// `POST /api/v2`.
pub async fn create(
    face: Data<Face>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    spoken(&face, Dialect::Kevel)?;
    let limit = face.server.settings().request.body_bytes;
    let bytes = body::read(payload, limit, face.body_timeout).await?;
    let began = Instant::now();
    let answer = answer(&face, &http, &bytes).await;
    counted(&face, Dialect::Kevel, began, answer)
}

async fn answer(
    face: &Data<Face>,
    http: &HttpRequest,
    bytes: &[u8],
) -> Result<HttpResponse, ApiError> {
    let explains = explains(face, http)?;
    let (asked, ignored) = body::foreign_json::<Asked>(bytes)?;
    let refusals = Refusals::default();
    let decided = decide(face, http, &asked, &refusals)?;
    let explanation = match &decided {
        Some(decided) if explains => Some(trace(face, decided).await?),
        _ => None,
    };
    let asked = (&asked, &refusals);
    Ok(respond(face, asked, decided.as_ref(), &ignored, explanation))
}

fn decide(
    face: &Face,
    http: &HttpRequest,
    asked: &Asked,
    refusals: &Refusals,
) -> Result<Option<Decided>, ApiError> {
    let identity = identity(face, http)?;
    let settings = face.server.settings();
    let mut request = asked.request(&settings.adapters, &face.server.live())?;
    let takes = |decided: &Decided, div: &str, win: &Win| {
        let taken = asked.takes(decided.live.snapshot(), div, win);
        refusals.note(div, taken.map_err(|not_taken| ("not_wanted", not_taken)))
    };
    decisions::decide_for(face, http, &mut request, identity.as_ref(), Some(&takes))
}

fn respond(
    face: &Face,
    (asked, refusals): (&Asked, &Refusals),
    decided: Option<&Decided>,
    ignored: &[String],
    explain: Option<Explanation>,
) -> HttpResponse {
    let settings = face.server.settings();
    let mut reasons: Vec<&'static str> = Vec::new();
    let mut reply = Reply::empty(asked.divs(), explain);
    let Some(decided) = decided else {
        return answers::answer(StatusCode::OK, ignored)
            .insert_header((answers::NO_FILL, NoFill::Overloaded.as_str()))
            .json(reply);
    };
    let answered = answers::each(face, decided, |at, slot| {
        let key = &*decided.page.slots[at].key;
        let placement = asked.placement(key);
        let shown = slot.map_err(|reason| refusals.reason(key, reason)).and_then(|(fill, _)| {
            let answer = Answer::of(fill, placement, &settings.adapters, &face.server.public_url);
            serde_json::to_value(&answer).map_err(|_| "internal")
        });
        let several = placement.is_some_and(request::Placement::several);
        (key.to_owned(), several, shown)
    });
    for (key, several, shown) in answered {
        match shown {
            Ok(answer) => reply.put(key, answer, several),
            Err(reason) => reasons.push(reason),
        }
    }
    let mut answer = answers::answer(StatusCode::OK, ignored);
    if !reasons.is_empty() {
        answer.insert_header((answers::NO_FILL, reasons.join(", ")));
    }
    answer.json(reply)
}

fn identity(face: &Face, http: &HttpRequest) -> Result<Option<Identity>, ApiError> {
    match KEYS.into_iter().find_map(|name| caller::header(http, name)) {
        Some(key) => caller::known(face, key).map(Some),
        None => caller::identity(face, http),
    }
}

/// Whether an operator asks for the trace; whoever else does is refused.
fn explains(face: &Face, http: &HttpRequest) -> Result<bool, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Given {
        api_key: String,
    }
    let Some(text) = caller::header(http, EXPLAIN) else { return Ok(false) };
    let given = serde_json::from_str::<Given>(text).map(|given| given.api_key);
    let identity = caller::known(face, given.as_deref().unwrap_or(text))?;
    if identity.role == Role::Operator {
        return Ok(true);
    }
    Err(ApiError::forbidden("an explanation needs an operator's key"))
}

async fn trace(face: &Data<Face>, decided: &Decided) -> Result<Explanation, ApiError> {
    let (server, id) = (face.server.clone(), decided.request);
    blocking(move || server.explain(id, &Reader::Operator, None)).await
}
