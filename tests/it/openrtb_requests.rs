//! OpenRTB requests as exchanges send them: restrictions, currencies, encodings and values of other types.

use crate::adapters::{
    Reply, auction, auction_of, bidders, markup, with_all_adapters, with_second_advertiser,
};
use crate::harness::{Setup, TestServer};
use adjacent::config::load::parse_settings;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut auction = auction();
    change(&mut auction);
    auction
}

/// The reference auction without a floor, so that advertisers of both currencies may bid.
fn open() -> Value {
    with(|auction| {
        auction["imp"][0].as_object_mut().unwrap().remove("bidfloor");
    })
}

fn native_of(reply: &Value) -> Value {
    serde_json::from_str(reply["seatbid"][0]["bid"][0]["adm"].as_str().unwrap()).unwrap()
}

/// Topics as an import of Content Taxonomy 3.0 creates them, and codes of `software` in two taxonomies.
fn with_taxonomies() -> Setup {
    let topics = r#"
[[topics]]
id = "imported-tech"
name = "Imported technology"
aliases = ["iab-3.0-596"]

[[topics]]
id = "imported-software"
name = "Imported software"
parent = "imported-tech"
aliases = ["iab-3.0-602"]

[[topics]]
id = "imported-food"
name = "Imported food"
aliases = ["iab-3.0-210"]
"#;
    let inventory = crate::harness::inventory::example() + topics;
    with_all_adapters().inventory(inventory).settings(|settings| {
        for (taxonomy, code) in [("7", "602"), ("8", "1082")] {
            let codes = [("software".to_owned(), vec![code.to_owned()])].into();
            settings.adapters.taxonomies.insert(taxonomy.to_owned(), codes);
        }
    })
}

async fn outcome(server: &TestServer, auction: &Value) -> String {
    let reply = server.openrtb(auction).await;
    match reply.status {
        200 => "bid".to_owned(),
        204 => reply.no_fill,
        other => panic!("{other}: {}", reply.text),
    }
}

