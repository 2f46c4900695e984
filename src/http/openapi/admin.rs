//! Operations of the admin API.

use crate::catalog::Head;
use crate::catalog::audit::Entry;
use crate::catalog::pause_list::PauseRow;
use crate::domain::inventory::Inventory;
use crate::domain::lists::LISTS;
use crate::domain::weights::Weights;
use crate::http::openapi::change::{change, confirm};
use crate::http::openapi::operation::{Key, Listener, Operation, operation};
use crate::http::openapi::parameter::{query, text};
use crate::http::openapi::response::Response;
use crate::http::openapi::schemas::Schemas;
use crate::http::openapi::{
    canary, credits, documents, forecasts, images, parameter, replays, site_changes,
    weights_versions,
};
use crate::http::ops::admin::catalog::{ApplyRequest, AuditReply, RollbackRequest};
use crate::http::ops::admin::documents::StateRequest;
use crate::http::ops::admin::notices::NoticesReply;
use crate::http::ops::admin::pauses::PauseRequest;
use crate::http::ops::admin::pending::{AcceptReply, AcceptRequest};
use crate::http::ops::admin::review::ReviewReply;
use crate::http::ops::admin::status::StatusReply;
use crate::notices::Removal;
use crate::publishing::pending::PendingChange;
use crate::reporting::gaps::GapReport;
use crate::reporting::overview::document::Overview;
use crate::reporting::topic_share::TopicSharesReport;
use crate::world::live_feed::FeedPage;
use serde_json::json;

const JSON: &[&str] = &["application/json"];

/// The operations, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let mut rows = read_operations(schemas);
    rows.extend(forecasts::operations(schemas));
    rows.extend(weights_versions::operations(schemas));
    rows.extend(canary::operations(schemas));
    rows.extend(replays::operations(schemas));
    rows.extend(credits::operations(schemas));
    rows.extend(change_operations(schemas));
    rows.extend(images::operations(schemas));
    rows.extend(documents(schemas));
    let mut rows: Vec<Operation> = rows
        .into_iter()
        .map(|row| {
            row.on(Listener::Operations)
                .tag("operations")
                .key(Key::Required)
                .response(Response::problem(403, &["forbidden"]).when("Not an operator key."))
        })
        .collect();
    rows.extend(site_changes::operations(schemas));
    rows
}

