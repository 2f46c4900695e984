//! What adapters say about a slot: the most useful no-bid reason, one request per slot, and the fields that
//! were not read.

use crate::adapters::{
    Reply, auction_of, bidders, kevel_page, markup, with_all_adapters, with_second_advertiser,
};
use crate::harness::reference;
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

/// The paths of `Adjacent-Ignored`, in order of their names.
fn sorted(ignored: &str) -> Vec<&str> {
    let mut paths: Vec<&str> = ignored.split(", ").collect();
    paths.sort_unstable();
    paths
}

#[tokio::test]
async fn every_nested_field_that_is_not_read_is_named_and_no_value_is() {
    let server = with_all_adapters().start().await;

    let mut page = reference();
    page["extra"] = json!("secret-0");
    page["viewer"]["mood"] = json!("secret-1");
    page["page"]["entities"] = json!([{ "name": "linux", "label": "secret-2" }]);
    page["page"]["author"] = json!({ "name": "secret-3" });
    page["placements"][0]["size"] = json!([300, 250]);
    let native = Reply::to(server.post_json("/v1/decisions", &page)).await;
    assert_eq!(
        sorted(&native.ignored),
        ["extra", "page.author", "page.entities[0].label", "placements[0].size", "viewer.mood"]
    );
    let query = "publisher=eu-tech-news&placement=article-end&topic=ai-infrastructure&colour=red";
    for path in ["/v1/decisions", "/v1/unit"] {
        let call = server.reader.get(&format!("{}{path}?{query}", server.public));
        assert_eq!(Reply::to(call).await.ignored, "colour", "{path}");
    }
    assert_eq!(Reply::to(server.post_json("/v1/decisions", &reference())).await.ignored, "");

    let mut kevel = kevel_page();
    kevel["url"] = json!({ "href": "secret-4" });
    kevel["placements"][0]["adTypes"] = json!([5, { "id": 6 }]);
    kevel["placements"][0]["properties"] = json!({ "topics": ["ai"], "paywall": "secret-5" });
    assert_eq!(
        sorted(&server.kevel(&kevel).await.ignored),
        [
            "enableBotFiltering",
            "placements[0].adTypes[1].id",
            "placements[0].networkId",
            "placements[0].properties.paywall",
            "url.href",
        ]
    );

    let body = json!({
        "publisher": "eu-tech-news", "keywords": ["ai-infrastructure"], "user_ip": "192.0.2.7",
        "placements": [{ "div_id": "article-end", "ad_type": "text-v1", "zone": { "id": "secret-6" } }],
    });
    let ethicalads = server.ethicalads_posted(&body).await;
    assert_eq!(sorted(&ethicalads.ignored), ["placements[0].zone", "user_ip"]);

    let mut native = markup();
    native["assets"][4]["img"]["ext"] = json!("secret-7");
    let mut auction = auction_of(&native);
    auction["site"]["content"]["title"] = json!("secret-8");
    auction["site"]["keywords"] = json!([["secret-9"]]);
    auction["source"] = json!([{ "tid": "secret-10" }]);
    assert_eq!(
        sorted(&server.openrtb(&auction).await.ignored),
        [
            "at",
            "device.ifa",
            "device.ip",
            "device.ua",
            "imp[0].native.request.assets[4].img.ext",
            "imp[0].native.request.context",
            "imp[0].native.request.contextsubtype",
            "imp[0].native.request.plcmttype",
            "regs.gdpr",
            "regs.gpp",
            "site.content.title",
            "site.keywords[0]",
            "source",
            "user",
        ]
    );
}

#[tokio::test]
async fn the_names_of_ignored_fields_are_bounded() {
    let server = with_all_adapters().start().await;
    let mut page = reference();
    for at in 0..5_000 {
        page[format!("f{at}")] = json!(at);
    }
    let reply = Reply::to(server.post_json("/v1/decisions", &page)).await;

    assert_eq!(reply.ignored.split(", ").count(), 32, "{}", reply.ignored);
    let warnings = reply.json()["warnings"].as_array().unwrap().len();
    assert!(warnings <= 64, "{warnings}");
}