#[tokio::test]
async fn a_restriction_is_obeyed_or_there_is_no_bid_with_the_reason() {
    let server = with_taxonomies().start().await;
    let list = |name: &str, cattax: Option<i64>, values: Value| {
        with(|auction| {
            auction[name] = values;
            if let Some(cattax) = cattax {
                auction["cattax"] = json!(cattax);
            }
        })
    };

    for (auction, expected) in [
        // Languages: the creative is English.
        (list("wlang", None, json!(["de"])), "language"),
        (list("wlang", None, json!(["DE", "fr-FR"])), "language"),
        (list("wlang", None, json!(["klingon"])), "language"),
        (list("wlang", None, json!(["de", "en"])), "bid"),
        (list("wlang", None, json!(["EN"])), "bid"),
        (list("wlang", None, json!("en")), "bid"),
        (list("wlang", None, json!([])), "bid"),
        (list("wlangb", None, json!(["en"])), "bid"),
        (list("wlangb", None, json!(["en-GB"])), "language"),
        // Categories in Content Taxonomy 1.0, whatever `cattax` says of codes of this form.
        (list("bcat", None, json!(["IAB19"])), "blocked_category"),
        (list("bcat", None, json!(["iab19"])), "blocked_category"),
        (list("bcat", Some(7), json!(["IAB19"])), "blocked_category"),
        (list("bcat", Some(1), json!(["IAB19-6", "IAB1", "IAB25"])), "bid"),
        (list("acat", None, json!(["IAB19"])), "bid"),
        (list("acat", None, json!(["IAB1", "IAB19-6"])), "category_not_allowed"),
        (list("acat", None, json!(["IAB1"])), "category_not_allowed"),
        (list("acat", None, json!([])), "bid"),
        // In another taxonomy with codes: equal, or below by the imported tree.
        (list("bcat", Some(7), json!(["602"])), "blocked_category"),
        (list("bcat", Some(7), json!([602])), "blocked_category"),
        (list("bcat", Some(7), json!(["596"])), "blocked_category"),
        (list("bcat", Some(7), json!(["210"])), "bid"),
        (list("acat", Some(7), json!(["596"])), "bid"),
        (list("acat", Some(7), json!(["210"])), "category_not_allowed"),
        (list("bcat", Some(8), json!(["1082"])), "blocked_category"),
        // A taxonomy without codes, or a code that was not imported: unknown.
        (list("bcat", Some(7), json!(["999"])), "unknown_category"),
        (list("bcat", Some(8), json!(["1002"])), "unknown_category"),
        (list("bcat", Some(2), json!(["52"])), "unknown_category"),
        (list("bcat", Some(5), json!(["52"])), "unknown_category"),
        (list("bcat", Some(6), json!(["52"])), "unknown_category"),
        (list("bcat", Some(9), json!(["52"])), "unknown_category"),
        (list("bcat", Some(501), json!(["x"])), "unknown_category"),
        (list("acat", Some(6), json!(["52"])), "unknown_category"),
        // Domains.
        (list("badv", None, json!(["ZAHID.HOST."])), "blocked_advertiser"),
        (list("badv", None, json!([" zahid.host"])), "blocked_advertiser"),
        (list("badv", None, json!(["", "other.example"])), "bid"),
        // What cannot be read cannot be obeyed.
        (list("badv", None, json!({ "domain": "zahid.host" })), "unreadable_restriction"),
        (list("bcat", None, json!([null])), "unreadable_restriction"),
        (list("wseat", None, json!([["zahid-host"]])), "unreadable_restriction"),
        (with(|auction| auction["regs"]["coppa"] = json!(1)), "coppa"),
        (with(|auction| auction["regs"]["coppa"] = json!("1")), "coppa"),
        (with(|auction| auction["regs"]["coppa"] = json!(true)), "coppa"),
        (with(|auction| auction["regs"]["coppa"] = json!(0)), "bid"),
        (with(|auction| auction["imp"][0]["bidfloor"] = json!("2.5")), "bid"),
        (with(|auction| auction["imp"][0]["bidfloor"] = json!("9")), "below_floor"),
        (with(|auction| auction["imp"][0]["bidfloor"] = json!({})), "below_floor"),
        (
            with(|auction| auction["imp"][0]["pmp"] = json!({ "private_auction": "1" })),
            "private_auction",
        ),
        (
            with(|auction| {
                auction["regs"] = json!({ "dsa": { "dsarequired": "3", "pubrender": "0" } });
            }),
            "disclosure",
        ),
    ] {
        assert_eq!(outcome(&server, &auction).await, expected, "{auction}");
    }
    assert!(server.reserved_micros("zahid-host").await > 0);
}

#[tokio::test]
async fn a_campaign_without_codes_is_no_bid_for_a_request_that_blocks_categories() {
    let server = with_all_adapters()
        .settings(|settings| {
            settings.adapters.categories.remove("software");
        })
        .start()
        .await;

    assert_eq!(outcome(&server, &auction()).await, "bid");
    for name in ["bcat", "acat"] {
        let auction = with(|auction| auction[name] = json!(["IAB25"]));
        assert_eq!(outcome(&server, &auction).await, "unknown_category");
    }
    assert_eq!(server.openrtb(&auction()).await.json()["seatbid"][0]["bid"][0].get("cat"), None);
}

#[tokio::test]
async fn a_bid_names_its_categories_in_the_taxonomy_of_the_request() {
    let server = with_taxonomies().start().await;
    for (cattax, cat) in [(7, json!(["602"])), (8, json!(["1082"])), (6, json!(["IAB19"]))] {
        let reply = server.openrtb(&with(|auction| auction["cattax"] = json!(cattax))).await.json();
        let bid = &reply["seatbid"][0]["bid"][0];
        let named = if cattax == 6 { 1 } else { cattax };
        assert_eq!((&bid["cat"], &bid["cattax"]), (&cat, &json!(named)), "{bid:#}");
    }
}

