//! OpenRTB 2.6 with Native 1.2: answers an exchange's bid request with a decision as the bid.

pub(crate) mod bid;
pub(crate) mod native;
pub(crate) mod no_bid_reason;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod restrictions;

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
    let limit = body::exchange_limit(decider.app.settings.get().request.body_bytes);
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
    let settings = decider.app.settings.get();
    let limit = body::exchange_limit(settings.request.body_bytes);
    let bytes = body::decoded(http, bytes, limit)?;
    let (bid_request, mut ignored) =
        body::adapter_json::<BidRequest>(&bytes).map_err(ApiError::into_malformed)?;
    let Some(id) = bid_request.id.as_deref() else {
        let error = ApiError::invalid_field("id", "must be a text: the id of the request");
        return Err(error.into_malformed());
    };
    let mut slots: Vec<(&Imp, NativeRequest)> = bid_request.native_slots();
    ignored.extend(bid_request.ignored_markup(&slots));
    if slots.is_empty() || bid_request.site.is_none() {
        let why = "a site and a native imp with assets are required";
        return Ok(invalid_request(id, NoBidCode::InvalidRequest, why, &ignored));
    }
    let live = decider.world.live();
    let mut reasons = unusable(&bid_request, &mut slots, &decider.app.public_url);
    let mut request = bid_request.decision_request(&settings.adapters, &live, &slots);
    if live.publisher(&request.publisher).is_none() {
        return Ok(invalid_request(id, NoBidCode::BlockedSite, "unknown_publisher", &ignored));
    }
    // No unit can satisfy the request, or all of its slots, so skip the decision.
    if let Some(reason) = refused(&bid_request, waited) {
        return Ok(no_bid(&[reason.as_str()], &ignored));
    }
    if slots.is_empty() {
        return Ok(no_bid(&reasons, &ignored));
    }
    let mut auction = Auction::of(&bid_request, &settings, &decider.app.public_url);
    let rejections = Rejections::default();
    let accepts = |decided: &PageDecision, key: &str, win: &Winner| {
        let slot = slots.iter().find(|(imp, _)| imp.id() == key);
        let answer =
            slot.map_or(Ok(()), |(imp, markup)| auction.check((imp, markup), decided, win));
        rejections.record(key, answer.map_err(NoBidReason::rejected))
    };
    let identity = identity.as_ref();
    let decided = decisions::decide_for(decider, http, &mut request, identity, Some(&accepts))?;
    let Some(decided) = decided else {
        return Ok(no_bid(&[NoFill::Overloaded.as_str()], &ignored));
    };
    response::map_slots(&decider.delivery, &decided, |at, slot| {
        let key = &*decided.page.slots[at].key;
        let Some((imp, markup)) = slots.iter().find(|(imp, _)| imp.id() == key) else { return };
        let placed =
            slot.map_err(|reason| rejections.reason(key, reason)).and_then(|(unit, win)| {
                let slot = (*imp, markup);
                auction.add_bid(slot, &decided, win, &unit).map_err(|why| why.as_str())
            });
        reasons.extend(placed.err());
    });
    if decided.slots.len() < slots.len() {
        reasons.push(NoBidReason::TooManyImps.as_str());
    }
    let Some(response) = Response::of(id, auction) else {
        return Ok(no_bid(&reasons, &ignored));
    };
    let mut answer = response::builder(StatusCode::OK, &ignored);
    answer.insert_header(VERSION);
    if !reasons.is_empty() {
        answer.insert_header((response::NO_FILL_HEADER, reasons.join(", ")));
    }
    Ok(answer.json(response))
}

/// Removes the slots that no unit can fill; returns the reason for each of these, and for native slots
/// that could not be read.
fn unusable(
    bid_request: &BidRequest,
    slots: &mut Vec<(&Imp, NativeRequest)>,
    public_url: &str,
) -> Vec<&'static str> {
    let native = bid_request.imp.iter().filter(|imp| imp.is_native()).count();
    let mut reasons = vec![NoBidReason::InvalidImp.as_str(); native - slots.len()];
    let is_encrypted = is_secure(public_url);
    slots.retain(|(imp, _)| {
        let reason = match imp.is_private() {
            true => Some(NoBidReason::PrivateAuction),
            false => (imp.secure && !is_encrypted).then_some(NoBidReason::Insecure),
        };
        reasons.extend(reason.map(NoBidReason::as_str));
        reason.is_none()
    });
    reasons
}

/// Whether pages that require encryption load from an address: it is encrypted or of this machine.
fn is_secure(public_url: &str) -> bool {
    url::Url::parse(public_url).is_ok_and(|url| {
        let is_local = url.host_str().is_some_and(|host| {
            let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
            host == "localhost" || address.is_ok_and(|address| address.is_loopback())
        });
        url.scheme() == "https" || is_local
    })
}

/// Why no slot of a request can be bid for.
fn refused(bid_request: &BidRequest, waited: Duration) -> Option<NoBidReason> {
    let dsa = bid_request.dsa();
    [
        // The exchange no longer waits: a bid would only reserve budget that it cannot win.
        (bid_request.timed_out_after(waited), NoBidReason::TooLate),
        (bid_request.is_for_children(), NoBidReason::Coppa),
        (bid_request.has_unreadable_restriction(), NoBidReason::UnreadableRestriction),
        (dsa.is_some_and(|dsa| dsa.is_unsatisfiable()), NoBidReason::Disclosure),
    ]
    .into_iter()
    .find_map(|(holds, reason)| holds.then_some(reason))
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
