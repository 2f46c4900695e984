//! OpenRTB 2.6 with Native 1.2: answers an exchange's bid request with a decision as the bid.

pub(crate) mod bid;
pub(crate) mod native;
pub(crate) mod no_bid_reason;
pub(crate) mod reply;
pub(crate) mod request;

use crate::adapters::openrtb::bid::Auction;
use crate::adapters::openrtb::native::NativeRequest;
use crate::adapters::openrtb::no_bid_reason::NoBidReason;
use crate::adapters::openrtb::reply::{NoBidCode, Response};
use crate::adapters::openrtb::request::{BidRequest, Imp};
use crate::adapters::response::Rejections;
use crate::adapters::{record_call, require_enabled, response};
use crate::delivery::decide::PageDecision;
use crate::domain::event::NoFill;
use crate::domain::protocol::Protocol;
use crate::http::problem::ApiError;
use crate::http::public::decisions;
use crate::http::public::decisions::Decider;
use crate::http::{body, caller};
use crate::selection::choose::Winner;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use std::time::{Duration, Instant};

/// The protocol version of a response.
const VERSION: (&str, &str) = ("x-openrtb-version", "2.6");

/// `POST /openrtb2/2.6/bids`.
pub(crate) async fn create(
    decider: Data<Decider>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    require_enabled(&decider.app, Protocol::OpenRtb)?;
    let limit = decider.app.settings.get().request.body_bytes;
    let arrived = Instant::now();
    let bytes = body::read(payload, limit, decider.app.body_timeout).await?;
    let began = Instant::now();
    let answer = bids(&decider, &http, &bytes, began - arrived);
    record_call(&decider.app, Protocol::OpenRtb, began, answer)
}

fn bids(
    decider: &Decider,
    http: &HttpRequest,
    bytes: &[u8],
    waited: Duration,
) -> Result<HttpResponse, ApiError> {
    let identity = caller::identity(&decider.app, http)?;
    let (bid_request, ignored) = body::adapter_json::<BidRequest>(bytes)?;
    let mut slots: Vec<(&Imp, NativeRequest)> = bid_request.native_slots();
    if slots.is_empty() || bid_request.site.is_none() {
        let why = "a site and a native imp with assets are required";
        return Ok(invalid_request(&bid_request.id, NoBidCode::InvalidRequest, why, &ignored));
    }
    let settings = decider.app.settings.get();
    let live = decider.world.live();
    slots.retain(|(imp, _)| !imp.is_private());
    let mut request = bid_request.decision_request(&settings.adapters, &live, &slots);
    if live.publisher(&request.publisher).is_none() {
        return Ok(invalid_request(
            &bid_request.id,
            NoBidCode::BlockedSite,
            "unknown_publisher",
            &ignored,
        ));
    }
    // The exchange no longer waits: a bid would only reserve budget that it cannot win.
    if bid_request.timed_out_after(waited) {
        return Ok(no_bid(&[NoBidReason::TooLate.as_str()], &ignored));
    }
    // No unit can satisfy these requests, so skip the decision.
    if slots.is_empty() {
        return Ok(no_bid(&[NoBidReason::PrivateAuction.as_str()], &ignored));
    }
    if bid_request.dsa().is_some_and(|dsa| dsa.is_unsatisfiable()) {
        return Ok(no_bid(&[NoBidReason::Disclosure.as_str()], &ignored));
    }
    let mut auction = Auction::of(&bid_request, &settings, &decider.app.public_url);
    let rejections = Rejections::default();
    let accepts = |decided: &PageDecision, key: &str, win: &Winner| {
        let slot = slots.iter().find(|(imp, _)| imp.id == key);
        let answer =
            slot.map_or(Ok(()), |(imp, markup)| auction.check((imp, markup), decided, win));
        rejections.record(key, answer.map_err(|why| (why.as_str(), why.rejects())))
    };
    let identity = identity.as_ref();
    let decided = decisions::decide_for(decider, http, &mut request, identity, Some(&accepts))?;
    let Some(decided) = decided else {
        return Ok(no_bid(&[NoFill::Overloaded.as_str()], &ignored));
    };
    let mut reasons = Vec::new();
    response::map_slots(&decider.delivery, &decided, |at, slot| {
        let key = &*decided.page.slots[at].key;
        let Some((imp, markup)) = slots.iter().find(|(imp, _)| imp.id == key) else { return };
        let placed =
            slot.map_err(|reason| rejections.reason(key, reason)).and_then(|(unit, win)| {
                let slot = (*imp, markup);
                auction.add_bid(slot, &decided, win, &unit).map_err(|why| why.as_str())
            });
        reasons.extend(placed.err());
    });
    let Some(response) = Response::of(&bid_request.id, auction) else {
        return Ok(no_bid(&reasons, &ignored));
    };
    let mut answer = response::builder(StatusCode::OK, &ignored);
    answer.insert_header(VERSION);
    if !reasons.is_empty() {
        answer.insert_header((response::NO_FILL_HEADER, reasons.join(", ")));
    }
    Ok(answer.json(response))
}

/// 204: no bid, with the reasons in a header.
fn no_bid(reasons: &[&'static str], ignored: &[String]) -> HttpResponse {
    let mut answer = response::builder(StatusCode::NO_CONTENT, ignored);
    answer.insert_header(VERSION);
    answer.insert_header((response::NO_FILL_HEADER, reasons.join(", "))).finish()
}

/// 200 with `nbr`: no bid because of an error that the exchange can correct.
fn invalid_request(
    id: &str,
    nbr: NoBidCode,
    why: &'static str,
    ignored: &[String],
) -> HttpResponse {
    let mut answer = response::builder(StatusCode::OK, ignored);
    answer.insert_header(VERSION);
    answer.insert_header((response::NO_FILL_HEADER, why)).json(reply::no_bid(id, nbr))
}
