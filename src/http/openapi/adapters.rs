//! Endpoints of other protocols. Their formats are defined elsewhere and only outlined here; the README
//! of the adapters maps every field.

use crate::http::openapi::operation::{Key, Operation, operation};
use crate::http::openapi::parameter;
use crate::http::openapi::parameter::{name, query, text};
use crate::http::openapi::response::Response;
use serde_json::{Value, json};

/// The operations, in the order of the adapters' table.
pub(super) fn operations() -> Vec<Operation> {
    let rows = ethicalads().into_iter().chain([kevel(), openrtb()]);
    rows.map(|row| {
        row.tag("adapters")
            .key(Key::Optional)
            .response(Response::problem(404, &["adapter_disabled", "unknown_publisher"]))
            .response(Response::problem(422, &["invalid_field"]))
    })
    .collect()
}

fn ethicalads() -> [Operation; 2] {
    let unit = json!({
        "type": "object",
        "description": "A unit in this client's format; empty if there is none.",
        "properties": {
            "id": text(), "text": text(), "body": text(), "html": text(), "link": text(),
            "view_url": text(), "nonce": text(), "display_type": text(), "div_id": text(),
            "campaign_type": { "enum": ["paid", "house"] },
            "copy": { "type": "object" }, "label": { "type": "object" },
        },
    });
    let words = "The unit, or `{}` with the reason in `Adjacent-No-Fill`.";
    let about = "One unit for the best of several slots. Its URLs point to this server: `view_url` \
                 reports the impression, `link` the click. `force_ad` requires an operator key.";
    let parameters = vec![
        parameter::required(query("publisher", "The publisher's id.", name(), "eu-tech-news")),
        parameter::required(query(
            "div_ids",
            "Ids of the page's elements, separated by `|`.",
            name(),
            "article-end",
        )),
        parameter::required(query("ad_types", "Ad type of each element.", name(), "text-v1")),
        query("priorities", "Priority of each element, 1 to 10; the highest first.", text(), "1"),
        query("keywords", "Keywords of the page, separated by `|`.", text(), "ai-infrastructure"),
        query("campaign_types", "Accepted campaign types, separated by `|`.", text(), "paid|house"),
        query("url", "The page's URL.", text(), "https://news.example/x"),
        query("format", "`jsonp` or `json`.", text(), "json"),
        query("callback", "Name of the JSONP callback function.", text(), "ad_1"),
    ];
    let body = json!({
        "type": "object",
        "required": ["publisher", "placements"],
        "properties": {
            "publisher": text(),
            "placements": { "type": "array", "minItems": 1, "items": {
                "type": "object",
                "required": ["div_id", "ad_type"],
                "properties": {
                    "div_id": text(), "ad_type": text(),
                    "priority": { "type": "integer", "minimum": 1, "maximum": 10 },
                },
            } },
            "keywords": texts(), "campaign_types": texts(), "url": text(),
        },
    });
    let example = json!({
        "publisher": "eu-tech-news",
        "placements": [{ "div_id": "article-end", "ad_type": "text-v1" }],
        "keywords": ["ai-infrastructure"],
    });
    [
        operation("get", "/api/v1/decision/", "ethicalAdsByParameters")
            .describe("EthicalAds decision", about)
            .parameters(parameters)
            .response(
                with_adapter_headers(Response::json(200, &unit, words))
                    .in_format("text/javascript", text()),
            )
            .response(forbidden()),
        operation("post", "/api/v1/decision/", "ethicalAds")
            .describe("EthicalAds decision from a publisher's server", about)
            .body(&["application/json"], &body, &single_example(&example))
            .response(with_adapter_headers(Response::json(200, &unit, words)))
            .response(Response::problem(400, &["malformed_request"]))
            .response(forbidden()),
    ]
}

