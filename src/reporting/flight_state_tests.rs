//! Each state of a flight, of the example's reference flight with other settings.

use super::*;
use crate::catalog::files;
use crate::domain::goal;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::ledger::account::Account;
use crate::ledger::leases::Leases;
use crate::metrics::{Metrics, SeriesLimits};
use crate::selection::compile::compile;
use crate::selection::snapshot::{State, Ticket};
use crate::world::budget::Budget;
use crate::world::budgets::Budgets;
use crate::world::images::ImageSet;
use std::sync::Arc;

const FLIGHT: &str = "pacing = \"asap\"";
const CREATIVE: &str = "styles = [\"terminal\", \"card\", \"line\"]";

/// Noon in Berlin on 2026-05-02.
const NOW_MS: i64 = 1_777_716_000_000;
/// Half of it is over: 508 impressions are due.
const GOAL: &str =
    "pacing = \"even\"\ngoal_impressions = 1000\nstarts = \"2026-05-01\"\nends = \"2026-05-03\"";

/// What is different from the example.
#[derive(Clone, Copy, Default)]
struct Setting<'a> {
    /// A text of its files, and another one in its place.
    replaced: &'a [(&'a str, &'a str)],
    /// Impressions that counted.
    counted: u64,
    /// Micros that were billed today, if the budget does not suffice for another one.
    spent: Option<i64>,
    /// Whether its share is 0 for now.
    is_held: bool,
    scarcity: f64,
}

fn bill(budget: &Budget, amount: Micros) {
    let mut account = Account::default();
    account.bill(budget.balance(NOW_MS).today.number, amount);
    let limits = Account { lifetime: Some(Micros::MAX), ..account };
    budget.recover(&limits, Leases::default());
}

/// The state in the words for an operator and for its advertiser.
fn states(setting: Setting<'_>) -> [FlightState; 2] {
    let texts = files::EXAMPLE.map(|(name, text)| {
        let mut text = text.to_owned();
        if name.contains("zahid") {
            for (from, to) in setting.replaced {
                assert!(text.contains(from), "{from}");
                text = text.replacen(from, to, 1);
            }
        }
        (name.to_owned(), text)
    });
    let inventory = files::parse(&texts).unwrap();
    let snapshot = Arc::new(compile(inventory, &Weights::default(), &LabelTable::default()));
    let metrics = Metrics::new(SeriesLimits::default()).unwrap();
    let live = Live::new(snapshot, ImageSet::default(), &Budgets::default(), &metrics, 1);
    let id = |row: &FlightRow| live.snapshot().inventory.flights[row.doc].id.as_str();
    let place = live.snapshot().flights.iter().position(|row| id(row) == "zahid-ai-europe");
    let place = place.unwrap();
    let number = place_bit(place);
    let mut state = State { number: 1, ..State::default() };
    if let Some(spent) = setting.spent {
        state.spent = vec![number];
        let campaign = live.snapshot().flights[place].campaign;
        bill(&live.bindings.campaign_budgets[campaign], Micros::from_const(spent));
    }
    if setting.is_held {
        state.tickets = vec![Ticket { place: number, share: 0, turn: 0 }];
    }
    let live = live.with_state(state);
    for (_, budget) in &live.bindings.goals[place] {
        bill(budget, goal::amount(setting.counted));
    }
    if let Some(counts) = &live.bindings.slots[place] {
        counts.set_scarcity(setting.scarcity);
    }
    let counted = ByGoal { impressions: setting.counted, ..ByGoal::default() };
    let now = FlightNow { live: &live, place, now_ms: NOW_MS, counted };
    [now.state(true), now.state(false)]
}

/// The state in the words for an operator.
fn state(setting: Setting<'_>) -> (DeliveryStatus, String) {
    let [FlightState { status, words, .. }, _] = states(setting);
    (status, words)
}

fn replaced(from: &str, to: &str) -> (DeliveryStatus, String) {
    state(Setting { replaced: &[(from, to)], ..Setting::default() })
}

fn expect(found: (DeliveryStatus, String), status: DeliveryStatus, words: &str) {
    assert_eq!(found, (status, words.to_owned()));
}

#[test]
fn a_flight_without_an_obstacle_or_a_plan_is_delivering() {
    expect(state(Setting::default()), DeliveryStatus::Delivering, "delivering");
    assert_eq!(FlightState::removed().words, "removed from the inventory");
}

#[test]
fn before_its_start_and_after_its_end_the_time_is_given() {
    let later = format!("{FLIGHT}\nstarts = \"2026-05-05\"");
    expect(
        replaced(FLIGHT, &later),
        DeliveryStatus::NotBegun,
        "starts in 2 days (2026-05-05 00:00)",
    );
    let soon = format!("{FLIGHT}\nstarts = \"2026-05-02T12:01\"");
    expect(
        replaced(FLIGHT, &soon),
        DeliveryStatus::NotBegun,
        "starts in 1 minute (2026-05-02 12:01)",
    );
    let before = format!("{FLIGHT}\nends = \"2026-05-01\"");
    expect(replaced(FLIGHT, &before), DeliveryStatus::Over, "over since 2026-05-02 00:00");
}

