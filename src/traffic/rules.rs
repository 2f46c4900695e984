//! All validity rules for events, in order of evaluation.
//!
//! `GET /v1/limits` returns this table and [`Signals::claim`] evaluates the request rules by iterating
//! over it, so the published order is the order of evaluation. The first rule that matches decides the
//! verdict.
//!
//! General invalid traffic (GIVT) is detected immediately, by lists or parameters. Sophisticated invalid
//! traffic (SIVT) needs history and human review: its rules lead to a review and then to a credit, and
//! change no verdict by themselves. Terms follow the MRC's Invalid Traffic Detection and Filtration
//! Standards Addendum (2020).

use crate::domain::event::InvalidReason;
use crate::domain::event::InvalidReason::*;
use crate::traffic::agents::{Kind, kind};
use crate::traffic::signals::{AllowedOrigins, Signals};
use Class::*;
use Stage::*;

string_enum! {
    /// The class of invalid traffic that a rule detects.
    Class {
        /// General: detected immediately, by lists or parameters.
        Givt = "givt",
        /// Sophisticated: detected later, by analysis and review.
        Sivt = "sivt",
    }
}

string_enum! {
    /// The stage at which a rule is evaluated.
    Stage {
        /// From the request alone, before the record is written.
        Request = "request",
        /// From the rate of its visitor or network.
        Visitor = "visitor",
        /// From the event's history, when the ledger applies its record.
        Ledger = "ledger",
        /// By the operator, from the findings of `GET /v1/admin/review`.
        Review = "review",
    }
}

/// Whether a request rule matches, so that the event is invalid.
type Predicate = fn(&Signals<'_>, &AllowedOrigins<'_>) -> bool;

/// A validity rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// The unique name.
    pub(crate) name: &'static str,
    /// `duplicate`, `pending` or `invalid`; `review` for a rule that changes no verdict.
    pub(crate) verdict: &'static str,
    /// The reason, when the verdict is `invalid`.
    pub(crate) reason: Option<InvalidReason>,
    /// The condition, for display.
    pub(crate) signal: &'static str,
    /// When or how it applies, for display, without the values of settings.
    pub(crate) applies: &'static str,
    /// The settings that control it; `GET /v1/limits` prints their values.
    pub(crate) settings: &'static [&'static str],
    /// General or sophisticated invalid traffic.
    pub(crate) class: Class,
    /// The stage at which it is evaluated.
    pub(crate) decided: Stage,
    predicate: Option<Predicate>,
}

const ALWAYS: &str = "always";

const fn rule(
    name: &'static str,
    verdict: &'static str,
    signal: &'static str,
    decided: Stage,
) -> Rule {
    let class = if matches!(decided, Review) { Sivt } else { Givt };
    let (reason, settings, applies) = (None, &[] as &[&str], ALWAYS);
    Rule { name, verdict, reason, signal, applies, settings, class, decided, predicate: None }
}

const fn invalid(
    name: &'static str,
    reason: InvalidReason,
    signal: &'static str,
    decided: Stage,
) -> Rule {
    Rule { reason: Some(reason), ..rule(name, "invalid", signal, decided) }
}

/// A rule evaluated on the request.
const fn request(
    name: &'static str,
    reason: InvalidReason,
    signal: &'static str,
    predicate: Predicate,
) -> Rule {
    Rule { predicate: Some(predicate), ..invalid(name, reason, signal, Request) }
}

/// A rule that leads to a review and invalidates nothing by itself.
const fn review(
    name: &'static str,
    signal: &'static str,
    applies: &'static str,
    settings: &'static [&'static str],
) -> Rule {
    Rule { applies, settings, ..rule(name, "review", signal, Review) }
}

