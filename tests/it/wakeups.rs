//! Instances read the logs when another one announces that it has appended, and rarely otherwise.

use crate::harness::{Redis, Setup, TestServer, wait_until};
use std::time::{Duration, Instant};

const CHANNEL: &str = "adj:{all}:wakeups";

async fn wait_for_subscriptions(redis: &Redis) {
    wait_until("two subscriptions", async || {
        redis.cli(&["PUBSUB", "NUMSUB", CHANNEL]).ends_with("\n2").then_some(())
    })
    .await;
}

/// Reports an impression to one instance; returns how long the other took to bill it.
async fn time_to_the_other(one: &TestServer, other: &TestServer) -> Duration {
    let spent = || {
        let state = other.inner.ledger.state();
        state.account("zahid-launch").map(|account| account.spent)
    };
    let before = spent();
    assert!(one.reader.impression(&one.unit().await).await.recorded);
    let recorded = Instant::now();
    wait_until("the bill of the other instance", async || (spent() != before).then_some(())).await;
    recorded.elapsed()
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "prints the figures")]
async fn an_idle_fleet_reads_rarely_and_a_lost_subscription_delays_no_event_for_long() {
    let redis = Redis::start();
    let one = Setup::default().with_store(&redis).start().await;
    let other = Setup::default().with_store(&redis).start().await;
    wait_for_subscriptions(&redis).await;
    // What the starts have appended is read, and what was found without an announcement forgotten.
    let rate = async || {
        let (began, before) = (Instant::now(), redis.client_commands());
        wait_until("two seconds", async || {
            (began.elapsed() > Duration::from_secs(2)).then_some(())
        })
        .await;
        (redis.client_commands() - before) as f64 / began.elapsed().as_secs_f64() / 2.0
    };
    // Polling takes more than 1,000.
    let idle =
        wait_until("an idle fleet", async || Some(rate().await).filter(|rate| *rate < 200.0));
    println!("commands per second of an idle instance: {:.0}", idle.await);

    let mut times = Vec::new();
    for _ in 0..20 {
        times.push(time_to_the_other(&one, &other).await);
    }
    times.sort();
    println!(
        "an event is billed by the other instance after {:?}, at most {:?}",
        times[10], times[19]
    );

    redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    time_to_the_other(&one, &other).await;
    wait_for_subscriptions(&redis).await;
    time_to_the_other(&other, &one).await;
    one.assert_ledger_consistent().await;
}