#[test]
fn a_flight_outside_its_hours_says_which_they_are_and_one_with_a_soft_end_is_not_over_without_its_goal()
 {
    let hours = format!("{FLIGHT}\nhours = [\"mon-fri 08:00-18:00\", \"sat 14:00-16:00\"]");
    let words = "runs at other hours: mon-fri 08:00-18:00, sat 14:00-16:00";
    expect(replaced(FLIGHT, &hours), DeliveryStatus::OutsideHours, words);
    let soft = "pacing = \"asap\"\nend = \"soft\"\ngoal_impressions = 5\nends = \"2026-05-01\"";
    let [state, _] = states(Setting { replaced: &[(FLIGHT, soft)], ..Setting::default() });
    assert_ne!(state.status, DeliveryStatus::Over, "{}", state.words);
}

#[test]
fn a_pause_is_named_with_its_level_and_an_operators_with_who_made_it() {
    let pause = "pacing = \"asap\"\nstatus = \"paused\"";
    let setting = Setting { replaced: &[(FLIGHT, pause)], ..Setting::default() };
    let [operator, advertiser] = states(setting);
    assert_eq!(operator.status, DeliveryStatus::Paused);
    assert_eq!(operator.words, "paused in the inventory file");
    assert_eq!(advertiser.words, "paused");
    let levels = [
        ("currency = \"EUR\"", "its advertiser is paused by an operator"),
        ("political = false", "its campaign is paused by an operator"),
        (FLIGHT, "paused by an operator"),
    ];
    for (line, words) in levels {
        let paused = format!("{line}\npaused_by = \"operator\"");
        for state in states(Setting { replaced: &[(line, &paused)], ..Setting::default() }) {
            assert_eq!((state.status, state.words.as_str()), (DeliveryStatus::Paused, words));
        }
    }
}

#[test]
fn without_a_live_creative_it_says_what_its_creatives_wait_for() {
    let cases = [
        ("draft", DeliveryStatus::WaitingForReview, "no live creative: 1 creative to be reviewed"),
        ("approved", DeliveryStatus::NoLiveCreative, "no live creative: 1 creative to be set live"),
        ("paused", DeliveryStatus::NoLiveCreative, "no live creative: 1 creative paused"),
    ];
    for (state, status, words) in cases {
        let creative = format!("{CREATIVE}\nstate = \"{state}\"");
        expect(replaced(CREATIVE, &creative), status, words);
    }
    let elsewhere = [
        ("flight = \"zahid-ai-europe\"", "flight = \"house-newsletter\""),
        ("https://zahid.host/signup?from={publisher}&topic={topic}", "https://news.example/"),
        ("https://zahid.host/pricing", "https://news.example/pricing"),
    ];
    expect(
        state(Setting { replaced: &elsewhere, ..Setting::default() }),
        DeliveryStatus::NoLiveCreative,
        "no live creative: it has none",
    );
}

#[test]
fn an_expired_price_text_is_a_remark_and_no_obstacle() {
    let price = (
        "no card required\", valid_until = \"2036-12-31T23:59:59Z\"",
        "no card required\", valid_until = \"2026-04-30T23:00:00Z\"",
    );
    let [operator, advertiser] = states(Setting { replaced: &[price], ..Setting::default() });
    assert_eq!(operator.status, DeliveryStatus::Delivering);
    assert_eq!(
        operator.remarks,
        ["the price text of creative zahid-git-push expired on 2026-05-01 01:00 and is not shown"]
    );
    assert_eq!(operator, advertiser);
}

#[test]
fn a_spent_budget_is_todays_or_the_campaigns_or_reserved() {
    let spent =
        |micros, replaced| state(Setting { spent: Some(micros), replaced, ..Setting::default() });
    expect(
        spent(200_000_000, &[]),
        DeliveryStatus::BudgetSpent,
        "today's budget is spent; it continues in 12 hours (2026-05-03 00:00)",
    );
    expect(
        spent(5_000_000_000, &[]),
        DeliveryStatus::BudgetSpent,
        "the budget of its campaign is spent",
    );
    expect(
        spent(5_000, &[]),
        DeliveryStatus::BudgetSpent,
        "all that is left of its budget or goal is reserved for units on pages",
    );
    let unlimited = [("lifetime_micros = 5_000_000_000, ", "")];
    assert!(spent(200_000_000, &unlimited).1.starts_with("today's budget is spent"));
}

#[test]
fn a_goal_is_reached_on_pace_ahead_behind_or_out_of_reach() {
    let goal = |counted, scarcity| {
        state(Setting { replaced: &[(FLIGHT, GOAL)], counted, scarcity, ..Setting::default() })
    };
    expect(goal(1_000, 0.0), DeliveryStatus::GoalReached, "goal reached");
    expect(goal(508, 0.0), DeliveryStatus::OnPace, "on pace");
    expect(goal(254, 0.0), DeliveryStatus::Behind, "behind: 50 % of what is due");
    expect(
        goal(762, 0.0),
        DeliveryStatus::Ahead,
        "ahead of pace: 150 % of what is due; it waits until more is",
    );
    expect(
        goal(254, 1.38),
        DeliveryStatus::CannotReachGoal,
        "cannot reach its goal by the end: needs +38 % supply",
    );
    expect(goal(254, 1.05), DeliveryStatus::Behind, "behind: 50 % of what is due");
    let held =
        Setting { replaced: &[(FLIGHT, GOAL)], counted: 500, is_held: true, ..Setting::default() };
    expect(state(held), DeliveryStatus::Ahead, "ahead of pace: it waits until more is due");
}
