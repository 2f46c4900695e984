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
        /// The publisher refuses it, or who asks for the publisher.
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

    /// The stage in a sentence about the flight, for people who ask why.
    pub const fn sentence(self) -> &'static str {
        match self {
            Removed::Stopped => {
                "it, its campaign or its advertiser is stopped, or it has no live creative"
            }
            Removed::Commercial => {
                "the page takes house units alone, or the server has no room to record others"
            }
            Removed::Sensitive => "the page is sensitive and the flight does not accept that",
            Removed::Dates => "it has not begun, or is over",
            Removed::Region => "it is not for the reader's region",
            Removed::PageRegion => "it is not for pages about this region",
            Removed::Language => "it is not for pages in this language",
            Removed::Sector => {
                "its line of business is not allowed on this site or in this country"
            }
            Removed::Topic => "none of its topics is on the page, or one it excludes is",
            Removed::Entity => "none of its entities is on the page, or one it excludes is",
            Removed::Keyword => "none of its keywords is on the page, or one it excludes is",
            Removed::Placement => "it is not for this placement",
            Removed::Publisher => "it is not for this publisher",
            Removed::Conflict => "the story is about the sponsor or a rival of the sponsor",
            Removed::Shown => "the sponsor or a rival is on this page already",
            Removed::Blocked => {
                "the publisher, or the exchange that asked, blocks the sponsor or its unit"
            }
            Removed::Style => "it has no live creative in a style that the placement takes",
            Removed::Label => "no label was reviewed for the reader's country",
            Removed::Budget => {
                "its budget is spent, or held by decisions whose events are still to come"
            }
            Removed::Masked => "its last money was taken between the choice and the reservation",
            Removed::Paced => "it is ahead of its pace",
            Removed::Tier => "a higher tier won, or nothing could be shown at all",
            Removed::Relevance => "it is less relevant here than the operator's floor",
            Removed::Truncated => "more flights met the page than one draw takes",
        }
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
