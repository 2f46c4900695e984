//! Several machines on one Redis: one order, one bill, whatever happens to it.

use crate::harness::Cluster;
use crate::harness::Redis;
use crate::harness::Sentinels;
use crate::harness::Setup;
use crate::harness::Store;
use crate::harness::TestServer;
use crate::harness::inventory;
use crate::harness::inventory::PRICE_MICROS;
use crate::harness::reference;
use crate::harness::until;
use serde_json::Value;
use serde_json::json;

async fn machine(store: &impl Store) -> TestServer {
    Setup::default().on(store).start().await
}

async fn total(server: &TestServer) -> Value {
    let path = "/v1/reports/advertisers/zahid-host?by=topic";
    let (status, report) = server.get_as("advertiser:zahid-host", path).await;
    assert_eq!(status, 200);
    report["total"][0].clone()
}

/// Waits until a machine has counted so many impressions.
async fn counts(server: &TestServer, impressions: u64) {
    until("impressions", async || {
        let found = total(server).await["impressions"]["net"].as_u64().unwrap_or(0);
        assert!(found <= impressions, "{found} of {impressions}");
        (found == impressions).then_some(())
    })
    .await;
}

/// Waits until a series of a machine has a value.
async fn reaches(server: &TestServer, series: &str, value: u64) {
    until(series, async || (server.metric(series).await == value).then_some(())).await;
}

#[tokio::test]
async fn an_event_of_one_machines_decision_counts_on_another_and_both_say_so() {
    let redis = Redis::start();
    let (one, other) = (machine(&redis).await, machine(&redis).await);
    let unit = one.unit().await;
    let (_, token) = unit.impression_url().split_once("/e/").unwrap();
    for _ in 0..2 {
        for server in [&one, &other] {
            let ack = server.reader.fire(&format!("{}/e/{token}", server.public)).await;
            assert!(ack.recorded);
        }
    }

    for server in [&one, &other] {
        counts(server, 1).await;
        let duplicates = async || {
            let state = server.inner.ledger.state();
            let tally = state.views.totals.values().next().cloned().unwrap_or_default();
            (tally.duplicate == 3 && tally.received == 4).then_some(tally)
        };
        until("the three others are duplicates", duplicates).await;
        assert_eq!(total(server).await["spend_micros"], PRICE_MICROS);
    }
    // Each machine tells its own events: added up they are the four that came.
    let (a, b) = (one.scrape().await, other.scrape().await);
    a.assert_every_event_is_accounted_for();
    b.assert_every_event_is_accounted_for();
    assert_eq!(a.events("impression", "counted") + b.events("impression", "counted"), 1);
    assert_eq!(a.events("impression", "duplicate") + b.events("impression", "duplicate"), 3);
    assert_eq!(a.spent() + b.spent(), PRICE_MICROS);
}

#[tokio::test]
async fn ten_sold_are_billed_ten_times_on_two_machines_together() {
    let redis = Redis::start();
    let setup = || Setup::default().inventory(inventory::sold(10)).on(&redis);
    let machines = [setup().start().await, setup().start().await];
    let mut shown = 0;
    let mut round = 0;
    // Each machine sells what it has and asks for more: one by one, for so few.
    let all_sold = async || {
        for server in &machines {
            round += 1;
            let unit = server.decide(&reference()).await;
            if unit.fills() && unit.sponsor() == "zahid-host" {
                shown += u64::from(server.reader.impression(&unit).await.recorded);
            }
        }
        (shown >= 10 && round >= 60).then_some(())
    };
    until("all that was bought is shown", all_sold).await;
    assert_eq!(shown, 10, "none more is shown than was bought");
    for server in &machines {
        until("everything is in the log", async || {
            let state = server.inner.ledger.state();
            let received = state.views.totals.values().next().map_or(0, |tally| tally.received);
            (received == shown).then_some(())
        })
        .await;
        let total = total(server).await;
        assert_eq!(total["impressions"]["net"], 10, "{total:#}");
        assert_eq!(total["spend_micros"], 10 * PRICE_MICROS);
    }
}

