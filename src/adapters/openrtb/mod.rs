//! OpenRTB 2.6 with Native 1.2: an exchange asks, and our decision is the bid.

pub mod bid;
pub mod native;
pub mod reply;
pub mod request;
pub mod withheld;

use crate::adapters::Dialect;
use crate::adapters::answers;
use crate::adapters::answers::Refusals;
use crate::adapters::counted;
use crate::adapters::openrtb::bid::Auction;
use crate::adapters::openrtb::native::Markup;
use crate::adapters::openrtb::reply::NoBid;
use crate::adapters::openrtb::reply::Response;
use crate::adapters::openrtb::request::Asked;
use crate::adapters::openrtb::request::Imp;
use crate::adapters::openrtb::withheld::Withheld;
use crate::adapters::spoken;
use crate::domain::event::NoFill;
use crate::http::Face;
use crate::http::body;
use crate::http::caller;
use crate::http::problem::ApiError;
use crate::http::public::decisions;
use crate::selection::choose::Win;
use crate::server::decide::Decided;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::web::Payload;
use std::time::Duration;
use std::time::Instant;

/// Says which version a bidder speaks.
const VERSION: (&str, &str) = ("x-openrtb-version", "2.6");

/// `POST /openrtb2/2.6/bids`.
pub async fn create(
    face: Data<Face>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    spoken(&face, Dialect::OpenRtb)?;
    let limit = face.server.settings().request.body_bytes;
    let arrived = Instant::now();
    let bytes = body::read(payload, limit, face.body_timeout).await?;
    let began = Instant::now();
    let answer = bids(&face, &http, &bytes, began - arrived);
    counted(&face, Dialect::OpenRtb, began, answer)
}

fn bids(
    face: &Face,
    http: &HttpRequest,
    bytes: &[u8],
    waited: Duration,
) -> Result<HttpResponse, ApiError> {
    let identity = caller::identity(face, http)?;
    let (asked, ignored) = body::foreign_json::<Asked>(bytes)?;
    let mut slots: Vec<(&Imp, Markup)> = asked.native();
    if slots.is_empty() || asked.site.is_none() {
        let why = "a site and a native imp with assets are needed";
        return Ok(refused(&asked.id, NoBid::InvalidRequest, why, &ignored));
    }
    let settings = face.server.settings();
    let live = face.server.live();
    slots.retain(|(imp, _)| !imp.is_private());
    let mut request = asked.request(&settings.adapters, &live, &slots);
    if live.publisher(&request.publisher).is_none() {
        return Ok(refused(&asked.id, NoBid::BlockedSite, "unknown_publisher", &ignored));
    }
    // Nobody waits for this answer any more: it would only hold money that no bid can win.
    if asked.gives_up_within(waited) {
        return Ok(nothing(&[Withheld::TooLate.as_str()], &ignored));
    }
    // What no unit of ours could meet is not decided at all.
    if slots.is_empty() {
        return Ok(nothing(&[Withheld::PrivateAuction.as_str()], &ignored));
    }
    if asked.dsa().is_some_and(|dsa| dsa.cannot_be_met()) {
        return Ok(nothing(&[Withheld::Disclosure.as_str()], &ignored));
    }
    let mut auction = Auction::of(&asked, &settings, &face.server.public_url);
    let refusals = Refusals::default();
    let takes = |decided: &Decided, key: &str, win: &Win| {
        let slot = slots.iter().find(|(imp, _)| imp.id == key);
        let answer =
            slot.map_or(Ok(()), |(imp, markup)| auction.takes((imp, markup), decided, win));
        refusals.note(key, answer.map_err(|why| (why.as_str(), why.of())))
    };
    let identity = identity.as_ref();
    let decided = decisions::decide_for(face, http, &mut request, identity, Some(&takes))?;
    let Some(decided) = decided else {
        return Ok(nothing(&[NoFill::Overloaded.as_str()], &ignored));
    };
    let mut reasons = Vec::new();
    answers::each(face, &decided, |at, slot| {
        let key = &*decided.page.slots[at].key;
        let Some((imp, markup)) = slots.iter().find(|(imp, _)| imp.id == key) else { return };
        let placed =
            slot.map_err(|reason| refusals.reason(key, reason)).and_then(|(fill, filled)| {
                auction.place(imp, markup, &decided, fill, filled).map_err(|why| why.as_str())
            });
        reasons.extend(placed.err());
    });
    let Some(response) = Response::of(&asked.id, auction) else {
        return Ok(nothing(&reasons, &ignored));
    };
    let mut answer = answers::answer(StatusCode::OK, &ignored);
    answer.insert_header(VERSION);
    if !reasons.is_empty() {
        answer.insert_header((answers::NO_FILL, reasons.join(", ")));
    }
    Ok(answer.json(response))
}

/// No bid, for reasons of ours.
fn nothing(reasons: &[&'static str], ignored: &[String]) -> HttpResponse {
    let mut answer = answers::answer(StatusCode::NO_CONTENT, ignored);
    answer.insert_header(VERSION);
    answer.insert_header((answers::NO_FILL, reasons.join(", "))).finish()
}

/// No bid, for what the exchange can mend.
fn refused(id: &str, nbr: NoBid, why: &'static str, ignored: &[String]) -> HttpResponse {
    let mut answer = answers::answer(StatusCode::OK, ignored);
    answer.insert_header(VERSION);
    answer.insert_header((answers::NO_FILL, why)).json(reply::refusal(id, nbr))
}
