//! The topic tree.

use crate::domain::id::TopicId;
use crate::domain::name_key;
use hashbrown::HashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TopicDoc {
    /// Unique id.
    pub(crate) id: TopicId,
    /// Display name; can be inserted into ad text.
    pub(crate) name: String,
    /// The parent topic. Targeting a topic includes its descendants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<TopicId>,
    /// Other names that pages use for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) aliases: Vec<String>,
    /// Whether pages about it or its descendants are sensitive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) sensitive: bool,
}

/// A topic's index in one taxonomy: its position in id order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct TopicIx(pub(crate) u32);

/// A problem with one document of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DocumentError {
    /// Index of the document in the list.
    pub(crate) at: usize,
    pub(crate) field: String,
    /// Description of the problem.
    pub(crate) reason: String,
    /// The unknown id, if that is the problem, for suggesting a similar one.
    pub(crate) unknown: Option<String>,
}

/// The compiled topic tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taxonomy {
    ids: Vec<TopicId>,
    names: Vec<String>,
    sensitive: Vec<bool>,
    /// Per topic: the topic itself and its ancestors, nearest first.
    ancestors: Vec<Vec<TopicIx>>,
    keys: HashMap<Box<str>, TopicIx>,
}

impl Taxonomy {
    /// Compiles documents, which must be in id order.
    pub(crate) fn build(topics: &[TopicDoc]) -> Result<Taxonomy, Vec<DocumentError>> {
        let (tree, errors) = Taxonomy::compile(topics);
        if errors.is_empty() { Ok(tree) } else { Err(errors) }
    }

    /// The same without what is wrong: an inventory that an earlier version accepted is served, and what is
    /// sensitive stays so.
    pub(crate) fn compile(topics: &[TopicDoc]) -> (Taxonomy, Vec<DocumentError>) {
        let mut errors = Vec::new();
        let number = |at: usize| TopicIx(u32::try_from(at).unwrap_or(u32::MAX));
        let places: HashMap<&TopicId, usize> =
            topics.iter().enumerate().map(|(at, topic)| (&topic.id, at)).collect();
        let mut tree = Taxonomy::default();
        for (at, topic) in topics.iter().enumerate() {
            let mut chain = vec![number(at)];
            let mut next = topic.parent.as_ref();
            while let Some(parent) = next {
                let Some(place) = places.get(parent) else {
                    if chain.len() == 1 {
                        errors.push(DocumentError {
                            at,
                            field: "parent".into(),
                            reason: format!("unknown topic `{parent}`"),
                            unknown: Some(parent.to_string()),
                        });
                    }
                    break;
                };
                if chain.contains(&number(*place)) {
                    errors.push(DocumentError {
                        at,
                        field: "parent".into(),
                        reason: format!("topic `{}` is its own ancestor", topics[*place].id),
                        unknown: None,
                    });
                    break;
                }
                chain.push(number(*place));
                next = topics[*place].parent.as_ref();
            }
            tree.sensitive.push(chain.iter().any(|ix| topics[ix.0 as usize].sensitive));
            tree.ancestors.push(chain);
            tree.ids.push(topic.id.clone());
            tree.names.push(topic.name.clone());
            tree.keys.insert(topic.id.as_str().into(), number(at));
        }
        let mut claimed: HashMap<Box<str>, TopicIx> = HashMap::new();
        for (at, topic) in topics.iter().enumerate() {
            for (n, alias) in topic.aliases.iter().enumerate() {
                let field = format!("aliases[{n}]");
                let Some(key) = name_key::key(alias) else {
                    let reason = format!("`{alias}` contains no letter or digit");
                    errors.push(DocumentError { at, field, reason, unknown: None });
                    continue;
                };
                let owner = tree.keys.get(&*key).or_else(|| claimed.get(&*key)).copied();
                match owner {
                    Some(owner) if owner != number(at) => {
                        let other = &topics[owner.0 as usize].id;
                        let reason = format!("`{alias}` already refers to `{other}`");
                        errors.push(DocumentError { at, field, reason, unknown: None });
                    }
                    _ => {
                        claimed.insert(key.into(), number(at));
                    }
                }
            }
        }
        tree.keys.extend(claimed);
        // Ids and aliases take precedence over names; of equal names, the first in id order wins.
        for (at, topic) in topics.iter().enumerate() {
            if let Some(key) = name_key::key(&topic.name) {
                tree.keys.entry(key.into()).or_insert_with(|| number(at));
            }
        }
        (tree, errors)
    }