#[tokio::test]
async fn events_are_taken_while_the_store_is_away_and_a_store_that_lost_all_is_told_again() {
    let mut redis = Redis::start();
    let server = machine(&redis).await;
    for _ in 0..5 {
        server.reader.impression(&server.unit().await).await;
    }
    counts(&server, 5).await;

    redis.kill();
    reaches(&server, "adjacent_store_up", 0).await;
    for _ in 0..7 {
        let ack = server.reader.impression(&server.unit().await).await;
        assert!(ack.recorded, "it is on this machine's disk");
    }
    reaches(&server, "adjacent_journal_unshipped_records", 7).await;
    // Neither number stands still while the store is away, and the journal takes what comes.
    let before = server.scrape().await;
    assert_eq!(before.count("adjacent_journal_up"), 1);
    for series in ["adjacent_journal_oldest_unshipped_seconds", "adjacent_ledger_lag_seconds"] {
        until(series, async || {
            (server.scrape().await.value(series) > before.value(series) + 0.3).then_some(())
        })
        .await;
    }
    assert_eq!(total(&server).await["impressions"]["net"], 5);

    // It comes back with nothing in it.
    redis.again(&[]);
    counts(&server, 12).await;
    reaches(&server, "adjacent_journal_unshipped_records", 0).await;
    reaches(&server, "adjacent_store_up", 1).await;
    until("it is not behind any more", async || {
        let scrape = server.scrape().await;
        let lag = scrape.value("adjacent_ledger_lag_seconds");
        let waits = scrape.value("adjacent_journal_oldest_unshipped_seconds");
        (lag < 0.5 && waits == 0.0).then_some(())
    })
    .await;
    assert_audited(&server).await;
    // A machine that starts now reads the same.
    assert_eq!(server.metric("adjacent_machines").await, 1);
    let fresh = machine(&redis).await;
    counts(&fresh, 12).await;
    for machine in [&server, &fresh] {
        reaches(machine, "adjacent_machines", 2).await;
    }
    assert_alike(&[server, fresh]).await;
}

/// All machines come to say the same; what was asked for is told once a second.
async fn assert_alike(machines: &[TestServer]) {
    until("the same everywhere", async || {
        let first = total(&machines[0]).await;
        for other in &machines[1..] {
            if total(other).await != first {
                return None;
            }
        }
        Some(())
    })
    .await;
}

/// Nothing differs between what a machine holds and the log of the store.
async fn assert_audited(server: &TestServer) {
    let inner = server.inner.clone();
    let audited = tokio::task::spawn_blocking(move || inner.audit()).await.unwrap();
    assert_eq!(audited.unwrap(), vec![]);
}

/// Reports so many impressions, some on each machine; every one is acknowledged.
async fn shows(machines: &[TestServer], count: usize) {
    for number in 0..count {
        let server = &machines[number % machines.len()];
        let ack = server.reader.impression(&server.unit().await).await;
        assert!(ack.recorded);
    }
}

#[tokio::test]
async fn a_thousand_decisions_ask_the_store_nothing_and_none_waits_while_it_is_frozen() {
    const COUNT: u64 = 1_000;
    let redis = Redis::start();
    let server = machine(&redis).await;
    server.unit().await;
    let seconds = "adjacent_decision_duration_seconds";
    let (before, questions) = (server.scrape().await, redis.questions());

    redis.signal("STOP");
    for _ in 0..COUNT {
        assert!(server.decide(&reference()).await.fills());
    }
    redis.signal("CONT");

    // What was asked of it meanwhile it answers now, before it says how much that was: some looks at
    // its logs that were on their way, and no thousand.
    let asked = redis.questions() - questions;
    assert!(asked < COUNT / 2, "{asked} questions");
    let after = server.scrape().await;
    let grown = |series: &str| after.count(series) - before.count(series);
    assert_eq!(grown(&format!("{seconds}_count")), COUNT);
    // A question that waits for an answer waits for three seconds.
    assert_eq!(grown(&format!("{seconds}_bucket{{le=\"1\"}}")), COUNT);
}

