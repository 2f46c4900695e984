//! Goals are caps: what counts beyond a goal is `over_goal` and free, whatever the pricing, the tier and the
//! pacing, and no more is shown than what was on its way.

use crate::harness::inventory::{PRICE_MICROS, example, replace_once};
use crate::harness::{Decision, Redis, Setup, TestServer, reference, wait_until};
use crate::removed::{apply, post, served};
use serde_json::{Value, json};

const FLIGHT: &str =
    "tier = \"standard\"\npricing = \"cpm\"\nprice_micros = 8_000_000\npacing = \"asap\"";
const GOAL: u64 = 5;
/// In Berlin, one hour before the flight ends.
const NOW: &str = "2026-06-01T12:00:00Z";
const DATES: &str = "starts = \"2026-05-01T00:00:00\"\nends = \"2026-06-01T15:00:00\"";

/// How the reference flight is sold.
#[derive(Clone, Copy, Debug)]
struct Terms {
    /// The kind of event that its goal counts.
    kind: &'static str,
    pricing: &'static str,
    tier: &'static str,
    pacing: &'static str,
}

const CPM: Terms = Terms { kind: "impression", pricing: "cpm", tier: "standard", pacing: "asap" };

/// The example, with a goal of the reference flight.
fn with_goal(terms: Terms, goal: u64) -> String {
    let Terms { kind, pricing, tier, pacing } = terms;
    let price = match pricing {
        "cpc" => "price_micros = 700_000",
        "flat" => "",
        _ => "price_micros = 8_000_000",
    };
    let flight = format!(
        "tier = \"{tier}\"\npricing = \"{pricing}\"\n{price}\npacing = \"{pacing}\"\ngoal_{kind}s = {goal}\n{DATES}"
    );
    replace_once(&example(), FLIGHT, &flight)
}

fn setup(terms: Terms) -> Setup {
    let inventory = with_goal(terms, GOAL);
    Setup::default().inventory(inventory).manual_clock_at(NOW.parse().unwrap())
}

fn is_reference(decision: &Decision) -> bool {
    decision.is_filled() && decision.advertiser() == "zahid-host"
}

/// The units of the reference advertiser of 60 pages. The clock goes on, as far as an even pace needs.
async fn ask_sixty(server: &TestServer) -> Vec<Decision> {
    let mut units = Vec::new();
    for _ in 0..60 {
        units.push(server.decide(&reference()).await);
    }
    units.retain(is_reference);
    units
}

/// Reports an event of every kind for each unit.
async fn report_all(server: &TestServer, units: &[Decision]) {
    for unit in units {
        assert!(server.reader.impression(unit).await.recorded);
    }
    server.advance_ms(2_000);
    for unit in units {
        assert!(server.reader.viewable(unit).await.recorded);
        assert!(server.reader.fire(unit.click_url("primary")).await.location.is_some());
    }
}

/// Counted events of a kind, and those over the goal.
async fn counts(server: &TestServer, kind: &str) -> (u64, u64) {
    let scrape = server.scrape().await;
    (scrape.events(kind, "counted"), scrape.invalid(kind, "over_goal"))
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "prints the figures")]
async fn of_sixty_pages_for_a_goal_of_five_no_more_than_five_events_count_in_all_cases() {
    let mut cases = Vec::new();
    for pricing in ["cpm", "vcpm", "cpc", "flat"] {
        for pacing in ["asap", "even"] {
            for kind in ["impression", "viewable", "click"] {
                let tier = if pacing == "asap" { "sponsorship" } else { "standard" };
                cases.push(Terms { kind, pricing, tier, pacing });
            }
        }
    }
    cases.push(Terms { pricing: "flat", tier: "house", ..CPM });
    cases.push(Terms { kind: "click", pricing: "flat", tier: "house", pacing: "even" });
    for case in cases {
        let server = setup(case).start().await;
        let mut shown = 0;
        for _ in 0..3 {
            let units = ask_sixty(&server).await;
            shown += units.len();
            report_all(&server, &units).await;
        }

        let (counted, over) = counts(&server, case.kind).await;
        println!("{case:?}: {shown} shown, {counted} counted, {over} over");
        assert_eq!((shown, counted, over), (5, GOAL, 0), "{case:?}");
        server.assert_ledger_consistent().await;
    }
}