    /// The topic that a canonical key refers to.
    pub(crate) fn resolve(&self, key: &str) -> Option<TopicIx> {
        self.keys.get(key).copied()
    }

    pub(crate) fn of_id(&self, id: &TopicId) -> Option<TopicIx> {
        let at = self.ids.binary_search(id).ok()?;
        Some(TopicIx(u32::try_from(at).ok()?))
    }

    /// The topic with this text as its id.
    pub(crate) fn of_text(&self, id: &str) -> Option<TopicIx> {
        let at = self.ids.binary_search_by(|one| one.as_str().cmp(id)).ok()?;
        Some(TopicIx(u32::try_from(at).ok()?))
    }

    /// Every topic, in id order.
    pub(crate) fn all(&self) -> impl Iterator<Item = TopicIx> + use<> {
        (0..u32::try_from(self.ids.len()).unwrap_or(u32::MAX)).map(TopicIx)
    }

    pub(crate) fn id(&self, topic: TopicIx) -> &TopicId {
        &self.ids[topic.0 as usize]
    }

    /// The display name.
    pub(crate) fn name(&self, topic: TopicIx) -> &str {
        &self.names[topic.0 as usize]
    }

    /// Whether it or one of its ancestors is sensitive.
    pub(crate) fn sensitive(&self, topic: TopicIx) -> bool {
        self.sensitive[topic.0 as usize]
    }

    /// The topic itself and its ancestors, nearest first.
    pub(crate) fn with_ancestors(&self, topic: TopicIx) -> Vec<TopicIx> {
        self.ancestors[topic.0 as usize].clone()
    }

    /// The first ancestor of a topic; the topic itself if it has no parent.
    pub(crate) fn root(&self, topic: TopicIx) -> TopicIx {
        let chain = self.ancestors.get(topic.0 as usize);
        chain.and_then(|chain| chain.last()).copied().unwrap_or(topic)
    }

    /// Whether `inner` is `outer` or a descendant of it.
    pub(crate) fn covers(&self, outer: TopicIx, inner: TopicIx) -> bool {
        self.ancestors[inner.0 as usize].contains(&outer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(id: &str, parent: Option<&str>, aliases: &[&str]) -> TopicDoc {
        TopicDoc {
            id: id.parse().unwrap(),
            name: id.replace('-', " "),
            parent: parent.map(|p| p.parse().unwrap()),
            aliases: aliases.iter().map(|a| (*a).to_owned()).collect(),
            sensitive: id == "war",
        }
    }

    #[test]
    fn a_topic_covers_its_descendants_and_resolves_by_all_its_names() {
        let tree = Taxonomy::build(&[
            topic("ai", Some("technology"), &["K.I.", "künstliche Intelligenz"]),
            topic("ai-agents", Some("ai"), &[]),
            topic("technology", None, &[]),
        ])
        .unwrap();
        let ix = |name: &str| tree.resolve(&name_key::key(name).unwrap()).unwrap();
        assert_eq!(ix("Künstliche Intelligenz"), ix("ai"));
        assert!(tree.covers(ix("technology"), ix("AI agents")));
        assert!(!tree.covers(ix("ai-agents"), ix("ai")));
    }

    #[test]
    fn sensitivity_is_inherited() {
        let tree = Taxonomy::build(&[topic("battles", Some("war"), &[]), topic("war", None, &[])]);
        let tree = tree.unwrap();
        assert!(tree.all().all(|topic| tree.sensitive(topic)));
    }

    #[test]
    fn unknown_parents_cycles_and_duplicate_names_are_rejected() {
        let errors = Taxonomy::build(&[
            topic("a", Some("b"), &[]),
            topic("b", Some("a"), &[]),
            topic("c", Some("nowhere"), &["a"]),
        ])
        .unwrap_err();
        let reasons: Vec<&str> = errors.iter().map(|fault| fault.reason.as_str()).collect();
        assert!(reasons.contains(&"unknown topic `nowhere`"), "{reasons:?}");
        assert!(reasons.contains(&"topic `a` is its own ancestor"), "{reasons:?}");
        assert!(reasons.contains(&"`a` already refers to `a`"), "{reasons:?}");
    }
}