fn read_operations(schemas: &mut Schemas) -> Vec<Operation> {
    let head = schemas.output::<Option<Head>>();
    let history = schemas.output::<Vec<Entry>>();
    let audit = schemas.output::<AuditReply>();
    let review = schemas.output::<ReviewReply>();
    let notices = schemas.output::<NoticesReply>();
    let removal = schemas.output::<Removal>();
    let gaps = schemas.output::<GapReport>();
    let topic_shares = schemas.output::<TopicSharesReport>();
    let format = json!({ "type": "string", "enum": ["json", "csv"] });
    let status = schemas.output::<StatusReply>();
    let feed = schemas.output::<FeedPage>();
    let number = json!({ "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64 });
    let kind = json!({ "type": "string", "enum": ["decision", "event"] });
    let overview = schemas.output::<Overview>();
    let pauses = schemas.output::<Vec<PauseRow>>();
    let pending = schemas.output::<Vec<PendingChange>>();
    let inventory = schemas.output::<Inventory>();
    let weights = schemas.output::<Weights>();
    vec![
        operation("get", "/v1/admin/head", "head")
            .describe(
                "Current catalog head",
                "Its number, its three hashes and its author.",
            )
            .response(Response::json(200, &head, "The head; `null` before the first change.")),
        operation("get", "/v1/admin/history", "history")
            .describe("Change history", "Every change of the catalog, oldest first.")
            .response(Response::json(200, &history, "The audit log.")),
        operation("get", "/v1/admin/status", "status")
            .describe(
                "Status of this instance",
                "What runs, the last change, the traffic of the last minutes, flights behind their pace, \
                 budgets that are nearly spent, alerts, pauses, and settings that wait for a restart.",
            )
            .response(Response::json(200, &status, "The status.")),
        operation("get", "/v1/admin/recent", "recent")
            .describe(
                "Decisions and events as they happen",
                "Those of this instance after a number, without data of readers. The first request, without \
                 `after`, begins to watch: entries are kept for 30 seconds after each request.",
            )
            .parameters([
                query("after", "`next` of the answer before.", number.clone(), 4_711),
                query("wait_ms", "How long to wait for an entry, up to 5,000 ms.", number, 5_000),
                query("kind", "Only these.", kind, "decision"),
                query("publisher", "Only of this publisher.", text(), "eu-tech-news"),
                query("flight", "Only of this flight.", text(), "zahid-ai-europe"),
                query("reason", "Only with this no-fill reason, verdict or reason of an event.", text(), "no_candidate"),
            ])
            .response(Response::json(200, &feed, "The entries, oldest first."))
            .response(Response::problem(400, &["malformed_request", "unknown_parameter"])),
        operation("get", "/v1/admin/overview", "overview")
            .describe(
                "Campaign overview",
                "Status, spend and progress of advertisers with their campaigns, flights and \
                 creatives, and of sites. At most 200 flights; search to find others.",
            )
            .parameters([query(
                "search",
                "Search words; all of them must occur in an id, a name, a state or a tier.",
                text(),
                "zahid",
            )])
            .response(Response::json(200, &overview, "The matching documents."))
            .response(Response::problem(400, &["unknown_parameter"]))
            .response(Response::problem(422, &["invalid_field"]).when("A parameter is repeated.")),
        operation("get", "/v1/admin/audit", "audit")
            .describe(
                "Audit the ledger",
                "Recomputes the ledger from the journal files and verifies every stored image. Takes \
                 as long as reading all of them.",
            )
            .response(Response::json(200, &audit, "The mismatches; expected to be empty.")),
        operation("get", "/v1/admin/gaps", "gaps")
            .describe(
                "What no sponsor wanted",
                "Slots that stayed empty or got a house unit, by topic, entity, unknown name, country, language \
                 and publisher, those with most of them first, and the fill of each publisher. Read from the \
                 decisions that the instance recorded; of many, from a sample.",
            )
            .parameters([
                parameter::first_day("last seven days, in UTC"),
                parameter::day_after(),
                query("format", "Format; overrides `Accept`.", format, "json"),
            ])
            .response(
                Response::json(200, &gaps, "The report; as CSV the contexts.")
                    .in_format("text/csv", json!({ "type": "string" })),
            )
            .response(Response::problem(400, &["unknown_parameter"]))
            .response(Response::problem(422, &["invalid_field"]))
            .response(Response::problem(503, &["unavailable"])),
        operation("get", "/v1/admin/review", "review")
            .describe(
                "Suspicious traffic to review",
                "Publishers and campaigns with figures that human traffic does not produce: click \
                 rates far above the others, implausible viewability, events at regular intervals, \
                 no drop at night, click spikes. No finding changes a verdict; credit invalid traffic.",
            )
            .response(Response::json(200, &review, "The findings.")),
        operation("get", "/v1/admin/notices", "notices")
            .describe(
                "Notices of readers",
                "What readers reported about units to this instance, with the form of the page behind \"why \
                 this\", and which notices were removed by whom.",
            )
            .response(Response::json(200, &notices, "The notices.")),
        operation("delete", "/v1/admin/notices/{id}", "removeNotice")
            .describe(
                "Remove a notice that was handled",
                "Deletes its text, name and address; the reference, the decision, the reason, the time and the \
                 key stay.",
            )
            .parameters([parameter::path("id", "The notice's reference.", text(), "5f0c1b6f0b8b4a7c")])
            .response(Response::json(200, &removal, "The notice is removed."))
            .response(Response::problem(404, &["not_found"]).when("No such notice on this instance.")),
        operation("get", "/v1/admin/pauses", "pauses")
            .describe(
                "What is paused",
                "Everything that is paused, by hand or in the inventory, by whom, since when and why. Pauses by \
                 hand of older versions may lack who and when.",
            )
            .response(Response::json(200, &pauses, "What is paused.")),
        operation("get", "/v1/admin/pending", "pending")
            .describe(
                "Files that wait for confirmation",
                "Changed files of this instance that the guard stopped, or that would undo a later change.",
            )
            .response(Response::json(200, &pending, "What waits; empty if nothing does.")),
        operation("get", "/v1/admin/inventory", "inventory")
            .describe("The inventory", "The inventory being served; `ETag` is its content hash.")
            .response(Response::json(200, &inventory, "The inventory.").header("ETag")),
        operation("get", "/v1/admin/weights", "weights")
            .describe("The weights", "The weights being served; `ETag` is their content hash.")
            .response(Response::json(200, &weights, "The weights.").header("ETag")),
        operation("get", "/v1/admin/topic-shares", "topicShares")
            .describe(
                "Which part of each topic's slots advertisers have today",
                "Of each topic, its slots on this UTC day, filled or not, the advertisers that have most of them, \
                 and the bound that `fairness` in the weights sets. A slot belongs to the topic that its winner \
                 matched, else to the first of its page.",
            )
            .response(Response::json(200, &topic_shares, "The shares.")),
    ]
}

fn change_operations(schemas: &mut Schemas) -> Vec<Operation> {
    let weights = schemas.input::<Weights>();
    let apply = schemas.input::<ApplyRequest>();
    let rollback = schemas.input::<RollbackRequest>();
    let stop = schemas.input::<PauseRequest>();
    let accept = schemas.input::<AcceptRequest>();
    let accepted = schemas.output::<AcceptReply>();
    let invalid = "A field or `Idempotency-Key` is invalid, or the documents have errors.";
    let codes = &["invalid_field", "invalid_document", "personal_data"];
    let stops = "A document is removed, or a price, budget, goal, weight or predicted figure moves by more than the \
                 limits under `[guard]` in the settings.";
    let confirm = confirm();
    vec![
        change(schemas, operation("put", "/v1/admin/inventory", "apply"))
            .describe(
                "Replace inventory, weights or labels",
                "Validated and applied atomically. Absent parts stay unchanged. `seen` (a head \
                 number) or `If-Match` (the inventory's hash) states the version the caller last read.",
            )
            .body(JSON, &apply, &json!({ "nothing": { "value": { "what": "a trial" } } }))
            .response(Response::problem(409, &["confirmation_required"]).when(stops))
            .response(Response::problem(422, codes).when(invalid)),
        change(schemas, operation("put", "/v1/admin/weights", "replaceWeights"))
            .describe(
                "Replace the weights",
                "`If-Match` is the hash of the weights that the caller last read.",
            )
            .parameters([confirm])
            .response(Response::problem(400, &["malformed_request", "unknown_parameter"]))
            .body(JSON, &weights, &json!({ "defaults": { "value": Weights::default() } }))
            .response(Response::problem(409, &["confirmation_required"]).when(stops))
            .response(Response::problem(422, codes).when(invalid)),
        change(schemas, operation("post", "/v1/admin/rollback", "rollback"))
            .describe(
                "Roll back",
                "Applies the content of an older change as a new change. Without a number, the last change of \
                 content is undone, and the next time the one before it. Pauses and publishers' blocks stay as \
                 they are.",
            )
            .body(JSON, &rollback, &json!({ "before": { "value": {} } }))
            .response(Response::problem(404, &["not_found"]).when("No such change."))
            .response(
                Response::problem(409, &["cannot_roll_back"])
                    .when("It is what is served, or there is nothing to undo."),
            )
            .response(Response::problem(422, codes).when(invalid)),
        change(schemas, operation("post", "/v1/admin/pauses", "pause"))
            .describe(
                "Pause or resume",
                "Pauses or resumes an advertiser, campaign, flight, creative or publisher. No file, restart or \
                 rollback undoes it.",
            )
            .body(
                JSON,
                &stop,
                &json!({ "flight": { "value":
                    { "what": "flight", "id": "zahid-ai-europe", "paused": true, "reason": "wrong landing page" } } }),
            )
            .response(Response::problem(404, &["not_found"]).when("No such document."))
            .response(Response::problem(422, codes).when(invalid)),
        change(schemas, operation("post", "/v1/admin/pending/accept", "acceptPending"))
            .describe(
                "Accept a pending change",
                "Applies a file that waits for confirmation, if it still has the content that was judged. `part` \
                 may be absent if only one waits.",
            )
            .body(JSON, &accept, &json!({ "weights": { "value": { "part": "weights" } } }))
            .response(Response::json(200, &accepted, "The change is applied."))
            .response(Response::problem(404, &["not_found"]).when("No such change waits."))
            .response(Response::problem(422, codes).when(invalid)),
    ]
}

fn documents(schemas: &mut Schemas) -> Vec<Operation> {
    let (input, output) = (documents::input(schemas), documents::output(schemas));
    let state = schemas.input::<StateRequest>();
    let list = |example| {
        let names = json!({ "type": "string", "enum": LISTS });
        parameter::path("list", "Name of the list.", names, example)
    };
    let id = |example| parameter::path("id", "Id of the document.", text(), example);
    let flight = || [list("flights"), id("zahid-ai-europe")];
    let topic = || [list("topics"), id("quiet-topic")];
    let missing = || Response::problem(404, &["not_found"]).when("No such list or document.");
    let codes = &["invalid_field", "invalid_document", "personal_data"];
    let invalid = || {
        Response::problem(422, codes)
            .when("A field is invalid, or the inventory would have errors.")
    };
    let stopped = || {
        Response::problem(409, &["confirmation_required"])
            .when("A document or placement is removed, or a figure moves by more than the guard's limits.")
    };
    let example = json!({ "topic": { "value": { "id": "quiet-topic", "name": "Quiet topic" } } });
    vec![
        change(schemas, operation("post", "/v1/admin/creatives/{id}/state", "creativeState"))
            .describe(
                "Change the state of a creative",
                "One step between `draft`, `approved`, `live` and `paused`. Pausing a live creative is a pause by \
                 hand, which no file or rollback ends.",
            )
            .parameters([
                parameter::path("id", "Id of the creative.", text(), "zahid-git-push"),
                confirm(),
            ])
            .response(Response::problem(400, &["malformed_request", "unknown_parameter"]))
            .response(stopped())
            .body(JSON, &state, &json!({ "paused": { "value": { "state": "paused" } } }))
            .response(missing())
            .response(invalid()),
        operation("get", "/v1/admin/{list}", "list")
            .describe("List documents", "Every document of a list; `ETag` is the inventory's hash.")
            .parameters([list("flights")])
            .response(
                Response::json(200, &json!({ "type": "array", "items": output }), "The documents.")
                    .header("ETag"),
            )
            .response(missing()),
        change(schemas, operation("post", "/v1/admin/{list}", "create"))
            .describe("Create a document", "A new creative starts as a draft.")
            .parameters([list("topics"), confirm()])
            .body(JSON, &input, &example)
            .response(Response::problem(400, &["malformed_request", "unknown_parameter"]))
            .response(missing())
            .response(Response::problem(409, &["document_exists", "confirmation_required"]))
            .response(invalid()),
        operation("get", "/v1/admin/{list}/{id}", "read")
            .describe("Get a document", "`ETag` is the inventory's hash.")
            .parameters(flight())
            .response(Response::json(200, &output, "The document.").header("ETag"))
            .response(missing()),
        change(schemas, operation("put", "/v1/admin/{list}/{id}", "replace"))
            .describe("Replace a document", "A creative whose content changes returns to draft. A pause stays.")
            .parameters(topic().into_iter().chain([confirm()]))
            .body(JSON, &input, &example)
            .response(Response::problem(400, &["malformed_request", "unknown_parameter"]))
            .response(missing())
            .response(stopped())
            .response(invalid()),
        change(schemas, operation("delete", "/v1/admin/{list}/{id}", "delete"))
            .describe("Delete a document", "Rejected while another document refers to it.")
            .parameters(topic().into_iter().chain([confirm()]))
            .response(Response::problem(400, &["malformed_request", "unknown_parameter"]))
            .response(missing())
            .response(stopped())
            .response(invalid()),
    ]
}
