//! The names of what the rows of a report are about.

use crate::domain::attribution::Dimension;
use crate::domain::creative::Creative;
use crate::domain::entity::EntityDoc;
use crate::domain::party::{Advertiser, Publisher};
use crate::domain::region::Country;
use crate::domain::taxonomy::TopicDoc;
use crate::world::directory::Directory;

/// The latest name of an id; empty if it needs none.
pub(crate) fn name(directory: &Directory, by: Dimension, id: &str) -> String {
    let found = match by {
        Dimension::Advertiser => directory.find::<Advertiser>(id).map(|one| one.name.clone()),
        Dimension::Topic => directory.find::<TopicDoc>(id).map(|topic| topic.name.clone()),
        Dimension::Entity => directory.find::<EntityDoc>(id).map(|entity| entity.name.clone()),
        Dimension::Region => id.parse().ok().map(|country: Country| country.name().to_owned()),
        Dimension::Publisher => directory.find::<Publisher>(id).map(|site| site.name.clone()),
        Dimension::Creative => {
            let creative = directory.find::<Creative>(id);
            creative.map(|creative| creative.headline.as_written().to_owned())
        }
        _ => None,
    };
    found.filter(|name| name != id).unwrap_or_default()
}