impl Rule {
    const fn controlled_by(self, applies: &'static str, settings: &'static [&'static str]) -> Rule {
        Rule { applies, settings, ..self }
    }
}

/// The rules, in order of evaluation.
///
/// Bot rules share a reason, so the cheapest come first; AI agents come before other programs, since they have
/// a reason of their own. Quotas come last before the ledger, since checking them uses them up: a bot must not
/// use the quota of readers behind the same address.
pub(crate) static RULES: &[Rule] = &[
    invalid("forged", Forged, "the token is not sealed with a known key", Request),
    request("test", Test, "the decision is a test, so its events never count", |signals, _| {
        signals.test
    }),
    request(
        "idle",
        Idle,
        "the decision was asked for by a bot, an AI agent or a page of another origin",
        |signals, _| signals.idle,
    ),
    request("no_accept", Bot, "no `Accept` header", |signals, _| !signals.accepts),
    request(
        "fetch_destination",
        Bot,
        "`Sec-Fetch-Dest` is present and not `image`, `empty`, `script` or `document`",
        |signals, _| signals.is_unexpected_destination(),
    ),
    request("datacenter", Bot, "the address is in a listed datacenter network", |signals, _| {
        signals.datacenter
    })
    .controlled_by("if a file of networks is configured", &["traffic.datacenters"]),
    request("no_agent", Bot, "`User-Agent` is missing or over 512 bytes", |signals, _| {
        !signals.is_agent_unknown() && kind(signals.agent) == Kind::Missing
    })
    .controlled_by("unless the publisher's server reports without naming the agent", &[]),
    request(
        "ai_agent",
        Agent,
        "`User-Agent` names an AI agent: `agents.ai_agents`, `agents.ai_agent_words`",
        |signals, _| kind(signals.agent) == Kind::AiAgent,
    ),
    request(
        "signed_agent",
        Agent,
        "`Signature-Agent`, or `Signature-Input` (from a trusted proxy: with an agent's tag)",
        |signals, _| signals.signed,
    ),
    request(
        "program",
        Bot,
        "`User-Agent` names a crawler, link scanner, test tool or library: `agents.words`, `agents.crawlers`",
        |signals, _| kind(signals.agent) == Kind::Program,
    ),
    request(
        "no_browser",
        Bot,
        "`User-Agent` is of no known kind of browser: `agents.browsers`",
        |signals, _| kind(signals.agent) == Kind::Unknown,
    ),
    request("head", Prefetch, "the method is `HEAD`", |signals, _| signals.head),
    request(
        "prefetch",
        Prefetch,
        "`Sec-Purpose`, `Purpose`, `X-Purpose` or `X-Moz` is prefetch, prerender or preview",
        |signals, _| signals.announces_prefetch(),
    ),
    request(
        "wrong_origin",
        WrongOrigin,
        "`Origin`, else the origin of `Referer`, is neither the publisher's nor this server's",
        |signals, site| signals.is_foreign_origin(site),
    )
    .controlled_by("if the publisher lists origins and the request has one", &[]),
    request("paused", Paused, "the flight or the publisher is paused", |signals, _| signals.paused),
    request(
        "out_of_region",
        OutOfRegion,
        "the observed country is neither the unit's nor targeted by the flight",
        |signals, _| signals.out_of_region,
    )
    .controlled_by("if a country is observed", &["server.country_header", "server.geoip"]),
    invalid("visitor_rate", RateLimited, "the visitor exceeds a quota, per publisher", Visitor)
        .controlled_by(
            "except under `basic` measurement; one quota per period",
            &["limits.impressions", "limits.clicks"],
        ),
    invalid(
        "address_rate",
        RateLimited,
        "the address (/64 for IPv6) exceeds a quota: in all, or on the campaign or the publisher",
        Visitor,
    )
    .controlled_by("whatever the agent and the privacy signals", &["limits.layers"]),
    invalid("network_rate", RateLimited, "the network (/24, /56 or /48) exceeds a quota", Visitor)
        .controlled_by("whatever the agent and the privacy signals", &["limits.layers"]),
    invalid(
        "publisher_key_rate",
        RateLimited,
        "the publisher's servers report more than a quota",
        Visitor,
    )
    .controlled_by("to events reported with its secret key", &["limits.layers"]),
    invalid(
        "late",
        Late,
        "its record was applied after its id had left the duplicate check",
        Ledger,
    )
    .controlled_by(
        "in a fleet, to records of an instance that was disconnected for longer",
        &["store.spool_hours"],
    ),
    invalid("expired", Expired, "the event's window after the decision has passed", Ledger)
        .controlled_by(
            "impressions and later events have windows of their own",
            &["windows.impression_seconds", "windows.click_seconds"],
        ),
    rule("early", "pending", "a viewable, click or copy arrived before its impression", Ledger)
        .controlled_by("pending for the grace period", &["windows.orphan_grace_seconds"]),
    invalid(
        "orphan",
        OrphanClick,
        "the impression did not arrive while the event was pending",
        Ledger,
    )
    .controlled_by("after the grace period", &["windows.orphan_grace_seconds"]),
    invalid(
        "too_fast",
        TooFast,
        "too soon for a person: a click after its impression, a viewable after its decision",
        Ledger,
    )
    .controlled_by(
        "to viewables and clicks; there is no minimum from decision to impression",
        &["windows.viewable_after_ms", "windows.click_after_ms"],
    ),
    rule(
        "used",
        "duplicate",
        "this kind of event, or call to action, was already recorded",
        Ledger,
    ),
    invalid(
        "over_goal",
        OverGoal,
        "the flight has reached its goal in this kind of event, or had when the decision's impression came",
        Ledger,
    ),
    invalid("over_budget", OverBudget, "the price exceeds the remaining budget", Ledger),
    review(
        "click_rate",
        "a publisher's click rate is far above that of the campaign's other publishers",
        "if the Wilson lower bound (z = 3.09) exceeds the factor times their median",
        &["review.click_rate_factor", "review.impressions", "review.clicks"],
    ),
    review(
        "view_ratio",
        "a publisher has more viewable impressions than impressions, or almost none",
        "above the maximum or below the minimum",
        &["review.view_ratio_max", "review.view_ratio_min", "review.impressions"],
    ),
    review(
        "regular_arrivals",
        "a publisher's impressions arrive at regular intervals",
        "below this coefficient of variation within an hour",
        &["review.arrival_variation", "review.impressions"],
    ),
    review(
        "flat_day",
        "a publisher has nearly as many impressions in its quietest six hours as in its busiest",
        "above this ratio, on at least 2 days",
        &["review.night_share", "review.impressions"],
    ),
    review(
        "click_spike",
        "a campaign's clicks in one hour exceed a high percentile of its own history",
        "above this quantile, once there is enough history",
        &["review.spike_permille", "review.spike_history_hours", "review.clicks"],
    ),
    invalid("credited", Credited, "credited by the operator after a review", Review)
        .controlled_by("manually", &[]),
];

/// The rules that are evaluated on the request.
fn request_rules() -> impl Iterator<Item = (&'static Rule, Predicate)> {
    RULES.iter().filter_map(|rule| Some((rule, rule.predicate?)))
}

impl Signals<'_> {
    /// The reason why the event must not be billed: that of the first matching rule.
    ///
    /// Calls `within_quota` only when no rule matches, so that a bot does not use the quota of readers
    /// behind the same address.
    pub(crate) fn claim(
        &self,
        site: &AllowedOrigins<'_>,
        within_quota: impl FnOnce() -> bool,
    ) -> Option<InvalidReason> {
        match request_rules().find(|(_, predicate)| predicate(self, site)) {
            Some((rule, _)) => rule.reason,
            None if within_quota() => None,
            None => Some(InvalidReason::RateLimited),
        }
    }