#[tokio::test]
async fn a_slot_that_requires_encryption_gets_no_bid_from_an_unencrypted_address() {
    for (address, expected) in [
        ("http://units.example", "insecure"),
        ("https://units.example", "bid"),
        ("http://localhost:8080", "bid"),
        ("http://[::1]:8080", "bid"),
    ] {
        let text = format!("[server]\npublic_url = \"{address}\"\n");
        let read = parse_settings("server", &text).unwrap();
        let setup = with_all_adapters().settings(|settings| {
            let listen = settings.server.clone();
            settings.server = read.server;
            settings.server.listen = listen.listen;
            settings.server.ops_listen = listen.ops_listen;
        });
        let server = setup.start().await;
        assert_eq!(outcome(&server, &auction()).await, expected, "{address}");
        let plain = with(|auction| auction["imp"][0]["secure"] = json!(0));
        assert_eq!(outcome(&server, &plain).await, "bid", "{address}");
    }
}

#[tokio::test]
async fn a_slot_in_another_currency_is_no_bid_before_money_is_reserved() {
    let dollars = r#"
[[advertisers]]
id = "dollar"
name = "Dollar Tools"
domains = ["dollar.example"]
currency = "USD"
time_zone = "UTC"

[[campaigns]]
id = "dollar"
advertiser = "dollar"
name = "Tools"
political = false
categories = ["software"]
budget = { lifetime_micros = 900_000_000 }

[[flights]]
id = "dollar"
campaign = "dollar"
tier = "standard"
pricing = "cpm"
price_micros = 8_000_000
pacing = "asap"
targeting = { topics = { any = ["ai-infrastructure"] } }

[[creatives]]
id = "dollar"
flight = "dollar"
styles = ["line", "card"]
language = "en"
headline = "Tools for one dollar"
body = "Or two."
ctas = [{ id = "primary", text = "Buy", url = "https://dollar.example/buy" }]
"#;
    let inventory = crate::harness::inventory::example() + dollars;
    let server = with_all_adapters().inventory(inventory).start().await;
    let mut two = open();
    let mut second = two["imp"][0].clone();
    second["id"] = json!("2");
    second["tagid"] = json!("sidebar");
    two["imp"].as_array_mut().unwrap().push(second);
    // An advertiser does not come twice on a page, so the second slot has the other one.
    let (mut euro, mut dollar) = (0, 0);
    for _ in 0..16 {
        let reply = server.openrtb(&two).await;
        let response = reply.json();
        let bids: Vec<&Value> = response["seatbid"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|seat| seat["bid"].as_array().unwrap())
            .collect();
        assert_eq!(bids.len(), 1, "{response:#}");
        assert_eq!(reply.no_fill, "currency");
        let count = if response["cur"] == "EUR" { &mut euro } else { &mut dollar };
        *count += 1;
    }
    assert!(euro > 0 && dollar > 0, "{euro} and {dollar}");
    // A bid of the euro advertiser reserves 8,000 micros, and only its own bids did.
    assert_eq!(server.reserved_micros("zahid-host").await, euro * 8_000);
    assert_eq!(server.reserved_micros("dollar").await, dollar * 8_000);
}

#[tokio::test]
async fn a_request_without_a_currency_gets_bids_in_the_one_of_the_settings() {
    for currency in ["EUR", "USD"] {
        let setup = with_all_adapters().inventory(with_second_advertiser());
        let server = setup
            .settings(|settings| settings.adapters.currency = currency.parse().unwrap())
            .start()
            .await;
        let bidder = if currency == "EUR" { "zahid-host" } else { "gitlift" };
        for cur in [json!(null), json!([])] {
            let mut auction = open();
            auction["cur"] = cur;
            assert_eq!(bidders(&server, &auction).await, [bidder]);
            assert_eq!(server.openrtb(&auction).await.json()["cur"], currency);
        }
        let mut lower = open();
        lower["cur"] = json!(["usd"]);
        assert_eq!(bidders(&server, &lower).await, ["gitlift"]);
    }
}

