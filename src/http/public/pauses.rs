//! A publisher pauses or resumes its own pages.

use crate::catalog::check::check_url_prefix;
use crate::catalog::detail::PauseDetail;
use crate::catalog::pause;
use crate::catalog::pause::{Pausable, SitePart};
use crate::domain::id::TopicId;
use crate::domain::party::Publisher;
use crate::http::change::{Change, check_reason};
use crate::http::problem::ApiError;
use crate::http::public::publisher_key;
use crate::http::{AppState, body, json};
use crate::publishing::Publishing;
use crate::publishing::apply::Edit;
use crate::world::Worlds;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a publisher pauses or resumes: exactly one of `path`, `topic` and `site`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublisherPauseRequest {
    /// Pages whose path, or whole URL, starts with this.
    #[serde(default)]
    pub(crate) path: Option<String>,
    /// Pages about this topic or any topic below it.
    #[serde(default)]
    pub(crate) topic: Option<TopicId>,
    /// The whole site.
    #[serde(default)]
    pub(crate) site: bool,
    /// `true` pauses it, `false` resumes it.
    pub(crate) paused: bool,
    /// Why; for the operator.
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// A pause or resumption that took effect.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PublisherPauseReply {
    /// Number of the change in the catalog's history.
    pub(crate) applied: u64,
    /// The prefix as it is compared with the addresses of pages; `http` and `https`, hosts with and without
    /// `www.`, and the letter case of its path are distinct.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
}

/// What is paused on a site, in files, by an operator or by the publisher.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub(crate) struct PublisherPauses {
    /// The whole site.
    pub(crate) site: bool,
    /// Prefixes of paths and URLs.
    pub(crate) paths: Vec<String>,
    /// Topics, with all below them.
    pub(crate) topics: Vec<TopicId>,
}

impl PublisherPauses {
    pub(crate) fn of(site: &Publisher) -> PublisherPauses {
        let mut paths: Vec<String> = site.all_paused_paths().map(str::to_owned).collect();
        let mut topics: Vec<TopicId> = site.all_paused_topics().cloned().collect();
        paths.sort();
        paths.dedup();
        topics.sort();
        topics.dedup();
        PublisherPauses { site: site.is_paused(), paths, topics }
    }
}

/// `GET /v1/publishers/{id}/pauses`: what is paused, for the publisher and operators.
pub(crate) async fn list(
    app: Data<AppState>,
    world: Data<Worlds>,
    http: HttpRequest,
    path: Path<String>,
) -> Result<HttpResponse, ApiError> {
    publisher_key::require(&app, &http, &path)?;
    let directory = world.directory();
    let site = directory.served::<Publisher>(&path);
    let site = site.ok_or_else(|| publisher_key::unknown(&path))?;
    Ok(json(&PublisherPauses::of(site)))
}

/// `POST /v1/publishers/{id}/pauses`: requires the publisher's secret key or an operator key.
pub(crate) async fn own(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    path: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let id = path.into_inner();
    let identity = publisher_key::require(&app, &http, &id)?;
    let what = format!("pauses of publishers/{id}");
    // This is on the public listener, so the body limit of public requests applies.
    let limit = app.settings.get().request.body_bytes;
    let body = body::read(payload, limit, app.body_timeout).await?;
    let change = Change::new(&app, &http, body, what, &identity)?;
    let request: PublisherPauseRequest = change.json()?;
    check_reason(request.reason.as_ref())?;
    let part = match (request.site, request.path, request.topic) {
        (true, None, None) => SitePart::Site,
        (false, Some(path), None) => SitePart::Path(path),
        (false, None, Some(topic)) => SitePart::Topic(topic),
        _ => {
            return Err(ApiError::invalid_field(
                "site",
                "give exactly one of `site`, `path` and `topic`",
            ));
        }
    };
    let made = |inventory: &_| pause::set_site_part(inventory, &id, &part, request.paused);
    let _pass = app.gates.publisher_change(&identity, app.clock.now_ms()).await?;
    let mut detail = PauseDetail {
        what: Pausable::Publisher.to_string(),
        id: id.clone(),
        path: None,
        topic: None,
        paused: request.paused,
        reason: request.reason,
    };
    match &part {
        SitePart::Site => {}
        SitePart::Path(path) => detail.path = Some(path.clone()),
        SitePart::Topic(topic) => detail.topic = Some(topic.to_string()),
    }
    let how = Edit::Pause(Some(detail));
    let done = publishing.edit(made, change.expected(), how, &change.by).await?;
    let path = match &part {
        SitePart::Path(path) => check_url_prefix(path).ok().map(|prefix| prefix.to_string()),
        _ => None,
    };
    Ok(json(&PublisherPauseReply { applied: done.head.number, path }))
}
