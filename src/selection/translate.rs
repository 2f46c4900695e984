//! Carries pages of one snapshot over to another one, by names: topics, entities, publishers and all else that
//! a page holds are positions in the tables of the snapshot that it was resolved against.
//!
//! A name that the other snapshot does not have is unknown there, as if a page stated it now. Keywords and
//! values of context keys that no flight asked about when the page was resolved were not kept, so they cannot
//! be carried over: [`Names::has_keyword`] and [`Names::has_value`] tell.

use crate::domain::entity::EntityIx;
use crate::domain::name_key;
use crate::domain::page_address::PageAddress;
use crate::domain::taxonomy::TopicIx;
use crate::selection::compiled::{Compiled, PublisherRow};
use crate::selection::page::{Page, Role, Slot};
use crate::selection::rules::Mask;
use crate::selection::snapshot::Snapshot;
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::sync::Arc;

/// The positions of one snapshot's names in another snapshot; `None` for names that it does not have.
pub struct Translation {
    to: Arc<Snapshot>,
    publishers: Box<[Option<Site>]>,
    topics: Box<[Named<TopicIx>]>,
    entities: Box<[Named<EntityIx>]>,
    keywords: Box<[Option<u32>]>,
    custom: Box<[Option<u32>]>,
    creatives: Box<[Option<u32>]>,
    /// By rank.
    flights: Box<[Option<u32>]>,
}

/// A publisher's position, and those of its placements.
struct Site {
    publisher: u32,
    placements: Box<[Option<u32>]>,
}

/// A position, or the name that has none.
enum Named<T> {
    Known(T),
    Unknown(Box<str>),
}

/// The names behind the positions in a snapshot: all that is needed of it to carry its pages over.
#[derive(Debug, Default)]
pub struct Names {
    publishers: Box<[SiteNames]>,
    topics: Box<[Box<str>]>,
    entities: Box<[Box<str>]>,
    keywords: Box<[Box<str>]>,
    /// Values of context keys with their keys.
    values: Box<[(Box<str>, Box<str>)]>,
    creatives: Box<[Box<str>]>,
    flights: Box<[Box<str>]>,
}

/// The id of a publisher, and those of its placements.
#[derive(Debug)]
struct SiteNames {
    id: Box<str>,
    placements: Box<[Box<str>]>,
}

impl Names {
    /// The names of a snapshot.
    pub fn of(from: &Compiled) -> Names {
        let inventory = &from.inventory;
        let publishers = from.publishers.iter().map(|row| {
            let placements = row.placements.iter().map(|(id, _)| id.clone());
            let id = inventory.publishers[row.doc].id.as_str().into();
            SiteNames { id, placements: placements.collect() }
        });
        let mut keywords: Vec<Box<str>> = vec!["".into(); from.keywords.len()];
        for (word, at) in &from.keywords {
            keywords[*at as usize] = word.clone();
        }
        let flights = from.flights.iter().map(|row| inventory.flights[row.doc].id.as_str().into());
        let creatives = inventory.creatives.iter().map(|creative| creative.id.as_str().into());
        Names {
            publishers: publishers.collect(),
            topics: from.taxonomy.all().map(|ix| from.taxonomy.id(ix).as_str().into()).collect(),
            entities: from.entities.all().map(|ix| from.entities.id(ix).as_str().into()).collect(),
            keywords: keywords.into(),
            values: from.context_keys.all().map(|(key, of)| (key.into(), of.into())).collect(),
            creatives: creatives.collect(),
            flights: flights.collect(),
        }
    }

    /// Whether pages could state this keyword; otherwise no flight asked about it, and it was not kept.
    pub fn has_keyword(&self, keyword: &str) -> bool {
        let key = name_key::key(keyword);
        key.is_none_or(|key| self.keywords.iter().any(|word| **word == *key))
    }

    /// The same of a value of a context key.
    pub fn has_value(&self, key: &str, value: &str) -> bool {
        let is_known =
            |value: String| self.values.iter().any(|of| *of.0 == *key && *of.1 == *value);
        name_key::key(value).is_none_or(is_known)
    }
}

impl Translation {
    /// From a snapshot with these names to another one. Takes time in proportion to the names of both.
    pub fn between(from: &Names, to: &Arc<Snapshot>) -> Translation {
        let publishers = from.publishers.iter().map(|site| {
            let publisher = *to.publisher_by_id.get(&site.id)?;
            let known = &to.publishers[publisher as usize].placements;
            let placements = site.placements.iter().map(|id| {
                let at = known.iter().position(|(own, _)| own == id)?;
                u32::try_from(at).ok()
            });
            Some(Site { publisher, placements: placements.collect() })
        });
        // An id that has become another name still means what it names.
        let topics = from.topics.iter().map(|id| {
            let known = to.taxonomy.resolve(id);
            known.map_or_else(|| Named::Unknown(id.clone()), Named::Known)
        });
        let entities = from.entities.iter().map(|id| {
            let known = to.entities.resolve(id, &[], &to.taxonomy);
            known.map_or_else(|| Named::Unknown(id.clone()), Named::Known)
        });
        let values = from.values.iter();
        let ranks: HashMap<&str, u32> = (0..)
            .zip(&to.flights)
            .map(|(place, row)| (to.inventory.flights[row.doc].id.as_str(), place))
            .collect();
        let creatives = from.creatives.iter().map(|id| to.creative_by_id.get(id).copied());
        Translation {
            publishers: publishers.collect(),
            topics: topics.collect(),
            entities: entities.collect(),
            keywords: from.keywords.iter().map(|word| to.keywords.get(word).copied()).collect(),
            custom: values.map(|(key, value)| to.context_keys.number(key, value)).collect(),
            creatives: creatives.collect(),
            flights: from.flights.iter().map(|id| ranks.get(&**id).copied()).collect(),
            to: to.clone(),
        }
    }

