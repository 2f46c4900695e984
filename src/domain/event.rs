//! What can happen to a decision once it is on a page, and how it is judged.

closed! {
    /// What the reader's browser reports of one decision.
    EventKind {
        /// The unit began to render in a visible document.
        Impression = "impression",
        /// Half of the unit was in view for one continuous second.
        Viewable = "viewable",
        /// A call to action was followed.
        Click = "click",
        /// The command was copied.
        Copy = "copy",
    }
}

closed! {
    /// Why an event is kept and shown but never billed.
    InvalidReason {
        /// The token does not open under any key we hold.
        Forged = "forged",
        /// The window for this kind of event had closed.
        Expired = "expired",
        /// A declared or evident robot.
        Bot = "bot",
        /// A browser fetched ahead of the reader.
        Prefetch = "prefetch",
        /// One visitor did this more often than people do.
        RateLimited = "rate_limited",
        /// Sooner after the impression than a person can.
        TooFast = "too_fast",
        /// A click whose impression never came.
        OrphanClick = "orphan_click",
        /// The observed region contradicts the one the unit was chosen for.
        OutOfRegion = "out_of_region",
        /// Sent from a page that is not the publisher's.
        WrongOrigin = "wrong_origin",
        /// The budget had no room for the price.
        OverBudget = "over_budget",
        /// A test decision.
        Test = "test",
        /// The flight or publisher was stopped when the event came.
        Stopped = "stopped",
        /// Arrived in the ledger after its identity could still be checked.
        Late = "late",
        /// Credited afterwards as invalid traffic.
        Credited = "credited",
    }
}

/// How one event was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The first valid event of its kind for the decision.
    Counted,
    /// The kind was already judged for this decision.
    Duplicate,
    /// Kept, named, never billed.
    Invalid(InvalidReason),
    /// A click that waits for its impression.
    Pending,
}

impl Verdict {
    /// The spellings of the four verdicts, as labels of metrics.
    pub const LABELS: [&'static str; 4] = ["counted", "duplicate", "invalid", "pending"];

    /// The verdict without its reason, as a label of metrics and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Counted => "counted",
            Verdict::Duplicate => "duplicate",
            Verdict::Invalid(_) => "invalid",
            Verdict::Pending => "pending",
        }
    }

    /// The reason, where there is one.
    pub const fn reason(self) -> Option<InvalidReason> {
        match self {
            Verdict::Invalid(reason) => Some(reason),
            _ => None,
        }
    }
}

closed! {
    /// What a flight pays for.
    BillOn {
        /// One price an impression.
        Impression = "impression",
        /// One price a viewable impression.
        Viewable = "viewable",
        /// One price a decision that was clicked, whichever CTA.
        Click = "click",
        /// A flat fee, agreed outside; events are counted and cost nothing.
        Flat = "flat",
    }
}

closed! {
    /// The order in which flights are asked: a lower tier only gets what the higher ones left.
    Tier {
        /// Share of voice or a fixed goal, before everything else.
        Sponsorship = "sponsorship",
        /// Paid flights in competition.
        Standard = "standard",
        /// The publisher's or operator's own, when nobody pays.
        House = "house",
    }
}

closed! {
    /// Why a placement was answered without a unit.
    NoFill {
        /// Nothing targets this page.
        NoCandidate = "no_candidate",
        /// Those who do are ahead of their pace.
        AllPaced = "all_paced",
        /// Their budgets are spent or fully reserved.
        BudgetsSpent = "budgets_spent",
        /// The story is about them or their rivals.
        SubjectConflict = "subject_conflict",
        /// The page is sensitive and nobody accepts that.
        SensitivePage = "sensitive_page",
        /// The publisher blocks those who match.
        PublisherBlocked = "publisher_blocked",
        /// Only house units were allowed and none fits.
        HouseOnly = "house_only",
        /// The page asked for nothing commercial.
        CommercialOff = "commercial_off",
        /// No creative has a style the placement takes.
        StyleMismatch = "style_mismatch",
        /// All who match score below the floor.
        BelowRelevance = "below_relevance",
        /// No reviewed label for this region.
        LabelUnavailable = "label_unavailable",
        /// The publisher has no such placement.
        UnknownPlacement = "unknown_placement",
        /// The site, section or topic is stopped.
        Stopped = "stopped",
        /// The inventory is older than allowed.
        StaleTooOld = "stale_too_old",
        /// The server sheds load.
        Overloaded = "overloaded",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_and_its_spellings_agree() {
        for reason in InvalidReason::ALL {
            assert_eq!(reason.as_str().parse::<InvalidReason>().as_ref(), Ok(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
        assert_eq!(InvalidReason::ALL.len(), 14);
        assert_eq!(NoFill::ALL.len(), 15);
    }
}
