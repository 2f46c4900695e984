//! The topic tree: what pages are about.

use crate::domain::id::TopicId;
use crate::domain::text;
use hashbrown::HashMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// A topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicDoc {
    /// Names it everywhere.
    pub id: TopicId,
    /// Shown to people, and echoed in copy.
    pub name: String,
    /// The topic above it. What is sold on a topic is sold on those below it, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TopicId>,
    /// Other names that pages use for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// A page about it, or about a topic below it, is a sensitive page.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

/// A topic's number in one taxonomy: its place in id order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TopicIx(pub u32);

/// Something wrong with the topic `at`, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which document, by its place.
    pub at: usize,
    /// Which field of it.
    pub field: String,
    /// What is wrong.
    pub reason: String,
    /// The word that is not known, for a suggestion.
    pub unknown: Option<String>,
}

/// The compiled tree.
#[derive(Clone, Debug, Default)]
pub struct Taxonomy {
    ids: Vec<TopicId>,
    names: Vec<String>,
    sensitive: Vec<bool>,
    /// Itself and all above it, nearest first.
    lines: Vec<Vec<TopicIx>>,
    keys: HashMap<Box<str>, TopicIx>,
}

impl Taxonomy {
    /// Compiles documents that are in id order.
    pub fn build(topics: &[TopicDoc]) -> Result<Taxonomy, Vec<Fault>> {
        let mut faults = Vec::new();
        let number = |at: usize| TopicIx(u32::try_from(at).unwrap_or(u32::MAX));
        let places: HashMap<&TopicId, usize> =
            topics.iter().enumerate().map(|(at, topic)| (&topic.id, at)).collect();
        let mut tree = Taxonomy::default();
        for (at, topic) in topics.iter().enumerate() {
            let mut line = vec![number(at)];
            let mut above = topic.parent.as_ref();
            while let Some(parent) = above {
                let Some(place) = places.get(parent) else {
                    if line.len() == 1 {
                        faults.push(Fault {
                            at,
                            field: "parent".into(),
                            reason: format!("there is no topic `{parent}`"),
                            unknown: Some(parent.to_string()),
                        });
                    }
                    break;
                };
                if line.contains(&number(*place)) {
                    faults.push(Fault {
                        at,
                        field: "parent".into(),
                        reason: format!("`{}` is above itself", topics[*place].id),
                        unknown: None,
                    });
                    break;
                }
                line.push(number(*place));
                above = topics[*place].parent.as_ref();
            }
            tree.sensitive.push(line.iter().any(|ix| topics[ix.0 as usize].sensitive));
            tree.lines.push(line);
            tree.ids.push(topic.id.clone());
            tree.names.push(topic.name.clone());
            tree.keys.insert(topic.id.as_str().into(), number(at));
        }
        let mut claimed: HashMap<Box<str>, TopicIx> = HashMap::new();
        for (at, topic) in topics.iter().enumerate() {
            for (n, alias) in topic.aliases.iter().enumerate() {
                let field = format!("aliases[{n}]");
                let Some(key) = text::key(alias) else {
                    let reason = format!("`{alias}` names nothing");
                    faults.push(Fault { at, field, reason, unknown: None });
                    continue;
                };
                let owner = tree.keys.get(&*key).or_else(|| claimed.get(&*key)).copied();
                match owner {
                    Some(owner) if owner != number(at) => {
                        let other = &topics[owner.0 as usize].id;
                        let reason = format!("`{alias}` already means `{other}`");
                        faults.push(Fault { at, field, reason, unknown: None });
                    }
                    _ => {
                        claimed.insert(key.into(), number(at));
                    }
                }
            }
        }
        tree.keys.extend(claimed);
        // A name is a weaker claim than an id or an alias: the first topic in id order has it.
        for (at, topic) in topics.iter().enumerate() {
            if let Some(key) = text::key(&topic.name) {
                tree.keys.entry(key.into()).or_insert_with(|| number(at));
            }
        }
        if faults.is_empty() { Ok(tree) } else { Err(faults) }
    }

    /// The topic a canonical key means.
    pub fn resolve(&self, key: &str) -> Option<TopicIx> {
        self.keys.get(key).copied()
    }

    /// The topic with this id.
    pub fn of_id(&self, id: &TopicId) -> Option<TopicIx> {
        let at = self.ids.binary_search(id).ok()?;
        Some(TopicIx(u32::try_from(at).ok()?))
    }

    /// Every topic, in id order.
    pub fn all(&self) -> impl Iterator<Item = TopicIx> + use<> {
        (0..u32::try_from(self.ids.len()).unwrap_or(u32::MAX)).map(TopicIx)
    }

    /// The id.
    pub fn id(&self, topic: TopicIx) -> &TopicId {
        &self.ids[topic.0 as usize]
    }

    /// What people call it.
    pub fn name(&self, topic: TopicIx) -> &str {
        &self.names[topic.0 as usize]
    }

    /// Whether it, or a topic above it, is sensitive.
    pub fn sensitive(&self, topic: TopicIx) -> bool {
        self.sensitive[topic.0 as usize]
    }

    /// Itself and all above it, nearest first.
    pub fn with_ancestors(&self, topic: TopicIx) -> Vec<TopicIx> {
        self.lines[topic.0 as usize].clone()
    }

    /// Whether `inner` is `outer` or below it.
    pub fn covers(&self, outer: TopicIx, inner: TopicIx) -> bool {
        self.lines[inner.0 as usize].contains(&outer)
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
    fn a_topic_includes_those_below_it_and_answers_to_all_its_names() {
        let tree = Taxonomy::build(&[
            topic("ai", Some("technology"), &["K.I.", "künstliche Intelligenz"]),
            topic("ai-agents", Some("ai"), &[]),
            topic("technology", None, &[]),
        ])
        .unwrap();
        let ix = |name: &str| tree.resolve(&text::key(name).unwrap()).unwrap();
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
    fn orphans_circles_and_stolen_names_are_faults() {
        let faults = Taxonomy::build(&[
            topic("a", Some("b"), &[]),
            topic("b", Some("a"), &[]),
            topic("c", Some("nowhere"), &["a"]),
        ])
        .unwrap_err();
        let said: Vec<&str> = faults.iter().map(|fault| fault.reason.as_str()).collect();
        assert!(said.contains(&"there is no topic `nowhere`"), "{said:?}");
        assert!(said.contains(&"`a` is above itself"), "{said:?}");
        assert!(said.contains(&"`a` already means `a`"), "{said:?}");
    }
}