    /// Whether a rule for bots or AI agents matches.
    pub(crate) fn is_automated(&self) -> bool {
        let site = AllowedOrigins::default();
        request_rules()
            .filter(|(rule, _)| matches!(rule.reason, Some(Bot | Agent)))
            .any(|(_, predicate)| predicate(self, &site))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_a_rule_and_rule_names_are_unique() {
        for reason in InvalidReason::ALL {
            assert!(RULES.iter().any(|rule| rule.reason == Some(*reason)), "{reason}");
        }
        let names: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len());
        for rule in RULES {
            assert_eq!(rule.verdict == "invalid", rule.reason.is_some(), "{}", rule.name);
            assert_eq!(rule.class == Sivt, rule.decided == Review, "{}", rule.name);
        }
    }

    #[test]
    fn rules_are_ordered_by_stage() {
        assert!(RULES.is_sorted_by_key(|rule| rule.decided));
        let request_rules = RULES.iter().filter(|rule| rule.predicate.is_some());
        assert!(request_rules.clone().all(|rule| rule.decided == Request));
    }

    #[test]
    fn the_guide_prints_the_rules_that_are_evaluated() {
        let row = |rule: &Rule| {
            let verdict = rule.reason.map_or(rule.verdict, |reason| reason.as_str());
            format!("| `{}` | `{verdict}` | {} | {} |\n", rule.name, rule.signal, rule.applies)
        };
        let table: String = RULES.iter().map(row).collect();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/guides/guarantees.md");
        let guide = std::fs::read_to_string(path).unwrap();
        let (before, rest) = guide.split_once("| rule | verdict |").unwrap();
        let (head, rest) = rest.split_once("|---|---|---|---|\n").unwrap();
        let (printed, after) = rest.split_once("\n\n").unwrap();
        if std::env::var_os("ADJACENT_BLESS").is_some() {
            let guide =
                format!("{before}| rule | verdict |{head}|---|---|---|---|\n{table}\n{after}");
            std::fs::write(path, guide).unwrap();
            return;
        }
        assert_eq!(format!("{printed}\n"), table, "run with ADJACENT_BLESS=1 to update the guide");
    }

    #[test]
    fn every_review_indicator_is_a_rule() {
        let rules: Vec<&str> =
            RULES.iter().filter(|rule| rule.verdict == "review").map(|rule| rule.name).collect();
        let signs: Vec<&str> =
            crate::traffic::review::Indicator::ALL.iter().map(|sign| sign.as_str()).collect();
        assert_eq!(rules, signs);
    }
}
