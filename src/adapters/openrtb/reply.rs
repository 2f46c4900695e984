//! OpenRTB responses.

use crate::adapters::openrtb::bid::{Auction, Bid};
use serde::Serialize;

/// A bid response.
#[derive(Serialize)]
pub(crate) struct Response {
    id: String,
    seatbid: Vec<SeatBid>,
    cur: String,
}

/// The bids of one advertiser.
#[derive(Serialize)]
struct SeatBid {
    seat: String,
    bid: Vec<Bid>,
}

/// A response without bids, with a no-bid reason code.
#[derive(Serialize)]
pub(crate) struct NoBidResponse {
    id: String,
    nbr: u8,
}

/// No-bid reason codes (`nbr`) for errors that the exchange can correct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoBidCode {
    /// The request has no site or no native slot.
    InvalidRequest = 2,
    /// The site is not a known publisher.
    BlockedSite = 7,
}

impl Response {
    /// The response to a request; `None` without bids.
    pub(crate) fn of(id: &str, auction: Auction<'_>) -> Option<Response> {
        let cur = auction.currency?.as_str().to_owned();
        let seats = auction.seats.into_iter();
        let seatbid = seats.map(|(seat, bid)| SeatBid { seat, bid }).collect();
        Some(Response { id: id.to_owned(), seatbid, cur })
    }
}

/// The response that carries `nbr`.
pub(crate) fn no_bid(id: &str, nbr: NoBidCode) -> NoBidResponse {
    NoBidResponse { id: id.to_owned(), nbr: nbr as u8 }
}
