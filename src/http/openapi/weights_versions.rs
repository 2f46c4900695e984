//! The operations on versions of the weights.

use crate::domain::weights::Weights;
use crate::http::openapi::change::{change, confirm};
use crate::http::openapi::operation::{Operation, operation};
use crate::http::openapi::parameter::{path, text};
use crate::http::openapi::response::Response;
use crate::http::openapi::schemas::Schemas;
use crate::http::ops::admin::weights_versions::{DraftRequest, WeightsVersionReply};
use crate::publishing::weights_versions::WeightsView;
use crate::replay::JobView;
use crate::world::shadow::ShadowReport;
use serde_json::json;

/// The operations, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let request = schemas.input::<DraftRequest>();
    let view = schemas.output::<WeightsView>();
    let views = schemas.output::<Vec<WeightsView>>();
    let version = schemas.output::<WeightsVersionReply>();
    let job = schemas.output::<JobView>();
    let shadow = schemas.output::<Option<ShadowReport>>();
    let about = "The name of the version, its hash, or at least eight digits with which only its hash begins.";
    let name = |example: &str| path("name", about, text(), example);
    let sharper = || name("sharper-draw");
    let missing = || {
        Response::problem(404, &["not_found"])
            .when("No such version; `detail` has the nearest name.")
    };
    let several = || Response::problem(422, &["invalid_field"]).when("Several hashes begin so.");
    let unavailable = || Response::problem(503, &["unavailable"]);
    let draft = |name: &str, note: &str, sharpness: f64| {
        let weights = Weights { sharpness, ..Weights::default() };
        json!({ "value": { "name": name, "note": note, "weights": weights } })
    };
    let drafts = json!({
        "sharper": draft("sharper-draw", "best takes more", 1.5),
        "calmer": draft("calmer-draw", "best takes less", 0.75),
    });
    let codes = &["invalid_field", "invalid_document", "personal_data"];
    vec![
        operation("get", "/v1/admin/weights/versions", "weightsVersions")
            .describe(
                "Versions of the weights",
                "Every draft and all weights that were served, newest first: author, note, difference, what a \
                 replay predicted, and when they were active. `ETag` is the hash of the active ones.",
            )
            .response(Response::json(200, &views, "The versions.").header("ETag")),
        operation("post", "/v1/admin/weights/versions", "draftWeights")
            .describe(
                "Store a draft of weights",
                "Checked against the inventory being served, then stored under its name and its hash; nothing is \
                 served. Both are unique and never change. In a fleet all instances have it.",
            )
            .body(&["application/json"], &request, &drafts)
            .response(Response::json(201, &view, "The draft is stored; so if it was already."))
            .response(Response::problem(400, &["malformed_request"]))
            .response(
                Response::problem(409, &["version_exists", "too_many_versions"])
                    .when("The name or the weights belong to another version, or there are too many."),
            )
            .response(Response::problem(422, codes).when("A field is invalid, or the weights have errors."))
            .response(unavailable()),
        operation("get", "/v1/admin/weights/versions/{name}", "weightsVersion")
            .describe("One version of the weights", "With its content, and what is wrong with it now.")
            .parameters([sharper()])
            .response(Response::json(200, &version, "The version."))
            .response(missing())
            .response(several()),
        operation("delete", "/v1/admin/weights/versions/{name}", "dropWeights")
            .describe("Drop a draft of weights", "Frees its name. What was served stays.")
            .parameters([name("calmer-draw")])
            .response(Response::bare(204, "It is dropped."))
            .response(missing())
            .response(Response::problem(409, &["version_served"]).when("It is or was served."))
            .response(several())
            .response(unavailable()),
        operation("post", "/v1/admin/weights/versions/{name}/replay", "replayWeights")
            .describe(
                "Replay recorded decisions with a version of the weights",
                "Those of the last 24 hours, in the background; see `/v1/admin/replays/{id}`. A named version keeps \
                 the summary.",
            )
            .parameters([sharper()])
            .response(Response::json(202, &job, "The replay has started."))
            .response(missing())
            .response(Response::problem(409, &["replay_running"]))
            .response(
                Response::problem(422, &["invalid_field", "invalid_document"])
                    .when("Several hashes begin so, or the weights have errors on the inventory being served."),
            ),
        change(schemas, operation("post", "/v1/admin/weights/versions/{name}/activate", "activateWeights"))
            .describe(
                "Serve a version of the weights",
                "`If-Match` is the hash of the active weights that the caller last read. The audit log names the \
                 version.",
            )
            .parameters([sharper(), confirm()])
            .response(Response::problem(400, &["malformed_request", "unknown_parameter"]))
            .response(missing())
            .response(
                Response::problem(409, &["confirmation_required"])
                    .when("A weight or a predicted figure moves by more than the limits under `[guard]` in the settings."),
            )
            .response(
                Response::problem(422, codes)
                    .when("Several hashes begin so, or the weights have errors on the inventory being served."),
            ),
        operation("post", "/v1/admin/weights/versions/{name}/shadow", "shadowWeights")
            .describe(
                "Compare a version of the weights on live traffic",
                "From now on, all instances decide a sample of their decisions again with it, in a thread of low \
                 priority. Nothing of it is served. Only one version at a time.",
            )
            .parameters([sharper()])
            .response(Response::json(200, &shadow, "The comparison has begun."))
            .response(missing())
            .response(several())
            .response(unavailable()),
        operation("get", "/v1/admin/weights/shadow", "weightsShadow")
            .describe(
                "What the comparison found",
                "On this instance, since the comparison or the weights being served began: how many decisions are \
                 the same, fill, and the advertisers whose exact shares move most.",
            )
            .response(Response::json(200, &shadow, "The comparison; `null` without one.")),
        operation("delete", "/v1/admin/weights/shadow", "endWeightsShadow")
            .describe("End the comparison", "On all instances.")
            .response(Response::bare(204, "Nothing is compared."))
            .response(unavailable()),
    ]
}
