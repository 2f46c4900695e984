//! What an exchange reads.

use crate::adapters::openrtb::bid::Auction;
use crate::adapters::openrtb::bid::Bid;
use serde::Serialize;

/// The bids.
#[derive(Serialize)]
pub struct Response {
    id: String,
    seatbid: Vec<SeatBid>,
    cur: String,
}

/// Those of one sponsor.
#[derive(Serialize)]
struct SeatBid {
    seat: String,
    bid: Vec<Bid>,
}

/// No bid, with its code of the specification.
#[derive(Serialize)]
pub struct Refusal {
    id: String,
    nbr: u8,
}

/// Why there is no bid, where the exchange can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBid {
    /// The request has no site or no native slot.
    InvalidRequest = 2,
    /// The site is none of ours.
    BlockedSite = 7,
}

impl Response {
    /// The answer to a request; `None` without a bid.
    pub fn of(id: &str, auction: Auction<'_>) -> Option<Response> {
        let cur = auction.currency?.as_str().to_owned();
        let seats = auction.seats.into_iter();
        let seatbid = seats.map(|(seat, bid)| SeatBid { seat, bid }).collect();
        Some(Response { id: id.to_owned(), seatbid, cur })
    }
}

/// The answer that says why.
pub fn refusal(id: &str, nbr: NoBid) -> Refusal {
    Refusal { id: id.to_owned(), nbr: nbr as u8 }
}
