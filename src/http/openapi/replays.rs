//! The operations that replay recorded decisions.

use crate::http::openapi::operation::{Operation, operation};
use crate::http::openapi::parameter::{path, query, text};
use crate::http::openapi::response::Response;
use crate::http::openapi::schemas::Schemas;
use crate::http::ops::admin::replays::ReplayRequest;
use crate::replay::JobView;
use serde_json::json;

/// The operations, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let request = schemas.input::<ReplayRequest>();
    let replay = schemas.output::<JobView>();
    let replays = schemas.output::<Vec<JobView>>();
    let format = json!({ "type": "string", "enum": ["json", "html"] });
    let number = || path("id", "The replay's number.", text(), "1");
    let example = json!({ "recorded": { "value": { "from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z" } } });
    let missing = || Response::problem(404, &["not_found"]).when("No such replay.");
    vec![
        operation("get", "/v1/admin/replays", "replays")
            .describe("Replays", "The last ten since the start, newest first, without their results.")
            .response(Response::json(200, &replays, "The replays.")),
        operation("post", "/v1/admin/replays", "replay")
            .describe(
                "Replay recorded decisions",
                "Decides recorded decisions again with proposed weights, inventory or labels, without a draw: \
                 exact probabilities, added up by advertiser, campaign, flight, topic, region, publisher and \
                 placement, before and after. Without documents, decides them again as they were and \
                 compares winners and propensities bit for bit. Runs in the background, one at a time; \
                 changes nothing.",
            )
            .body(&["application/json"], &request, &example)
            .response(Response::json(202, &replay, "The replay has started."))
            .response(Response::problem(400, &["malformed_request"]))
            .response(Response::problem(409, &["replay_running"]))
            .response(Response::problem(413, &["body_too_large"]))
            .response(Response::problem(422, &["invalid_field", "invalid_document"])),
        operation("get", "/v1/admin/replays/{id}", "replayResult")
            .describe("Progress or result of a replay", "The result as JSON, or as a page in one file.")
            .parameters([
                number(),
                query("format", "`html` for the page.", format, "json"),
            ])
            .response(Response::json(200, &replay, "The replay."))
            .response(Response::problem(400, &["malformed_request", "unknown_parameter"]))
            .response(missing())
            .response(Response::problem(409, &["no_report"]).when("There is no page of it."))
            .response(Response::problem(422, &["invalid_field"])),
        operation("delete", "/v1/admin/replays/{id}", "removeReplay")
            .describe("Cancel a replay", "Cancels it while it runs; else forgets its result.")
            .parameters([number()])
            .response(Response::bare(204, "It is cancelled or forgotten."))
            .response(missing()),
    ]
}
