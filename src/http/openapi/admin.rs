//! The admin API's operations, and the stops of a publisher.

use crate::catalog::Head;
use crate::catalog::audit::Entry;
use crate::catalog::listed::LISTS;
use crate::domain::inventory::Inventory;
use crate::domain::weights::Weights;
use crate::http::openapi::answer::Answer;
use crate::http::openapi::credits;
use crate::http::openapi::documents;
use crate::http::openapi::images;
use crate::http::openapi::operation::Key;
use crate::http::openapi::operation::Listener;
use crate::http::openapi::operation::Operation;
use crate::http::openapi::operation::operation;
use crate::http::openapi::parameter;
use crate::http::openapi::parameter::query;
use crate::http::openapi::parameter::text;
use crate::http::openapi::schemas::Schemas;
use crate::http::ops::admin::catalog::ApplyRequest;
use crate::http::ops::admin::catalog::AuditReply;
use crate::http::ops::admin::catalog::RollbackRequest;
use crate::http::ops::admin::documents::StateRequest;
use crate::http::ops::admin::review::ReviewReply;
use crate::http::ops::admin::stops::OwnStopReply;
use crate::http::ops::admin::stops::OwnStopRequest;
use crate::http::ops::admin::stops::StopRequest;
use crate::server::apply::Applied;
use crate::server::overview::document::Overview;
use serde_json::Value;
use serde_json::json;

const JSON: &[&str] = &["application/json"];

/// The rows, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let mut rows = reading(schemas);
    rows.extend(credits::operations(schemas));
    rows.extend(changing(schemas));
    rows.extend(images::operations(schemas));
    rows.extend(documents(schemas));
    let mut rows: Vec<Operation> = rows
        .into_iter()
        .map(|row| {
            row.on(Listener::Operations)
                .tag("operations")
                .key(Key::Required)
                .answers(Answer::problem(403, &["not_yours"], "Not an operator's key."))
        })
        .collect();
    rows.push(own_stops(schemas));
    rows
}

fn reading(schemas: &mut Schemas) -> Vec<Operation> {
    let head = schemas.written::<Option<Head>>();
    let history = schemas.written::<Vec<Entry>>();
    let audit = schemas.written::<AuditReply>();
    let review = schemas.written::<ReviewReply>();
    let overview = schemas.written::<Overview>();
    let inventory = schemas.written::<Inventory>();
    let weights = schemas.written::<Weights>();
    vec![
        operation("get", "/v1/admin/head", "head")
            .says(
                "What is served",
                "The catalog's head: its number, its three hashes, who made it.",
            )
            .answers(Answer::json(200, &head, "The head; `null` before the first change.")),
        operation("get", "/v1/admin/history", "history")
            .says("Who changed what", "Every change of the catalog, the oldest first.")
            .answers(Answer::json(200, &history, "The audit log.")),
        operation("get", "/v1/admin/overview", "overview")
            .says(
                "What is sold and how it does",
                "States, money and progress: advertisers with their campaigns, flights and \
                 creatives, and sites. At most 200 flights; a search finds the others.",
            )
            .takes([query(
                "search",
                "Words that must all be in an id, a name, a state or a tier.",
                text(),
                "zahid",
            )])
            .answers(Answer::json(200, &overview, "What was found."))
            .answers(Answer::problem(422, &["field_refused"], "A parameter is given twice.")),
        operation("get", "/v1/admin/audit", "audit")
            .says(
                "Is the ledger what its journal says",
                "Everything recomputed from the journal's files, and every stored picture looked \
                 at. Takes as long as reading them.",
            )
            .answers(Answer::json(200, &audit, "What differs; nothing is how it should be.")),
        operation("get", "/v1/admin/review", "review")
            .says(
                "What a person should look at",
                "Publishers and campaigns whose figures no audience makes: click rates far above \
                 the others, views that no page has, arrivals like clockwork, days without a \
                 night, spikes of clicks. None of it changes a verdict; credit what was no audience.",
            )
            .answers(Answer::json(200, &review, "What was found.")),
        operation("get", "/v1/admin/inventory", "inventory")
            .says("The whole inventory", "As it is served; `ETag` is its content hash.")
            .answers(Answer::json(200, &inventory, "The inventory.").header("ETag")),
        operation("get", "/v1/admin/weights", "weights")
            .says("The weights", "As they are served; `ETag` is their content hash.")
            .answers(Answer::json(200, &weights, "The weights.").header("ETag")),
    ]
}

