//! Every rule that can speak against an event, in the order in which they are asked.
//!
//! `GET /v1/limits` prints this table, and the rules of a request are asked by walking it
//! ([`Signals::claim`]), so the printed order is the order of evaluation. The first rule that speaks
//! gives the verdict.
//!
//! General invalid traffic (GIVT) is told at once, by list or by parameter. Sophisticated invalid
//! traffic (SIVT) needs history and people: its rules lead to a review and, after it, to a credit;
//! by themselves they change no verdict. The words are those of the MRC's Invalid Traffic Detection
//! and Filtration Standards Addendum (2020).

use crate::domain::event::InvalidReason;
use crate::domain::event::InvalidReason::*;
use crate::traffic::agents;
use crate::traffic::signals::Signals;
use crate::traffic::signals::Site;
use Class::*;
use Decided::*;

closed! {
    /// How it is told.
    Class {
        /// At once, by list or by parameter.
        Givt = "givt",
        /// Later, by analytics and people.
        Sivt = "sivt",
    }
}

closed! {
    /// Where it is decided.
    Decided {
        /// From the request alone.
        Request = "request",
        /// By how often its visitor or network came before.
        Visitor = "visitor",
        /// By the event's history, when its record is applied.
        Ledger = "ledger",
        /// By the operator, from the findings of `GET /v1/admin/review`.
        Review = "review",
    }
}

/// Whether a rule of a request speaks against it.
type Speaks = fn(&Signals<'_>, &Site<'_>) -> bool;

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name; never used twice.
    pub name: &'static str,
    /// `duplicate`, `pending` or `invalid`; `review` where it changes no verdict.
    pub verdict: &'static str,
    /// The reason, where the verdict is `invalid`.
    pub reason: Option<InvalidReason>,
    /// What it looks at.
    pub signal: &'static str,
    /// What holds where nobody sets anything.
    pub default: &'static str,
    /// The settings that change it.
    pub settings: &'static [&'static str],
    /// How it is told.
    pub class: Class,
    /// Where it is decided.
    pub decided: Decided,
    pub(super) speaks: Option<Speaks>,
}

const ON: &str = "on";

const fn rule(
    name: &'static str,
    verdict: &'static str,
    signal: &'static str,
    decided: Decided,
) -> Rule {
    let class = if matches!(decided, Review) { Sivt } else { Givt };
    let (reason, settings, default) = (None, &[] as &[&str], ON);
    Rule { name, verdict, reason, signal, default, settings, class, decided, speaks: None }
}

const fn invalid(
    name: &'static str,
    reason: InvalidReason,
    signal: &'static str,
    decided: Decided,
) -> Rule {
    Rule { reason: Some(reason), ..rule(name, "invalid", signal, decided) }
}

/// A rule of the request.
const fn asks(
    name: &'static str,
    reason: InvalidReason,
    signal: &'static str,
    speaks: Speaks,
) -> Rule {
    Rule { speaks: Some(speaks), ..invalid(name, reason, signal, Request) }
}

/// A sign that makes nothing invalid by itself.
const fn finding(
    name: &'static str,
    signal: &'static str,
    default: &'static str,
    settings: &'static [&'static str],
) -> Rule {
    Rule { default, settings, ..rule(name, "review", signal, Review) }
}

