//! Adapters for other protocols: requests, responses, counts and rejections.

use crate::harness::{Ack, Setup, TestServer, inventory, reference};
use adjacent::adapters::response::numeric_id;
use adjacent::config::adapter_settings::ForeignEvent;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// All adapters enabled, with foreign names for a publisher and its placements.
pub(crate) fn with_all_adapters() -> Setup {
    Setup::default().manual_clock().settings(|settings| {
        let adapters = &mut settings.adapters;
        (adapters.ethicalads, adapters.kevel, adapters.openrtb) = (true, true, true);
        adapters.publishers.insert("site-4242".into(), "eu-tech-news".into());
        adapters.placements.insert("zone-77".into(), "article-end".into());
        adapters.placements.insert("eu-tech-news/text-v1".into(), "article-end".into());
        adapters.events.insert("40".into(), ForeignEvent::Viewable);
        adapters.events.insert("41".into(), ForeignEvent::Copy);
    })
}

/// A response: status, `Adjacent-No-Fill` reasons, `Adjacent-Ignored` fields, body.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) no_fill: String,
    pub(crate) ignored: String,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) async fn to(request: RequestBuilder) -> Reply {
        let response = request.send().await.unwrap();
        let header = |name: &str| {
            let value =
                response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            value.unwrap_or_default()
        };
        let (no_fill, ignored) = (header("adjacent-no-fill"), header("adjacent-ignored"));
        let status = response.status().as_u16();
        assert!(response.headers().get("set-cookie").is_none());
        if status < 300 {
            assert_eq!(header("cache-control"), "no-store");
        }
        Reply { status, no_fill, ignored, text: response.text().await.unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Status, code and field of a problem document.
    pub(crate) fn problem(&self) -> (u16, String, String) {
        let document = self.json();
        let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
        (self.status, text("code"), text("field"))
    }
}

impl TestServer {
    pub(crate) async fn ethicalads(&self, query: &str) -> Reply {
        Reply::to(self.reader.get(&format!("{}/api/v1/decision/?{query}", self.public))).await
    }

    pub(crate) async fn ethicalads_posted(&self, body: &Value) -> Reply {
        Reply::to(self.post_json("/api/v1/decision/", body)).await
    }

    pub(crate) async fn kevel(&self, body: &Value) -> Reply {
        Reply::to(self.post_json("/api/v2", body)).await
    }

    pub(crate) async fn openrtb(&self, body: &Value) -> Reply {
        Reply::to(self.post_json("/openrtb2/2.6/bids", body)).await
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> RequestBuilder {
        self.reader.post(&format!("{}{path}", self.public)).json(body)
    }

    /// Reports an impression and clicks the link a second later.
    pub(crate) async fn view_and_click(&self, view: &str, link: &str) -> Ack {
        assert!(self.reader.fire(view).await.recorded);
        self.advance_ms(1_000);
        let ack = self.reader.fire(link).await;
        self.inner.ledger.barrier().await.unwrap();
        ack
    }

    /// Asserts the numbers of counted impressions and clicks.
    pub(crate) async fn assert_counted(&self, impressions: u64, clicks: u64) {
        let scrape = self.scrape().await;
        let events = |kind: &str, verdict: &str| {
            let series = format!("adjacent_events_total{{kind=\"{kind}\",verdict=\"{verdict}\"}}");
            scrape.count(&series)
        };
        assert_eq!(
            (events("impression", "counted"), events("click", "counted")),
            (impressions, clicks)
        );
        self.assert_ledger_consistent().await;
    }

    /// Sum of the reservations of an advertiser's campaigns, in micros.
    pub(crate) async fn reserved_micros(&self, advertiser: &str) -> u64 {
        let path = format!("/v1/admin/overview?search={advertiser}");
        let request = self.reader.get(&format!("{}{path}", self.ops));
        let response = request.bearer_auth(self.key("operator")).send().await.unwrap();
        let overview: Value = response.json().await.unwrap();
        let campaigns = overview["advertisers"][0]["campaigns"].as_array().unwrap();
        campaigns.iter().map(|campaign| campaign["reserved_micros"].as_u64().unwrap_or(0)).sum()
    }
}

pub(crate) const PAGE: &str = "publisher=eu-tech-news&div_ids=article-end&ad_types=text-v1\
    &keywords=ai-infrastructure|data+centre&campaign_types=paid|publisher-house|community|house\
    &client_version=4&placement_index=0&url=https%3A%2F%2Fnews.example%2Fx";

pub(crate) fn kevel_page() -> Value {
    json!({
        "placements": [{ "divName": "article-end", "networkId": 23, "siteId": 4242, "adTypes": [5] }],
        "keywords": ["ai-infrastructure", "@alibaba cloud"],
        "url": "https://news.example/x",
        "enableBotFiltering": true,
    })
}

pub(crate) fn markup() -> Value {
    json!({
        "ver": "1.2", "context": 1, "contextsubtype": 11, "plcmttype": 4, "privacy": 1,
        "assets": [
            { "id": 1, "required": 1, "title": { "len": 90 } },
            { "id": 2, "required": 1, "data": { "type": 1, "len": 25 } },
            { "id": 3, "required": 0, "data": { "type": 2, "len": 300 } },
            { "id": 4, "required": 0, "data": { "type": 12, "len": 20 } },
            { "id": 5, "required": 0, "img": { "type": 3, "w": 1200, "h": 627 } },
            { "id": 6, "required": 0, "data": { "type": 11 } },
        ],
        "eventtrackers": [{ "event": 1, "methods": [1, 2] }, { "event": 2, "methods": [1] }],
    })
}

pub(crate) fn auction_of(markup: &Value) -> Value {
    json!({
        "id": "auction-1", "at": 1, "tmax": 120,
        "imp": [{
            "id": "1", "tagid": "article-end", "secure": 1, "bidfloor": 2.5, "bidfloorcur": "EUR",
            "native": { "ver": "1.2", "request": markup.to_string() },
        }],
        "site": {
            "id": "site-4242", "page": "https://news.example/x", "keywords": "ai-infrastructure,cloud",
            "cattax": 7, "pagecat": ["596"], "content": { "language": "en" },
        },
        "device": { "ua": "Mozilla/5.0", "ip": "192.0.2.7", "ifa": "x", "geo": { "country": "DEU" } },
        "user": { "id": "reader-1", "buyeruid": "reader-1" },
        "cur": ["EUR", "USD"],
        "regs": { "gdpr": 1, "gpp": "DBAA", "ext": { "dsa": { "dsarequired": 2, "pubrender": 2 } } },
    })
}

pub(crate) fn auction() -> Value {
    auction_of(&markup())
}

#[tokio::test]
async fn a_disabled_adapter_is_not_found() {
    let server = TestServer::start().await;

    for reply in [
        server.ethicalads(PAGE).await,
        server.ethicalads_posted(&json!({})).await,
        server.kevel(&kevel_page()).await,
        server.openrtb(&auction()).await,
    ] {
        assert_eq!(reply.problem(), (404, "adapter_disabled".into(), String::new()));
    }
}

#[tokio::test]
async fn ethicalads_gets_the_unit_in_its_format_and_its_view_and_click_count_once() {
    let server = with_all_adapters().start().await;

    let reply = server.ethicalads(PAGE).await;
    let unit = reply.json();
    let text = |path: &str| unit.pointer(path).and_then(Value::as_str).unwrap_or_default();
    assert_eq!(text("/id"), "zahid-git-push", "{unit:#}");
    assert_eq!(text("/copy/headline"), "Run your AI side-project on zahid.host");
    assert_eq!(text("/copy/cta"), "Get free account");
    assert_eq!((text("/campaign_type"), text("/display_type")), ("paid", "text-v1"));
    assert_eq!((text("/div_id"), text("/link_domain")), ("article-end", "zahid.host"));
    assert_eq!((text("/view_time_url"), &unit["image"]), ("", &Value::Null));
    assert!(
        text("/html").starts_with("<div class=\"ea-type-text\"><div class=\"ea-content\">"),
        "one element, with nothing before it, that the client's themes style"
    );
    assert!(text("/html").contains(text("/label/text")) && !text("/html").contains("<img"));
    assert!(text("/text").contains(text("/label/text")) && !text("/label/text").is_empty());
    assert_eq!(reply.ignored, "client_version, placement_index");

    let view = format!("{}?uplift=true", text("/view_url"));
    let ack = server.view_and_click(&view, text("/link")).await;
    assert!(ack.location.unwrap().starts_with("https://zahid.host/signup"));
    server.reader.fire(&view).await;

    server.assert_counted(1, 1).await;
}

#[tokio::test]
async fn ethicalads_accepts_only_identifiers_as_jsonp_callbacks() {
    let server = with_all_adapters().start().await;

    let jsonp = server.ethicalads(&format!("{PAGE}&format=jsonp&callback=ad_1_2")).await;
    let inner = jsonp.text.strip_prefix("/**/ad_1_2(").and_then(|rest| rest.strip_suffix(");"));
    assert!(serde_json::from_str::<Value>(inner.unwrap()).unwrap()["html"].is_string());
    let default = server.ethicalads(&format!("{PAGE}&format=jsonp")).await;
    assert!(default.text.starts_with("/**/callback({"));

    for bad in ["alert(1)//", "a%0Ab", "%3Cscript%3E", ""] {
        let reply = server.ethicalads(&format!("{PAGE}&callback={bad}")).await;
        assert_eq!(reply.problem(), (422, "invalid_field".into(), "callback".into()), "{bad}");
    }
}

#[tokio::test]
async fn ethicalads_without_a_unit_gets_an_empty_document_and_the_reason() {
    let server = with_all_adapters().start().await;
    let page = |change: (&str, &str)| PAGE.replace(change.0, change.1);

    for (query, reason) in [
        (
            page(("ad_types=text-v1", "ad_types=image-v1&")).replace("article-end", "x"),
            "unknown_placement",
        ),
        (page(("campaign_types=paid|", "campaign_types=")).replace("eu-tech-news", "none"), ""),
    ] {
        let reply = server.ethicalads(&query).await;
        if reason.is_empty() {
            assert_eq!(reply.problem().1, "unknown_publisher");
        } else {
            assert_eq!((reply.status, &*reply.text, &*reply.no_fill), (200, "{}", reason));
        }
    }
    let only_house =
        server.ethicalads(&page(("paid|publisher-house|community|house", "house"))).await;
    assert_eq!(only_house.json()["campaign_type"], "house");
    let only_paid = page(("ai-infrastructure|data+centre", "gardens"))
        .replace("paid|publisher-house|community|house", "paid");
    let reply = server.ethicalads(&only_paid).await;
    assert_eq!(
        (&*reply.text, &*reply.no_fill),
        ("{}", "campaign_type"),
        "a house unit is not an allowed campaign type"
    );
}

#[tokio::test]
async fn ethicalads_rejects_invalid_parameters_by_field() {
    let server = with_all_adapters().start().await;

    for (change, status, field) in [
        (("&div_ids=article-end&ad_types=text-v1", ""), 422, "ad_types"),
        (("publisher=eu-tech-news&", ""), 422, "publisher"),
        (("client_version=4", "priorities=12"), 422, "placements[0].priority"),
        (("client_version=4", "force_campaign=x"), 422, "force_campaign"),
        (("client_version=4", "force_ad=gitlift-review"), 403, ""),
    ] {
        let reply = server.ethicalads(&PAGE.replace(change.0, change.1)).await;
        let problem = reply.problem();
        assert_eq!((problem.0, &*problem.2), (status, field), "{change:?}");
    }
    let broken = server.reader.post(&format!("{}/api/v1/decision/", server.public)).body("{");
    assert_eq!(Reply::to(broken).await.problem().1, "malformed_request");
}

#[tokio::test]
async fn ethicalads_server_requests_fill_the_best_slot_and_ignore_data_about_the_reader() {
    let server = with_all_adapters().start().await;
    let mut body = json!({
        "publisher": "eu-tech-news",
        "placements": [
            { "div_id": "unknown", "ad_type": "none", "priority": 10 },
            { "div_id": "b", "ad_type": "text-v1", "priority": 2 },
            { "div_id": "sidebar", "ad_type": "x", "priority": 5 },
        ],
        "keywords": ["ai-infrastructure"],
        "user_ip": "192.0.2.7", "user_ua": "Mozilla/5.0",
    });

    let reply = server.ethicalads_posted(&body).await;
    assert_eq!(reply.json()["div_id"], "sidebar", "{reply:?}");
    assert_eq!(reply.ignored, "user_ip, user_ua");
    let key = server.key("publisher:eu-tech-news").to_owned();
    for (authorization, status) in
        [(format!("Token {key}"), 200), ("Token unknown".to_owned(), 401)]
    {
        let call =
            server.post_json("/api/v1/decision/", &body).header("authorization", authorization);
        assert_eq!(Reply::to(call).await.status, status);
    }
    body["force_ad"] = json!("zahid-git-push");
    let forced = server.post_json("/api/v1/decision/", &body);
    let forced = Reply::to(forced.bearer_auth(server.key("operator"))).await;

    assert_eq!(forced.json()["id"], "zahid-git-push");
    server.reader.fire(forced.json()["view_url"].as_str().unwrap()).await;
    server.assert_counted(0, 0).await;
}

#[tokio::test]
async fn kevel_gets_a_unit_by_div_name_and_its_pixels_count_once() {
    let server = with_all_adapters().start().await;
    let mut page = kevel_page();
    page["placements"][0]["eventIds"] = json!([40, 41, 99]);

    let reply = server.kevel(&page).await;
    let answer = reply.json();
    let unit = &answer["decisions"]["article-end"];
    let text = |path: &str| unit.pointer(path).and_then(Value::as_str).unwrap_or_default();
    assert_eq!(text("/contents/0/data/creative/id"), "zahid-git-push", "{answer:#}");
    assert_eq!(text("/contents/0/type"), "html");
    assert!(text("/contents/0/body").contains("adj-label"));
    assert!(!text("/contents/0/body").contains("adj-seen"), "the client fires the pixel");
    assert!(!text("/contents/0/data/label/text").is_empty());
    for id in ["adId", "creativeId", "flightId", "campaignId", "advertiserId"] {
        assert!((1..=i64::from(i32::MAX)).contains(&unit[id].as_i64().unwrap()), "{id}");
    }
    let ids: Vec<i64> =
        unit["events"].as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [40, 41], "only events named in the settings");
    assert_eq!(answer["user"], json!({ "key": "" }), "readers have no identifier");
    assert_eq!(unit["priorityId"], 2, "the standard tier");

    let view = format!("{}&override=9&gmv=5", text("/impressionUrl"));
    let ack = server.view_and_click(&view, text("/clickUrl")).await;
    assert!(ack.location.unwrap().starts_with("https://zahid.host/signup"));
    server.reader.fire(&view).await;
    assert!(server.reader.fire(unit["events"][0]["url"].as_str().unwrap()).await.recorded);

    server.assert_counted(1, 1).await;
    server.wait_for_metric("adjacent_events_total{kind=\"viewable\",verdict=\"counted\"}", 1).await;
}

#[tokio::test]
async fn kevel_without_tracking_gets_no_viewability_events() {
    let server = with_all_adapters().start().await;
    let mut page = kevel_page();
    page["placements"][0]["eventIds"] = json!([40]);
    page["notrack"] = json!(true);

    let reply = server.kevel(&page).await;

    let unit = &reply.json()["decisions"]["article-end"];
    assert!(unit["impressionUrl"].is_string());
    assert_eq!(unit["events"], json!([]));
}

#[tokio::test]
async fn kevel_ignores_data_about_the_reader_and_reports_it() {
    let server = with_all_adapters().start().await;
    let mut page = kevel_page();
    page["user"] = json!({ "key": "ue1-reader" });
    page["ip"] = json!("192.0.2.7");
    page["deviceID"] = json!("ue1-reader");
    page["consent"] = json!({ "gdpr": true });

    let reply = server.kevel(&page).await;

    assert_eq!(reply.status, 200);
    for name in ["user", "ip", "deviceID", "consent", "placements[0].networkId"] {
        assert!(reply.ignored.contains(name), "{name}: {}", reply.ignored);
    }
    assert!(!reply.text.contains("ue1-reader") && !reply.ignored.contains("ue1-reader"));
    let mut native = reference();
    native["user"] = page["user"].clone();
    assert_eq!(
        server.request_decisions(&native).await.status(),
        422,
        "the native API still rejects it"
    );
}

#[tokio::test]
async fn kevel_decides_each_slot_and_returns_null_for_a_no_fill() {
    let server = with_all_adapters().start().await;
    let slot = |name: &str, more: Value| {
        let mut slot = json!({ "divName": name, "siteId": 4242, "adTypes": [5] });
        slot.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        slot
    };
    let mut page = kevel_page();
    page["placements"] = json!([
        slot("top", json!({ "zoneIds": [77], "count": 3 })),
        slot("unknown", json!({})),
        slot("sidebar", json!({ "flightId": 1 })),
    ]);

    let reply = server.kevel(&page).await;
    let decisions = reply.json()["decisions"].clone();

    let keys: Vec<&String> = decisions.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["top", "unknown", "sidebar"]);
    assert_eq!(decisions["top"].as_array().unwrap().len(), 1, "a list if the count is above one");
    assert_eq!((&decisions["unknown"], &decisions["sidebar"]), (&Value::Null, &Value::Null));
    assert_eq!(reply.no_fill, "unknown_placement, not_wanted");
    let snapshot = server.inner.world.live();
    let all = snapshot.snapshot().inventory.creatives.iter();
    let numbers: Vec<i64> = all.map(|creative| numeric_id(creative.id.as_str())).collect();
    assert!(numbers.contains(&decisions["top"][0]["creativeId"].as_i64().unwrap()));
    page["blockedCreatives"] = json!(numbers);
    let reply = server.kevel(&page).await;
    assert_eq!(reply.json()["decisions"]["top"], json!([]), "a list, also without a unit");
    assert!(reply.no_fill.starts_with("not_wanted"), "{}", reply.no_fill);
}

