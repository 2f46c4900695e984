//! The admin API's documents, one by one: nine lists of the inventory.

use crate::catalog::listed::LISTS;
use crate::domain::campaign::Campaign;
use crate::domain::campaign::Flight;
use crate::domain::creative::Creative;
use crate::domain::entity::EntityDoc;
use crate::domain::party::Advertiser;
use crate::domain::party::Publisher;
use crate::domain::party::Sector;
use crate::domain::region::RegionGroup;
use crate::domain::taxonomy::TopicDoc;
use crate::http::openapi::admin::JSON;
use crate::http::openapi::admin::change;
use crate::http::openapi::admin::one;
use crate::http::openapi::answer::Answer;
use crate::http::openapi::operation::Operation;
use crate::http::openapi::operation::operation;
use crate::http::openapi::parameter;
use crate::http::openapi::schemas::Schemas;
use crate::http::ops::admin::documents::StateRequest;
use serde_json::Value;
use serde_json::json;

/// The rows, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas, applied: &Value) -> Vec<Operation> {
    let (read, written) = (sent(schemas), answered(schemas));
    let state = schemas.read::<StateRequest>();
    let many = json!({ "type": "array", "items": written });
    let list = || {
        let names = json!({ "type": "string", "enum": LISTS });
        parameter::path("list", "Which list of the inventory.", names, "topics")
    };
    let id = |example| parameter::path("id", "The document's id.", parameter::text(), example);
    let topic = || one(&json!({ "id": "boats", "name": "Boats" }));
    vec![
        change(operation("post", "/v1/admin/creatives/{id}/state", "creativeState"), applied)
            .says(
                "Move a creative to its next state",
                "`draft`, `approved`, `live`, `paused`: one step from where it stands.",
            )
            .takes([id("zahid-git-push")])
            .body(JSON, &state, &one(&json!({ "state": "paused" }))),
        operation("get", "/v1/admin/{list}", "list")
            .says("A list of the inventory", "`ETag` names the version of the whole inventory.")
            .takes([list()])
            .answers(Answer::json(200, &many, "Its documents.").header("ETag"))
            .answers(Answer::problem(404, &["no_such_list"], "There is no such list.")),
        change(operation("post", "/v1/admin/{list}", "create"), applied)
            .says("Add a document", "A creative begins as a draft.")
            .takes([list()])
            .body(JSON, &read, &topic()),
        operation("get", "/v1/admin/{list}/{id}", "read")
            .says("A document", "`ETag` names the version of the whole inventory.")
            .takes([list(), id("ai-infrastructure")])
            .answers(Answer::json(200, &written, "The document.").header("ETag"))
            .answers(Answer::problem(
                404,
                &["no_such_document", "no_such_list"],
                "There is no such document.",
            )),
        change(operation("put", "/v1/admin/{list}/{id}", "replace"), applied)
            .says("Replace a document", "A creative whose content changes becomes a draft again.")
            .takes([list(), id("boats")])
            .body(JSON, &read, &topic()),
        change(operation("delete", "/v1/admin/{list}/{id}", "delete"), applied)
            .says("Remove a document", "Refused while another document refers to it.")
            .takes([list(), id("boats")]),
    ]
}

/// A document of any list as it is sent.
fn sent(schemas: &mut Schemas) -> Value {
    json!({ "anyOf": [
        schemas.read::<TopicDoc>(),
        schemas.read::<EntityDoc>(),
        schemas.read::<RegionGroup>(),
        schemas.read::<Sector>(),
        schemas.read::<Advertiser>(),
        schemas.read::<Campaign>(),
        schemas.read::<Flight>(),
        schemas.read::<Creative>(),
        schemas.read::<Publisher>(),
    ] })
}

/// The same as it is answered.
fn answered(schemas: &mut Schemas) -> Value {
    json!({ "anyOf": [
        schemas.written::<TopicDoc>(),
        schemas.written::<EntityDoc>(),
        schemas.written::<RegionGroup>(),
        schemas.written::<Sector>(),
        schemas.written::<Advertiser>(),
        schemas.written::<Campaign>(),
        schemas.written::<Flight>(),
        schemas.written::<Creative>(),
        schemas.written::<Publisher>(),
    ] })
}
