//! What another dialect's names and words mean here.

use crate::config::settings::AdapterSettings;
use crate::domain::text;
use crate::selection::resolve::EntityInput;
use crate::selection::resolve::PageInput;
use crate::selection::snapshot::Snapshot;
use crate::server::live::Live;

/// The publisher that a foreign name of a site means: the settings' table, else the name itself.
pub fn publisher(settings: &AdapterSettings, name: &str) -> String {
    settings.publishers.get(name).map_or(name, String::as_str).to_owned()
}

/// The placement that a slot's foreign names mean, the most telling one first: the first of them
/// that is a placement of the publisher, by the settings' table or by itself; else what the first
/// one means, which the decision then calls unknown.
pub fn placement(
    settings: &AdapterSettings,
    live: &Live,
    publisher: &str,
    names: &[String],
) -> String {
    let meaning = |name: &String| {
        let of_site = settings.placements.get(&format!("{publisher}/{name}"));
        of_site.or_else(|| settings.placements.get(name)).unwrap_or(name).clone()
    };
    let site = live.publisher(publisher);
    let known = |name: &String| {
        site.is_some_and(|site| site.placements.iter().any(|own| own.id.as_str() == name))
    };
    let found = names.iter().map(meaning).find(known);
    found.or_else(|| names.first().map(meaning)).unwrap_or_default()
}

/// Adds words that a dialect calls keywords: each is one here, too, and names a topic or an entity
/// besides where the inventory has it.
pub fn keywords(
    snapshot: &Snapshot,
    words: impl IntoIterator<Item = String>,
    page: &mut PageInput,
) {
    for word in words {
        let topic = text::with_key(&word, |key| snapshot.taxonomy.resolve(key).is_some());
        let entity = text::with_key(&word, |key| {
            snapshot.entities.resolve(key, &[], &snapshot.taxonomy).is_some()
        });
        if topic == Some(true) {
            page.topics.push(word.clone());
        } else if entity == Some(true) {
            page.entities.push(EntityInput::Name(word.clone()));
        }
        page.keywords.push(word);
    }
}