fn changing(schemas: &mut Schemas) -> Vec<Operation> {
    let weights = schemas.read::<Weights>();
    let apply = schemas.read::<ApplyRequest>();
    let rollback = schemas.read::<RollbackRequest>();
    let stop = schemas.read::<StopRequest>();
    let refused = "A field, or `Idempotency-Key`, is refused, or the documents have problems.";
    let codes = &["field_refused", "document_refused", "personal_data"];
    let about = "Also where a weight moves by more than half.";
    let force = query("force", about, json!({ "type": "boolean" }), true);
    vec![
        change(schemas, operation("put", "/v1/admin/inventory", "apply"))
            .says(
                "Serve another inventory, other weights or labels",
                "All of it or nothing, checked first. What is absent stays. `seen` or `If-Match` \
                 (the inventory's hash) says what the caller knew.",
            )
            .body(JSON, &apply, &json!({ "nothing": { "value": { "what": "a trial" } } }))
            .answers(Answer::problem(409, &["needs_force"], "A weight moves by more than half."))
            .answers(Answer::problem(422, codes, refused)),
        change(schemas, operation("put", "/v1/admin/weights", "replaceWeights"))
            .says(
                "Serve other weights",
                "`If-Match` is the hash of the weights that the caller has seen.",
            )
            .takes([force])
            .body(JSON, &weights, &json!({ "defaults": { "value": Weights::default() } }))
            .answers(Answer::problem(409, &["needs_force"], "A weight moves by more than half."))
            .answers(Answer::problem(422, codes, refused)),
        change(schemas, operation("post", "/v1/admin/rollback", "rollback"))
            .says(
                "Go back",
                "Serves what an older head named, as a new change; the one before by default.",
            )
            .body(JSON, &rollback, &json!({ "before": { "value": {} } }))
            .answers(Answer::problem(404, &["no_such_version"], "There was no such change."))
            .answers(Answer::problem(422, codes, refused)),
        change(schemas, operation("post", "/v1/admin/stops", "stop"))
            .says("Stop or resume", "An advertiser, a campaign, a flight or a publisher, at once.")
            .body(
                JSON,
                &stop,
                &json!({ "flight": { "value":
                    { "what": "flight", "id": "zahid-ai-europe", "stopped": true } } }),
            )
            .answers(Answer::problem(404, &["no_such_document"], "There is no such thing."))
            .answers(Answer::problem(422, codes, refused)),
    ]
}

