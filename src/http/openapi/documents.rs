//! A document of any list of the inventory, as it is sent and as it is answered.

use crate::domain::campaign::Campaign;
use crate::domain::campaign::Flight;
use crate::domain::creative::Creative;
use crate::domain::entity::EntityDoc;
use crate::domain::party::Advertiser;
use crate::domain::party::Publisher;
use crate::domain::party::Sector;
use crate::domain::region::RegionGroup;
use crate::domain::taxonomy::TopicDoc;
use crate::http::openapi::schemas::Schemas;
use serde_json::Value;
use serde_json::json;

/// As it is sent.
pub(super) fn sent(schemas: &mut Schemas) -> Value {
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

/// As it is answered.
pub(super) fn answered(schemas: &mut Schemas) -> Value {
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
