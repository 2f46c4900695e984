//! Stop and resume: anything by the operator, its own pages by a publisher. Served within a second
//! or two, whatever newer checks say of the rest.

use crate::catalog::stop;
use crate::catalog::stop::Part;
use crate::catalog::stop::Stoppable;
use crate::config::keys::Role;
use crate::http::Face;
use crate::http::body;
use crate::http::caller;
use crate::http::ops::admin;
use crate::http::ops::admin::Change;
use crate::http::problem::ApiError;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web::Data;
use actix_web::web::Path;
use actix_web::web::Payload;
use serde::Deserialize;

/// What the operator stops or resumes.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopRequest {
    /// What kind of thing.
    pub what: Stoppable,
    /// Which.
    pub id: String,
    /// `false` resumes it.
    pub stopped: bool,
}

/// `POST /v1/admin/stops`.
pub async fn set(
    face: Data<Face>,
    http: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let mut change = Change::read(&face, &http, payload, String::new()).await?;
    let asked: StopRequest = change.json()?;
    let verb = if asked.stopped { "stop" } else { "resume" };
    change.by.what = format!("{verb} {} {}", asked.what, asked.id);
    let made = |inventory: &_| stop::set(inventory, asked.what, &asked.id, asked.stopped);
    let done = face.server.edit(made, change.expected(), true, &change.by).await?;
    Ok(admin::applied(&done))
}

/// What a publisher stops or resumes: one of its parts.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnStopRequest {
    /// Pages whose path, or whole address, begins like this.
    #[serde(default)]
    pub path: Option<String>,
    /// Pages about this topic, or about one below it.
    #[serde(default)]
    pub topic: Option<crate::domain::id::TopicId>,
    /// The whole site.
    #[serde(default)]
    pub site: bool,
    /// `false` resumes it.
    pub stopped: bool,
}

/// A stop that is served.
#[derive(serde::Serialize, schemars::JsonSchema)]
pub struct OwnStopReply {
    /// The number of the change.
    pub applied: u64,
}

/// `POST /v1/publishers/{id}/stops`: the publisher's secret key, or an operator's.
pub async fn own(
    face: Data<Face>,
    http: HttpRequest,
    path: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let id = path.into_inner();
    let identity = caller::identity(&face, &http)?
        .ok_or_else(|| ApiError::unauthorized("this needs the publisher's secret key"))?;
    let own = identity.role == Role::Publisher && identity.owner == id;
    if !own && identity.role != Role::Operator {
        return Err(ApiError::forbidden("this key opens another party's pages"));
    }
    let what = format!("stops of publishers/{id}");
    // On the open network: no more is read than of any other call there.
    let limit = face.server.settings().request.body_bytes;
    let body = body::read(payload, limit, face.body_timeout).await?;
    let change = Change::of(&face, &http, body, what, &identity)?;
    let asked: OwnStopRequest = change.json()?;
    let part = match (asked.site, asked.path, asked.topic) {
        (true, None, None) => Part::Site,
        (false, Some(path), None) => Part::Path(path),
        (false, None, Some(topic)) => Part::Topic(topic),
        _ => return Err(ApiError::refused("site", "name one of `site`, `path` and `topic`")),
    };
    let made = |inventory: &_| stop::set_part(inventory, &id, &part, asked.stopped);
    let done = face.server.edit(made, change.expected(), true, &change.by).await?;
    Ok(crate::http::public::explain::json(&OwnStopReply { applied: done.head.number }))
}