#[tokio::test]
async fn kevel_properties_describe_the_page() {
    let server = with_all_adapters().start().await;
    let mut page = kevel_page();
    page["keywords"] = json!(null);
    page["placements"][0]["properties"] =
        json!({ "topics": "ai-infrastructure", "subjects": ["zahid-host"], "region": "eu" });

    let reply = server.kevel(&page).await;

    let creative =
        &reply.json()["decisions"]["article-end"]["contents"][0]["data"]["creative"]["id"];
    assert_ne!(creative, "zahid-git-push", "not next to an article about the advertiser");
    page["placements"][0]["properties"]["subjects"] = json!([]);
    let reply = server.kevel(&page).await;
    let creative =
        &reply.json()["decisions"]["article-end"]["contents"][0]["data"]["creative"]["id"];
    assert_eq!(creative, "zahid-git-push");
}

#[tokio::test]
async fn kevel_explains_only_to_an_operator() {
    let server = with_all_adapters().start().await;
    let request =
        |key: String| server.post_json("/api/v2", &kevel_page()).header("x-adzerk-explain", key);
    let operator = server.key("operator").to_owned();
    let wrapped = json!({ "apiKey": operator, "desiredAds": [1] }).to_string();

    for key in [operator, wrapped] {
        let reply = Reply::to(request(key)).await;
        assert_eq!(reply.json()["explain"]["agrees"], true, "{reply:?}");
    }
    let publisher = Reply::to(request(server.key("publisher:eu-tech-news").to_owned())).await;
    assert_eq!(publisher.problem().1, "forbidden");
    assert_eq!(Reply::to(request("unknown".into())).await.problem().1, "unauthorized");
    assert!(server.kevel(&kevel_page()).await.json().get("explain").is_none());
}

