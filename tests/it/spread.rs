//! One reader who spreads over several machines what one machine would have refused.

use crate::harness::Redis;
use crate::harness::Setup;
use crate::harness::TestServer;
use crate::harness::until;

/// What the contract's table lets one visitor click in a minute.
const CLICKS: u64 = 2;

async fn machines<const N: usize>(redis: &Redis) -> [TestServer; N] {
    let mut started = Vec::new();
    for _ in 0..N {
        let setup = Setup::default().limits().on(redis).settings(|settings| {
            settings.windows.click_after_ms = 0;
            settings.limits.flood_per_second = 0;
        });
        started.push(setup.start().await);
    }
    for server in &started {
        until("the day's salt", async || {
            let server = &server.inner;
            server.share_salt().await.ok()
        })
        .await;
    }
    started.try_into().ok().unwrap()
}

/// A reader sees and clicks so many units, one on each machine in turn.
async fn clicks(machines: &[TestServer], count: usize) {
    for number in 0..count {
        let server = &machines[number % machines.len()];
        let unit = server.unit().await;
        assert!(server.reader.impression(&unit).await.recorded);
        server.click(&unit, "primary").await;
    }
}

/// Clicks that count, gross and net, as a machine tells them.
async fn told(server: &TestServer) -> (u64, u64) {
    let path = "/v1/reports/advertisers/zahid-host?by=topic";
    let (status, report) = server.get_as("advertiser:zahid-host", path).await;
    assert_eq!(status, 200);
    let clicks = &report["total"][0]["clicks"];
    (clicks["gross"].as_u64().unwrap_or(0), clicks["net"].as_u64().unwrap_or(0))
}

#[tokio::test]
async fn a_visitor_who_spreads_clicks_over_machines_ends_with_as_many_as_on_one() {
    let redis = Redis::start();
    let spread = machines::<3>(&redis).await;
    clicks(&spread, 6).await;

    for server in &spread {
        until("what one machine would have counted", async || {
            (told(server).await == (6, CLICKS)).then_some(())
        })
        .await;
    }
    // Whoever looks again finds nothing more to take back.
    for server in &spread {
        server.inner.look_at_visitors().await.unwrap();
        assert_eq!(told(server).await, (6, CLICKS));
        server.assert_books_balance().await;
    }

    let alone = Redis::start();
    let one = machines::<1>(&alone).await;
    clicks(&one, 6).await;
    until("the same on one machine", async || (told(&one[0]).await == (6, CLICKS)).then_some(()))
        .await;
}

#[tokio::test]
async fn what_a_visitor_clicked_before_the_sums_moved_on_is_taken_back_too() {
    let redis = Redis::start();
    let spread = machines::<3>(&redis).await;
    clicks(&spread, 6).await;
    // The newest sums move by sixteen batches.
    for number in 0..12 {
        let server = &spread[number % 3];
        let unit = server.unit().await;
        assert!(server.reader.impression(&unit).await.recorded);
    }
    until("sums that have the clicks in them", async || {
        let mut moved = false;
        for server in &spread {
            server.settled().await;
            let inner = server.inner.clone();
            let kept = tokio::task::spawn_blocking(move || inner.keep_books()).await.unwrap();
            moved |= kept.unwrap().checkpoint;
        }
        moved.then_some(())
    })
    .await;
    until("what one machine would have counted", async || {
        (told(&spread[0]).await == (6, CLICKS)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_key_of_a_reader_ends_by_itself_within_a_day() {
    let redis = Redis::start();
    let all = machines::<2>(&redis).await;
    clicks(&all, 4).await;
    let keys = until("readers are told to the store", async || {
        let keys = redis.ask(&["KEYS", "adj:*"]);
        let of = |what: &str| keys.lines().filter(|key| key.contains(what)).count();
        (of(":did:") >= 2 && of(":visitors") >= 1 && of(":salt:") == 1).then(|| keys.clone())
    })
    .await;
    for key in keys.lines() {
        let seconds: i64 = redis.ask(&["TTL", key]).parse().unwrap();
        let of_a_reader = [":did:", ":visitors", ":salt:"].iter().any(|what| key.contains(what));
        if of_a_reader {
            assert!((1..=86_400).contains(&seconds), "{key}: {seconds}");
        } else {
            let known = [":log", ":head", ":base", ":here", ":starts", ":catalog", ":pictures"];
            assert!(known.iter().any(|end| key.contains(end)), "{key}: is it of a reader?");
        }
    }
}

#[tokio::test]
async fn a_store_that_stands_still_refuses_no_click_and_limits_are_made_up_for_later() {
    let redis = Redis::start();
    let all = machines::<2>(&redis).await;
    let units =
        [all[0].unit().await, all[1].unit().await, all[0].unit().await, all[1].unit().await];
    redis.stands_still();
    for (number, unit) in units.iter().enumerate() {
        let server = &all[number % 2];
        assert!(server.reader.impression(unit).await.recorded);
        let ack = server.click(unit, "primary").await;
        assert_eq!(ack.status, 302);
    }
    redis.goes_on();
    until("what one machine would have counted", async || {
        (told(&all[0]).await == (4, CLICKS)).then_some(())
    })
    .await;
}