#[tokio::test]
async fn a_store_that_was_restored_from_an_old_copy_is_told_what_it_lost() {
    let mut redis = Redis::start();
    let machines = [machine(&redis).await, machine(&redis).await];
    shows(&machines, 6).await;
    for server in &machines {
        counts(server, 6).await;
    }
    let old = redis.dump();
    shows(&machines, 8).await;
    for server in &machines {
        counts(server, 14).await;
    }

    redis.restore(&old);
    shows(&machines, 2).await;

    for server in &machines {
        let all = async || {
            let net = total(server).await["impressions"]["net"].as_u64().unwrap_or(0);
            (net == 16).then_some(())
        };
        until("everything that was acknowledged", all).await;
        assert_audited(server).await;
    }
    assert_alike(&machines).await;
}

#[tokio::test]
async fn what_is_not_ours_in_the_store_is_left_alone_and_stops_no_page() {
    let redis = Redis::start();
    for partition in 0..64 {
        redis.ask(&["SET", &format!("adj:{{p{partition:02}}}:log"), "somebody's"]);
    }
    let server = Setup::default().on(&redis).start().await;

    let decision = server.decide(&reference()).await;
    assert_eq!(decision.text("/tier"), "house", "nothing is sold that cannot be counted");
    assert!(server.reader.impression(&decision).await.recorded);
    assert_eq!(redis.ask(&["GET", "adj:{p07}:log"]), "somebody's");
    let unshipped = server.metric("adjacent_journal_unshipped_records").await;
    assert!(unshipped >= 1, "it waits on disk: {unshipped}");
}

#[tokio::test]
async fn a_change_on_one_machine_is_served_on_the_other_and_two_at_once_are_a_conflict() {
    let redis = Redis::start();
    let (one, other) = (machine(&redis).await, machine(&redis).await);
    let number = |server: &TestServer| server.inner.catalog.head().unwrap().unwrap().number;
    assert_eq!(number(&one), number(&other), "the second took over what the first serves");
    let stop = |server: &TestServer, stopped: bool| {
        let url = format!("{}/v1/admin/stops", server.ops);
        let body = json!({ "what": "campaign", "id": "zahid-launch", "stopped": stopped });
        server.reader.post(&url).bearer_auth(server.key("operator")).json(&body).send()
    };
    assert_eq!(stop(&one, true).await.unwrap().status(), 200);

    until("the other serves it", async || {
        let decision = other.decide(&reference()).await;
        (decision.sponsor() != "zahid-host").then_some(())
    })
    .await;
    assert_eq!(number(&one), number(&other));
    let history = |server: &TestServer| server.inner.catalog.history().unwrap();
    assert_eq!(history(&one), history(&other), "who changed what is known everywhere");

    // Both at once: each is made on the number that it names, so one is told to look again or both
    // come one after the other; never is a change lost.
    let before = number(&one);
    let (a, b) = tokio::join!(stop(&one, false), stop(&other, true));
    let statuses = [a.unwrap().status().as_u16(), b.unwrap().status().as_u16()];
    assert!(statuses.contains(&200), "{statuses:?}");
    until("both serve the same", async || {
        (number(&one) == number(&other) && number(&one) > before).then_some(())
    })
    .await;
    assert_eq!(history(&one), history(&other));
}

