//! Credits and refunds.

use crate::http::openapi::operation::{Operation, operation};
use crate::http::openapi::response::Response;
use crate::http::openapi::schemas::Schemas;
use crate::http::ops::admin::credits::{CreditReply, CreditRequest, RefundReply, RefundRequest};
use serde_json::json;

const JSON: &[&str] = &["application/json"];

/// The operations, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let (credit, credited) = (schemas.input::<CreditRequest>(), schemas.output::<CreditReply>());
    let (refund, refunded) = (schemas.input::<RefundRequest>(), schemas.output::<RefundReply>());
    let codes = &["invalid_field", "personal_data"];
    let key = json!({ "name": "Idempotency-Key", "in": "header", "required": true,
        "description": "Each key refunds at most once.", "schema": { "type": "string" },
        "example": "landing-page-2026-11-25" });
    let malformed = || Response::problem(400, &["malformed_request"]);
    let busy = || Response::problem(503, &["unavailable"]);
    vec![
        operation("post", "/v1/admin/credits", "credit")
            .describe(
                "Credit invalid traffic found later",
                "The counted events of these decisions become `invalid` with reason `credited`, and \
                 what was billed for them is credited: each event once, even if the request is \
                 repeated. Recorded events do not change; a credit is a separate entry.",
            )
            .body(
                JSON,
                &credit,
                &json!({ "clicks": { "value": {
                    "decisions": ["019abfd1-3c00-7000-8000-000000000001"],
                    "kinds": ["click"], "note": "a click farm" } } }),
            )
            .response(Response::json(200, &credited, "The credited events."))
            .response(malformed())
            .response(Response::problem(422, codes))
            .response(busy()),
        operation("post", "/v1/admin/refunds", "refund")
            .describe(
                "Refund a campaign",
                "For a day in the advertiser's time zone, for reasons other than invalid traffic: no \
                 counts change. At most what the day was billed. For a day without any bill the refund is \
                 pending: it is issued at the first one.",
            )
            .parameters([key])
            .body(
                JSON,
                &refund,
                &json!({ "goodwill": { "value": {
                    "campaign": "zahid-launch", "day": "2026-11-25",
                    "micros": 1_500_000, "note": "the landing page was down" } } }),
            )
            .response(Response::json(200, &refunded, "The amount refunded."))
            .response(Response::json(
                202,
                &refunded,
                "Recorded and pending: nothing was billed on that day yet.",
            ))
            .response(malformed())
            .response(Response::problem(404, &["not_found"]).when("No such campaign."))
            .response(Response::problem(422, codes).when("A field or the key is invalid."))
            .response(busy()),
    ]
}
