//! Reasons not to bid with a chosen unit.

use crate::adapters::response::Rejected;
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
        /// One of the campaign's categories is not in `acat`.
        CategoryNotAllowed = "category_not_allowed",
        /// `bcat` or `acat` is given, and the settings have no codes for one of the campaign's categories in
        /// its taxonomy, or the taxonomy was not imported.
        UnknownCategory = "unknown_category",
        /// The creative's language is not in `wlang` or `wlangb`.
        Language = "language",
        /// The advertiser is in `bseat`, or not in `wseat`.
        Seat = "seat",
        /// The slot only accepts deals (`pmp.private_auction`), which are not supported.
        PrivateAuction = "private_auction",
        /// The slot requires encryption (`secure`), and this server's public URL has none.
        Insecure = "insecure",
        /// The page is directed at children (`regs.coppa`), for whom no unit has been reviewed.
        Coppa = "coppa",
        /// A list of what is allowed or blocked is not a list of texts.
        UnreadableRestriction = "unreadable_restriction",
        /// The slot has no id, or no native request with assets that can be read.
        InvalidImp = "invalid_imp",
        /// The request has more slots than are decided in one call.
        TooManyImps = "too_many_imps",
        /// The request took longer to arrive than its `tmax` allows for the whole auction.
        TooLate = "too_late",
        /// The unit lacks a required asset, or the asset does not fit.
        Assets = "assets",
        /// A DSA disclosure is required, but the site cannot render it.
        Disclosure = "disclosure",
    }
}

/// The reasons to reject a unit, from the first check to the last: whether it can be bid at all, then what
/// the exchange allows, then the slot's assets. The domain is last, so that an exchange that blocks it
/// learns that the unit meets everything else.
const CHECKS: [NoBidReason; 10] = [
    NoBidReason::NoPrice,
    NoBidReason::Currency,
    NoBidReason::BelowFloor,
    NoBidReason::Seat,
    NoBidReason::UnknownCategory,
    NoBidReason::BlockedCategory,
    NoBidReason::CategoryNotAllowed,
    NoBidReason::Language,
    NoBidReason::Assets,
    NoBidReason::BlockedAdvertiser,
];

impl NoBidReason {
    /// A unit's rejection for this reason.
    pub(crate) fn rejected(self) -> Rejected {
        let passed = CHECKS.iter().position(|check| *check == self).unwrap_or(CHECKS.len());
        Rejected { why: self.as_str(), passed, rejection: self.rejects() }
    }

    /// What to exclude: only the creative, if another creative of the flight might be accepted
    /// (landing domain, language, assets), or the whole flight (price, seat, categories).
    fn rejects(self) -> Rejection {
        match self {
            NoBidReason::BlockedAdvertiser | NoBidReason::Language | NoBidReason::Assets => {
                Rejection::Creative
            }
            _ => Rejection::Flight,
        }
    }
}
