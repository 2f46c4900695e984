//! Resolves a page description with names into a [`Page`] with indices.

use crate::domain::event_kinds::EventKinds;
use crate::domain::language::Language;
use crate::domain::name_key;
use crate::domain::page_address::{PageAddress, Prefix};
use crate::domain::party::Style;
use crate::domain::region::{Country, Region};
use crate::domain::targeting::{Fact, PageFacts};
use crate::selection::compiled::PublisherRow;
use crate::selection::custom_input::CustomInput;
pub use crate::selection::entity_input::EntityInput;
use crate::selection::entity_input::one_or_list;
use crate::selection::input_text::InputText;
use crate::selection::page::{Commercial, Page, RegionBasis, Role, Slot, Viewer};
use crate::selection::snapshot::Snapshot;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, de};
use smallvec::SmallVec;
use std::fmt;

macro_rules! page_input {
    ({$($named:tt)*} {$(
        $(#[$about:meta])* $fact:ident: $value:ty => $same:ty, $reason:ident = $text:literal,
        $sentence:literal, $remedy:literal;
    )*}) => {
        /// A page as its publisher describes it. Names are normalised, so any spelling is accepted.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct PageInput<'a> {
            /// URL; query and fragment are never stored.
            pub url: Option<InputText<'a>>,
            /// Language. Default: the publisher's language.
            pub language: Option<InputText<'a>>,
            /// Topics.
            pub topics: Vec<InputText<'a>>,
            /// Names of entities that it is about; each becomes an entity with the role of a subject.
            #[serde(deserialize_with = "one_or_list", skip_serializing_if = "Vec::is_empty")]
            pub subject: Vec<EntityInput<'a>>,
            /// Entities.
            #[serde(deserialize_with = "one_or_list")]
            pub entities: Vec<EntityInput<'a>>,
            /// Keywords.
            pub keywords: Vec<InputText<'a>>,
            /// The region it is about.
            pub region: Option<InputText<'a>>,
            $($(#[$about])* pub $fact: Option<FactInput>,)*
            /// What it states for the operator's context keys.
            #[serde(skip_serializing_if = "CustomInput::is_empty")]
            pub custom: CustomInput,
            /// Which units it allows.
            pub commercial: Commercial,
            /// Reasons why it is sensitive; any entry makes it sensitive.
            pub sensitive: Vec<InputText<'a>>,
            /// Ids of the creatives already shown in this page view.
            pub shown: Vec<InputText<'a>>,
        }

        impl PageInput<'_> {
            /// States a fact by its name. Returns whether there is such a fact.
            pub fn state(&mut self, name: &str, value: &str) -> bool {
                match name {
                    $(stringify!($fact) => self.$fact = Some(FactInput(value.to_owned())),)*
                    _ => return false,
                }
                true
            }

            /// Removes the facts whose value is not in the list of the fact; returns the names, and why.
            pub(crate) fn remove_invalid_facts(&mut self) -> Vec<(&'static str, String)> {
                let mut removed = Vec::new();
                $(if let Some(input) = &self.$fact
                    && input.value::<$value>().is_none()
                {
                    removed.push((stringify!($fact), input.problem::<$value>()));
                    self.$fact = None;
                })*
                removed
            }

            /// Moves the subjects to the front of the entities. Returns the first entity that cannot be
            /// read, and what it is.
            pub(crate) fn merge_subjects(&mut self) -> Option<(usize, &'static str)> {
                let subjects = self.subject.drain(..).map(EntityInput::into_subject);
                self.entities.splice(0..0, subjects);
                self.entities.iter().enumerate().find_map(|(at, entity)| match entity {
                    EntityInput::Unreadable(what) => Some((at, *what)),
                    _ => None,
                })
            }

            /// Allows no more than house units.
            pub(crate) fn allow_house_only(&mut self) {
                if self.commercial == Commercial::Allow {
                    self.commercial = Commercial::HouseOnly;
                }
            }

            fn facts(&self) -> PageFacts {
                PageFacts { $($fact: self.$fact.as_ref().and_then(FactInput::value),)* }
            }
        }
    };
}

targeting_dimensions!(page_input);

/// The value of a fact as a page states it: text, or a boolean or a number that is read as text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FactInput(String);

impl FactInput {
    fn value<T: Fact>(&self) -> Option<T> {
        self.0.trim().to_ascii_lowercase().parse().ok()
    }

    fn problem<T: Fact>(&self) -> String {
        let values = T::ALL.iter().map(T::to_string).collect::<Vec<_>>().join(", ");
        let shown: String = self.0.chars().take(name_key::MAX_CHARS).collect();
        format!("must be one of {values} (got `{shown}`): ignored")
    }
}

impl<'de> Deserialize<'de> for FactInput {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<FactInput, D::Error> {
        source.deserialize_any(FactVisitor)
    }
}

struct FactVisitor;

impl Visitor<'_> for FactVisitor {
    type Value = FactInput;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a boolean")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<FactInput, E> {
        Ok(FactInput(text.to_owned()))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<FactInput, E> {
        Ok(FactInput(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<FactInput, E> {
        Ok(FactInput(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<FactInput, E> {
        Ok(FactInput(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<FactInput, E> {
        Ok(FactInput(value.to_string()))
    }
}

/// A requested slot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SlotInput<'a> {
    /// Id of the publisher's placement.
    pub name: InputText<'a>,
    /// Identifies the slot in the reply. Default: the placement's id.
    #[serde(default)]
    pub key: Option<InputText<'a>>,
    /// Accepted styles, in order of preference. Empty: all styles of the placement.
    #[serde(default)]
    pub styles: Vec<Style>,
    /// Events that the caller cannot report for this slot. Not a field of a request: the protocol or the
    /// way in which the unit is embedded decides.
    #[serde(skip)]
    pub unreported: EventKinds,
}

impl SlotInput<'_> {
    /// Its key in the reply.
    pub(crate) fn reply_key(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.name)
    }
}

/// Signals about the reader's region.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RegionSignals {
    /// Observed by a trusted proxy or the operator's IP address table.
    pub observed: Option<Country>,
    /// Declared by the page.
    pub declared: Option<Country>,
}

/// Resolves a page of the publisher with index `publisher`. Unknown topics and entities go into
/// `unknown`; no flight can target them.
pub fn page(
    snapshot: &Snapshot,
    publisher: u32,
    input: &PageInput<'_>,
    signals: RegionSignals,
    slots: &[SlotInput<'_>],
) -> Page {
    let row = &snapshot.publishers[publisher as usize];
    let document = &snapshot.inventory.publishers[row.doc];
    let mut unknown = SmallVec::new();
    let mut topics = SmallVec::new();
    for name in &input.topics {
        name_key::with_key(name, |key| match snapshot.taxonomy.resolve(key) {
            Some(topic) if !topics.contains(&topic) => topics.push(topic),
            Some(_) => {}
            None => unknown.push(key.into()),
        });
    }
    let mut entities: SmallVec<[_; 8]> = SmallVec::new();
    for (name, role) in input.entities.iter().filter_map(EntityInput::parts) {
        name_key::with_key(name, |key| {
            let Some(entity) = snapshot.entities.resolve(key, &topics, &snapshot.taxonomy) else {
                unknown.push(key.into());
                return;
            };
            match entities.iter_mut().find(|(known, _)| *known == entity) {
                Some((_, known)) if role == Role::Subject => *known = role,
                Some(_) => {}
                None => entities.push((entity, role)),
            }
        });
    }
    let mut keywords: SmallVec<[u32; 8]> = SmallVec::new();
    if !snapshot.keywords.is_empty() {
        let known = |word: &InputText<'_>| {
            name_key::with_key(word, |key| snapshot.keywords.get(key).copied())
        };
        keywords.extend(input.keywords.iter().filter_map(known).flatten());
    }
    let language = input.language.as_deref().and_then(Language::of_request);
    Page {
        publisher,
        sensitive: !input.sensitive.is_empty()
            || topics.iter().any(|topic| snapshot.taxonomy.sensitive(*topic)),
        paused: document.is_paused()
            || topics.iter().any(|topic| {
                row.paused_topics.iter().any(|outer| snapshot.taxonomy.covers(*outer, *topic))
            })
            || is_paused(&row.paused_paths, input.url.as_deref()),
        region: input.region.as_deref().and_then(|region| region.parse::<Region>().ok()),
        language: language.unwrap_or_else(|| document.language.clone()),
        facts: input.facts(),
        custom: input.custom.numbers(&snapshot.context_keys),
        commercial: input.commercial,
        shown: input
            .shown
            .iter()
            .filter_map(|id| snapshot.creative_by_id.get(&**id).copied())
            .collect(),
        viewer: viewer(row, signals),
        slots: slots.iter().map(|input| slot(row, input)).collect(),
        topics,
        entities,
        unknown,
        keywords,
    }
}

/// Picks the most reliable signal: observed, then declared, then the publisher's default country.
fn viewer(publisher: &PublisherRow, signals: RegionSignals) -> Viewer {
    match (signals.observed, signals.declared) {
        (Some(country), _) => Viewer { country: Some(country), basis: RegionBasis::Observed },
        (None, Some(country)) => Viewer { country: Some(country), basis: RegionBasis::Declared },
        (None, None) => Viewer {
            country: Some(publisher.default_country),
            basis: RegionBasis::PublisherDefault,
        },
    }
}

/// Whether an address is below a paused prefix. One that is missing or cannot be read may be below any.
fn is_paused(prefixes: &[Prefix], url: Option<&str>) -> bool {
    let read = || url.and_then(|url| PageAddress::parse(url).ok());
    !prefixes.is_empty()
        && read().is_none_or(|page| prefixes.iter().any(|prefix| prefix.covers(&page)))
}

fn slot(publisher: &PublisherRow, input: &SlotInput<'_>) -> Slot {
    let found = publisher.placements.iter().position(|(id, _)| **id == *input.name);
    let supported = found.map(|at| publisher.placements[at].1.as_slice()).unwrap_or_default();
    let styles = if input.styles.is_empty() {
        supported.iter().copied().collect()
    } else {
        input.styles.iter().filter(|style| supported.contains(style)).copied().collect()
    };
    Slot {
        key: input.reply_key().into(),
        placement: found.and_then(|at| u32::try_from(at).ok()),
        styles,
    }
}
