//! What adapters say about a slot: the most useful no-bid reason, one request per slot, and the fields that
//! were not read.

use crate::adapters::{auction_of, bidders, markup, with_all_adapters, with_second_advertiser};
use serde_json::{Value, json};

#[tokio::test]
async fn the_no_bid_reason_is_that_of_the_unit_that_came_furthest() {
    let server = with_all_adapters().inventory(with_second_advertiser()).start().await;
    let auction = |title: i64, changes: Value| {
        let mut markup = markup();
        markup["assets"][0]["title"]["len"] = json!(title);
        let mut auction = auction_of(&markup);
        auction["imp"][0].as_object_mut().unwrap().remove("bidfloor");
        auction.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        auction
    };

    // One unit is of zahid.host in EUR, the other of gitlift in USD; which is drawn first is random.
    for (auction, reason) in [
        (auction(90, json!({ "cur": ["EUR"], "badv": ["zahid.host"] })), "blocked_advertiser"),
        (
            auction(90, json!({ "bseat": ["gitlift"], "badv": ["zahid.host"] })),
            "blocked_advertiser",
        ),
        (auction(90, json!({ "bseat": ["gitlift"], "bcat": ["IAB19"] })), "blocked_category"),
        (auction(90, json!({ "cur": ["EUR"], "bseat": ["zahid-host"] })), "seat"),
        (auction(10, json!({ "cur": ["EUR"], "badv": ["zahid.host"] })), "assets"),
        (auction(10, json!({ "cur": ["EUR"], "wlang": ["de"] })), "language"),
    ] {
        assert_eq!(bidders(&server, &auction).await, [reason], "{auction:#}");
    }
}

#[tokio::test]
async fn an_ethicalads_slot_with_several_formats_is_one_request() {
    let server = with_all_adapters().start().await;
    let totals = async || {
        let path = "/v1/reports/publishers/eu-tech-news?by=placement";
        let (_, report) = server.get_as("publisher:eu-tech-news", path).await;
        let total = |name: &str| report["total"][0][name].as_u64().unwrap_or_default();
        [total("requests"), total("filled")]
    };
    let call = async |slots: &str, types: &str| {
        let query = format!(
            "publisher=eu-tech-news&{slots}&keywords=ai-infrastructure&campaign_types={types}"
        );
        server.ethicalads(&query).await.no_fill
    };
    let formats = "div_ids=article-end|article-end&ad_types=image-v1|text-v1&priorities=5|9";

    assert_eq!(call(formats, "affiliate").await, "campaign_type");
    assert_eq!(totals().await, [1, 0], "an empty slot");
    assert_eq!(call(formats, "paid").await, "");
    assert_eq!(totals().await, [2, 1], "a filled slot");
    // Elements without a placement of their own are known by their format.
    assert_eq!(call("div_ids=a|b&ad_types=text-v1|text-v1", "affiliate").await, "campaign_type");
    assert_eq!(totals().await, [3, 1]);
    // Two placements are two slots, of which each was requested.
    let two = "div_ids=article-end|sidebar&ad_types=x|x";
    assert_eq!(call(two, "affiliate").await, "campaign_type");
    assert_eq!(totals().await, [5, 1]);
}
