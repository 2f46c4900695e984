//! Schemas of a document of any list of the inventory, in requests and in responses.

use crate::domain::campaign::{Campaign, Flight};
use crate::domain::context_key::ContextKey;
use crate::domain::creative::Creative;
use crate::domain::entity::EntityDoc;
use crate::domain::party::{Advertiser, Category, Publisher};
use crate::domain::region::RegionGroup;
use crate::domain::taxonomy::TopicDoc;
use crate::http::openapi::schemas::Schemas;
use serde_json::{Value, json};

/// In a request.
pub(super) fn input(schemas: &mut Schemas) -> Value {
    json!({ "anyOf": [
        schemas.input::<TopicDoc>(),
        schemas.input::<EntityDoc>(),
        schemas.input::<RegionGroup>(),
        schemas.input::<ContextKey>(),
        schemas.input::<Category>(),
        schemas.input::<Advertiser>(),
        schemas.input::<Campaign>(),
        schemas.input::<Flight>(),
        schemas.input::<Creative>(),
        schemas.input::<Publisher>(),
    ] })
}

/// In a response.
pub(super) fn output(schemas: &mut Schemas) -> Value {
    json!({ "anyOf": [
        schemas.output::<TopicDoc>(),
        schemas.output::<EntityDoc>(),
        schemas.output::<RegionGroup>(),
        schemas.output::<ContextKey>(),
        schemas.output::<Category>(),
        schemas.output::<Advertiser>(),
        schemas.output::<Campaign>(),
        schemas.output::<Flight>(),
        schemas.output::<Creative>(),
        schemas.output::<Publisher>(),
    ] })
}