#[tokio::test]
async fn a_lowered_goal_leaves_what_was_on_its_way_uncounted_and_free() {
    let server = setup(CPM).inventory(with_goal(CPM, 60)).start().await;
    let units = ask_sixty(&server).await;
    let mut lowered = served(&server).await;
    let flights = lowered["flights"].as_array_mut().unwrap();
    let flight = flights.iter_mut().find(|one| one["id"] == "zahid-ai-europe").unwrap();
    flight["goal_impressions"] = GOAL.into();
    let (status, reply) = apply(&server, &lowered).await;
    assert_eq!(status, 200, "{reply:#}");

    report_all(&server, &units).await;

    let (counted, over) = counts(&server, "impression").await;
    assert_eq!((units.len(), counted, over), (60, GOAL, 55));
    assert_eq!(server.scrape().await.spent(), GOAL * PRICE_MICROS);
    // What belongs to an impression beyond the goal does not count, either.
    assert_eq!(counts(&server, "viewable").await, (GOAL, 55));
    assert_eq!(counts(&server, "click").await, (GOAL, 55));
    server.assert_ledger_consistent().await;
}

#[tokio::test]
async fn a_goal_counts_what_was_delivered_before_it_was_set_and_opens_again_by_a_credit() {
    let server = setup(CPM).inventory(with_goal(CPM, 60)).start().await;
    let units = ask_sixty(&server).await;
    report_all(&server, &units[..7]).await;
    let server = {
        let folder = server.end();
        // A goal of a twelfth of the former one would wait for confirmation.
        let confirmed = setup(CPM).settings(|settings| settings.guard.factor = 100.0);
        confirmed.in_folder(&folder).start().await
    };
    assert_eq!(ask_sixty(&server).await.len(), 0, "7 of 5 are delivered");
    let url = format!("{}/v1/admin/overview?search=zahid-ai-europe", server.ops);
    let overview = server.reader.get(&url).bearer_auth(server.key("operator")).send().await;
    let overview: Value = overview.unwrap().json().await.unwrap();
    let flight = &overview["advertisers"][0]["campaigns"][0]["flights"][0];
    assert_eq!(flight["goals"], json!([{ "event": "impression", "goal": 5, "delivered": 7 }]));
    assert_eq!(flight["status"], "goal_reached");

    for unit in &units[..3] {
        let body = json!({ "decisions": [unit.id()], "note": "a click farm" });
        post(&server, "credits", "credit", &body).await;
    }

    let more = wait_until("the goal to open", async || {
        let units = ask_sixty(&server).await;
        (!units.is_empty()).then_some(units)
    })
    .await;
    assert_eq!(more.len(), 1, "4 of 5 are delivered");
}

/// Counted events of the fleet, as an instance has them.
fn total(server: &TestServer, kind: &str) -> u64 {
    let totals = server.inner.ledger.state().totals();
    totals.get(&kind.parse().unwrap()).map_or(0, |tally| tally.counted)
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "prints the figures")]
async fn four_instances_that_share_a_goal_show_and_count_what_one_would() {
    for kind in ["impression", "click"] {
        let redis = Redis::start();
        let case = Terms { kind, ..CPM };
        let mut servers = Vec::new();
        for _ in 0..4 {
            // The store has a clock of its own.
            let inventory = with_goal(case, GOAL).replace("2026-06-01T15", "2099-06-01T15");
            let setup = Setup::default().inventory(inventory).manual_clock();
            servers.push(setup.with_store(&redis).start().await);
        }
        for server in &servers {
            server.wait_for_metric("adjacent_instances", 4).await;
        }
        let mut shown = 0;
        // In rounds of 60 pages, all asked for before the first event, until everything is delivered.
        wait_until("the whole goal", async || {
            for server in &servers {
                let mut units = Vec::new();
                for _ in 0..15 {
                    units.push(server.decide(&reference()).await);
                }
                units.retain(is_reference);
                shown += units.len();
                report_all(server, &units).await;
            }
            let all = servers.iter().all(|server| total(server, kind) == GOAL);
            all.then_some(())
        })
        .await;

        for server in &servers {
            shown += ask_sixty(server).await.len();
        }
        println!("{kind}: {shown} shown for a goal of {GOAL}");
        assert_eq!(shown, 5, "none is shown for nothing");
    }
}

#[tokio::test]
async fn a_lifetime_budget_without_a_goal_is_paced_evenly_over_the_dates_of_its_campaign() {
    // 31 days and 15 hours; 100 impressions.
    let budget = "budget = { lifetime_micros = 5_000_000_000, daily_micros = 200_000_000 }";
    let flight = FLIGHT.replace("asap", "even");
    let text = replace_once(&example(), FLIGHT, &format!("{flight}\n{DATES}"));
    let text = replace_once(&text, budget, "budget = { lifetime_micros = 800_000 }");
    let at = "2026-05-08T22:00:00Z".parse().unwrap();
    let server = Setup::default().inventory(text).manual_clock_at(at).start().await;

    // A quarter of the time is over: until the state follows, what is due may be exceeded by one page.
    let mut shown = 0;
    wait_until("a flight ahead of its pace", async || {
        let units = ask_sixty(&server).await;
        shown += units.len();
        report_all(&server, &units).await;
        units.is_empty().then_some(())
    })
    .await;

    assert!((25..=86).contains(&shown), "{shown} of 100 after 25.3 % of the time");
}
