//! The operations on weights that a part of the requests gets.

use crate::http::openapi::operation::{Operation, operation};
use crate::http::openapi::parameter::{path, text};
use crate::http::openapi::response::Response;
use crate::http::openapi::schemas::Schemas;
use crate::http::ops::admin::canary::CanaryRequest;
use crate::publishing::canary::CanaryStatus;
use serde_json::json;

/// The operations, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let request = schemas.input::<CanaryRequest>();
    let status = schemas.output::<CanaryStatus>();
    let about = "The name of the version, its hash, or at least eight digits with which only its hash begins.";
    let unavailable = || Response::problem(503, &["unavailable"]);
    vec![
        operation("post", "/v1/admin/weights/versions/{name}/canary", "beginCanary")
            .describe(
                "Serve a version of the weights to a part of the requests",
                "Which ones depends on a hash of the request's id. Repeat it with another part to let it grow. It \
                 ends by itself, on all instances, if its requests do worse than the others: see `[canary]` in \
                 the settings.",
            )
            .parameters([path("name", about, text(), "sharper-draw")])
            .body(
                &["application/json"],
                &request,
                &json!({ "one": { "value": { "percent": 1 } }, "steps": { "value": { "auto": true, "step_seconds": 3600 } } }),
            )
            .response(Response::json(200, &status, "The canary runs."))
            .response(Response::problem(400, &["malformed_request"]))
            .response(
                Response::problem(404, &["not_found"])
                    .when("No such version; `detail` has the nearest name."),
            )
            .response(
                Response::problem(422, &["invalid_field", "invalid_document", "personal_data"])
                    .when("A field is invalid, or the weights have errors on the inventory being served."),
            )
            .response(unavailable()),
        operation("get", "/v1/admin/weights/canary", "canary")
            .describe(
                "The canary",
                "What this instance counted of its requests and of the others, and how the last one ended if it \
                 did worse.",
            )
            .response(Response::json(200, &status, "The canary.")),
        operation("delete", "/v1/admin/weights/canary", "endCanary")
            .describe("End the canary", "On all instances. All requests get the active weights.")
            .response(Response::bare(204, "There is no canary."))
            .response(unavailable()),
    ]
}