#[tokio::test]
async fn a_decision_is_explained_by_every_machine_and_while_its_own_is_away_by_none() {
    let redis = Redis::start();
    let (one, other) = (machine(&redis).await, machine(&redis).await);
    let unit = one.unit().await;
    let page = async |of: &TestServer| {
        let address = format!("{}/w/{}", of.public, unit.id());
        let page = of.reader.get(&address).send().await.unwrap();
        (page.status().as_u16(), page.text().await.unwrap().replace(&of.public, ""))
    };
    let here = one.explain("operator", unit.id()).await;
    assert_eq!((here.0, &here.1["agrees"]), (200, &serde_json::json!(true)));

    let there = until("the machines know each other", async || {
        let told = other.explain("operator", unit.id()).await;
        (told.0 == 200).then_some(told)
    })
    .await;
    assert_eq!(there, here);
    let theirs = other.explain("publisher:eu-tech-news", unit.id()).await;
    assert_eq!(theirs, one.explain("publisher:eu-tech-news", unit.id()).await);
    let shown = page(&other).await;
    assert!(shown.0 == 200 && shown == page(&one).await, "{shown:?}");
    // The last two digits are the place on the page, the one before them is the call's.
    let (call, rest) = unit.id().split_at(33);
    let nobody = format!("{call}{}{}", if rest.starts_with('0') { 1 } else { 0 }, &rest[1..]);
    for machine in [&one, &other] {
        assert_eq!(machine.explain("operator", &nobody).await.1["code"], "decision_not_recorded");
    }

    let data = one.end();
    // What was told stands for a minute.
    let told = redis.ask(&["KEYS", "adj:*:told:*"]);
    for key in told.lines() {
        let seconds: i64 = redis.ask(&["TTL", key]).parse().unwrap();
        assert!((1..=60).contains(&seconds), "{key}: {seconds}");
        redis.ask(&["DEL", key]);
    }
    let (status, problem) = other.explain("operator", unit.id()).await;
    assert_eq!((status, &problem["code"]), (404, &"decision_elsewhere".into()));
    let told = other.explain("publisher:eu-tech-news", unit.id()).await.1;
    assert_eq!(told["code"], "decision_elsewhere");
    assert!(!told["detail"].as_str().unwrap().contains("127.0.0.1"), "{told}");

    // A later start on the same data has its record.
    let _one = Setup::default().in_folder(&data).on(&redis).start().await;
    until("the record is asked of the new start", async || {
        (other.explain("operator", unit.id()).await == here).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_machine_whose_clock_is_not_the_stores_says_that_it_is_not_ready_and_goes_on() {
    let redis = Redis::start();
    let server = Setup::default().on(&redis).clock().start().await;
    let beside = machine(&redis).await;
    let ready = async |of: &TestServer| {
        let reply = of.reader.get(&format!("{}/readyz", of.ops)).send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    };
    let offset = async || {
        let off = server.scrape_now().await.value("adjacent_store_clock_offset_seconds");
        format!("{off:.0}").parse::<i64>().unwrap()
    };
    // Half of the minute that a click waits for its impression; a clock that stands still falls behind.
    for (ahead, is_ready) in [(20, true), (60, false)] {
        server.advance_ms((ahead - offset().await) * 1_000);
        until("the store's clock is looked at", async || {
            (ahead - 15..=ahead + 2).contains(&offset().await).then_some(())
        })
        .await;
        let (status, said) = ready(&server).await;
        assert_eq!((status == 200, said.contains("clock")), (is_ready, !is_ready), "{said}");
        assert!(server.reader.impression(&server.unit().await).await.recorded);
    }
    assert_eq!(ready(&beside).await, (200, "ready\n".to_owned()));
}

#[tokio::test]
async fn a_primary_of_a_cluster_that_dies_costs_no_event_and_doubles_none() {
    let mut cluster = Cluster::start();
    let machines = [machine(&cluster).await, machine(&cluster).await];
    shows(&machines, 20).await;
    let dead = cluster.kill_a_primary();
    shows(&machines, 20).await;
    cluster.heals(dead);
    shows(&machines, 20).await;

    for server in &machines {
        counts(server, 60).await;
        assert_audited(server).await;
    }
    assert_alike(&machines).await;
    assert_eq!(total(&machines[0]).await["spend_micros"], 60 * PRICE_MICROS);
}

#[tokio::test]
async fn a_failover_by_sentinels_is_followed_without_a_loss() {
    let mut sentinels = Sentinels::start();
    let machines = [machine(&sentinels).await, machine(&sentinels).await];
    shows(&machines, 20).await;
    sentinels.fails_over();
    shows(&machines, 20).await;

    for server in &machines {
        counts(server, 40).await;
        assert_audited(server).await;
    }
    assert_alike(&machines).await;
}