#[tokio::test]
async fn kevel_rejects_invalid_requests_by_field() {
    let server = with_all_adapters().start().await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut page = kevel_page();
        change(&mut page);
        page
    };

    for (page, expected) in [
        (with(&|page| page["placements"] = json!([])), (422, "placements")),
        (
            with(&|page| page["placements"][0]["siteId"] = json!(null)),
            (422, "placements[0].siteId"),
        ),
        (with(&|page| page["placements"][0]["siteId"] = json!("x")), (422, "placements[0].siteId")),
        (with(&|page| page["placements"][0]["siteId"] = json!(1)), (404, "")),
        (json!({}), (422, "placements")),
    ] {
        let problem = server.kevel(&page).await.problem();
        assert_eq!((problem.0, &*problem.2), expected, "{page}");
    }
    let two = json!({ "placements": [{ "siteId": 4242 }, { "siteId": 4243 }] });
    assert_eq!(server.kevel(&two).await.problem().2, "placements[1].siteId");
    // A key of this server's form that is none is an error; a key of another service is not used.
    for (key, status) in [("adj_p_unknown_key", 401), ("ABCDEF0123456789", 200)] {
        let call = server.post_json("/api/v2", &kevel_page()).header("x-adzerk-apikey", key);
        let reply = Reply::to(call).await;
        assert_eq!(
            (reply.status, reply.ignored.contains("x-adzerk-apikey")),
            (status, status == 200)
        );
    }
}