fn documents(schemas: &mut Schemas) -> Vec<Operation> {
    let (sent, answered) = (documents::sent(schemas), documents::answered(schemas));
    let state = schemas.read::<StateRequest>();
    let list = || {
        parameter::path(
            "list",
            "Which list.",
            json!({ "type": "string", "enum": LISTS }),
            "flights",
        )
    };
    let id = || parameter::path("id", "Which document.", text(), "zahid-ai-europe");
    let missing = || Answer::problem(404, &["no_such_document"], "No such list or document.");
    let codes = &["field_refused", "document_refused", "personal_data"];
    let refused =
        || Answer::problem(422, codes, "A field is refused, or the inventory would have problems.");
    let exists = || Answer::problem(409, &["document_exists"], "It is there already.");
    let example = json!({ "topic": { "value": { "id": "quiet-topic", "name": "Quiet topic" } } });
    vec![
        change(schemas, operation("post", "/v1/admin/creatives/{id}/state", "creativeState"))
            .says("Move a creative", "One step between `draft`, `approved`, `live` and `paused`.")
            .takes([parameter::path("id", "Which creative.", text(), "zahid-git-push")])
            .body(JSON, &state, &json!({ "live": { "value": { "state": "live" } } }))
            .answers(missing())
            .answers(refused()),
        operation("get", "/v1/admin/{list}", "list")
            .says(
                "A list of the inventory",
                "Every document of it; `ETag` is the inventory's hash.",
            )
            .takes([list()])
            .answers(
                Answer::json(200, &json!({ "type": "array", "items": answered }), "The documents.")
                    .header("ETag"),
            )
            .answers(missing()),
        change(schemas, operation("post", "/v1/admin/{list}", "create"))
            .says("Add a document", "A creative begins as a draft.")
            .takes([list()])
            .body(JSON, &sent, &example)
            .answers(missing())
            .answers(exists())
            .answers(refused()),
        operation("get", "/v1/admin/{list}/{id}", "read")
            .says("One document", "`ETag` is the inventory's hash.")
            .takes([list(), id()])
            .answers(Answer::json(200, &answered, "The document.").header("ETag"))
            .answers(missing()),
        change(schemas, operation("put", "/v1/admin/{list}/{id}", "replace"))
            .says("Replace a document", "A creative whose content changes becomes a draft.")
            .takes([list(), id()])
            .body(JSON, &sent, &example)
            .answers(missing())
            .answers(refused()),
        change(schemas, operation("delete", "/v1/admin/{list}/{id}", "delete"))
            .says("Remove a document", "Refused while another document refers to it.")
            .takes([list(), id()])
            .answers(missing())
            .answers(refused()),
    ]
}

/// What every change takes and answers.
fn change(schemas: &mut Schemas, row: Operation) -> Operation {
    let applied = schemas.written::<Applied>();
    let header = |name: &str, description: &str| {
        json!({ "name": name, "in": "header", "description": description,
            "schema": { "type": "string" } })
    };
    row.takes([
        header("If-Match", "The hash that the caller has seen; anything else has changed since."),
        header("Idempotency-Key", "The same change with the same key is made once."),
    ])
    .answers(Answer::json(200, &applied, "It is served.").header("ETag"))
    .answers(Answer::problem(400, &["unparsable"], "The body cannot be read."))
    .answers(Answer::problem(412, &["version_changed"], "Somebody else was first."))
    .answers(Answer::problem(503, &["unavailable"], "Budgets cannot be recorded now."))
}

fn own_stops(schemas: &mut Schemas) -> Operation {
    let asked: Value = schemas.read::<OwnStopRequest>();
    let reply = schemas.written::<OwnStopReply>();
    operation("post", "/v1/publishers/{id}/stops", "publisherStop")
        .says(
            "Stop or resume one's own pages",
            "For the publisher, with its secret key: the whole site, pages under a path, or pages \
             about a topic. Served within two seconds.",
        )
        .tag("decide")
        .key(Key::Required)
        .takes([parameter::path("id", "The publisher.", text(), "eu-tech-news")])
        .body(
            JSON,
            &asked,
            &json!({ "path": { "value": { "path": "/obituaries/", "stopped": true } } }),
        )
        .answers(Answer::json(200, &reply, "It is served."))
        .answers(Answer::problem(400, &["unparsable"], "The body cannot be read."))
        .answers(Answer::problem(403, &["not_yours"], "Another party's key."))
        .answers(Answer::problem(404, &["no_such_document"], "No such publisher."))
        .answers(Answer::problem(412, &["version_changed"], "Somebody else was first."))
        .answers(Answer::problem(
            422,
            &["field_refused", "document_refused", "personal_data"],
            "`field` names what is refused.",
        ))
        .answers(Answer::problem(503, &["unavailable"], "Nothing can be recorded now."))
}
