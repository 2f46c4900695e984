//! A publisher blocks sponsors on its own pages.

use crate::catalog::block;
use crate::catalog::block::Blocked;
use crate::domain::entity::EntityDoc;
use crate::domain::id::{AdvertiserId, CategoryId, EntityId};
use crate::domain::lists::ListItem;
use crate::domain::party::{Advertiser, Blocks, Category, Publisher};
use crate::http::change::Change;
use crate::http::problem::ApiError;
use crate::http::public::publisher_key;
use crate::http::{AppState, body, json};
use crate::publishing::Publishing;
use crate::publishing::apply::Edit;
use crate::world::Worlds;
use crate::world::directory::Directory;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a publisher blocks or unblocks: exactly one of `advertiser`, `category` and `entity`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublisherBlockRequest {
    /// An advertiser.
    #[serde(default)]
    pub(crate) advertiser: Option<AdvertiserId>,
    /// A category of advertisers.
    #[serde(default)]
    pub(crate) category: Option<CategoryId>,
    /// An entity: advertisers that are it or are owned by it.
    #[serde(default)]
    pub(crate) entity: Option<EntityId>,
    /// `true` blocks it, `false` unblocks it.
    pub(crate) blocked: bool,
}

/// A block that took effect.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PublisherBlockReply {
    /// Number of the change in the catalog's history.
    pub(crate) applied: u64,
}

/// What a publisher blocks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub(crate) struct PublisherBlocks {
    /// Advertisers.
    pub(crate) advertisers: Vec<BlockEntry>,
    /// Categories of advertisers.
    pub(crate) categories: Vec<BlockEntry>,
    /// Entities.
    pub(crate) entities: Vec<BlockEntry>,
}

/// One entry of a block list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub(crate) struct BlockEntry {
    /// Its id.
    pub(crate) id: String,
    /// Its name; empty if the inventory does not have it any more.
    pub(crate) name: String,
    /// Whether the publisher can unblock it. The operator's inventory files set the others.
    pub(crate) own: bool,
}

impl PublisherBlocks {
    /// The block lists of a publisher, in id order.
    pub(crate) fn of(site: &Publisher, directory: &Directory) -> PublisherBlocks {
        let Publisher { blocks: files, manual_blocks: own, .. } = site;
        let list = |ids: fn(&Blocks) -> Vec<String>, name: &dyn Fn(&str) -> Option<String>| {
            let (files, own) = (ids(files), ids(own));
            let mut all: Vec<&String> = files.iter().chain(&own).collect();
            all.sort();
            all.dedup();
            let entry = |id: &String| BlockEntry {
                id: id.clone(),
                name: name(id).unwrap_or_default(),
                own: !files.contains(id),
            };
            all.into_iter().map(entry).collect()
        };
        PublisherBlocks {
            advertisers: list(
                |blocks| blocks.advertisers.iter().map(ToString::to_string).collect(),
                &|id| Some(directory.find::<Advertiser>(id)?.name.clone()),
            ),
            categories: list(
                |blocks| blocks.categories.iter().map(ToString::to_string).collect(),
                &|id| Some(directory.find::<Category>(id)?.name.clone()),
            ),
            entities: list(
                |blocks| blocks.entities.iter().map(ToString::to_string).collect(),
                &|id| Some(directory.find::<EntityDoc>(id)?.name.clone()),
            ),
        }
    }
}

/// `GET /v1/publishers/{id}/blocks`: what is blocked, for the publisher and operators.
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
    Ok(json(&PublisherBlocks::of(site, &directory)))
}

/// `POST /v1/publishers/{id}/blocks`: requires the publisher's secret key or an operator key.
pub(crate) async fn own(
    app: Data<AppState>,
    publishing: Data<Publishing>,
    http: HttpRequest,
    path: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let id = path.into_inner();
    let identity = publisher_key::require(&app, &http, &id)?;
    let what = format!("blocks of {}/{id}", Publisher::LIST);
    // This is on the public listener, so the body limit of public requests applies.
    let limit = app.settings.get().request.body_bytes;
    let body = body::read(payload, limit, app.body_timeout).await?;
    let change = Change::new(&app, &http, body, what, &identity)?;
    let request: PublisherBlockRequest = change.json()?;
    let target = match (request.advertiser, request.category, request.entity) {
        (Some(id), None, None) => Blocked::Advertiser(id),
        (None, Some(id), None) => Blocked::Category(id),
        (None, None, Some(id)) => Blocked::Entity(id),
        _ => {
            return Err(ApiError::invalid_field(
                "advertiser",
                "give exactly one of `advertiser`, `category` and `entity`",
            ));
        }
    };
    let made = |inventory: &_| block::set(inventory, &id, &target, request.blocked);
    let _pass = app.gates.publisher_change(&identity, app.clock.now_ms()).await?;
    let done = publishing.edit(made, change.expected(), Edit::Pause(None), &change.by).await?;
    Ok(json(&PublisherBlockReply { applied: done.head.number }))
}
