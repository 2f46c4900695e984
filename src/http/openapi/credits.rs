//! The operations that give money back.

use crate::http::openapi::answer::Answer;
use crate::http::openapi::operation::Operation;
use crate::http::openapi::operation::operation;
use crate::http::openapi::schemas::Schemas;
use crate::http::ops::admin::credits::CreditReply;
use crate::http::ops::admin::credits::CreditRequest;
use crate::http::ops::admin::credits::RefundReply;
use crate::http::ops::admin::credits::RefundRequest;
use serde_json::json;

const JSON: &[&str] = &["application/json"];

/// The rows, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let (credit, credited) = (schemas.read::<CreditRequest>(), schemas.written::<CreditReply>());
    let (refund, refunded) = (schemas.read::<RefundRequest>(), schemas.written::<RefundReply>());
    let codes = &["field_refused", "personal_data"];
    let key = json!({ "name": "Idempotency-Key", "in": "header", "required": true,
        "description": "The same key gives once.", "schema": { "type": "string" } });
    let unparsable = || Answer::problem(400, &["unparsable"], "The body cannot be read.");
    let busy = || Answer::problem(503, &["unavailable"], "Nothing can be recorded now.");
    vec![
        operation("post", "/v1/admin/credits", "credit")
            .says(
                "Take back invalid traffic that was found later",
                "What counted of these decisions becomes `invalid`, reason `credited`, and what \
                 was billed for it comes back: each event once, however often it is asked. \
                 Nothing that was recorded changes; a credit is an entry of its own.",
            )
            .body(
                JSON,
                &credit,
                &json!({ "clicks": { "value": {
                    "decisions": ["019abfd1-3c00-7000-8000-000000000001"],
                    "kinds": ["click"], "note": "a click farm" } } }),
            )
            .answers(Answer::json(200, &credited, "What was taken back."))
            .answers(unparsable())
            .answers(Answer::problem(422, codes, "A field is refused."))
            .answers(busy()),
        operation("post", "/v1/admin/refunds", "refund")
            .says(
                "Give money back",
                "To a campaign, for a day of its advertiser, for another reason than invalid \
                 traffic: no count changes. Never more than the day was billed.",
            )
            .takes([key])
            .body(
                JSON,
                &refund,
                &json!({ "goodwill": { "value": {
                    "campaign": "zahid-launch", "day": "2026-11-25",
                    "micros": 1_500_000, "note": "the landing page was down" } } }),
            )
            .answers(Answer::json(200, &refunded, "What came back."))
            .answers(unparsable())
            .answers(Answer::problem(404, &["no_such_document"], "There is no such campaign."))
            .answers(Answer::problem(422, codes, "A field or the key is refused."))
            .answers(busy()),
    ]
}
