//! Changes that publishers make with their own key: pauses and blocks.

use crate::http::openapi::operation::{Key, Operation, operation};
use crate::http::openapi::parameter;
use crate::http::openapi::parameter::text;
use crate::http::openapi::response::Response;
use crate::http::openapi::schemas::Schemas;
use crate::http::public::blocks::{PublisherBlockReply, PublisherBlockRequest, PublisherBlocks};
use crate::http::public::pauses::{PublisherPauseReply, PublisherPauseRequest, PublisherPauses};
use serde_json::json;

const JSON: &[&str] = &["application/json"];
const PAUSES: &str = "/v1/publishers/{id}/pauses";
const BLOCKS: &str = "/v1/publishers/{id}/blocks";

/// The operations, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let pauses = schemas.output::<PublisherPauses>();
    let pause = schemas.input::<PublisherPauseRequest>();
    let paused = schemas.output::<PublisherPauseReply>();
    let blocks = schemas.output::<PublisherBlocks>();
    let block = schemas.input::<PublisherBlockRequest>();
    let blocked = schemas.output::<PublisherBlockReply>();
    vec![
        of_site(operation("get", PAUSES, "publisherPauses"))
            .describe(
                "A publisher's pauses",
                "For publishers, with their secret key: what is paused on their site.",
            )
            .response(Response::json(200, &pauses, "What is paused.")),
        change(of_site(operation("post", PAUSES, "publisherPause")))
            .describe(
                "Pause or resume a publisher's pages",
                "For publishers, with their secret key: the whole site, pages under a path, or pages \
                 about a topic. Takes effect within two seconds.",
            )
            .body(
                JSON,
                &pause,
                &json!({ "path": { "value": { "path": "/obituaries/", "paused": true } } }),
            )
            .response(Response::json(200, &paused, "The change is applied.")),
        of_site(operation("get", BLOCKS, "publisherBlocks"))
            .describe(
                "A publisher's block list",
                "For publishers, with their secret key: which advertisers, categories and entities are \
                 not shown on their site.",
            )
            .response(Response::json(200, &blocks, "What is blocked.")),
        change(of_site(operation("post", BLOCKS, "publisherBlock")))
            .describe(
                "Block or unblock a sponsor",
                "For publishers, with their secret key: an advertiser, a category of advertisers, or an \
                 entity with what it owns. Takes effect within two seconds. What the operator's inventory \
                 files block stays blocked.",
            )
            .body(
                JSON,
                &block,
                &json!({ "category": { "value": { "category": "alcohol", "blocked": true } } }),
            )
            .response(Response::json(200, &blocked, "The change is applied.")),
    ]
}

/// An operation on the site of a publisher.
fn of_site(row: Operation) -> Operation {
    row.tag("decide")
        .key(Key::Required)
        .parameters([parameter::path("id", "The publisher's id.", text(), "eu-tech-news")])
        .response(Response::problem(403, &["forbidden"]).when("Another party's key."))
        .response(Response::problem(404, &["not_found"]).when("No such publisher."))
}

fn change(row: Operation) -> Operation {
    row.response(Response::problem(400, &["malformed_request"]))
        .response(Response::problem(412, &["precondition_failed"]))
        .response(Response::problem(422, &["invalid_field", "invalid_document", "personal_data"]))
        .response(Response::problem(503, &["unavailable"]))
}