#[tokio::test]
async fn a_slot_that_cannot_be_read_is_no_bid_for_this_slot_alone() {
    let server = with_all_adapters().start().await;
    let good = auction()["imp"][0].clone();
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut imp = good.clone();
        imp["id"] = json!("0");
        change(&mut imp);
        imp
    };

    for (at, imp) in [
        broken(&|imp| imp["native"] = json!({ "ver": "1.2" })),
        broken(&|imp| imp["native"] = json!({ "request": null })),
        broken(&|imp| imp["native"] = json!({ "request": "{" })),
        broken(&|imp| imp["native"] = json!({ "request": 7 })),
        broken(&|imp| imp["native"] = json!({ "request": { "assets": [] } })),
        broken(&|imp| imp["native"] = json!({ "request": { "assets": "none" } })),
        broken(&|imp| imp["id"] = json!(null)),
        broken(&|imp| imp["id"] = json!("")),
        broken(&|imp| imp["id"] = json!("9".repeat(200))),
    ]
    .into_iter()
    .enumerate()
    {
        let both = with(|auction| auction["imp"] = json!([imp, good]));
        let reply = server.openrtb(&both).await;
        assert_eq!((reply.status, &*reply.no_fill), (200, "invalid_imp"), "{at}: {reply:?}");
        assert_eq!(reply.json()["seatbid"][0]["bid"][0]["impid"], "1", "{at}");
        let alone = with(|auction| auction["imp"] = json!([imp]));
        let reply = server.openrtb(&alone).await;
        assert_eq!((reply.status, reply.json()["nbr"].clone()), (200, json!(2)), "{at}");
    }
    let long_tag = broken(&|imp| imp["tagid"] = json!("t".repeat(300)));
    let both = with(|auction| auction["imp"] = json!([long_tag, good]));
    assert_eq!(server.openrtb(&both).await.no_fill, "unknown_placement");
    let many: Vec<Value> = (0..12).map(|at| broken(&|imp| imp["id"] = json!(at))).collect();
    let reply = server.openrtb(&with(|auction| auction["imp"] = json!(many))).await;
    assert!(reply.no_fill.ends_with("too_many_imps"), "{}", reply.no_fill);
}

