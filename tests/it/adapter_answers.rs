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
