//! Filter reasons: why a flight was not selected, in the order of the filter stages.

use crate::domain::event::NoFill;

string_enum! {
    /// The stage that filtered a flight, in evaluation order.
    FilterReason {
        /// The flight, its campaign or its advertiser is paused, or it has no live creative.
        Paused = "paused",
        /// The page accepts house units only.
        Commercial = "commercial",
        /// The page is sensitive and the flight does not accept that.
        Sensitive = "sensitive_page",
        /// Before its start or after its end.
        Dates = "dates",
        /// Does not target the reader's region.
        Region = "region",
        /// Does not target pages about this region.
        PageRegion = "page_region",
        /// Does not target the page's language.
        Language = "language",
        /// Its category is not allowed here.
        Category = "category",
        /// Does not target the page's topics.
        Topic = "topic",
        /// Does not target the page's entities.
        Entity = "entity",
        /// Does not target the page's keywords.
        Keyword = "keyword",
        /// Does not target this placement.
        Placement = "placement",
        /// Does not target this publisher.
        Publisher = "publisher",
        /// The page is about the advertiser or a competitor.
        Conflict = "subject_conflict",
        /// The advertiser or a competitor is already on the page.
        Shown = "shown",
        /// Blocked by the publisher or rejected by the caller.
        Blocked = "publisher_blocked",
        /// No creative in a style that the placement accepts.
        Style = "style",
        /// No reviewed label for the reader's region.
        Label = "label",
        /// Its budget is spent or reserved.
        Budget = "budget",
        /// Its budget was used up between selection and reservation.
        Masked = "reservation_lost",
        /// Ahead of its pacing schedule.
        Paced = "paced",
        /// A higher tier won.
        Tier = "tier",
        /// Below the operator's relevance floor.
        Relevance = "relevance",
        /// Exceeds the maximum number of candidates of a draw.
        Truncated = "truncated",
    }
}

impl FilterReason {
    /// The reason as a sentence about the flight, for explain.
    pub const fn sentence(self) -> &'static str {
        match self {
            FilterReason::Paused => {
                "it, its campaign or its advertiser is paused, or it has no live creative"
            }
            FilterReason::Commercial => {
                "the page accepts house units only, or low disk space limits the server to them"
            }
            FilterReason::Sensitive => "the page is sensitive and the flight does not accept that",
            FilterReason::Dates => "it has not started yet, or has ended",
            FilterReason::Region => "it does not target the reader's region",
            FilterReason::PageRegion => "it does not target pages about this region",
            FilterReason::Language => "it does not target pages in this language",
            FilterReason::Category => "its category is not allowed on this site or in this country",
            FilterReason::Topic => "none of its topics is on the page, or one it excludes is",
            FilterReason::Entity => "none of its entities is on the page, or one it excludes is",
            FilterReason::Keyword => "none of its keywords is on the page, or one it excludes is",
            FilterReason::Placement => "it does not target this placement",
            FilterReason::Publisher => "it does not target this publisher",
            FilterReason::Conflict => "the page is about the advertiser or a competitor of it",
            FilterReason::Shown => "the advertiser or a competitor of it is already on the page",
            FilterReason::Blocked => {
                "the publisher or the calling client blocks the advertiser or its unit"
            }
            FilterReason::Style => "it has no live creative in a style that the placement accepts",
            FilterReason::Label => "no label has been reviewed for the reader's country",
            FilterReason::Budget => {
                "its budget is spent, or reserved by decisions with pending events"
            }
            FilterReason::Masked => {
                "its remaining budget was used up between selection and reservation"
            }
            FilterReason::Paced => "it is ahead of its pacing schedule",
            FilterReason::Tier => "a higher tier won, or the slot could not be filled at all",
            FilterReason::Relevance => "its relevance is below the operator's floor",
            FilterReason::Truncated => "more flights matched the page than one draw accepts",
        }
    }

    /// The no-fill reason of a slot when this stage filtered the last flight that targeted the page.
    pub const fn no_fill(self) -> NoFill {
        match self {
            FilterReason::Commercial => NoFill::HouseOnly,
            FilterReason::Sensitive => NoFill::SensitivePage,
            FilterReason::Conflict => NoFill::SubjectConflict,
            FilterReason::Blocked | FilterReason::Category => NoFill::PublisherBlocked,
            FilterReason::Style => NoFill::StyleMismatch,
            FilterReason::Label => NoFill::LabelUnavailable,
            FilterReason::Budget | FilterReason::Masked => NoFill::BudgetsSpent,
            FilterReason::Paced => NoFill::AllPaced,
            FilterReason::Relevance | FilterReason::Truncated => NoFill::BelowRelevance,
            _ => NoFill::NoCandidate,
        }
    }
}
