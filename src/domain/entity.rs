//! Entities that pages can be about: companies, products, people, institutions.

use crate::domain::id::{EntityId, TopicId};
use crate::domain::name_key;
use crate::domain::taxonomy::{DocumentError, Taxonomy, TopicIx};
use hashbrown::HashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

string_enum! {
    /// The kind of an entity.
    #[derive(Default)]
    EntityKind {
        /// A company.
        #[default]
        Company = "company",
        /// A product or service.
        Product = "product",
        /// A person.
        Person = "person",
        /// A public body.
        Institution = "institution",
        /// A place.
        Place = "place",
        /// A technology or an open-source project.
        Technology = "technology",
        /// Anything else.
        Other = "other",
    }
}

/// An entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntityDoc {
    /// Unique id.
    pub(crate) id: EntityId,
    /// Display name; can be inserted into ad text.
    pub(crate) name: String,
    /// Kind of entity.
    #[serde(default)]
    pub(crate) kind: EntityKind,
    /// Wikidata item, such as `Q1359568`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) qid: Option<String>,
    /// Other names that pages use for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) aliases: Vec<String>,
    /// Names that refer to it only on pages about a topic: `apple` on pages about technology.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) ambiguous_aliases: Vec<AmbiguousAlias>,
    /// The entity that owns it. Targeting an owner includes everything it owns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<EntityId>,
    /// Its competitors. The relation is symmetric.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) competitors: Vec<EntityId>,
}

/// A name that refers to an entity only on pages about a topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AmbiguousAlias {
    /// The name.
    pub(crate) alias: String,
    /// The topic, including its descendants.
    pub(crate) topic: TopicId,
}

/// An entity's index: its position in id order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct EntityIx(pub(crate) u32);

/// The compiled entity table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entities {
    ids: Vec<EntityId>,
    names: Vec<String>,
    /// Per entity: the entity itself and its owners, nearest first.
    owners: Vec<Vec<EntityIx>>,
    /// Declared competitors, in both directions.
    competitors: Vec<Vec<EntityIx>>,
    keys: HashMap<Box<str>, EntityIx>,
    ambiguous: HashMap<Box<str>, Vec<(TopicIx, EntityIx)>>,
}

impl Entities {
    /// Compiles documents, which must be in id order.
    pub(crate) fn build(
        docs: &[EntityDoc],
        topics: &Taxonomy,
    ) -> Result<Entities, Vec<DocumentError>> {
        let (table, errors) = Entities::compile(docs, topics);
        if errors.is_empty() { Ok(table) } else { Err(errors) }
    }

