//! The operation that forecasts flights.

use crate::forecast::Forecasts;
use crate::http::openapi::operation::{Operation, operation};
use crate::http::openapi::response::Response;
use crate::http::openapi::schemas::Schemas;
use crate::http::ops::admin::forecasts::ForecastRequest;
use serde_json::json;

/// The operations, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let request = schemas.input::<ForecastRequest>();
    let forecasts = schemas.output::<Forecasts>();
    let example = json!({ "served": { "value": { "flights": ["zahid-ai-europe"] } } });
    vec![
        operation("post", "/v1/admin/forecasts", "forecast")
            .describe(
                "Forecast flights",
                "How many slots match new, changed or served flights from now to their end, how many of \
                 them are available, what they are expected to deliver, which flights lose slots to them, \
                 and how likely they reach their goals. Replays the recorded decisions of the last 28 \
                 days; changes nothing. The first call after a start reads the decision log, which takes \
                 longer. One runs at a time and four wait.",
            )
            .body(&["application/json"], &request, &example)
            .response(Response::json(200, &forecasts, "The forecasts."))
            .response(Response::problem(400, &["malformed_request"]))
            .response(Response::problem(404, &["not_found"]).when("No such flight."))
            .response(Response::problem(413, &["body_too_large"]))
            .response(
                Response::problem(422, &["invalid_field", "invalid_document"])
                    .when("No flight is named, or the inventory would have errors."),
            )
            .response(Response::problem(429, &["too_many_requests"]))
            .response(Response::problem(503, &["unavailable"])),
    ]
}