    /// The page on the other snapshot; `None` if its publisher is not in it. `url` is the page's address, as
    /// far as it is known: a page of a site with paused paths whose address is not known counts as paused.
    pub fn page(&self, page: &Page, url: Option<&str>) -> Option<Page> {
        let site = self.publishers.get(page.publisher as usize)?.as_ref()?;
        let to = &*self.to;
        let row = &to.publishers[site.publisher as usize];
        let (mut topics, mut unknown) = (SmallVec::new(), SmallVec::new());
        for topic in &page.topics {
            match self.topics.get(topic.0 as usize) {
                Some(Named::Known(topic)) if !topics.contains(topic) => topics.push(*topic),
                Some(Named::Unknown(id)) => unknown.push(id.clone()),
                _ => {}
            }
        }
        let mut entities: SmallVec<[(EntityIx, Role); 8]> = SmallVec::new();
        let mut add = |entity: EntityIx, role: Role| match entities
            .iter_mut()
            .find(|(known, _)| *known == entity)
        {
            Some((_, known)) if role == Role::Subject => *known = role,
            Some(_) => {}
            None => entities.push((entity, role)),
        };
        for (entity, role) in &page.entities {
            match self.entities.get(entity.0 as usize) {
                Some(Named::Known(entity)) => add(*entity, *role),
                Some(Named::Unknown(id)) => unknown.push(id.clone()),
                None => {}
            }
        }
        // What was unknown then may have a name now. Its role is not known any more.
        for name in &page.unknown {
            if let Some(topic) = to.taxonomy.resolve(name) {
                if !topics.contains(&topic) {
                    topics.push(topic);
                }
            } else if let Some(entity) = to.entities.resolve(name, &topics, &to.taxonomy) {
                add(entity, Role::Mention);
            } else {
                unknown.push(name.clone());
            }
        }
        let carried = |table: &[Option<u32>], at: &u32| table.get(*at as usize).copied().flatten();
        let mut custom: SmallVec<[u32; 4]> =
            page.custom.iter().filter_map(|at| carried(&self.custom, at)).collect();
        custom.sort_unstable();
        Some(Page {
            publisher: site.publisher,
            sensitive: page.sensitive || topics.iter().any(|topic| to.taxonomy.sensitive(*topic)),
            paused: is_paused(to, row, &topics, url),
            keywords: page.keywords.iter().filter_map(|at| carried(&self.keywords, at)).collect(),
            custom,
            shown: page.shown.iter().filter_map(|at| carried(&self.creatives, at)).collect(),
            slots: page.slots.iter().map(|slot| self.slot(slot, site, row)).collect(),
            topics,
            entities,
            unknown,
            region: page.region.clone(),
            language: page.language.clone(),
            facts: page.facts,
            commercial: page.commercial,
            viewer: page.viewer,
        })
    }

    fn slot(&self, slot: &Slot, site: &Site, row: &PublisherRow) -> Slot {
        let placement = slot.placement.and_then(|at| site.placements.get(at as usize).copied()?);
        let accepted = placement.map(|at| row.placements[at as usize].1.as_slice());
        let accepted = accepted.unwrap_or_default();
        let styles = slot.styles.iter().filter(|style| accepted.contains(style)).copied();
        Slot { key: slot.key.clone(), placement, styles: styles.collect() }
    }

    /// The rank on the other snapshot of the flight with this rank; `None` if it is not in it.
    pub fn flight(&self, place: u32) -> Option<u32> {
        self.flights.get(place as usize).copied().flatten()
    }

    /// The exclusion on the other snapshot; `None` if what it excludes is not in it.
    pub fn mask(&self, mask: Mask) -> Option<Mask> {
        mask.with_numbers(
            |place| self.flight(place),
            |creative| self.creatives.get(creative as usize).copied().flatten(),
        )
    }
}

/// Whether a publisher pauses a page, as [`resolve`](crate::selection::resolve::page) decides it.
fn is_paused(to: &Compiled, row: &PublisherRow, topics: &[TopicIx], url: Option<&str>) -> bool {
    let on_topic =
        |topic: &TopicIx| row.paused_topics.iter().any(|outer| to.taxonomy.covers(*outer, *topic));
    let on_path = || {
        let page = url.and_then(|url| PageAddress::parse(url).ok());
        page.is_none_or(|page| row.paused_paths.iter().any(|prefix| prefix.covers(&page)))
    };
    to.inventory.publishers[row.doc].is_paused()
        || topics.iter().any(on_topic)
        || !row.paused_paths.is_empty() && on_path()
}

#[cfg(test)]
#[path = "translate_tests.rs"]
mod tests;