fn kevel() -> Operation {
    let number = || json!({ "type": ["integer", "null"] });
    let body = json!({
        "type": "object",
        "required": ["placements"],
        "properties": {
            "placements": { "type": "array", "minItems": 1, "items": {
                "type": "object",
                "required": ["siteId"],
                "properties": {
                    "divName": { "type": ["string", "null"] }, "siteId": { "type": "integer" },
                    "adTypes": numbers(), "zoneIds": numbers(), "eventIds": numbers(),
                    "count": number(), "campaignId": number(), "flightId": number(),
                    "adId": number(), "properties": { "type": ["object", "null"] },
                },
            } },
            "keywords": { "type": ["array", "null"], "items": { "type": "string" } },
            "url": { "type": ["string", "null"] },
            "notrack": { "type": ["boolean", "null"] },
            "blockedCreatives": numbers(),
        },
    });
    let example = json!({
        "placements": [{ "divName": "article-end", "networkId": 1, "siteId": 4242, "adTypes": [5] }],
        "keywords": ["ai-infrastructure"],
        "url": "https://news.example/x",
    });
    let reply = json!({
        "type": "object",
        "required": ["decisions"],
        "properties": { "decisions": {
            "type": "object",
            "description": "By `divName`: a unit, a list with one unit if `count` is above 1, or null.",
        } },
    });
    operation("post", "/api/v2", "kevel")
        .describe(
            "Kevel Decision API",
            "One answer per `divName`. `clickUrl`, `impressionUrl` and `events` point to this server. \
             The key may be sent in `X-Adzerk-ApiKey`; the header `X-Adzerk-Explain` with an operator \
             key adds the trace.",
        )
        .body(&["application/json"], &body, &single_example(&example))
        .response(with_adapter_headers(Response::json(200, &reply, "Units; null where there is none.")))
        .response(Response::problem(400, &["malformed_request"]))
        .response(forbidden())
}

fn openrtb() -> Operation {
    let body = json!({
        "type": "object",
        "required": ["id", "imp"],
        "properties": {
            "id": text(),
            "imp": { "type": "array", "items": {
                "type": "object", "required": ["id"], "properties": {
                    "id": text(), "tagid": text(), "bidfloor": { "type": "number" },
                    "bidfloorcur": text(),
                    "native": { "type": "object", "required": ["request"] },
                },
            } },
            "site": { "type": "object" },
            "test": { "enum": [0, 1] },
            "cur": texts(), "bcat": texts(), "badv": texts(),
        },
    });
    let example = json!({
        "id": "auction-1",
        "imp": [{ "id": "1", "tagid": "article-end", "native": {
            "ver": "1.2",
            "request": "{\"ver\":\"1.2\",\"assets\":[{\"id\":1,\"required\":1,\"title\":{\"len\":90}}]}",
        } }],
        "site": {
            "page": "https://news.example/x", "publisher": { "id": "eu-tech-news" },
            "keywords": "ai-infrastructure",
        },
        "cur": ["EUR"],
    });
    let reply = json!({
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": text(), "cur": text(), "nbr": { "type": "integer" },
            "seatbid": { "type": "array" },
        },
    });
    let no_bid = Response::bare(204, "No bid; `Adjacent-No-Fill` says why.");
    operation("post", "/openrtb2/2.6/bids", "openRtb")
        .describe(
            "OpenRTB 2.6 with Native 1.2",
            "For exchanges: the decision becomes the bid. `price` is the CPM with which the flight \
             competed in our own selection, in the advertiser's currency. Native ads on web pages only.",
        )
        .body(&["application/json"], &body, &single_example(&example))
        .response(with_adapter_headers(Response::json(
            200,
            &reply,
            "Bids; or `nbr` 2 without a site or native slot, 7 for a site that is not in the inventory.",
        )))
        .response(with_adapter_headers(no_bid))
        .response(Response::problem(400, &["malformed_request"]))
}

fn texts() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

fn numbers() -> Value {
    json!({ "type": ["array", "null"], "items": { "type": "integer" } })
}

fn single_example(example: &Value) -> Value {
    json!({ "page": { "summary": "An article with a slot at its end", "value": example } })
}

fn with_adapter_headers(response: Response) -> Response {
    response.header("Adjacent-No-Fill").header("Adjacent-Ignored")
}

fn forbidden() -> Response {
    Response::problem(403, &["forbidden"]).when("The request requires an operator key.")
}