impl Rule {
    const fn by(self, default: &'static str, settings: &'static [&'static str]) -> Rule {
        Rule { default, settings, ..self }
    }
}

/// The rules, in the order in which they are asked.
///
/// Signs of a robot share a reason, so the cheap ones stand first among them. The quotas come last
/// of what is asked before the ledger, since asking uses them: a robot does not use up what people
/// behind the same address have.
pub static RULES: &[Rule] = &[
    invalid("forged", Forged, "the token was not sealed by us", Request),
    asks("test", Test, "the decision is a test: no traffic, whoever sends it", |seen, _| seen.test),
    asks("no_accept", Bot, "no `Accept`", |seen, _| !seen.accepts),
    asks(
        "fetch_destination",
        Bot,
        "`Sec-Fetch-Dest` is sent and is none of `image`, `empty`, `script`, `document`",
        |seen, _| seen.is_odd_destination(),
    ),
    asks("datacenter", Bot, "the address is in a range of a datacenter", |seen, _| seen.datacenter)
        .by("off: no file is named", &["traffic.datacenters"]),
    asks(
        "agent",
        Bot,
        "`User-Agent` is absent, over 512 bytes, of no known browser, or a listed robot's",
        |seen, _| agents::is_robot(seen.agent),
    ),
    asks("head", Prefetch, "the method is `HEAD`", |seen, _| seen.head),
    asks(
        "prefetch",
        Prefetch,
        "`Sec-Purpose`, `Purpose` or `X-Moz` says prefetch, prerender or preview",
        |seen, _| seen.is_announced(),
    ),
    asks(
        "wrong_origin",
        WrongOrigin,
        "`Origin`, else the origin of `Referer`, is neither one of the publisher's nor ours",
        |seen, site| seen.is_elsewhere(site),
    )
    .by("on where the publisher lists origins and one is sent", &[]),
    asks("stopped", Stopped, "the flight or the publisher is stopped", |seen, _| seen.stopped),
    asks(
        "out_of_region",
        OutOfRegion,
        "the observed country is neither the unit's nor one the flight was sold for",
        |seen, _| seen.out_of_region,
    )
    .by("on where a country is observed", &["server.country_header", "server.geoip"]),
    invalid("visitor_rate", RateLimited, "the visitor is over a quota, per publisher", Visitor).by(
        "60 page calls in 5 minutes and 600 a day; 2 clicks a minute, 6 in 10 minutes, 20 an hour, \
         40 a day; off under `basic` measurement",
        &["limits.impressions", "limits.clicks"],
    ),
    invalid(
        "network_rate",
        RateLimited,
        "the visitor's network (/24, /48) is over a quota, per publisher",
        Visitor,
    )
    .by("off: no quota is set", &["limits.network_impressions", "limits.network_clicks"]),
    invalid("late", Late, "its identity cannot be checked any more when it is applied", Ledger)
        .by("on; does not happen while one process holds the journal", &[]),
    invalid("expired", Expired, "its window after the decision is over", Ledger).by(
        "15 minutes for the impression, 2 hours for what follows",
        &["windows.impression_seconds", "windows.click_seconds"],
    ),
    rule("early", "pending", "what follows an impression came before it", Ledger)
        .by("waits for 60 seconds", &["windows.orphan_grace_seconds"]),
    invalid("orphan", OrphanClick, "its impression did not come while it waited", Ledger)
        .by("after 60 seconds", &["windows.orphan_grace_seconds"]),
    invalid("too_fast", TooFast, "sooner after the impression than a person can", Ledger).by(
        "viewable under 900 ms, click under 500 ms; no floor from decision to impression",
        &["windows.viewable_after_ms", "windows.click_after_ms"],
    ),
    rule("used", "duplicate", "the token's kind, or call to action, was used before", Ledger),
    invalid("over_budget", OverBudget, "the budget has no room for the price", Ledger),
    finding(
        "click_rate",
        "a publisher's click rate is far above that of the campaign's other publishers",
        "surely (Wilson, 3.09 deviations) over 5 times their median, from 200 impressions and 10 clicks",
        &["review.click_rate_factor", "review.impressions", "review.clicks"],
    ),
    finding(
        "view_ratio",
        "a publisher has more viewable impressions than impressions, or hardly any",
        "over 1.0 or under 0.05, from 200 impressions",
        &["review.view_ratio_most", "review.view_ratio_least", "review.impressions"],
    ),
    finding(
        "regular_arrivals",
        "a publisher's impressions arrive like clockwork",
        "coefficient of variation under 0.2 within an hour, from 200 impressions",
        &["review.arrival_variation", "review.impressions"],
    ),
    finding(
        "flat_day",
        "a publisher has as many impressions in its quietest six hours as in its busiest",
        "over 0.9, from 200 impressions on 2 days",
        &["review.night_share", "review.impressions"],
    ),
    finding(
        "click_spike",
        "a campaign's clicks of an hour are above nearly all of its own history",
        "above the 99.9th percentile of 168 hours at least, from 10 clicks",
        &["review.spike_permille", "review.spike_history_hours", "review.clicks"],
    ),
    invalid("credited", Credited, "the operator credits it after a review", Review)
        .by("by hand", &[]),
];

/// The rules that a request alone decides.
pub(super) fn of_request() -> impl Iterator<Item = (&'static Rule, Speaks)> {
    RULES.iter().filter_map(|rule| Some((rule, rule.speaks?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_is_given_by_a_rule_and_every_rule_has_a_name_of_its_own() {
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
    fn rules_stand_in_the_order_of_the_places_that_decide_them() {
        assert!(RULES.is_sorted_by_key(|rule| rule.decided));
        let asked = RULES.iter().filter(|rule| rule.speaks.is_some());
        assert!(asked.clone().all(|rule| rule.decided == Request) && asked.count() == 10);
    }

    #[test]
    fn every_finding_of_a_review_is_a_rule() {
        let rules: Vec<&str> =
            RULES.iter().filter(|rule| rule.verdict == "review").map(|rule| rule.name).collect();
        let signs: Vec<&str> =
            crate::traffic::review::Sign::ALL.iter().map(|sign| sign.as_str()).collect();
        assert_eq!(rules, signs);
    }
}
