//! Why a flight is not shown: the stages of the funnel, in its order.

use crate::domain::event::NoFill;

closed! {
    /// The stage that removed a flight, in the order in which they are asked.
    Removed {
        /// The flight, its campaign or its advertiser is stopped, or it has no live creative.
        Stopped = "stopped",
        /// The page takes house units alone.
        Commercial = "commercial",
        /// The page is sensitive and the flight does not accept that.
        Sensitive = "sensitive_page",
        /// Not yet begun, or over.
        Dates = "dates",
        /// Not for the reader's region.
        Region = "region",
        /// Not for pages about this region.
        PageRegion = "page_region",
        /// Not for this language.
        Language = "language",
        /// Its line of business is not allowed here.
        Sector = "sector",
        /// Not for this topic.
        Topic = "topic",
        /// Not for these entities.
        Entity = "entity",
        /// Not for these keywords.
        Keyword = "keyword",
        /// Not for this placement.
        Placement = "placement",
        /// Not for this publisher.
        Publisher = "publisher",
        /// The story is about the sponsor or a rival.
        Conflict = "subject_conflict",
        /// The sponsor or a rival is on this page already.
        Shown = "shown",
        /// The publisher refuses it.
        Blocked = "publisher_blocked",
        /// No creative in a style that the placement takes.
        Style = "style",
        /// No reviewed label for the reader's region.
        Label = "label",
        /// Its budget is spent or reserved.
        Budget = "budget",
        /// Its budget was taken between the choice and the reservation.
        Masked = "reservation_lost",
        /// It is ahead of its pace.
        Paced = "paced",
        /// A higher tier won.
        Tier = "tier",
        /// Less relevant than the operator's floor.
        Relevance = "relevance",
        /// More candidates than a draw takes.
        Truncated = "truncated",
    }
}

impl Removed {
    /// The stages' spellings, for metrics.
    pub fn labels() -> Vec<&'static str> {
        Removed::ALL.iter().map(|stage| stage.as_str()).collect()
    }

    /// What a placement without a unit says when this stage removed the last flight that
    /// targeted the page.
    pub const fn no_fill(self) -> NoFill {
        match self {
            Removed::Commercial => NoFill::HouseOnly,
            Removed::Sensitive => NoFill::SensitivePage,
            Removed::Conflict => NoFill::SubjectConflict,
            Removed::Blocked | Removed::Sector => NoFill::PublisherBlocked,
            Removed::Style => NoFill::StyleMismatch,
            Removed::Label => NoFill::LabelUnavailable,
            Removed::Budget | Removed::Masked => NoFill::BudgetsSpent,
            Removed::Paced => NoFill::AllPaced,
            Removed::Relevance | Removed::Truncated => NoFill::BelowRelevance,
            _ => NoFill::NoCandidate,
        }
    }
}