#[tokio::test]
async fn a_bid_has_the_price_the_assets_and_the_payer_of_the_decision() {
    let server = with_all_adapters().start().await;

    let reply = server.openrtb(&auction()).await;
    let response = reply.json();
    let bid = &response["seatbid"][0]["bid"][0];
    assert_eq!(
        (&response["id"], &response["cur"]),
        (&json!("auction-1"), &json!("EUR")),
        "{response:#}"
    );
    assert_eq!(response["seatbid"][0]["seat"], "zahid-host");
    assert_eq!((&bid["impid"], bid["price"].as_f64()), (&json!("1"), Some(8.0)), "a CPM of €8");
    assert_eq!((&bid["crid"], &bid["cid"]), (&json!("zahid-git-push"), &json!("zahid-launch")));
    assert_eq!(bid["exp"], 900);
    assert_eq!((&bid["adomain"], &bid["mtype"]), (&json!(["zahid.host"]), &json!(4)));
    assert_eq!((&bid["cat"], &bid["cattax"]), (&json!(["IAB19"]), &json!(1)));
    let dsa = &bid["ext"]["dsa"];
    assert_eq!(
        (&dsa["behalf"], &dsa["paid"]),
        (&json!("zahid.host"), &json!("Zahid Hosting GmbH"))
    );
    assert_eq!((&dsa["adrender"], &dsa["transparency"][0]["dsaparams"]), (&json!(0), &json!([2])));

    let native: Value = serde_json::from_str(bid["adm"].as_str().unwrap()).unwrap();
    let asset = |id: i64| native["assets"].as_array().unwrap().iter().find(|one| one["id"] == id);
    assert_eq!(asset(1).unwrap()["title"]["text"], "Run your AI side-project on zahid.host");
    assert_eq!(asset(2).unwrap()["data"]["value"], "zahid.host");
    assert_eq!(asset(4).unwrap()["data"]["value"], "Get free account");
    assert_eq!(asset(6).unwrap()["data"]["value"], "zahid.host");
    assert!(asset(5).is_none(), "there is no image, and none is required");
    assert_eq!(native["ext"]["label"], "Anzeige", "the reader's country was declared");
    assert!(native["privacy"].as_str().unwrap().contains("/w/"));
    let trackers = native["eventtrackers"].as_array().unwrap();
    let kinds: Vec<&Value> = trackers.iter().map(|one| &one["event"]).collect();
    assert_eq!((kinds, native.get("imptrackers")), (vec![&json!(1), &json!(2)], None));
    assert!(
        reply.ignored.contains("user") && reply.ignored.contains("device.ip"),
        "{}",
        reply.ignored
    );

    let view = trackers[0]["url"].as_str().unwrap();
    server.view_and_click(view, native["link"]["url"].as_str().unwrap()).await;
    server.assert_counted(1, 1).await;
    let spent = "adjacent_spend_micros_total{campaign=\"zahid-launch\",currency=\"EUR\"}";
    assert_eq!(server.metric(spent).await, inventory::PRICE_MICROS, "a thousandth of the CPM");
}

#[tokio::test]
async fn an_older_native_request_gets_an_older_native_response() {
    let server = with_all_adapters().start().await;
    let mut older = markup();
    older.as_object_mut().unwrap().remove("eventtrackers");

    let reply = server.openrtb(&auction_of(&json!({ "native": older }))).await;

    let adm = reply.json()["seatbid"][0]["bid"][0]["adm"].as_str().unwrap().to_owned();
    let native = &serde_json::from_str::<Value>(&adm).unwrap()["native"];
    assert!(native["imptrackers"][0].as_str().unwrap().contains("/e/"));
    assert!(native.get("eventtrackers").is_none());
}

#[tokio::test]
async fn a_unit_that_the_exchange_does_not_accept_is_a_no_bid_with_the_reason() {
    let server = with_all_adapters().start().await;
    let required = |id: usize| {
        let mut request = markup();
        request["assets"][id - 1]["required"] = json!(1);
        request
    };
    let mut short = markup();
    short["assets"][0]["title"]["len"] = json!(10);
    let with = |path: &str, value: Value| {
        let mut auction = auction();
        *auction.pointer_mut(path).unwrap() = value;
        auction
    };
    let added = |name: &str, value: Value| {
        let mut auction = auction();
        auction[name] = value;
        auction
    };

    for (auction, reason) in [
        (with("/imp/0/bidfloor", json!(8.01)), "below_floor"),
        (with("/imp/0/bidfloorcur", json!("USD")), "currency"),
        (with("/cur", json!(["USD"])), "currency"),
        (added("badv", json!(["other.example", "ZAHID.host"])), "blocked_advertiser"),
        (added("badv", json!(["host"])), "blocked_advertiser"),
        (added("bcat", json!(["IAB19"])), "blocked_category"),
        (auction_of(&required(5)), "assets"),
        (auction_of(&short), "assets"),
        (with("/regs/ext/dsa/pubrender", json!(0)), "disclosure"),
        (with("/imp/0/tagid", json!("unknown")), "unknown_placement"),
    ] {
        let reply = server.openrtb(&auction).await;
        assert_eq!((reply.status, &*reply.no_fill, &*reply.text), (204, reason, ""), "{reason}");
    }
    for auction in [
        added("badv", json!(["hid.host", "not.zahid.host"])),
        added("bcat", json!(["IAB1", "IAB19-6"])),
        with("/cur", json!([])),
    ] {
        assert_eq!(server.openrtb(&auction).await.status, 200, "{auction}");
    }
}