#[tokio::test]
async fn unknown_values_and_other_types_are_tolerated() {
    let server = with_all_adapters().start().await;
    let mut request = markup();
    request["context"] = json!(99);
    request["plcmttype"] = json!("500");
    request["privacy"] = json!("1");
    request["assets"][0]["id"] = json!("1");
    request["assets"][0]["title"]["len"] = json!("90");
    request["assets"][4]["img"] = json!({ "type": 501, "w": "x" });
    request["assets"].as_array_mut().unwrap().extend([
        json!({ "id": 20, "data": { "type": 777 } }),
        json!({ "id": 21, "video": { "mimes": [] } }),
        json!({ "id": 22, "hologram": {} }),
        json!({ "title": { "len": 90 } }),
        json!("asset"),
    ]);
    request["eventtrackers"] = json!([
        { "event": "1", "methods": ["1"] }, { "event": 2, "methods": [1, 600] },
        { "event": 555, "methods": [1] }, { "methods": 1 }, null,
    ]);
    let mut auction = auction_of(&request);
    for (path, value) in [
        ("/at", json!("first")),
        ("/test", json!("0")),
        ("/device", json!([])),
        ("/site/cat", json!("IAB19")),
        ("/site/cattax", json!("7")),
        ("/site/content/language", json!(7)),
        ("/site/kwarray", json!([1, "cloud", {}])),
        ("/site/publisher", json!(4242)),
        ("/regs/ext/gpc", json!("0")),
        ("/imp/0/secure", json!("1")),
        ("/tmax", json!("soon")),
        ("/id", json!(17)),
        ("/imp/0/id", json!(1)),
    ] {
        let (parent, name) = path.rsplit_once('/').unwrap();
        auction.pointer_mut(parent).unwrap()[name] = value;
    }

    let reply = server.openrtb(&auction).await;

    assert_eq!(reply.status, 200, "{reply:?}");
    let response = reply.json();
    let bid = &response["seatbid"][0]["bid"][0];
    assert_eq!((&response["id"], &bid["impid"]), (&json!("17"), &json!("1")));
    let native = native_of(&response);
    let ids: Vec<&Value> =
        native["assets"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert!(ids.contains(&&json!(1)) && !ids.contains(&&json!(21)), "{ids:?}");
    assert_eq!(native["eventtrackers"].as_array().unwrap().len(), 2, "{native:#}");
}

#[tokio::test]
async fn a_malformed_request_is_a_400() {
    let server = with_all_adapters().start().await;
    for body in
        ["", "[", "{}", "[]", "7", "{\"id\":\"1\"}", "{\"id\":null,\"imp\":[]}", "{\"imp\":[]}"]
    {
        let call = server.reader.post(&format!("{}/openrtb2/2.6/bids", server.public));
        let reply = Reply::to(call.body(body)).await;
        assert_eq!(reply.problem().0, 400, "{body}: {reply:?}");
        assert_eq!(reply.problem().1, "malformed_request", "{body}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_body_may_be_gzip_and_of_256_kib() {
    let server = with_all_adapters().start().await;
    let padded = |bytes: usize| {
        with(|auction| {
            auction["user"] = json!({ "eids": [{ "uids": [{ "id": "x".repeat(bytes) }] }] })
        })
        .to_string()
    };
    let send = async |encoding: &str, body: Vec<u8>| {
        let call = server.reader.post(&format!("{}/openrtb2/2.6/bids", server.public));
        Reply::to(call.header("content-encoding", encoding).body(body)).await.status
    };

    for bytes in [0, 17_000, 250_000] {
        let text = padded(bytes);
        assert_eq!(send("identity", text.clone().into()).await, 200, "{bytes}");
        assert_eq!(send("gzip", gzip(text.as_bytes())).await, 200, "{bytes}");
        assert_eq!(send("GZIP", gzip(text.as_bytes())).await, 200, "{bytes}");
    }
    assert_eq!(send("gzip", gzip(padded(300_000).as_bytes())).await, 413);
    assert_eq!(send("identity", padded(300_000).into()).await, 413);
    // Unpacked without a bound, this would be 100 MB.
    assert_eq!(send("gzip", gzip(&vec![b' '; 100_000_000])).await, 413);
    assert_eq!(send("gzip", padded(0).into()).await, 400);
    let limits = server.reader.get(&format!("{}/v1/limits", server.public)).send().await.unwrap();
    let limits: Value = limits.json().await.unwrap();
    let published = limits["request"]["openrtb_body_bytes"].as_u64().unwrap();
    let least = usize::try_from(published).unwrap() - padded(0).len();
    for (more, status) in [(0, 200), (1, 413)] {
        let text = padded(least + more);
        assert_eq!(send("identity", text.clone().into()).await, status, "{more}");
        assert_eq!(send("gzip", gzip(text.as_bytes())).await, status, "{more}");
    }
    let whole = gzip(padded(0).as_bytes());
    assert_eq!(send("gzip", whole[..whole.len() - 9].to_vec()).await, 400);
    assert_eq!(send("br", whole).await, 400);
}

#[tokio::test]
async fn the_markup_has_the_version_that_was_asked_for() {
    let server = with_all_adapters().start().await;
    let ask = async |inner: Value, outer: Value| {
        let mut request = markup();
        request["ver"] = inner;
        let mut auction = auction_of(&request);
        auction["imp"][0]["native"]["ver"] = outer;
        native_of(&server.openrtb(&auction).await.json())
    };

    for (inner, outer, version) in [
        (json!("1.2"), json!("1.2"), "1.2"),
        (json!("1.1"), json!("1.2"), "1.1"),
        (json!("1.0"), json!(null), "1.0"),
        (json!("1"), json!(null), "1.0"),
        (json!(1), json!(null), "1.0"),
        (json!(null), json!("1.1"), "1.1"),
        (json!(null), json!(null), "1.2"),
        (json!("2.0"), json!(null), "1.2"),
    ] {
        let native = ask(inner, outer).await;
        assert_eq!(native["ver"], version, "{native:#}");
        let is_new = version == "1.2";
        for name in ["eventtrackers", "privacy"] {
            assert_eq!(native.get(name).is_some(), is_new, "{name} in {native:#}");
        }
        assert_eq!(native.get("imptrackers").is_some(), !is_new);
        let title = &native["assets"][0]["title"];
        let data = &native["assets"][1]["data"];
        assert_eq!((title.get("len").is_some(), data.get("type").is_some()), (is_new, is_new));
        assert_eq!(data["value"], "zahid.host");
    }
}
