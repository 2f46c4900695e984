//! The entities of a page as its publisher states them.

use crate::selection::input_text::InputText;
use crate::selection::page::Role;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

/// An entity of a page: a name, or a name with its role.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum EntityInput<'a> {
    /// A name only: a mention.
    Name(InputText<'a>),
    /// A name with a role.
    Named {
        /// The name.
        name: InputText<'a>,
        /// The role on the page.
        role: Role,
    },
    /// Anything else, which may have been the page's subject; what it is instead of an entity.
    Unreadable(&'static str),
}

impl<'a> EntityInput<'a> {
    /// The name and its role; `None` if it is unreadable.
    pub(crate) fn parts(&self) -> Option<(&str, Role)> {
        match self {
            EntityInput::Name(name) => Some((name, Role::Mention)),
            EntityInput::Named { name, role } => Some((name, *role)),
            EntityInput::Unreadable(_) => None,
        }
    }

    /// The same entity as a subject of the page.
    pub(crate) fn into_subject(self) -> EntityInput<'a> {
        match self {
            EntityInput::Name(name) | EntityInput::Named { name, .. } => {
                EntityInput::Named { name, role: Role::Subject }
            }
            unreadable @ EntityInput::Unreadable(_) => unreadable,
        }
    }
}

impl<'de, 'a> Deserialize<'de> for EntityInput<'a> {
    /// Decides by the first token. A derived untagged implementation would buffer the whole value
    /// and lose the names of unknown fields.
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<EntityInput<'a>, D::Error> {
        source.deserialize_any(EntityVisitor)
    }
}

/// Reads a list of entities; a single one is a list of one, as templates write it for one value.
pub(crate) fn one_or_list<'de, 'a, D: Deserializer<'de>>(
    source: D,
) -> Result<Vec<EntityInput<'a>>, D::Error> {
    struct List;

    impl<'de> Visitor<'de> for List {
        type Value = Vec<EntityInput<'static>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a name, an object with `name` and `role`, or a list of these")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut read = Vec::new();
            while let Some(one) = list.next_element()? {
                read.push(one);
            }
            Ok(read)
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
            let is_blank = name.trim().is_empty();
            Ok(if is_blank { Vec::new() } else { vec![EntityInput::Name(name.to_owned().into())] })
        }

        fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
            EntityVisitor.visit_bool(value).map(|one| vec![one])
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
            EntityVisitor.visit_u64(value).map(|one| vec![one])
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
            EntityVisitor.visit_i64(value).map(|one| vec![one])
        }

        fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
            EntityVisitor.visit_f64(value).map(|one| vec![one])
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            EntityVisitor.visit_map(map).map(|one| vec![one])
        }
    }

    source.deserialize_any(List)
}

struct EntityVisitor;

impl<'de> Visitor<'de> for EntityVisitor {
    type Value = EntityInput<'static>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name, or an object with `name` and `role`")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<EntityInput<'static>, E> {
        Ok(EntityInput::Name(name.to_owned().into()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<EntityInput<'static>, E> {
        Ok(EntityInput::Unreadable("a boolean"))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<EntityInput<'static>, E> {
        Ok(EntityInput::Unreadable("a number"))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<EntityInput<'static>, E> {
        Ok(EntityInput::Unreadable("a number"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<EntityInput<'static>, E> {
        Ok(EntityInput::Unreadable("a number"))
    }

    fn visit_unit<E: Error>(self) -> Result<EntityInput<'static>, E> {
        Ok(EntityInput::Unreadable("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<EntityInput<'static>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(EntityInput::Unreadable("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EntityInput<'static>, A::Error> {
        #[derive(Deserialize)]
        struct Named<'a> {
            #[serde(default)]
            name: Option<Text<'a>>,
            #[serde(default)]
            role: Option<Text<'a>>,
        }
        let Named { name, role } = Named::deserialize(de::value::MapAccessDeserializer::new(map))?;
        let Some(Text(Some(name))) = name else {
            return Ok(EntityInput::Unreadable("an object without a `name`"));
        };
        let role = match role {
            None => Some(Role::default()),
            Some(Text(role)) => role.and_then(|role| role.trim().parse().ok()),
        };
        Ok(match role {
            Some(role) => EntityInput::Named { name, role },
            None => EntityInput::Unreadable("an object whose `role` is not `subject` or `mention`"),
        })
    }
}

/// Text, or `None` for any other value.
struct Text<'a>(Option<InputText<'a>>);

impl<'de, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Text<'a>, D::Error> {
        Ok(match EntityInput::deserialize(source)? {
            EntityInput::Name(text) => Text(Some(text)),
            _ => Text(None),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Page<'a>(#[serde(deserialize_with = "one_or_list")] Vec<EntityInput<'a>>);

    #[test]
    fn an_entity_is_parsed_from_a_name_or_an_object() {
        let parse = |text: &str| serde_json::from_str::<EntityInput<'_>>(text).unwrap();
        assert_eq!(parse("\"a\""), EntityInput::Name("a".into()));
        let named = |role| EntityInput::Named { name: "a".into(), role };
        assert_eq!(parse("{\"name\":\"a\"}"), named(Role::Mention));
        assert_eq!(parse("{\"role\":\"subject\",\"name\":\"a\"}"), named(Role::Subject));
        for bad in [
            "1",
            "-1",
            "1.5",
            "true",
            "{}",
            "[]",
            "[\"a\"]",
            "null",
            "{\"name\":7}",
            "{\"name\":null}",
            "{\"name\":{\"name\":\"a\"}}",
            "{\"name\":\"a\",\"role\":\"hero\"}",
            "{\"name\":\"a\",\"role\":[\"subject\"]}",
        ] {
            assert_eq!(parse(bad).parts(), None, "{bad}");
        }
    }

    #[test]
    fn a_single_entity_is_a_list_of_one() {
        let parse = |text: &str| serde_json::from_str::<Page<'_>>(text).unwrap().0;
        assert_eq!(parse("\"a\""), [EntityInput::Name("a".into())]);
        assert_eq!(parse("[\"a\",{\"name\":\"b\"}]").len(), 2);
        assert_eq!(parse("{\"name\":\"a\"}")[0].parts(), Some(("a", Role::Mention)));
        for empty in ["null", "[]", "\"\"", "\" \""] {
            assert_eq!(parse(empty), [], "{empty}");
        }
        for bad in ["1", "-1", "1.5", "true", "{}", "[122,97,104]", "[[\"a\"]]"] {
            assert!(parse(bad).iter().all(|one| one.parts().is_none()), "{bad}");
            assert!(!parse(bad).is_empty(), "{bad}");
        }
    }
}