#[tokio::test]
async fn an_invalid_bid_request_gets_a_no_bid_reason_code() {
    let server = with_all_adapters().start().await;
    let mut app = auction();
    app["app"] = app.as_object_mut().unwrap().remove("site").unwrap();
    let mut video = auction();
    video["imp"][0]["native"] = json!(null);
    let mut broken = auction();
    broken["imp"][0]["native"]["request"] = json!("{");
    let mut unknown_site = auction();
    unknown_site["site"]["id"] = json!("unknown");

    for (auction, nbr) in [(app, 2), (video, 2), (broken, 2), (unknown_site, 7)] {
        let reply = server.openrtb(&auction).await;
        assert_eq!((reply.status, &reply.json()["nbr"]), (200, &json!(nbr)), "{auction}");
    }
    let broken = server.reader.post(&format!("{}/openrtb2/2.6/bids", server.public)).body("[");
    assert_eq!(Reply::to(broken).await.problem().1, "malformed_request");
    assert_eq!(server.openrtb(&json!({ "imp": [] })).await.problem().2, "id");
    let scrape = server.scrape().await;
    assert_eq!(scrape.count("adjacent_decisions_total{outcome=\"filled\"}"), 0);
}

#[tokio::test]
async fn a_test_auction_never_counts_and_privacy_control_is_respected() {
    let server = with_all_adapters().start().await;
    let mut test = auction();
    test["test"] = json!(1);
    let mut private = auction();
    private["regs"]["ext"]["gpc"] = json!("1");

    let reply = server.openrtb(&test).await.json();
    let adm = reply["seatbid"][0]["bid"][0]["adm"].as_str().unwrap();
    let native: Value = serde_json::from_str(adm).unwrap();
    server.reader.fire(native["eventtrackers"][0]["url"].as_str().unwrap()).await;
    server.assert_counted(0, 0).await;

    let reply = server.openrtb(&private).await.json();
    let adm = reply["seatbid"][0]["bid"][0]["adm"].as_str().unwrap();
    let native: Value = serde_json::from_str(adm).unwrap();
    let events: Vec<&Value> =
        native["eventtrackers"].as_array().unwrap().iter().map(|one| &one["event"]).collect();
    assert_eq!(events, [&json!(1)], "no viewability event");
}

#[tokio::test]
async fn a_flat_flight_makes_no_bid_and_a_cpc_flight_bids_its_expected_cpm() {
    let flat = inventory::example_with(
        "pricing = \"cpm\"\nprice_micros = 8_000_000",
        "pricing = \"flat\"\nprice_micros = 0",
    );
    let clicks = inventory::example_with(
        "pricing = \"cpm\"\nprice_micros = 8_000_000",
        "pricing = \"cpc\"\nprice_micros = 1_500_000",
    );

    let server = with_all_adapters().inventory(flat).start().await;
    let reply = server.openrtb(&auction()).await;
    assert_eq!((reply.status, &*reply.no_fill), (204, "no_price"));

    let server = with_all_adapters().inventory(clicks).start().await;
    let bid = &server.openrtb(&auction()).await.json()["seatbid"][0]["bid"][0];
    assert_eq!(bid["price"].as_f64(), Some(6.0), "four clicks at €1.50 per 1000 impressions");
}

#[tokio::test]
async fn a_bid_parses_with_independent_types_of_the_specification() {
    let server = with_all_adapters().start().await;
    let request: openrtb_native1::request::Request =
        serde_json::from_value(markup()).expect("the request of the tests is valid");
    assert_eq!(request.assets.len(), 6);

    let reply = server.openrtb(&auction()).await;

    let response: openrtb2::BidResponse = serde_json::from_str(&reply.text).unwrap();
    let bid = &response.seatbid.unwrap()[0].bid[0];
    assert_eq!((bid.price, &*response.cur), (8.0, "EUR"));
    let native: openrtb_native1::response::Response =
        serde_json::from_str(bid.adm.as_deref().unwrap()).unwrap();
    let reparsed = serde_json::to_value(&native).unwrap();
    let written: Value = serde_json::from_str(bid.adm.as_deref().unwrap()).unwrap();
    for name in written.as_object().unwrap().keys() {
        assert!(
            reparsed.get(name).is_some() || name == "ver",
            "unknown field `{name}`: {reparsed:#}"
        );
    }
    assert_eq!(
        reparsed["assets"].as_array().unwrap().len(),
        written["assets"].as_array().unwrap().len()
    );
}

#[tokio::test]
async fn an_auction_of_several_slots_gets_one_response_and_absent_fields_may_be_null() {
    let server = with_all_adapters().start().await;
    let mut auction = auction();
    let mut second = auction["imp"][0].clone();
    second["id"] = json!("2");
    second["tagid"] = json!("unknown");
    second["bidfloor"] = json!(null);
    auction["imp"].as_array_mut().unwrap().push(second);
    auction["imp"].as_array_mut().unwrap().push(json!({ "id": "3", "banner": { "w": 300 } }));
    for name in ["cur", "bcat", "badv", "cattax", "test", "app"] {
        auction[name] = json!(null);
    }
    auction["site"]["kwarray"] = json!(null);
    auction["site"]["cat"] = json!(null);
    auction["regs"]["ext"] = json!(null);

    let reply = server.openrtb(&auction).await;

    let response = reply.json();
    assert_eq!(response["seatbid"].as_array().unwrap().len(), 1, "{response:#}");
    assert_eq!(response["seatbid"][0]["bid"][0]["impid"], "1");
    assert!(
        response["seatbid"][0]["bid"][0].get("ext").is_none(),
        "no DSA transparency was requested"
    );
    assert_eq!(reply.no_fill, "unknown_placement");
}

/// The example with a second eligible advertiser for the reference page, priced per click in USD.
pub(crate) fn with_second_advertiser() -> String {
    inventory::example_with("any = [\"americas\", \"GB\"]", "any = [\"americas\", \"GB\", \"eu\"]")
}