    /// The same without what is wrong: an inventory that an earlier version accepted is served. A name that
    /// refers to two entities refers to the first.
    pub(crate) fn compile(docs: &[EntityDoc], topics: &Taxonomy) -> (Entities, Vec<DocumentError>) {
        let mut errors = Vec::new();
        let number = |at: usize| EntityIx(u32::try_from(at).unwrap_or(u32::MAX));
        let places: HashMap<&EntityId, usize> =
            docs.iter().enumerate().map(|(at, doc)| (&doc.id, at)).collect();
        let unknown = |at: usize, field: String, what: &str, id: &str| DocumentError {
            at,
            field,
            reason: format!("unknown {what} `{id}`"),
            unknown: Some(id.to_owned()),
        };
        let mut table =
            Entities { competitors: vec![Vec::new(); docs.len()], ..Entities::default() };
        for (at, doc) in docs.iter().enumerate() {
            let mut chain = vec![number(at)];
            let mut owner = doc.parent.as_ref();
            while let Some(parent) = owner {
                let Some(place) = places.get(parent) else {
                    if chain.len() == 1 {
                        errors.push(unknown(at, "parent".into(), "entity", parent.as_str()));
                    }
                    break;
                };
                if chain.contains(&number(*place)) {
                    let reason = format!("entity `{}` is its own ancestor", docs[*place].id);
                    errors.push(DocumentError {
                        at,
                        field: "parent".into(),
                        reason,
                        unknown: None,
                    });
                    break;
                }
                chain.push(number(*place));
                owner = docs[*place].parent.as_ref();
            }
            for (n, competitor) in doc.competitors.iter().enumerate() {
                match places.get(competitor) {
                    Some(place) => {
                        table.competitors[at].push(number(*place));
                        table.competitors[*place].push(number(at));
                    }
                    None => {
                        let field = format!("competitors[{n}]");
                        errors.push(unknown(at, field, "entity", competitor.as_str()));
                    }
                }
            }
            for (n, name) in doc.ambiguous_aliases.iter().enumerate() {
                match (topics.of_id(&name.topic), name_key::key(&name.alias)) {
                    (Some(topic), Some(key)) => {
                        table.ambiguous.entry(key.into()).or_default().push((topic, number(at)));
                    }
                    _ => {
                        let field = format!("ambiguous_aliases[{n}].topic");
                        errors.push(unknown(at, field, "topic", name.topic.as_str()));
                    }
                }
            }
            table.owners.push(chain);
            table.ids.push(doc.id.clone());
            table.names.push(doc.name.clone());
            table.keys.insert(doc.id.as_str().into(), number(at));
        }
        for (at, doc) in docs.iter().enumerate() {
            let names = doc.aliases.iter().chain(&doc.qid).enumerate();
            for (n, name) in names {
                let Some(key) = name_key::key(name) else { continue };
                match table.keys.get(&*key).copied() {
                    Some(other) if other != number(at) => {
                        let reason = format!("`{name}` already refers to `{}`", table.id(other));
                        let field = format!("aliases[{n}]");
                        errors.push(DocumentError { at, field, reason, unknown: None });
                    }
                    _ => {
                        table.keys.insert(key.into(), number(at));
                    }
                }
            }
        }
        for (at, doc) in docs.iter().enumerate() {
            if let Some(key) = name_key::key(&doc.name) {
                table.keys.entry(key.into()).or_insert_with(|| number(at));
            }
        }
        (table, errors)
    }

    /// The entity that a canonical key refers to on a page about `topics`.
    pub(crate) fn resolve(
        &self,
        key: &str,
        topics: &[TopicIx],
        tree: &Taxonomy,
    ) -> Option<EntityIx> {
        self.keys.get(key).copied().or_else(|| {
            let candidates = self.ambiguous.get(key)?;
            let applies = |needed: TopicIx| topics.iter().any(|topic| tree.covers(needed, *topic));
            candidates.iter().find(|(needed, _)| applies(*needed)).map(|(_, entity)| *entity)
        })
    }

    pub(crate) fn of_id(&self, id: &EntityId) -> Option<EntityIx> {
        let at = self.ids.binary_search(id).ok()?;
        Some(EntityIx(u32::try_from(at).ok()?))
    }

    /// Every entity, in id order.
    pub(crate) fn all(&self) -> impl Iterator<Item = EntityIx> + use<> {
        (0..u32::try_from(self.ids.len()).unwrap_or(u32::MAX)).map(EntityIx)
    }

    pub(crate) fn id(&self, entity: EntityIx) -> &EntityId {
        &self.ids[entity.0 as usize]
    }

    /// The display name.
    pub(crate) fn name(&self, entity: EntityIx) -> &str {
        &self.names[entity.0 as usize]
    }

    /// The entity itself and its owners, nearest first.
    pub(crate) fn owners(&self, entity: EntityIx) -> &[EntityIx] {
        &self.owners[entity.0 as usize]
    }

    /// The entity's own competitors, without those of its owners.
    pub(crate) fn competitors_of(&self, entity: EntityIx) -> &[EntityIx] {
        &self.competitors[entity.0 as usize]
    }

