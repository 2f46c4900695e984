//! Flights with a share of voice win their share of the slots that they may have.

use crate::harness::decision::page_on;
use crate::harness::inventory::example;
use crate::harness::{Setup, TestServer};
use futures_util::future::join_all;
use std::collections::BTreeMap;

/// A sponsorship flight with a share of the slots on a topic.
fn sponsor(id: &str, share: u32, topic: &str) -> String {
    format!(
        "[[advertisers]]\nid = \"{id}\"\nname = \"{id}\"\ndomains = [\"{id}.example\"]\ncurrency = \"EUR\"\n\
         [[campaigns]]\nid = \"{id}\"\nadvertiser = \"{id}\"\nname = \"{id}\"\npolitical = false\n\
         categories = [\"software\"]\n\
         [[flights]]\nid = \"{id}\"\ncampaign = \"{id}\"\ntier = \"sponsorship\"\npricing = \"flat\"\n\
         share_percent = {share}\ntargeting = {{ topics = {{ any = [\"{topic}\"] }} }}\n\
         [[creatives]]\nid = \"{id}\"\nflight = \"{id}\"\nstyles = [\"card\"]\nlanguage = \"en\"\n\
         headline = \"Headline\"\nctas = [{{ id = \"primary\", text = \"Go\", url = \"https://{id}.example/\" }}]\n"
    )
}

/// The advertisers of this many pages on each of these topics in turn, fifty of them a simulated second.
async fn winners(server: &TestServer, topics: &[&str], pages: usize) -> BTreeMap<String, f64> {
    let mut won = BTreeMap::new();
    for batch in 0..pages / 10 {
        let ask = |number: usize| async move {
            server.decide(&page_on(topics[(batch * 10 + number) % topics.len()])).await
        };
        for decision in join_all((0..10).map(ask)).await {
            assert!(decision.is_filled());
            *won.entry(decision.advertiser().to_owned()).or_default() += 1.0;
        }
        server.advance_ms(200);
    }
    won
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "prints the figures")]
async fn flights_that_share_some_of_their_slots_have_their_shares_of_them_to_half_a_point() {
    let sold = [
        sponsor("broad", 40, "technology"),
        sponsor("narrow", 50, "devops"),
        sponsor("other", 30, "cloud-computing"),
    ];
    let inventory = format!("{}\n{}", example(), sold.concat());
    let server = Setup::default().inventory(inventory).manual_clock().start().await;
    let pages = 12_000;
    let won = winners(&server, &["devops", "cloud-computing", "rust"], pages).await;
    let third = pages as f64 / 3.0;
    for (id, share, slots) in
        [("broad", 40.0, 3.0 * third), ("narrow", 50.0, third), ("other", 30.0, third)]
    {
        let has = won.get(id).copied().unwrap_or_default() / slots * 100.0;
        println!("{id}: {has:.2} % of {share} %");
        assert!((has - share).abs() <= 0.5, "{id}: {has} % of {share} %");
    }
}
