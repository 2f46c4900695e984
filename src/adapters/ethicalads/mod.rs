//! The EthicalAds decision endpoint: one unit for the best of several slots, as JSON or JSONP.

pub(crate) mod reply;
pub(crate) mod request;

use crate::adapters::ethicalads::request::{CampaignType, Placement, Request};
use crate::adapters::response::{Rejected, Rejections};
use crate::adapters::{names, record_call, require_enabled, response};
use crate::config::keys::{Identity, Role};
use crate::delivery::decide::{PageDecision, Rejection};
use crate::domain::event::{EventKind, NoFill, Tier};
use crate::domain::event_kinds::EventKinds;
use crate::domain::protocol::Protocol;
use crate::http::problem::ApiError;
use crate::http::public::decisions;
use crate::http::public::decisions::Decider;
use crate::http::public::request::DecisionRequest;
use crate::http::{AppState, body, caller};
use crate::selection::choose::Winner;
use crate::selection::page::Commercial;
use crate::selection::resolve::{PageInput, SlotInput};
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use std::time::Instant;

/// `GET /api/v1/decision/`: the in-page client; JSONP if it names a callback.
pub(crate) async fn create_from_query(
    decider: Data<Decider>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    require_enabled(&decider.app, Protocol::EthicalAds)?;
    let began = Instant::now();
    let answer =
        request::from_query(http.query_string()).and_then(|call| decide(&decider, &http, call));
    record_call(&decider.app, Protocol::EthicalAds, began, answer)
}

/// `POST /api/v1/decision/`: a publisher's server.
pub(crate) async fn create(
    decider: Data<Decider>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    require_enabled(&decider.app, Protocol::EthicalAds)?;
    let limit = decider.app.settings.get().request.body_bytes;
    let bytes = body::read(payload, limit, decider.app.body_timeout).await?;
    let began = Instant::now();
    let answer = request::from_body(&bytes).and_then(|call| decide(&decider, &http, call));
    record_call(&decider.app, Protocol::EthicalAds, began, answer)
}

fn decide(decider: &Decider, http: &HttpRequest, call: Request) -> Result<HttpResponse, ApiError> {
    let identity = identity(&decider.app, http)?;
    let is_operator = identity.as_ref().is_some_and(|own| own.role == Role::Operator);
    if call.force_ad.is_some() && !is_operator {
        return Err(ApiError::forbidden("`force_ad` requires an operator key"));
    }
    let settings = decider.app.settings.get();
    let live = decider.world.live();
    let publisher = names::publisher_id(&settings.adapters, &call.publisher);
    let places = call.by_priority(
        |place| {
            let names = [place.div_id.clone(), place.ad_type.clone()];
            names::placement_id(&settings.adapters, &live, &publisher, &names)
        },
        &live,
        &publisher,
    );
    if places.is_empty() {
        let reason = "must contain at least one ad type with its div id";
        return Err(ApiError::invalid_field("ad_types", reason));
    }
    let mut page = PageInput {
        url: call.url.as_deref().map(Into::into),
        commercial: call.commercial(),
        ..PageInput::default()
    };
    names::add_keywords(live.snapshot(), call.keywords.clone(), &mut page);
    // One unit for one of several slots: the next one is asked only if a slot stays empty.
    let mut shown = Err(NoFill::UnknownPlacement.as_str());
    for (place, name) in places {
        let slot = SlotInput {
            name: name.into(),
            key: None,
            styles: place.styles(),
            unreported: unreported(),
        };
        let request = DecisionRequest {
            publisher: publisher.as_str().into(),
            page: page.clone(),
            placements: vec![slot],
            force_creative: call.force_ad.as_deref().map(Into::into),
            ..DecisionRequest::default()
        };
        shown = fill(decider, http, (&call, place), request, identity.as_ref())?;
        if shown.is_ok() {
            break;
        }
    }
    let mut answer = response::builder(StatusCode::OK, &call.ignored);
    let text = shown.unwrap_or_else(|reason| {
        answer.insert_header((response::NO_FILL_HEADER, reason));
        "{}".to_owned()
    });
    Ok(match &call.callback {
        Some(callback) => answer
            .insert_header((header::CONTENT_TYPE, "text/javascript; charset=utf-8"))
            // The comment keeps the caller's function name from being the first bytes of the body.
            .body(format!("/**/{callback}({text});")),
        None => answer.insert_header((header::CONTENT_TYPE, "application/json")).body(text),
    })
}

/// Decides one slot: the reply as JSON, or why there is no unit.
fn fill(
    decider: &Decider,
    http: &HttpRequest,
    (call, place): (&Request, &Placement),
    mut request: DecisionRequest<'_>,
    identity: Option<&Identity>,
) -> Result<Result<String, &'static str>, ApiError> {
    let kind = |tier| if tier == Tier::House { CampaignType::House } else { CampaignType::Paid };
    let rejections = Rejections::default();
    let accepts = |decided: &PageDecision, key: &str, win: &Winner| {
        let snapshot = decided.live.snapshot();
        let accepted = call.accepts(kind(snapshot.tier_of(win.place)));
        let rejected = Rejected { why: "campaign_type", passed: 0, rejection: Rejection::Flight };
        rejections.record(key, if accepted { Ok(()) } else { Err(rejected) })
    };
    let decided = decisions::decide_for(decider, http, &mut request, identity, Some(&accepts))?;
    let Some(decided) = decided else { return Ok(Err(NoFill::Overloaded.as_str())) };
    let mut shown = response::map_slots(&decider.delivery, &decided, |at, slot| {
        let key = &*decided.page.slots[at].key;
        let (unit, _) = slot.map_err(|reason| rejections.reason(key, reason))?;
        let kind = kind(unit.tier);
        let document = reply::Reply::of(&unit, place, kind);
        serde_json::to_string(&document).map_err(|_| "internal")
    });
    Ok(shown.pop().unwrap_or(Err(NoFill::UnknownPlacement.as_str())))
}

/// The client reports no viewable impressions: it measures how long any part was visible.
fn unreported() -> EventKinds {
    EventKinds::of(&[EventKind::Viewable])
}

/// The key of `Authorization: Token …`, as EthicalAds servers send it, or of `Bearer …`.
fn identity(app: &AppState, http: &HttpRequest) -> Result<Option<Identity>, ApiError> {
    match caller::header(http, "authorization").and_then(|text| text.strip_prefix("Token ")) {
        Some(key) => caller::identity_of(app, http, key).map(Some),
        None => caller::identity(app, http),
    }
}

impl Request {
    /// House units only if the request accepts no paid campaigns.
    fn commercial(&self) -> Commercial {
        if self.accepts(CampaignType::Paid) { Commercial::Allow } else { Commercial::HouseOnly }
    }
}
