//! Why a unit that was chosen is no bid.

use crate::server::decide::NotTaken;

closed! {
    /// What the exchange asked for and the unit does not meet.
    Withheld {
        /// The flight pays nothing for an event, so there is nothing to bid.
        NoPrice = "no_price",
        /// The price is below `bidfloor`.
        BelowFloor = "below_floor",
        /// The sponsor pays in a currency that the request, its floor or another bid does not name.
        Currency = "currency",
        /// Its landing page is on a domain of `badv`.
        BlockedAdvertiser = "blocked_advertiser",
        /// One of its sectors is in a category of `bcat`.
        BlockedCategory = "blocked_category",
        /// Its sponsor is a seat of `bseat`, or none of `wseat`.
        Seat = "seat",
        /// The slot is sold by deals alone (`pmp.private_auction`), and there are none here.
        PrivateAuction = "private_auction",
        /// The request took longer to come in than its `tmax` leaves for the whole auction.
        TooLate = "too_late",
        /// A required asset is one it does not have, or has no room for.
        Assets = "assets",
        /// The exchange cannot show who paid, and wants it shown.
        Disclosure = "disclosure",
    }
}

impl Withheld {
    /// Whether another creative of the flight might do. Landing hosts and parts are a creative's own;
    /// price, seat and categories are those of its flight.
    pub fn of(self) -> NotTaken {
        match self {
            Withheld::BlockedAdvertiser | Withheld::Assets => NotTaken::Creative,
            _ => NotTaken::Flight,
        }
    }
}
