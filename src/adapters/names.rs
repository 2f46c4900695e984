//! Maps names and keywords of other protocols to inventory ids.

use crate::config::adapter_settings::AdapterSettings;
use crate::domain::name_key;
use crate::selection::resolve::{EntityInput, PageInput};
use crate::selection::snapshot::Snapshot;
use crate::world::live::Live;

/// Publisher id for a foreign site name: the `publishers` setting, else the name itself.
pub(crate) fn publisher_id(settings: &AdapterSettings, name: &str) -> String {
    settings.publishers.get(name).map_or(name, String::as_str).to_owned()
}

/// Placement id for a slot's foreign names, most specific first: the first name that maps, through
/// the `placements` setting or unchanged, to a placement of the publisher. Otherwise the mapping of
/// the first name, which the decision reports as an unknown placement.
pub(crate) fn placement_id(
    settings: &AdapterSettings,
    live: &Live,
    publisher: &str,
    names: &[String],
) -> String {
    let mapped = |name: &String| {
        let of_site = settings.placements.get(&format!("{publisher}/{name}"));
        of_site.or_else(|| settings.placements.get(name)).unwrap_or(name).clone()
    };
    let site = live.publisher(publisher);
    let known = |name: &String| {
        site.is_some_and(|site| site.placements.iter().any(|own| own.id.as_str() == name))
    };
    let found = names.iter().map(mapped).find(known);
    found.or_else(|| names.first().map(mapped)).unwrap_or_default()
}

/// Most keywords of a request that are looked at.
const MAX_KEYWORDS: usize = 256;

/// Adds a protocol's keywords to the page. Each stays a keyword; one that resolves to a topic or an
/// entity of the inventory is added as that as well.
pub(crate) fn add_keywords(
    snapshot: &Snapshot,
    words: impl IntoIterator<Item = String>,
    page: &mut PageInput<'_>,
) {
    for word in words.into_iter().take(MAX_KEYWORDS) {
        let topic = name_key::with_key(&word, |key| snapshot.taxonomy.resolve(key).is_some());
        let entity = name_key::with_key(&word, |key| {
            snapshot.entities.resolve(key, &[], &snapshot.taxonomy).is_some()
        });
        if topic == Some(true) {
            page.topics.push(word.clone().into());
        } else if entity == Some(true) {
            page.entities.push(EntityInput::Name(word.clone().into()));
        }
        page.keywords.push(word.into());
    }
}
