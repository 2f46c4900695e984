//! Deserializes fields as clients send them: a value of another type is read if its meaning is plain
//! (`"7"` for 7), and otherwise treated as absent. No value is an error.
//!
//! A list that restricts what may be bid is the exception: [`Restriction`] knows whether it was read.

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::fmt;
use std::marker::PhantomData;

/// A text; numbers and booleans are read as text.
pub(crate) fn text<'de, D: Deserializer<'de>>(source: D) -> Result<Option<String>, D::Error> {
    scalar(source).map(text_of)
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number.
pub(crate) fn integer<'de, D: Deserializer<'de>>(source: D) -> Result<Option<i64>, D::Error> {
    scalar(source).map(|value| integer_of(&value))
}

#[expect(clippy::cast_possible_truncation, reason = "the number is whole and below 2^53")]
fn integer_of(value: &Value) -> Option<i64> {
    let whole = |number: f64| {
        (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i64)
    };
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(truth) => Some(i64::from(*truth)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A number; infinite if there is a value that cannot be read, so that no price reaches it.
pub(crate) fn minimum<'de, D: Deserializer<'de>>(source: D) -> Result<Option<f64>, D::Error> {
    Ok(match scalar(source)? {
        Value::Null => None,
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => {
            Some(text.trim().parse().ok().filter(|n: &f64| !n.is_nan()).unwrap_or(f64::INFINITY))
        }
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Some(f64::INFINITY),
    })
}

/// Whether a switch is on: absent, 0, `false` and their texts are off, anything else is on.
pub(crate) fn switch<'de, D: Deserializer<'de>>(source: D) -> Result<bool, D::Error> {
    Ok(match scalar(source)? {
        Value::Null => false,
        Value::String(text) => !["", "0", "false"].contains(&&*text.trim().to_ascii_lowercase()),
        other => integer_of(&other) != Some(0),
    })
}

/// A list of texts. A text alone is a list of one; elements that are no text are skipped.
pub(crate) fn texts<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    Restriction::deserialize(source).map(|list| list.items)
}

/// A list of whole numbers. A number alone is a list of one; other elements are skipped.
pub(crate) fn integers<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<i64>, D::Error> {
    Ok(match list(source)? {
        Value::Array(items) => items.iter().filter_map(integer_of).collect(),
        other => integer_of(&other).into_iter().collect(),
    })
}

/// A list of texts that restricts what may be bid.
#[derive(Clone, Debug, Default)]
pub(crate) struct Restriction {
    /// Its elements that are texts.
    pub(crate) items: Vec<String>,
    /// Whether there are others, or it is no list.
    pub(crate) is_unreadable: bool,
}

impl<'de> Deserialize<'de> for Restriction {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Restriction, D::Error> {
        let items = match list(source)? {
            Value::Null => Vec::new(),
            Value::Array(items) => items,
            other => vec![other],
        };
        let count = items.len();
        let items: Vec<String> = items.into_iter().filter_map(text_of).collect();
        Ok(Restriction { is_unreadable: items.len() < count, items })
    }
}

/// A value that should be a scalar. What is in a list or an object is skipped, so that it is never stored
/// and its path is known as one that was not read.
fn scalar<'de, D: Deserializer<'de>>(source: D) -> Result<Value, D::Error> {
    Shallow { lists: false }.deserialize(source)
}

/// The same with the elements of a list.
fn list<'de, D: Deserializer<'de>>(source: D) -> Result<Value, D::Error> {
    Shallow { lists: true }.deserialize(source)
}

/// Reads scalars, and lists of scalars if `lists`.
#[derive(Clone, Copy)]
struct Shallow {
    lists: bool,
}

impl<'de> DeserializeSeed<'de> for Shallow {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

/// The scalars of a visitor that become a [`Value`].
macro_rules! scalars {
    ($($visit:ident($value:ty)),*) => {
        $(fn $visit<E>(self, value: $value) -> Result<Value, E> {
            Ok(value.into())
        })*
    };
}

impl<'de> Visitor<'de> for Shallow {
    type Value = Value;

    scalars!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object(serde_json::Map::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        if self.lists {
            while let Some(item) = list.next_element_seed(Shallow { lists: false })? {
                items.push(item);
            }
        } else {
            while list.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(Value::Array(items))
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
}

/// An object; any other value is treated as absent. Its fields are read as they come, so that fields
/// that `T` does not have are never stored.
pub(crate) fn object<'de, D, T>(source: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Object(PhantomData).deserialize(source)
}

/// A list of objects; other elements are skipped, and a value that is no list is an empty one.
pub(crate) fn objects<'de, D, T>(source: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    source.deserialize_any(Objects(PhantomData))
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Object<T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Option<T>, D::Error> {
        source.deserialize_any(self)
    }
}

/// The values of a visitor that are treated as absent.
macro_rules! absent {
    ($($visit:ident($value:ty)),*) => {
        $(fn $visit<E>(self, _: $value) -> Result<Self::Value, E> {
            Ok(Default::default())
        })*

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Default::default())
        }

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }
    };
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = Option<T>;

    absent!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<T>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

struct Objects<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Objects<T> {
    type Value = Vec<T>;

    absent!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str));

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Object(PhantomData))? {
            items.extend(item);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[serde(default, deserialize_with = "text")]
        text: Option<String>,
        #[serde(default, deserialize_with = "integer")]
        integer: Option<i64>,
        #[serde(default, deserialize_with = "minimum")]
        minimum: Option<f64>,
        #[serde(default, deserialize_with = "switch")]
        switch: bool,
        #[serde(default)]
        list: Restriction,
        #[serde(default, deserialize_with = "integers")]
        integers: Vec<i64>,
        #[serde(default, deserialize_with = "object")]
        object: Option<Box<Sample>>,
        #[serde(default, deserialize_with = "objects")]
        objects: Vec<Sample>,
    }

    fn read(text: &str) -> Sample {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn any_json_is_read_and_only_plain_meanings_are_kept() {
        let values = [
            "null",
            "true",
            "0",
            "1",
            "-3",
            "2.0",
            "2.5",
            "1e300",
            "18446744073709551615",
            "\"\"",
            "\"7\"",
            "\"x\"",
            "[]",
            "[1,\"2\",null,{}]",
            "{}",
            "{\"text\":[]}",
            "[[[1]]]",
        ];
        for field in
            ["text", "integer", "minimum", "switch", "list", "integers", "object", "objects"]
        {
            for value in values {
                read(&format!("{{\"{field}\":{value}}}"));
            }
        }
        let sample = read(
            r#"{"text": 7, "integer": "7", "minimum": "0.5", "switch": "1", "integers": ["1", 2, "x"],
            "list": "one", "object": {"text": true}, "objects": [1, {"integer": 2.0}, []]}"#,
        );
        assert_eq!((sample.text.as_deref(), sample.integer), (Some("7"), Some(7)));
        assert_eq!((sample.minimum, sample.switch), (Some(0.5), true));
        assert_eq!((sample.list.items, sample.list.is_unreadable), (vec!["one".to_owned()], false));
        assert_eq!(sample.integers, [1, 2]);
        assert_eq!(sample.object.unwrap().text.as_deref(), Some("true"));
        assert_eq!(sample.objects.len(), 1);
        assert_eq!(sample.objects[0].integer, Some(2));
    }

    #[test]
    fn what_restricts_and_cannot_be_read_restricts_all() {
        assert_eq!(read(r#"{"minimum": "much"}"#).minimum, Some(f64::INFINITY));
        assert_eq!(read(r#"{"minimum": []}"#).minimum, Some(f64::INFINITY));
        assert!(read(r#"{"list": ["a", {}]}"#).list.is_unreadable);
        assert!(read(r#"{"switch": {}}"#).switch && read(r#"{"switch": "yes"}"#).switch);
        assert!(!read(r#"{"switch": "0"}"#).switch && !read(r#"{"switch": null}"#).switch);
    }
}
