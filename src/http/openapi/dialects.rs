//! Other clients' dialects. Their shapes are defined elsewhere and only told here in outline; what
//! each field becomes stands in the README of the adapters.

use crate::http::openapi::answer::Answer;
use crate::http::openapi::operation::Key;
use crate::http::openapi::operation::Operation;
use crate::http::openapi::operation::operation;
use crate::http::openapi::parameter;
use crate::http::openapi::parameter::name;
use crate::http::openapi::parameter::query;
use crate::http::openapi::parameter::text;
use serde_json::Value;
use serde_json::json;

/// The rows, in the order of the adapters' table.
pub(super) fn operations() -> Vec<Operation> {
    let rows = ethicalads().into_iter().chain([kevel(), openrtb()]);
    rows.map(|row| row.tag("dialects").key(Key::Optional).answers(missing()).answers(refused()))
        .collect()
}

fn ethicalads() -> [Operation; 2] {
    let unit = json!({
        "type": "object",
        "description": "A unit in this client's words; empty without one.",
        "properties": {
            "id": text(), "text": text(), "body": text(), "html": text(), "link": text(),
            "view_url": text(), "nonce": text(), "display_type": text(), "div_id": text(),
            "campaign_type": { "enum": ["paid", "house"] },
            "copy": { "type": "object" }, "label": { "type": "object" },
        },
    });
    let words = "The unit, or `{}` with the reason in `Adjacent-No-Fill`.";
    let said = "One unit for the best of several slots. Its addresses are ours: the view is an \
                impression, the link a click. `force_ad` needs an operator's key.";
    let parameters = vec![
        parameter::required(query("publisher", "Whose page it is.", name(), "eu-tech-news")),
        parameter::required(query("div_ids", "Elements, `|` between.", name(), "article-end")),
        parameter::required(query("ad_types", "What fits into each.", name(), "text-v1")),
        query("priorities", "1 to 10 for each, the highest first.", text(), "1"),
        query("keywords", "Words of the page, `|` between.", text(), "ai-infrastructure"),
        query("campaign_types", "What it takes, `|` between.", text(), "paid|house"),
        query("url", "The page's address.", text(), "https://news.example/x"),
        query("format", "`jsonp`, or as JSON.", text(), "json"),
        query("callback", "Whom to call with the answer: JSONP.", text(), "ad_1"),
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
            .says("The EthicalAds client", said)
            .takes(parameters)
            .answers(
                empty_header(Answer::json(200, &unit, words)).in_format("text/javascript", text()),
            )
            .answers(forbidden()),
        operation("post", "/api/v1/decision/", "ethicalAds")
            .says("EthicalAds, from a publisher's server", said)
            .body(&["application/json"], &body, &only(&example))
            .answers(empty_header(Answer::json(200, &unit, words)))
            .answers(unparsable())
            .answers(forbidden()),
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
            "description": "By `divName`: a unit, a list of one where `count` is above 1, or null.",
        } },
    });
    operation("post", "/api/v2", "kevel")
        .says(
            "The Kevel Decision API",
            "One answer a `divName`. `clickUrl`, `impressionUrl` and `events` are ours. A key may \
             come in `X-Adzerk-ApiKey`; the header `X-Adzerk-Explain` with an operator's key adds \
             the trace.",
        )
        .body(&["application/json"], &body, &only(&example))
        .answers(empty_header(Answer::json(200, &reply, "Units, and null where there is none.")))
        .answers(unparsable())
        .answers(forbidden())
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
    let nothing = Answer::bare(204, "No bid; `Adjacent-No-Fill` says why.");
    operation("post", "/openrtb2/2.6/bids", "openRtb")
        .says(
            "OpenRTB 2.6 with Native 1.2",
            "For exchanges: our decision is the bid. `price` is the CPM with which the flight was \
             in our own draw, in the sponsor's currency. Native units on web pages alone.",
        )
        .body(&["application/json"], &body, &only(&example))
        .answers(empty_header(Answer::json(
            200,
            &reply,
            "Bids; or `nbr` 2 without a site or a native slot, 7 for a site that is none of ours.",
        )))
        .answers(empty_header(nothing))
        .answers(unparsable())
}

fn texts() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

fn numbers() -> Value {
    json!({ "type": ["array", "null"], "items": { "type": "integer" } })
}

fn only(example: &Value) -> Value {
    json!({ "page": { "summary": "An article with a slot at its end", "value": example } })
}

fn empty_header(answer: Answer) -> Answer {
    answer.header("Adjacent-No-Fill").header("Adjacent-Ignored")
}

fn missing() -> Answer {
    let words = "The dialect is off, as it is unless turned on, or there is no such publisher.";
    Answer::problem(404, &["adapter_off", "unknown_publisher"], words)
}

fn refused() -> Answer {
    Answer::problem(422, &["field_refused"], "It parses and is refused; `field` says what.")
}

fn unparsable() -> Answer {
    Answer::problem(400, &["unparsable"], "Not JSON, or nested too deep.")
}

fn forbidden() -> Answer {
    Answer::problem(403, &["not_yours"], "What was asked for needs an operator's key.")
}
