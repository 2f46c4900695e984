//! Reasons not to bid with a chosen unit.

use crate::delivery::decide::Rejection;

string_enum! {
    /// A condition of the exchange that the unit does not meet.
    NoBidReason {
        /// The flight is flat-priced or unpaid, so there is no price to bid.
        NoPrice = "no_price",
        /// The price is below `bidfloor`.
        BelowFloor = "below_floor",
        /// The advertiser's currency differs from that of the request, its floor or another bid.
        Currency = "currency",
        /// The landing domain is in `badv` or below an entry of it.
        BlockedAdvertiser = "blocked_advertiser",
        /// One of the campaign's categories is in `bcat`.
        BlockedCategory = "blocked_category",
        /// The advertiser is in `bseat`, or not in `wseat`.
        Seat = "seat",
        /// The slot only accepts deals (`pmp.private_auction`), which are not supported.
        PrivateAuction = "private_auction",
        /// The request took longer to arrive than its `tmax` allows for the whole auction.
        TooLate = "too_late",
        /// The unit lacks a required asset, or the asset does not fit.
        Assets = "assets",
        /// A DSA disclosure is required, but the site cannot render it.
        Disclosure = "disclosure",
    }
}

impl NoBidReason {
    /// What to exclude: only the creative, if another creative of the flight might be accepted
    /// (landing domain, assets), or the whole flight (price, seat, categories).
    pub(crate) fn rejects(self) -> Rejection {
        match self {
            NoBidReason::BlockedAdvertiser | NoBidReason::Assets => Rejection::Creative,
            _ => Rejection::Flight,
        }
    }
}
