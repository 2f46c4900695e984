//! Visitor limits across a fleet: a reader who spreads clicks over several instances.

use crate::harness::{Redis, Setup, TestServer, wait_until};

/// Clicks of one visitor that count per minute, with the default limits.
const CLICKS: u64 = 2;

async fn start_instances<const N: usize>(redis: &Redis) -> [TestServer; N] {
    let mut started = Vec::new();
    for _ in 0..N {
        let setup = Setup::default().default_limits().with_store(redis).settings(|settings| {
            settings.windows.click_after_ms = 0;
            settings.limits.flood_per_second = 0;
        });
        started.push(setup.start().await);
    }
    for server in &started {
        wait_until("the salt of the day", async || {
            let events = &server.inner.events;
            events.renew_visitor_salt().await.ok()
        })
        .await;
    }
    started.try_into().ok().unwrap()
}

/// A reader views and clicks units of the instances in turn.
async fn view_and_click(instances: &[TestServer], count: usize) {
    for number in 0..count {
        let server = &instances[number % instances.len()];
        let unit = server.unit().await;
        assert!(server.reader.impression(&unit).await.recorded);
        server.click(&unit, "primary").await;
    }
}

/// Gross and net clicks in the report of an instance.
async fn reported_clicks(server: &TestServer) -> (u64, u64) {
    let path = "/v1/reports/advertisers/zahid-host?by=topic";
    let (status, report) = server.get_as("advertiser:zahid-host", path).await;
    assert_eq!(status, 200);
    let clicks = &report["total"][0]["clicks"];
    (clicks["gross"].as_u64().unwrap_or(0), clicks["net"].as_u64().unwrap_or(0))
}

#[tokio::test]
async fn a_visitor_who_spreads_clicks_over_instances_has_the_limit_of_a_single_instance() {
    let redis = Redis::start();
    let spread = start_instances::<3>(&redis).await;
    view_and_click(&spread, 6).await;

    for server in &spread {
        wait_until("the clicks that a single instance would count", async || {
            (reported_clicks(server).await == (6, CLICKS)).then_some(())
        })
        .await;
    }
    // Another check invalidates nothing more.
    for server in &spread {
        server.inner.events.exchange_visitors(true).await.unwrap();
        assert_eq!(reported_clicks(server).await, (6, CLICKS));
        server.assert_ledger_consistent().await;
    }

    let other_redis = Redis::start();
    let one = start_instances::<1>(&other_redis).await;
    view_and_click(&one, 6).await;
    wait_until("the same on a single instance", async || {
        (reported_clicks(&one[0]).await == (6, CLICKS)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn clicks_over_the_limit_are_also_invalidated_after_the_base_advanced() {
    let redis = Redis::start();
    let spread = start_instances::<3>(&redis).await;
    view_and_click(&spread, 6).await;
    // The last base advances in steps of sixteen batches.
    for number in 0..12 {
        let server = &spread[number % 3];
        let unit = server.unit().await;
        assert!(server.reader.impression(&unit).await.recorded);
    }
    wait_until("a base that includes the clicks", async || {
        let mut advanced = false;
        for server in &spread {
            server.wait_until_applied().await;
            let inner = server.inner.clone();
            let report =
                tokio::task::spawn_blocking(move || inner.reporting.reconcile()).await.unwrap();
            advanced |= report.unwrap().checkpoint;
        }
        advanced.then_some(())
    })
    .await;
    wait_until("the clicks that a single instance would count", async || {
        (reported_clicks(&spread[0]).await == (6, CLICKS)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_redis_key_about_a_reader_expires_within_a_day() {
    let redis = Redis::start();
    let all = start_instances::<2>(&redis).await;
    view_and_click(&all, 4).await;
    let keys = wait_until("the activity of the visitors in Redis", async || {
        let keys = redis.cli(&["KEYS", "adj:*"]);
        let of = |what: &str| keys.lines().filter(|key| key.contains(what)).count();
        (of(":visitor:") >= 2 && of(":visitors") >= 1 && of(":salt:") == 1).then(|| keys.clone())
    })
    .await;
    for key in keys.lines() {
        let seconds: i64 = redis.cli(&["TTL", key]).parse().unwrap();
        let is_about_a_reader =
            [":visitor:", ":visitors", ":salt:"].iter().any(|what| key.contains(what));
        if is_about_a_reader {
            // -2: processed since the keys were listed.
            assert!(seconds == -2 || (1..=86_400).contains(&seconds), "{key}: {seconds}");
        } else {
            let known = [
                ":log",
                ":head",
                ":base",
                ":instances",
                ":reached",
                ":starts",
                ":catalog",
                ":pictures",
            ];
            assert!(known.iter().any(|end| key.contains(end)), "{key}: is it about a reader?");
        }
    }
}

#[tokio::test]
async fn clicks_are_accepted_while_redis_is_suspended_and_limited_afterwards() {
    let redis = Redis::start();
    let all = start_instances::<2>(&redis).await;
    let units =
        [all[0].unit().await, all[1].unit().await, all[0].unit().await, all[1].unit().await];
    redis.suspend();
    for (number, unit) in units.iter().enumerate() {
        let server = &all[number % 2];
        assert!(server.reader.impression(unit).await.recorded);
        let ack = server.click(unit, "primary").await;
        assert_eq!(ack.status, 302);
    }
    redis.resume();
    wait_until("the clicks that a single instance would count", async || {
        (reported_clicks(&all[0]).await == (4, CLICKS)).then_some(())
    })
    .await;
}
