//! Filter reasons: why a flight was not selected, in the order of the filter stages.

use crate::domain::event::NoFill;

macro_rules! filter_reasons {
    ({$($named:tt)*} {$(
        $(#[$doc:meta])* $field:ident: $stated:ty => $value:ty, $reason:ident = $text:literal,
        $sentence:literal, $remedy:literal;
    )*}) => {
        string_enum! {
            /// The stage that filtered a flight, in evaluation order.
            FilterReason {
                /// The flight, its campaign or its advertiser is paused, or it has no live creative.
                Paused = "paused",
                /// The page accepts house units only.
                Commercial = "commercial",
                /// The page is sensitive and the flight does not accept that.
                Sensitive = "sensitive_page",
                /// Before its start, after its end, or outside its hours.
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
                $(#[doc = $sentence] $reason = $text,)*
                /// Does not target what the page states for a custom context key.
                Custom = "custom",
                /// The page is about the advertiser or a competitor.
                Conflict = "subject_conflict",
                /// The advertiser or a competitor is already on the page.
                Shown = "shown",
                /// Blocked by the publisher or rejected by the caller.
                Blocked = "publisher_blocked",
                /// No creative in a style that the placement accepts.
                Style = "style",
                /// The caller cannot report an event that it is billed by or that a goal counts.
                Unreported = "unreported",
                /// No reviewed label for the reader's region.
                Label = "label",
                /// Its budget is spent or reserved.
                Budget = "budget",
                /// Its budget was used up between selection and reservation.
                Masked = "reservation_lost",
                /// Its advertiser has taken its part of the topic's slots today.
                TopicShare = "topic_share",
                /// Ahead of its plan, or not in the share of slots that the plan takes.
                Paced = "paced",
                /// A higher tier won.
                Tier = "tier",
                /// Below the operator's relevance floor.
                Relevance = "relevance",
                /// Exceeds the maximum number of candidates of a draw.
                Truncated = "truncated",
            }
        }
    };
}

targeting_dimensions!(filter_reasons);

macro_rules! wording_of_dimensions {
    ($({$(
        $(#[$doc:meta])* $field:ident: $stated:ty => $value:ty, $reason:ident $(= $text:literal)?,
        $sentence:literal, $remedy:literal;
    )*})*) => {
        /// The sentence and the remedy of a targeting dimension.
        const fn of_dimension(reason: FilterReason) -> Option<(&'static str, &'static str)> {
            match reason {
                $($(FilterReason::$reason => Some(($sentence, $remedy)),)*)*
                _ => None,
            }
        }
    };
}

targeting_dimensions!(wording_of_dimensions);

impl FilterReason {
    /// Whether it is a targeting dimension.
    pub const fn is_targeting(self) -> bool {
        of_dimension(self).is_some() || matches!(self, FilterReason::Custom)
    }

    /// The reason as a sentence about the flight, for explain.
    pub(crate) const fn sentence(self) -> &'static str {
        self.wording().0
    }

    /// The change that would let a flight pass.
    pub(crate) const fn remedy(self) -> &'static str {
        self.wording().1
    }

    const fn wording(self) -> (&'static str, &'static str) {
        match self {
            FilterReason::Paused => (
                "it, its campaign or its advertiser is paused, or it has no live creative",
                "resume the flight, its campaign or its advertiser, or set a creative live",
            ),
            FilterReason::Commercial => (
                "the page accepts house units only, or low disk space limits the server to them",
                "the page must allow ads other than house ads",
            ),
            FilterReason::Sensitive => (
                "the page is sensitive and the flight does not accept that",
                "the flight must accept sensitive pages",
            ),
            FilterReason::Dates => (
                "it has not started yet, has ended, or does not run at this hour",
                "the flight's dates and hours must include the time of the decision",
            ),
            FilterReason::Category => (
                "its category is not allowed on this site or in this country",
                "the publisher and the country must allow the advertiser's category",
            ),
            FilterReason::Custom => (
                "it does not target what the page states for a custom context key, or states nothing",
                "the flight's `custom` must include what the page states for each key that it targets",
            ),
            FilterReason::Conflict => (
                "the page is about the advertiser or a competitor of it",
                "the page must not be about the advertiser or a competitor, or the publisher must allow it",
            ),
            FilterReason::Shown => (
                "the advertiser or a competitor of it is already on the page",
                "neither the advertiser nor a competitor may already be on the page",
            ),
            FilterReason::Blocked => (
                "the publisher or the calling client blocks the advertiser or its unit",
                "the publisher or the requesting exchange must lift its block",
            ),
            FilterReason::Style => (
                "it has no live creative in a style that the placement accepts",
                "the flight needs a live creative in a style that the placement accepts",
            ),
            FilterReason::Unreported => (
                "the page or the calling client cannot report the events that it is billed by or that its goals count",
                "the caller must report these events, or the flight needs another pricing and other goals",
            ),
            FilterReason::Label => (
                "no label has been reviewed for the reader's country",
                "a label for the reader's country must be reviewed",
            ),
            FilterReason::Budget => (
                "its budget is spent, or reserved by decisions with pending events",
                "the campaign budget must cover one more event",
            ),
            FilterReason::Masked => (
                "its remaining budget was used up between selection and reservation",
                "the campaign budget must cover one more event",
            ),
            FilterReason::TopicShare => (
                "its advertiser has taken the part of today's slots of the topic that one advertiser may take",
                "the operator must raise `fairness` in the weights, or others must take more of the topic's slots",
            ),
            FilterReason::Paced => (
                "it is ahead of its plan, or the slot is not in the share of slots that its plan takes",
                "the flight must not be ahead of pace: raise its budget or goal, or set pacing `asap`",
            ),
            FilterReason::Tier => (
                "a higher tier won, or the slot could not be filled at all",
                "no flight of a higher tier may be eligible for the slot",
            ),
            FilterReason::Relevance => (
                "its relevance is below the operator's floor",
                "lower the operator's relevance floor, or target the page more closely",
            ),
            FilterReason::Truncated => (
                "more flights matched the page than one draw accepts",
                "raise its weight or price: only the highest matching flights compete",
            ),
            dimension => of_dimension(dimension).expect("every other reason is a dimension"),
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
            FilterReason::TopicShare | FilterReason::Paced => NoFill::AllPaced,
            FilterReason::Relevance | FilterReason::Truncated => NoFill::BelowRelevance,
            _ => NoFill::NoCandidate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_sentence_and_a_remedy() {
        for reason in FilterReason::ALL {
            assert!(!reason.sentence().is_empty() && !reason.remedy().is_empty(), "{reason}");
        }
    }
}
