//! Events of a decision, their verdicts, pricing models, tiers and no-fill reasons.

string_enum! {
    /// An event that the reader's browser reports for a decision.
    EventKind {
        /// The unit began to render in a visible document.
        Impression = "impression",
        /// Half of the unit was in view for one continuous second.
        Viewable = "viewable",
        /// A call to action was clicked.
        Click = "click",
        /// The command was copied.
        Copy = "copy",
    }
}

string_enum! {
    /// Why an event is recorded and reported as invalid and never billed.
    InvalidReason {
        /// No configured key opens the token.
        Forged = "forged",
        /// Received after the window for this kind of event.
        Expired = "expired",
        /// A declared or detected bot.
        Bot = "bot",
        /// A browser prefetch.
        Prefetch = "prefetch",
        /// The visitor exceeded a rate limit.
        RateLimited = "rate_limited",
        /// Sooner after the impression than a human can react.
        TooFast = "too_fast",
        /// A click whose impression was never received.
        OrphanClick = "orphan_click",
        /// The observed region contradicts the region the unit was chosen for.
        OutOfRegion = "out_of_region",
        /// Sent from a page outside the publisher's origins.
        WrongOrigin = "wrong_origin",
        /// The remaining budget did not cover the price.
        OverBudget = "over_budget",
        /// A test decision.
        Test = "test",
        /// The flight or publisher was paused when the event was received.
        Paused = "paused",
        /// Reached the ledger too late to check it for duplicates.
        Late = "late",
        /// Later credited as invalid traffic.
        Credited = "credited",
        // Records store the number of a reason: new ones come last.
        /// The decision was idle: asked for by a bot or another caller for whom no money is reserved.
        Idle = "idle",
        /// A declared or signed AI agent.
        Agent = "agent",
        /// The flight had reached its goal, or the decision's impression came after that.
        OverGoal = "over_goal",
    }
}

string_enum! {
    /// Why an event token is rejected. Nothing is recorded; the event is only counted, as kind `unknown`.
    TokenRejection {
        /// Not a token, or not sealed with the key that it names.
        Forged = "forged",
        /// A token format that this version does not know.
        UnknownVersion = "unknown_version",
        /// It names a key that is not in the keyring: revoked, or of another deployment.
        UnknownKey = "unknown_key",
        /// Sealed with a retired key: clicks still redirect, but no event counts.
        RetiredKey = "retired_key",
        /// A valid token of another kind than the route accepts.
        WrongKind = "wrong_kind",
        /// The catalog lacks its inventory version or cannot read it, or its creative is not in there.
        UnreadableInventory = "unreadable_inventory",
    }
}

/// The verdict on one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The first valid event of its kind for the decision.
    Counted,
    /// An event of this kind already has a verdict for the decision.
    Duplicate,
    /// Recorded with a reason, never billed.
    Invalid(InvalidReason),
    /// A click that is waiting for its impression.
    Pending,
}

impl Verdict {
    /// The four verdicts as metric labels.
    pub(crate) const LABELS: [&'static str; 4] = ["counted", "duplicate", "invalid", "pending"];

    /// The verdict without its reason, as a label in metrics and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Counted => "counted",
            Verdict::Duplicate => "duplicate",
            Verdict::Invalid(_) => "invalid",
            Verdict::Pending => "pending",
        }
    }

    pub(crate) const fn reason(self) -> Option<InvalidReason> {
        match self {
            Verdict::Invalid(reason) => Some(reason),
            _ => None,
        }
    }
}

string_enum! {
    /// The pricing model of a flight.
    Pricing {
        /// Per impression.
        Cpm = "cpm",
        /// Per viewable impression.
        Vcpm = "vcpm",
        /// Per decision that was clicked, whichever call to action.
        Cpc = "cpc",
        /// A flat fee, agreed outside the system; events are counted and cost nothing.
        Flat = "flat",
    }
}

string_enum! {
    /// Priority tiers: a lower tier is considered only if no higher tier fills the slot.
    Tier {
        /// Share of voice or a fixed goal; highest priority.
        Sponsorship = "sponsorship",
        /// Competing paid flights.
        Standard = "standard",
        /// The publisher's or operator's own units, served when no paid flight is available.
        House = "house",
    }
}

string_enum! {
    /// Why a placement was not filled.
    NoFill {
        /// No flight targets this page.
        NoCandidate = "no_candidate",
        /// Every matching flight is ahead of its plan, or its plan leaves the slot to others.
        AllPaced = "all_paced",
        /// The budgets of all matching flights are spent or fully reserved.
        BudgetsSpent = "budgets_spent",
        /// The page is about the matching advertisers or their competitors.
        SubjectConflict = "subject_conflict",
        /// The page is sensitive and no matching flight accepts that.
        SensitivePage = "sensitive_page",
        /// The publisher blocks every matching flight.
        PublisherBlocked = "publisher_blocked",
        /// Only house units were allowed and none matches.
        HouseOnly = "house_only",
        /// The page allows no commercial content.
        CommercialOff = "commercial_off",
        /// No creative has a style that the placement accepts.
        StyleMismatch = "style_mismatch",
        /// Every matching flight is below the relevance floor.
        BelowRelevance = "below_relevance",
        /// No reviewed label exists for this region.
        LabelUnavailable = "label_unavailable",
        /// The publisher has no such placement.
        UnknownPlacement = "unknown_placement",
        /// The site, section or topic is paused, or paths are paused and the page's address is not known.
        Paused = "paused",
        /// The inventory is older than the allowed maximum.
        StaleTooOld = "stale_too_old",
        /// The server is shedding load.
        Overloaded = "overloaded",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_parses_and_serializes_as_its_spelling() {
        for reason in InvalidReason::ALL {
            assert_eq!(reason.as_str().parse::<InvalidReason>().as_ref(), Ok(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
        assert_eq!(InvalidReason::ALL.len(), 17);
        assert_eq!(NoFill::ALL.len(), 15);
    }
}
