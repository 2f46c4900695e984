//! The admin API's operations, and a publisher's own stops on the public listener.

use crate::catalog::audit::Entry;
use crate::catalog::change::Head;
use crate::domain::inventory::Inventory;
use crate::domain::weights::Weights;
use crate::http::openapi::answer::Answer;
use crate::http::openapi::documents;
use crate::http::openapi::operation::Key;
use crate::http::openapi::operation::Listener;
use crate::http::openapi::operation::Operation;
use crate::http::openapi::operation::operation;
use crate::http::openapi::parameter;
use crate::http::openapi::schemas::Schemas;
use crate::http::ops::admin::catalog::ApplyRequest;
use crate::http::ops::admin::catalog::AuditReply;
use crate::http::ops::admin::catalog::RollbackRequest;
use crate::http::ops::admin::stops::OwnStopReply;
use crate::http::ops::admin::stops::OwnStopRequest;
use crate::http::ops::admin::stops::StopRequest;
use crate::server::apply::Applied;
use serde_json::Value;
use serde_json::json;

/// The rows, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let applied = schemas.written::<Applied>();
    let mut rows = reads(schemas);
    rows.extend(changes(schemas, &applied));
    rows.extend(documents::operations(schemas, &applied));
    let rows = rows.into_iter().map(|row| {
        let others = "This needs an operator's key.";
        row.tag("operations").on(Listener::Operations).key(Key::Required).answers(Answer::problem(
            403,
            &["not_yours"],
            others,
        ))
    });
    rows.chain([own_stops(schemas)]).collect()
}

fn reads(schemas: &mut Schemas) -> Vec<Operation> {
    let head = json!({ "anyOf": [schemas.written::<Head>(), { "type": "null" }] });
    let history = json!({ "type": "array", "items": schemas.written::<Entry>() });
    let audit = schemas.written::<AuditReply>();
    let inventory = schemas.written::<Inventory>();
    let weights = schemas.written::<Weights>();
    vec![
        operation("get", "/v1/admin/head", "head")
            .says("What is served", "The number of the last change and the hashes of what it left.")
            .answers(Answer::json(200, &head, "The head.")),
        operation("get", "/v1/admin/history", "history")
            .says("Who changed what", "Every change, the oldest first.")
            .answers(Answer::json(200, &history, "The changes.")),
        operation("get", "/v1/admin/audit", "audit")
            .says(
                "Is the ledger what the journal says",
                "Makes every number again from the journal and compares; takes as long as the \
                 journal is.",
            )
            .answers(Answer::json(200, &audit, "What differs; nothing is how it should be.")),
        operation("get", "/v1/admin/inventory", "inventory")
            .says("The inventory being served", "All of it; `ETag` names its version.")
            .answers(Answer::json(200, &inventory, "The inventory.").header("ETag")),
        operation("get", "/v1/admin/weights", "weights")
            .says("The weights being served", "`ETag` names their version.")
            .answers(Answer::json(200, &weights, "The weights.").header("ETag")),
    ]
}

fn changes(schemas: &mut Schemas, applied: &Value) -> Vec<Operation> {
    let force = "Also where a weight moves by more than half.";
    let force = parameter::query("force", force, json!({ "type": "boolean" }), false);
    let (whole, weights) = (schemas.read::<ApplyRequest>(), schemas.read::<Weights>());
    let (rollback, stop) = (schemas.read::<RollbackRequest>(), schemas.read::<StopRequest>());
    vec![
        change(operation("put", "/v1/admin/inventory", "apply"), applied)
            .says(
                "Replace inventory, weights, labels: all of it or nothing",
                "For `adjacent apply`: whole parts; what is absent stays. The change is checked, \
                 kept, served and written into the audit log.",
            )
            .body(JSON, &whole, &json!({})),
        change(operation("put", "/v1/admin/weights", "replaceWeights"), applied)
            .says("Replace the weights", "`If-Match` names the weights that the caller has seen.")
            .takes([force])
            .body(JSON, &weights, &json!({})),
        change(operation("post", "/v1/admin/rollback", "rollback"), applied)
            .says(
                "Serve again what was served",
                "An older head's inventory, weights and labels, as a new change; by default those \
                 before the last.",
            )
            .body(JSON, &rollback, &one(&json!({ "number": 1 }))),
        change(operation("post", "/v1/admin/stops", "stop"), applied)
            .says(
                "Stop or resume anything",
                "An advertiser, a campaign, a flight, a publisher: in force within 2 s, without \
                 the checks of other changes.",
            )
            .body(
                JSON,
                &stop,
                &one(&json!({ "what": "flight", "id": "zahid-ai-europe", "stopped": true })),
            ),
    ]
}

fn own_stops(schemas: &mut Schemas) -> Operation {
    let (request, reply) = (schemas.read::<OwnStopRequest>(), schemas.written::<OwnStopReply>());
    let id = parameter::path("id", "The publisher's id.", parameter::text(), "eu-tech-news");
    change(operation("post", "/v1/publishers/{id}/stops", "ownStop"), &reply)
        .says(
            "Stop or resume a part of one's own site",
            "For publishers' servers, with the secret key, or the operator: pages whose path begins \
             so, pages about a topic, or the whole site; one of the three.",
        )
        .tag("decide")
        .key(Key::Required)
        .takes([id])
        .body(JSON, &request, &one(&json!({ "path": "/obituaries/", "stopped": true })))
        .answers(Answer::json(200, &reply, "It is in force."))
        .answers(Answer::problem(403, &["not_yours"], "Another party's key."))
}

pub(super) const JSON: &[&str] = &["application/json"];

/// A single example.
pub(super) fn one(value: &Value) -> Value {
    json!({ "usual": { "value": value } })
}

/// What every change takes and answers.
pub(super) fn change(row: Operation, applied: &Value) -> Operation {
    row.takes(["If-Match", "Idempotency-Key"].map(parameter::named))
        .answers(
            Answer::json(200, applied, "It is served: the new head, and what differs.")
                .header("ETag"),
        )
        .answers(Answer::problem(400, &["unparsable"], "Not JSON, or nested too deep."))
        .answers(Answer::problem(
            404,
            &["no_such_document", "no_such_list", "no_such_version"],
            "There is no such thing to change.",
        ))
        .answers(Answer::problem(
            409,
            &["document_exists", "needs_force"],
            "Something stands against it.",
        ))
        .answers(Answer::problem(412, &["version_changed"], "Somebody else was first."))
        .answers(Answer::problem(
            422,
            &["document_refused", "field_refused", "personal_data"],
            "What would come of it is not valid: `problems` lists all that is wrong.",
        ))
        .answers(
            Answer::problem(503, &["unavailable"], "Nothing can be kept now.")
                .header("Retry-After"),
        )
}
