//! The Kevel Decision API: one call per page, one decision per `divName`.

pub(crate) mod reply;
pub(crate) mod request;

use crate::adapters::kevel::reply::{Decision, Response};
use crate::adapters::kevel::request::Request;
use crate::adapters::response::{Rejected, Rejections};
use crate::adapters::{record_call, require_enabled, response};
use crate::config::keys::{Identity, Role};
use crate::delivery::decide::PageDecision;
use crate::domain::event::NoFill;
use crate::domain::protocol::Protocol;
use crate::explain::{Audience, Explain, Explanation};
use crate::http::problem::ApiError;
use crate::http::public::decisions;
use crate::http::public::decisions::Decider;
use crate::http::{AppState, blocking, body, caller};
use crate::selection::choose::Winner;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Instant;

/// Header by which an operator requests the decision trace: a key, or an object with `apiKey`.
const EXPLAIN_HEADER: &str = "x-adzerk-explain";

/// Headers in which Kevel clients send an API key.
const KEY_HEADERS: [&str; 2] = ["x-adzerk-apikey", "x-kevel-apikey"];

/// How this server's keys begin.
const OWN_KEY: &str = "adj_";

/// `POST /api/v2`.
pub(crate) async fn create(
    decider: Data<Decider>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    require_enabled(&decider.app, Protocol::Kevel)?;
    let limit = decider.app.settings.get().request.body_bytes;
    let bytes = body::read(payload, limit, decider.app.body_timeout).await?;
    let began = Instant::now();
    let response = handle(&decider, &http, &bytes).await;
    record_call(&decider.app, Protocol::Kevel, began, response)
}

async fn handle(
    decider: &Decider,
    http: &HttpRequest,
    bytes: &[u8],
) -> Result<HttpResponse, ApiError> {
    let wants_trace = wants_explanation(&decider.app, http)?;
    let (call, mut ignored) = body::adapter_json::<Request>(bytes)?;
    ignored.extend(foreign_keys(http).map(str::to_owned));
    let rejections = Rejections::default();
    let decided = decide(decider, http, &call, &rejections)?;
    let explanation = match &decided {
        Some(decided) if wants_trace => Some(trace(&decider.explain, decided).await?),
        _ => None,
    };
    let call = (&call, &rejections);
    Ok(respond(decider, call, decided.as_ref(), &ignored, explanation))
}

fn decide(
    decider: &Decider,
    http: &HttpRequest,
    call: &Request,
    rejections: &Rejections,
) -> Result<Option<PageDecision>, ApiError> {
    let identity = identity(&decider.app, http)?;
    let settings = decider.app.settings.get();
    let mut request = call.decision_request(&settings.adapters, &decider.world.live())?;
    let accepts = |decided: &PageDecision, div: &str, win: &Winner| {
        let accepted = call.accepts(decided.live.snapshot(), div, win);
        let rejected = |rejection| Rejected { why: "not_wanted", passed: 0, rejection };
        rejections.record(div, accepted.map_err(rejected))
    };
    decisions::decide_for(decider, http, &mut request, identity.as_ref(), Some(&accepts))
}

fn respond(
    decider: &Decider,
    (call, rejections): (&Request, &Rejections),
    decided: Option<&PageDecision>,
    ignored: &[String],
    explain: Option<Explanation>,
) -> HttpResponse {
    let settings = decider.app.settings.get();
    let mut reasons: Vec<&'static str> = Vec::new();
    let divs = call.divs().map(|div| {
        let as_list = call.placement(&div).is_some_and(request::Placement::returns_list);
        (div, as_list)
    });
    let mut reply = Response::empty(divs, explain);
    let Some(decided) = decided else {
        return response::builder(StatusCode::OK, ignored)
            .insert_header((response::NO_FILL_HEADER, NoFill::Overloaded.as_str()))
            .json(reply);
    };
    let slots = response::map_slots(&decider.delivery, decided, |at, slot| {
        let key = &*decided.page.slots[at].key;
        let placement = call.placement(key);
        let shown = slot.map_err(|reason| rejections.reason(key, reason)).and_then(|(unit, _)| {
            let decision =
                Decision::of(&unit, placement, &settings.adapters, &decider.app.public_url);
            serde_json::to_value(&decision).map_err(|_| "internal")
        });
        let as_list = placement.is_some_and(request::Placement::returns_list);
        (key.to_owned(), as_list, shown)
    });
    for (key, as_list, shown) in slots {
        match shown {
            Ok(decision) => reply.insert(key, decision, as_list),
            Err(reason) => reasons.push(reason),
        }
    }
    let mut answer = response::builder(StatusCode::OK, ignored);
    if !reasons.is_empty() {
        answer.insert_header((response::NO_FILL_HEADER, reasons.join(", ")));
    }
    answer.json(reply)
}

/// The headers with keys of another service, left over in a client's settings: they are not used.
fn foreign_keys(http: &HttpRequest) -> impl Iterator<Item = &'static str> {
    KEY_HEADERS.into_iter().filter(|name| {
        caller::header(http, *name).is_some_and(|key| !key.trim().starts_with(OWN_KEY))
    })
}

fn identity(app: &AppState, http: &HttpRequest) -> Result<Option<Identity>, ApiError> {
    let own = KEY_HEADERS
        .into_iter()
        .filter_map(|name| caller::header(http, name))
        .find(|key| key.trim().starts_with(OWN_KEY));
    match own {
        Some(key) => caller::identity_of(app, http, key).map(Some),
        None => caller::identity(app, http),
    }
}

/// Whether the trace is requested. Fails unless the key is an operator's.
fn wants_explanation(app: &AppState, http: &HttpRequest) -> Result<bool, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ApiKey {
        api_key: String,
    }
    let Some(text) = caller::header(http, EXPLAIN_HEADER) else { return Ok(false) };
    let key = serde_json::from_str::<ApiKey>(text).map(|header| header.api_key);
    let identity = caller::identity_of(app, http, key.as_deref().unwrap_or(text))?;
    if identity.role == Role::Operator {
        return Ok(true);
    }
    Err(ApiError::forbidden("`X-Adzerk-Explain` requires an operator key"))
}

async fn trace(explain: &Arc<Explain>, decided: &PageDecision) -> Result<Explanation, ApiError> {
    let (service, id) = (explain.clone(), decided.request);
    blocking(move || service.explain(id, &Audience::Operator, None)).await
}