/// The distinct bidders (or no-bid reasons) of several auctions: the draw between two advertisers is
/// random.
pub(crate) async fn bidders(server: &TestServer, auction: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for _ in 0..12 {
        let reply = server.openrtb(auction).await;
        let bidder = match reply.status {
            200 => reply.json()["seatbid"][0]["seat"].as_str().unwrap().to_owned(),
            _ => reply.no_fill,
        };
        if !found.contains(&bidder) {
            found.push(bidder);
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_blocked_bid_is_replaced_by_the_next_best() {
    let server = with_all_adapters().inventory(with_second_advertiser()).start().await;
    let mut open = auction();
    open["imp"][0].as_object_mut().unwrap().remove("bidfloor");
    let with = |name: &str, value: Value| {
        let mut auction = open.clone();
        auction[name] = value;
        auction
    };
    let mut floor = open.clone();
    floor["imp"][0]["bidfloor"] = json!(5.0);

    assert_eq!(bidders(&server, &open).await, ["gitlift", "zahid-host"]);
    for (auction, bidder) in [
        (with("badv", json!(["zahid.host"])), "gitlift"),
        (with("badv", json!(["gitlift.example"])), "zahid-host"),
        (with("wseat", json!(["gitlift"])), "gitlift"),
        (with("bseat", json!(["gitlift"])), "zahid-host"),
        (with("wseat", json!(["unknown"])), "seat"),
        (with("cur", json!(["USD"])), "gitlift"),
        (floor, "zahid-host"),
        (with("bcat", json!(["IAB19"])), "blocked_category"),
    ] {
        assert_eq!(bidders(&server, &auction).await, [bidder], "{auction:#}");
    }
}

#[tokio::test]
async fn a_rejected_unit_reserves_no_money_and_its_decision_replays_identically() {
    let server = with_all_adapters().inventory(with_second_advertiser()).start().await;
    let mut auction = auction();
    auction["imp"][0].as_object_mut().unwrap().remove("bidfloor");
    auction["badv"] = json!(["zahid.host"]);
    for _ in 0..20 {
        let reply = server.openrtb(&auction).await.json();
        let bid = &reply["seatbid"][0]["bid"][0];
        let path = format!("/v1/decisions/{}/explain", bid["id"].as_str().unwrap());

        let (status, explained) = server.get_as("operator", &path).await;

        assert_eq!((status, &explained["agrees"]), (200, &json!(true)), "{explained:#}");
        let removed = explained["slots"][0]["removed"].as_array().unwrap();
        let is_blocked = |entry: &&Value| entry["flight"] == "zahid-ai-europe";
        let stage = removed.iter().find(is_blocked).map(|entry| entry["stage"].clone());
        // If another flight was drawn first, this one was not rejected.
        assert!(stage.is_none() || stage == Some(json!("publisher_blocked")), "{removed:#?}");
    }
    assert_eq!(server.reserved_micros("zahid-host").await, 0, "a rejected unit reserves nothing");
    assert!(server.reserved_micros("gitlift").await > 0);
}

#[tokio::test]
async fn a_unit_without_a_required_asset_is_replaced_by_one_that_has_it() {
    let server = with_all_adapters().inventory(with_second_advertiser()).start().await;
    let auction_with = |mut asset: Value| {
        let mut request = markup();
        request["assets"][0]["required"] = json!(0);
        asset["id"] = json!(4711);
        request["assets"].as_array_mut().unwrap().push(asset);
        let mut auction = auction_of(&request);
        auction["imp"][0].as_object_mut().unwrap().remove("bidfloor");
        auction
    };

    for (asset, bidder) in [
        (json!({ "required": 1, "title": { "len": 30 } }), "gitlift"),
        (json!({ "required": 1, "data": { "type": 2, "len": 70 } }), "gitlift"),
        (json!({ "required": 1, "data": { "type": 6 } }), "zahid-host"),
        (json!({ "required": 1, "data": { "type": 10, "len": 90 } }), "zahid-host"),
        (json!({ "required": 1, "data": { "type": 10, "len": 20 } }), "assets"),
        (json!({ "required": 1, "title": { "len": 20 } }), "assets"),
        (json!({ "required": 1, "data": { "type": 3 } }), "assets"),
        (json!({ "required": 1, "img": { "type": 1 } }), "assets"),
        (json!({ "required": 1, "video": { "mimes": ["video/mp4"] } }), "assets"),
    ] {
        let auction = auction_with(asset);
        assert_eq!(bidders(&server, &auction).await, [bidder], "{auction:#}");
        let Ok(response) = serde_json::from_str::<Value>(&server.openrtb(&auction).await.text)
        else {
            continue;
        };
        let adm = response["seatbid"][0]["bid"][0]["adm"].as_str().unwrap();
        let native: Value = serde_json::from_str(adm).unwrap();
        let last = native["assets"].as_array().unwrap().last().unwrap();
        assert_eq!((&last["id"], &last["required"]), (&json!(4711), &json!(1)), "{native:#}");
    }
    let all =
        bidders(&server, &auction_with(json!({ "required": 0, "title": { "len": 20 } }))).await;
    assert_eq!(all, ["gitlift", "zahid-host"], "an optional asset excludes no unit");
}

/// The example with a second, short creative in the reference flight.
fn with_a_short_creative() -> String {
    inventory::example()
        + r#"
[[creatives]]
id = "zahid-short"
flight = "zahid-ai-europe"
styles = ["line", "card", "terminal"]
language = "en"
headline = "Push and run"
body = "One push."
ctas = [{ id = "primary", text = "Try it", url = "https://zahid.host/short" }]
"#
}

#[tokio::test]
async fn a_rejected_creative_is_replaced_by_another_of_the_flight() {
    let inventory = with_a_short_creative();
    let server = with_all_adapters().inventory(inventory).start().await;
    let mut short = markup();
    short["assets"][0]["title"]["len"] = json!(12);
    let mut rejections = 0;
    for _ in 0..20 {
        let reply = server.openrtb(&auction_of(&short)).await.json();
        let bid = &reply["seatbid"][0]["bid"][0];
        assert_eq!(bid["crid"], "zahid-short", "{reply:#}");

        let id = bid["id"].as_str().unwrap();
        let path = format!("/v1/decisions/{id}/explain?want=zahid-git-push");
        let (status, explained) = server.get_as("operator", &path).await;
        assert_eq!((status, &explained["agrees"]), (200, &json!(true)), "{explained:#}");
        // If the short creative was drawn first, the other one was not rejected.
        rejections += u32::from(explained["want"][0]["against"] == json!(["publisher_blocked"]));
    }
    assert!(rejections > 0);

    let (mut blocked, mut requested) = (kevel_page(), kevel_page());
    blocked["blockedCreatives"] = json!([numeric_id("zahid-git-push")]);
    requested["placements"][0]["adId"] = json!(numeric_id("zahid-short"));
    for page in [blocked, requested] {
        for _ in 0..20 {
            let reply = server.kevel(&page).await.json();
            let data = &reply["decisions"]["article-end"]["contents"][0]["data"];
            assert_eq!(data["creative"]["id"], "zahid-short", "{page:#}");
        }
    }
}

#[tokio::test]
async fn a_unit_without_a_required_asset_reserves_no_money() {
    let server = with_all_adapters().start().await;
    let mut short = markup();
    short["assets"][0]["title"]["len"] = json!(10);
    for _ in 0..5 {
        assert_eq!(server.openrtb(&auction_of(&short)).await.no_fill, "assets");
    }
    assert_eq!(server.reserved_micros("zahid-host").await, 0);

    assert_eq!(server.openrtb(&auction()).await.status, 200);
    assert!(server.reserved_micros("zahid-host").await > 0);
}

/// Sends a bid request whose second half arrives after a pause; returns the raw response.
async fn openrtb_slowly(server: &TestServer, auction: &Value, pause: Duration) -> String {
    let address = server.public.strip_prefix("http://").unwrap();
    let body = auction.to_string();
    let (first, rest) = body.split_at(body.len() / 2);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /openrtb2/2.6/bids HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{first}").as_bytes()).await.unwrap();
    tokio::time::sleep(pause).await;
    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn an_auction_that_times_out_before_its_request_arrives_is_not_decided() {
    let server = with_all_adapters().start().await;
    let with_timeout = |tmax: Value| {
        let mut auction = auction();
        auction["tmax"] = tmax;
        auction
    };
    // The test cannot see when the server starts its timer: lengthen the pause until it is too long.
    let mut pause = Duration::from_millis(4);
    let answer = loop {
        let before = server.metric("adjacent_decisions_total{outcome=\"filled\"}").await;
        let answer = openrtb_slowly(&server, &with_timeout(json!(2)), pause).await;
        if answer.contains("too_late") || pause > Duration::from_secs(10) {
            let after = server.metric("adjacent_decisions_total{outcome=\"filled\"}").await;
            assert_eq!(before, after, "no decision was made");
            break answer;
        }
        pause *= 2;
    };
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");

    let slow = Duration::from_millis(20);
    for tmax in [json!(60_000), json!(0), json!(null), json!("soon")] {
        let answer = openrtb_slowly(&server, &with_timeout(tmax.clone()), slow).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "tmax {tmax}: {answer}");
    }
}

#[tokio::test]
async fn a_slot_with_too_many_rejections_stays_empty_with_the_reason() {
    let mut many = inventory::example();
    for at in 0..40 {
        many += &format!(
            r#"
[[flights]]
id = "more-{at}"
campaign = "zahid-launch"
tier = "standard"
pricing = "cpm"
price_micros = 8_000_000
pacing = "asap"
targeting = {{ topics = {{ any = ["ai-infrastructure"] }} }}

[[creatives]]
id = "more-{at}"
flight = "more-{at}"
styles = ["line"]
language = "en"
headline = "One more of them"
body = "And its text."
ctas = [{{ id = "primary", text = "Go", url = "https://zahid.host/more" }}]
"#
        );
    }
    let server = with_all_adapters().inventory(many).start().await;
    let mut blocked = auction();
    blocked["badv"] = json!(["zahid.host"]);

    let reply = server.openrtb(&blocked).await;

    assert_eq!((reply.status, &*reply.no_fill), (204, "blocked_advertiser"));
    let scrape = server.scrape().await;
    assert_eq!(scrape.count("adjacent_no_fill_total{reason=\"publisher_blocked\"}"), 1);
    assert_eq!(server.reserved_micros("zahid-host").await, 0);
}

#[tokio::test]
async fn a_private_auction_gets_no_bid_and_a_bid_has_no_second_billing_url() {
    let server = with_all_adapters().start().await;
    let mut private = auction();
    private["imp"][0]["pmp"] = json!({ "private_auction": 1, "deals": [{ "id": "d" }] });
    let mut open = auction();
    open["imp"][0]["pmp"] = json!({ "private_auction": 0, "deals": [{ "id": "d" }] });

    let reply = server.openrtb(&private).await;
    assert_eq!((reply.status, &*reply.no_fill), (204, "private_auction"));
    let scrape = server.scrape().await;
    assert_eq!(
        scrape.count("adjacent_decisions_total{outcome=\"filled\"}"),
        0,
        "no decision was made"
    );

    let bid = server.openrtb(&open).await.json()["seatbid"][0]["bid"][0].clone();
    // Only the impression URL bills, whatever clearing price the exchange reports.
    for name in ["nurl", "burl", "lurl", "dealid"] {
        assert!(bid.get(name).is_none(), "{bid:#}");
    }
}

#[tokio::test]
async fn kevel_skips_blocked_units_and_serves_the_requested_one() {
    let server = with_all_adapters().inventory(with_second_advertiser()).start().await;
    let blocked = |id: &str| {
        let mut page = kevel_page();
        page["blockedCreatives"] = json!([numeric_id(id)]);
        page
    };
    let requested = |field: &str, id: &str| {
        let mut page = kevel_page();
        page["placements"][0][field] = json!(numeric_id(id));
        page
    };

    for (page, creative) in [
        (blocked("zahid-git-push"), "gitlift-deploys"),
        (blocked("gitlift-deploys"), "zahid-git-push"),
        (requested("campaignId", "gitlift-us"), "gitlift-deploys"),
        (requested("flightId", "zahid-ai-europe"), "zahid-git-push"),
        (requested("adId", "gitlift-deploys"), "gitlift-deploys"),
    ] {
        for _ in 0..8 {
            let reply = server.kevel(&page).await.json();
            let data = &reply["decisions"]["article-end"]["contents"][0]["data"];
            assert_eq!(data["creative"]["id"], creative, "{page:#}");
        }
    }
}

#[tokio::test]
async fn requests_are_counted_by_adapter_and_outcome() {
    let server = with_all_adapters().start().await;
    let counted = async |adapter: &str| {
        let scrape = server.scrape().await;
        ["filled", "no_fill", "refused"].map(|outcome| {
            let labels = format!("adapter=\"{adapter}\",outcome=\"{outcome}\"");
            scrape.count(&format!("adjacent_adapter_requests_total{{{labels}}}"))
        })
    };
    assert_eq!(counted("openrtb").await, [0, 0, 0], "series exist from the start");
    let mut unknown = kevel_page();
    unknown["placements"][0]["divName"] = json!("unknown");
    unknown["placements"][0]["adTypes"] = json!([]);

    server.ethicalads(PAGE).await;
    server.ethicalads(&PAGE.replace("div_ids=article-end", "priorities=11")).await;
    server.kevel(&kevel_page()).await;
    server.kevel(&unknown).await;
    server.openrtb(&auction()).await;
    server.openrtb(&json!({ "imp": [] })).await;

    assert_eq!(counted("ethicalads").await, [1, 0, 1]);
    assert_eq!(counted("kevel").await, [1, 1, 0]);
    assert_eq!(counted("openrtb").await, [1, 0, 1]);
}

#[tokio::test]
async fn ethicalads_takes_what_the_original_server_takes() {
    let server = with_all_adapters().start().await;
    let change = |from: &str, to: &str| PAGE.replace(from, to);

    let types =
        server.ethicalads(&change("campaign_types=paid", "campaign_types=affiliate|paid")).await;
    assert_eq!(types.json()["campaign_type"], "paid");
    assert!(types.ignored.contains("campaign_types[0]"), "{}", types.ignored);
    let only =
        change("campaign_types=paid|publisher-house|community|house", "campaign_types=affiliate");
    assert_eq!(server.ethicalads(&only).await.no_fill, "campaign_type");
    for (divs, formats, div) in [
        ("article-end|b|c", "text-v1", "article-end"),
        ("article-end", "text-v1|image-v1", "article-end"),
        ("|article-end", "|text-v1", "article-end"),
    ] {
        let query = change(
            "div_ids=article-end&ad_types=text-v1",
            &format!("div_ids={divs}&ad_types={formats}"),
        );
        let reply = server.ethicalads(&query).await;
        assert_eq!(reply.json()["div_id"], div, "{reply:?}");
    }
    let body = json!({
        "publisher": "eu-tech-news", "keywords": "ai-infrastructure", "url": 7, "campaign_types": null,
        "placements": [{ "div_id": 5, "ad_type": "text-v1", "priority": "3" }, "x", null],
    });
    assert_eq!(server.ethicalads_posted(&body).await.json()["div_id"], "5");
}

#[tokio::test]
async fn ethicalads_tries_the_next_slot_if_the_preferred_one_stays_empty() {
    // The sidebar shows no image of the only flight, which is for the end of an article.
    let inventory = inventory::example_with(
        "targeting = { topics = { any = [\"ai-infrastructure\"",
        "targeting = { placements = { any = [\"article-end\"] }, topics = { any = [\"ai-infrastructure\"",
    );
    let server = with_all_adapters().inventory(inventory).start().await;
    let slots = |first: i64, second: i64| {
        json!({
            "publisher": "eu-tech-news", "keywords": ["ai-infrastructure"], "campaign_types": ["paid"],
            "placements": [
                { "div_id": "sidebar", "ad_type": "x", "priority": first },
                { "div_id": "article-end", "ad_type": "x", "priority": second },
            ],
        })
    };

    for body in [slots(9, 2), slots(2, 9)] {
        let reply = server.ethicalads_posted(&body).await;
        assert_eq!(
            (&reply.json()["div_id"], &*reply.no_fill),
            (&json!("article-end"), ""),
            "{reply:?}"
        );
    }
    let scrape = server.scrape().await;
    assert_eq!(
        scrape.count("adjacent_decisions_total{outcome=\"filled\"}"),
        2,
        "one unit for a page"
    );
}

#[tokio::test]
async fn ethicalads_markup_is_low_for_a_line_of_text_and_has_the_image_for_an_image_type() {
    let bicycle = PAGE.replace("ai-infrastructure|data+centre", "mobility");
    let server = with_all_adapters().start().await;
    for (ad_type, kind, has_image) in [
        ("text-v1", "text", false),
        ("readthedocs-fixed-footer", "text", false),
        ("fixedheader", "text", false),
        ("image-v1", "image", true),
        ("readthedocs-sidebar", "image", true),
    ] {
        let query = bicycle.replace("ad_types=text-v1", &format!("ad_types={ad_type}"));
        let unit = server.ethicalads(&query).await.json();
        let html = unit["html"].as_str().unwrap();
        assert!(html.starts_with(&format!("<div class=\"ea-type-{kind}\">")), "{html}");
        assert_eq!(html.contains("<img"), has_image && unit["id"] == "veloria-cargo", "{html}");
        assert!(html.contains("ea-label") && html.contains("ea-callout"), "{html}");
        assert!(!html.contains("adj-cmd"), "nothing tall");
    }
}

#[tokio::test]
async fn kevel_reads_what_is_readable_and_answers_what_clients_read() {
    let server = with_all_adapters().start().await;
    let page = json!({
        "placements": [
            { "divName": "end", "siteId": "4242", "adTypes": "5", "zoneIds": ["77"], "eventIds": ["40", {}],
              "count": "1", "properties": { "region": ["north"], "topics": { "a": 1 }, "language": 3,
              "subjects": 7, "sentiment": "mixed", "verified": [true] } },
            { "divName": "many", "siteId": 4242, "zoneIds": [77], "flightId": 1, "count": 3 },
            { "divName": "", "adTypes": [1], "properties": [] },
            { "divName": "one", "flightId": "abc" },
            7,
        ],
        "keywords": "ai-infrastructure", "user": "x", "notrack": "0", "blockedCreatives": ["x"], "consent": 3,
    });

    let reply = server.kevel(&page).await;

    assert_eq!(reply.status, 200, "{reply:?}");
    let answer = reply.json();
    let unit = &answer["decisions"]["end"];
    assert_eq!(unit["contents"][0]["data"]["creative"]["id"], "zahid-git-push", "{answer:#}");
    assert_eq!(unit["events"][0]["id"], 40);
    for address in [&unit["impressionUrl"], &unit["clickUrl"], &unit["events"][0]["url"]] {
        let url = url::Url::parse(address.as_str().unwrap()).unwrap();
        assert!(url.query().is_some_and(|query| !query.is_empty()), "{url}");
    }
    assert_eq!(answer["decisions"]["many"], json!([]), "an empty list where a list is expected");
    assert_eq!(
        (&answer["decisions"]["div2"], &answer["decisions"]["one"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(answer["user"]["key"], "");
}

#[tokio::test]
async fn kevel_names_the_image_of_a_unit_with_its_size() {
    let server = with_all_adapters().start().await;
    let mut page = kevel_page();
    page["keywords"] = json!(["mobility"]);
    let mut seen = false;
    for _ in 0..6 {
        let answer = server.kevel(&page).await.json();
        let data = &answer["decisions"]["article-end"]["contents"][0]["data"];
        if data["creative"]["image"].is_object() {
            seen = true;
            assert_eq!(data["imageUrl"], data["creative"]["image"]["url"]);
            assert_eq!(data["width"], data["creative"]["image"]["width"]);
            assert!(data["height"].as_u64().unwrap() > 0);
        }
    }
    assert!(seen);
}

#[tokio::test]
async fn a_click_of_a_server_is_counted_without_a_redirect() {
    let server = with_all_adapters().start().await;
    let answer = server.kevel(&kevel_page()).await.json();
    let unit = &answer["decisions"]["article-end"];
    let (view, click) =
        (unit["impressionUrl"].as_str().unwrap(), unit["clickUrl"].as_str().unwrap());
    assert!(server.reader.fire(view).await.recorded);
    server.advance_ms(1_000);

    for (method, address, status) in [
        (reqwest::Method::POST, click.to_owned(), 204),
        (reqwest::Method::GET, format!("{click}&noredirect=true"), 204),
        (reqwest::Method::GET, format!("{click}&noredirect"), 204),
        (reqwest::Method::GET, format!("{click}&noredirect=false"), 302),
        (reqwest::Method::POST, view.to_owned(), 204),
        (reqwest::Method::POST, format!("{}/c/forged?noredirect=1", server.public), 404),
    ] {
        let reply = server.reader.request(method, &address).send().await.unwrap();
        assert_eq!(reply.status().as_u16(), status, "{address}");
        assert_eq!(reply.headers().contains_key("location"), status == 302);
    }
    server.inner.ledger.barrier().await.unwrap();
    server.assert_counted(1, 1).await;
}