    /// Whether `inner` is `outer` or is owned by it.
    pub(crate) fn covers(&self, outer: EntityIx, inner: EntityIx) -> bool {
        self.owners[inner.0 as usize].contains(&outer)
    }

    /// Whether the two are equal or one owns the other.
    pub(crate) fn same_brand_group(&self, one: EntityIx, other: EntityIx) -> bool {
        self.covers(one, other) || self.covers(other, one)
    }

    /// Whether either entity, or an owner of it, competes with the other or with an owner of that.
    pub(crate) fn competitors(&self, one: EntityIx, other: EntityIx) -> bool {
        let others = self.owners(other);
        self.owners(one).iter().any(|a| self.competitors_of(*a).iter().any(|b| others.contains(b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(id: &str, parent: Option<&str>, competitors: &[&str]) -> EntityDoc {
        EntityDoc {
            id: id.parse().unwrap(),
            name: id.into(),
            kind: EntityKind::Company,
            qid: None,
            aliases: Vec::new(),
            ambiguous_aliases: Vec::new(),
            parent: parent.map(|p| p.parse().unwrap()),
            competitors: competitors.iter().map(|c| c.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn competition_is_symmetric_and_inherited_within_a_brand_group() {
        let docs =
            [entity("a", None, &["b"]), entity("a-cloud", Some("a"), &[]), entity("b", None, &[])];
        let table = Entities::build(&docs, &Taxonomy::default()).unwrap();
        let ix = |id: &str| table.of_id(&id.parse().unwrap()).unwrap();
        assert!(
            table.competitors(ix("b"), ix("a-cloud")) && table.competitors(ix("a-cloud"), ix("b"))
        );
        assert!(table.same_brand_group(ix("a"), ix("a-cloud")));
        assert!(!table.same_brand_group(ix("a"), ix("b")));
    }

    #[test]
    fn names_that_are_the_same_only_now_are_reported_and_leave_the_rest_of_the_tables() {
        let mut docs = [entity("a", None, &["b"]), entity("b", None, &[])];
        docs[0].aliases = vec!["Łódź".into()];
        docs[1].aliases = vec!["Lodz".into(), "Other".into()];
        assert!(Entities::build(&docs, &Taxonomy::default()).is_err());
        let (table, errors) = Entities::compile(&docs, &Taxonomy::default());
        let named = |key: &str| table.resolve(key, &[], &Taxonomy::default()).map(|ix| ix.0);
        assert_eq!([named("lodz"), named("other"), named("a"), named("b")], [0, 1, 0, 1].map(Some));
        assert!(errors[0].reason.contains("already refers to"));
        let topic = |id: &str, alias: &str| crate::domain::taxonomy::TopicDoc {
            id: id.parse().unwrap(),
            name: id.into(),
            parent: None,
            aliases: vec![alias.into()],
            sensitive: id == "war",
        };
        let (tree, errors) = Taxonomy::compile(&[topic("peace", "Ørsted"), topic("war", "Orsted")]);
        assert!(!errors.is_empty() && tree.sensitive(tree.resolve("war").unwrap()));
    }

    #[test]
    fn an_ambiguous_alias_resolves_only_on_its_topic() {
        let topic = |id: &str| crate::domain::taxonomy::TopicDoc {
            id: id.parse().unwrap(),
            name: id.into(),
            parent: None,
            aliases: Vec::new(),
            sensitive: false,
        };
        let tree = Taxonomy::build(&[topic("fruit"), topic("technology")]).unwrap();
        let mut apple = entity("apple-inc", None, &[]);
        apple.name = "Apple Inc.".into();
        apple.ambiguous_aliases =
            vec![AmbiguousAlias { alias: "Apple".into(), topic: "technology".parse().unwrap() }];
        let table = Entities::build(&[apple], &tree).unwrap();
        let on = |topic: &str| table.resolve("apple", &[tree.resolve(topic).unwrap()], &tree);
        assert!(on("technology").is_some() && on("fruit").is_none());
    }
}
