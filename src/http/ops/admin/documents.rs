//! Individual documents of the inventory: advertisers, campaigns, flights, creatives, publishers, and
//! the vocabularies (topics, entities, regions, context keys, categories).

use crate::catalog::detail::PauseDetail;
use crate::catalog::edit;
use crate::catalog::pause::Pausable;
use crate::domain::creative::{Creative, CreativeState};
use crate::domain::lists::LISTS;
use crate::http::AppState;
use crate::http::change::{Change, ConfirmQuery, apply_response};
use crate::http::json;
use crate::http::ops::admin;
use crate::http::problem::ApiError;
use crate::publishing::Publishing;
use crate::publishing::apply::Edit;
use crate::world::Worlds;
use actix_web::http::header::ETAG;
use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::Value;

/// One list of the inventory as JSON, and the inventory's hash.
fn list_of(world: &Worlds, list: &str) -> Result<(Vec<Value>, String), ApiError> {
    let live = world.live();
    let snapshot = live.snapshot();
    let unknown = || {
        let detail = format!("no list `{list}`; the lists are {}", LISTS.join(", "));
        ApiError::not_found("not_found", detail)
    };
    let mut inventory = serde_json::to_value(&snapshot.inventory).map_err(ApiError::internal)?;
    if !LISTS.contains(&list) {
        return Err(unknown());
    }
    let documents = match inventory.get_mut(list).map(Value::take) {
        Some(Value::Array(documents)) => documents,
        // A list that is left out while it is empty.
        _ => Vec::new(),
    };
    Ok((documents, snapshot.inventory_hash.clone()))
}

/// `GET /v1/admin/{list}`.
pub(crate) async fn list(
    app: Data<AppState>,
    world: Data<Worlds>,
    http: HttpRequest,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let (documents, version) = list_of(&world, &path)?;
    let mut answer = json(&documents);
    set_etag(&mut answer, &version);
    Ok(answer)
}

/// `GET /v1/admin/{list}/{id}`.
pub(crate) async fn read(
    app: Data<AppState>,
    world: Data<Worlds>,
    http: HttpRequest,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    admin::authorize(&app, &http)?;
    let (list, id) = path.into_inner();
    let (documents, version) = list_of(&world, &list)?;
    let found = documents.into_iter().find(|one| one["id"].as_str() == Some(&id));
    let found = found
        .ok_or_else(|| ApiError::not_found("not_found", format!("no document `{id}` in {list}")))?;
    let mut answer = json(&found);
    set_etag(&mut answer, &version);
    Ok(answer)
}

fn set_etag(answer: &mut HttpResponse, version: &str) {
    if let Ok(value) = format!("\"{version}\"").parse() {
        answer.headers_mut().insert(ETAG, value);
    }
}

/// `POST /v1/admin/{list}`: a new creative starts as a draft.
pub(crate) async fn create(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    path: Path<String>,
    query: Query<ConfirmQuery>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let list = path.into_inner();
    let change = Change::read(&app, &http, payload, format!("create in {list}")).await?;
    let document: Value = change.json()?;
    let edit = |inventory: &_| edit::create(inventory, &list, document.clone());
    let done = publishing.edit(edit, change.expected(), query.edit(), &change.by).await?;
    Ok(apply_response(&done))
}

/// `PUT /v1/admin/{list}/{id}`: a creative whose content changes returns to draft.
pub(crate) async fn replace(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    path: Path<(String, String)>,
    query: Query<ConfirmQuery>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let (list, id) = path.into_inner();
    let change = Change::read(&app, &http, payload, format!("replace {list}/{id}")).await?;
    let document: Value = change.json()?;
    let edit = |inventory: &_| edit::replace(inventory, &list, &id, document.clone());
    let done = publishing.edit(edit, change.expected(), query.edit(), &change.by).await?;
    Ok(apply_response(&done))
}

/// `DELETE /v1/admin/{list}/{id}`: rejected while another document refers to it.
pub(crate) async fn delete(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    path: Path<(String, String)>,
    query: Query<ConfirmQuery>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let (list, id) = path.into_inner();
    let change = Change::read(&app, &http, payload, format!("delete {list}/{id}")).await?;
    let edit = |inventory: &_| edit::delete(inventory, &list, &id);
    let done = publishing.edit(edit, change.expected(), query.edit(), &change.by).await?;
    Ok(apply_response(&done))
}

/// A creative's new state.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateRequest {
    /// The new state: one step from the current one.
    pub(crate) state: CreativeState,
}

/// The pause or resumption that a step of a creative is; `None` of a step of its review.
fn pause_of(id: &str, before: Option<CreativeState>, after: CreativeState) -> Option<PauseDetail> {
    let paused = match (before, after) {
        (Some(CreativeState::Live), CreativeState::Paused) => true,
        (Some(CreativeState::Paused), CreativeState::Live) => false,
        _ => return None,
    };
    let (what, id) = (Pausable::Creative.to_string(), id.to_owned());
    Some(PauseDetail { what, id, path: None, topic: None, paused, reason: None })
}

/// `POST /v1/admin/creatives/{id}/state`: pausing and setting live again is a pause by hand.
pub(crate) async fn state(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    world: Data<Worlds>,
    http: HttpRequest,
    path: Path<String>,
    query: Query<ConfirmQuery>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let id = path.into_inner();
    let change = Change::read(&app, &http, payload, format!("state of creatives/{id}")).await?;
    let request: StateRequest = change.json()?;
    let edit = |inventory: &_| edit::set_state(inventory, &id, request.state);
    let directory = world.directory();
    let before = directory.served::<Creative>(&id).map(Creative::serving_state);
    let pause = pause_of(&id, before, request.state);
    let how = pause.map_or_else(|| query.edit(), |pause| Edit::Pause(Some(pause)));
    let done = publishing.edit(edit, change.expected(), how, &change.by).await?;
    Ok(apply_response(&done))
}
