//! Machines that cannot reach their store: what waits for them, what they sell, what they say.

use crate::harness::Redis;
use crate::harness::Setup;
use crate::harness::TestServer;
use crate::harness::inventory;
use crate::harness::reference;
use crate::harness::until;
use crate::proxy::Mood;
use crate::proxy::Proxy;

#[tokio::test]
async fn a_click_waits_for_the_impression_that_a_cut_off_machine_has_on_its_disk() {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let far = format!("redis://127.0.0.1:{}", proxy.port());
    let setup = || {
        Setup::default().on(&redis).settings(|settings| {
            settings.windows.orphan_grace_seconds = 2;
            settings.windows.click_after_ms = 0;
        })
    };
    let near = setup().start().await;
    let cut = setup().settings(|settings| settings.store.url = far).start().await;
    let unit = near.unit().await;
    let (_, token) = unit.impression_url().split_once("/e/").unwrap();
    proxy.is_now(Mood::Refuses);
    assert!(cut.reader.fire(&format!("{}/e/{token}", cut.public)).await.recorded);
    near.click(&unit, "primary").await;

    // The grace is over, and the machine that has the click has said so.
    let clicked_ms = near.inner.clock.now_ms();
    until("the clock of the log is past the grace", async || {
        (near.inner.ledger.state().latest_ms() > clicked_ms + 2_000).then_some(())
    })
    .await;
    assert_eq!(near.verdicts(&unit).await, ["click pending"]);

    proxy.is_now(Mood::Well);
    for server in [&near, &cut] {
        until("both counted", async || {
            let mut verdicts = server.verdicts(&unit).await;
            verdicts.sort();
            (verdicts == ["click counted", "impression counted"]).then_some(())
        })
        .await;
    }
}

/// Whether an answer says that the inventory is stale.
async fn is_stale(server: &TestServer) -> bool {
    server.answer(&reference()).await["snapshot"]["stale"] == true
}

#[tokio::test]
async fn without_its_store_a_machine_sells_its_part_of_a_budget_then_house_units_and_says_stale() {
    let redis = Redis::start();
    let server = Setup::default()
        .inventory(inventory::sold(300))
        .on(&redis)
        .settings(|settings| {
            settings.store.lease_seconds = 4;
            settings.store.outage_allowance_percent = 0;
            settings.snapshot.stale_after_seconds = 1;
        })
        .start()
        .await;
    server.reader.impression(&server.unit().await).await;
    assert!(!is_stale(&server).await);

    redis.stands_still();
    let mut shown = 0;
    until("its part is sold", async || {
        let unit = server.decide(&reference()).await;
        assert!(unit.fills(), "{:#}", unit.0);
        let sold = unit.sponsor() == "zahid-host";
        if sold {
            shown += 1;
            assert!(server.reader.impression(&unit).await.recorded);
        }
        (!sold && is_stale(&server).await).then_some(())
    })
    .await;
    // A hundredth of what was bought, and what of it was asked for before.
    assert!((1..=8).contains(&shown), "{shown}");
    until("only house units", async || {
        let unit = server.decide(&reference()).await;
        (unit.text("/tier") == "house").then_some(())
    })
    .await;
    server.reaches("adjacent_store_up", 0).await;

    redis.goes_on();
    until("all is well again", async || {
        let unit = server.decide(&reference()).await;
        (unit.sponsor() == "zahid-host" && !is_stale(&server).await).then_some(())
    })
    .await;
    server.reaches("adjacent_journal_unshipped_records", 0).await;
    server.assert_books_balance().await;
}
