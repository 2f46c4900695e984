//! What a page states for custom context keys.

use crate::domain::context_key::{ContextKeys, MAX_KEYS, MAX_PAGE_VALUES, Unusable};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::fmt;

/// The values by key, as the page states them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CustomInput(BTreeMap<String, StatedValues>);

/// One value or a list; a boolean or a number is read as text.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct StatedValues(Vec<String>);

impl CustomInput {
    /// Whether the page states nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys, as the page writes them.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Adds a value for a key.
    pub(crate) fn state(&mut self, key: &str, value: String) {
        self.0.entry(key.to_owned()).or_default().0.push(value);
    }

    /// The numbers of the values that a rule can ask about, in ascending order.
    pub(crate) fn numbers(&self, keys: &ContextKeys) -> SmallVec<[u32; 4]> {
        let mut numbers: SmallVec<[u32; 4]> =
            self.used().filter_map(|(key, value)| keys.stated(key, value).ok().flatten()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// What is not used, and why.
    pub(crate) fn warnings(&self, keys: &ContextKeys) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.0.len() > MAX_KEYS {
            warnings.push(format!(
                "page.custom: {} keys exceed the limit of {MAX_KEYS}: only the first {MAX_KEYS} are used",
                self.0.len()
            ));
        }
        for (key, values) in self.0.iter().take(MAX_KEYS) {
            if values.0.len() > MAX_PAGE_VALUES {
                warnings.push(format!(
                    "page.custom.{key}: {} values exceed the limit of {MAX_PAGE_VALUES}: only the first \
                     {MAX_PAGE_VALUES} are used",
                    values.0.len()
                ));
            }
        }
        for (key, value) in self.used() {
            let shown: String = value.chars().take(128).collect();
            let problem = match keys.stated(key, value) {
                Ok(_) => continue,
                Err(Unusable::Unknown) => "is not a context key of the inventory".to_owned(),
                Err(Unusable::NotListed(list)) => format!("must be one of {list} (got `{shown}`)"),
                Err(Unusable::TooLong(limit)) => {
                    format!("must have at most {limit} characters (got `{shown}`)")
                }
                Err(Unusable::Unreadable) => {
                    format!("must be a word about the page (got `{shown}`)")
                }
            };
            let key: String = key.chars().take(64).collect();
            warnings.push(format!("page.custom.{key}: {problem}: ignored"));
        }
        warnings
    }

    fn used(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().take(MAX_KEYS).flat_map(|(key, values)| {
            values.0.iter().take(MAX_PAGE_VALUES).map(move |value| (key.as_str(), value.as_str()))
        })
    }
}

impl<'de> Deserialize<'de> for CustomInput {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<CustomInput, D::Error> {
        source.deserialize_any(ByKeyOrListed)
    }
}

/// Values by key, or a list of `KEY=VALUE`, as an attribute of a page has them.
struct ByKeyOrListed;

impl<'de> Visitor<'de> for ByKeyOrListed {
    type Value = CustomInput;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a value or a list of values by key, or a list of `KEY=VALUE`")
    }

    fn visit_unit<E: Error>(self) -> Result<CustomInput, E> {
        Ok(CustomInput::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CustomInput, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(map)).map(CustomInput)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<CustomInput, A::Error> {
        let mut all = CustomInput::default();
        while let Some(text) = list.next_element::<String>()? {
            // Without a value it is a warning.
            let (key, value) = text.split_once('=').unwrap_or((&text, ""));
            all.state(key.trim(), value.trim().to_owned());
        }
        Ok(all)
    }
}

impl<'de> Deserialize<'de> for StatedValues {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<StatedValues, D::Error> {
        source.deserialize_any(OneOrList)
    }
}

struct OneOrList;

impl<'de> Visitor<'de> for OneOrList {
    type Value = StatedValues;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a boolean, or a list of these")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<StatedValues, E> {
        let is_blank = text.trim().is_empty();
        Ok(StatedValues(if is_blank { Vec::new() } else { vec![text.to_owned()] }))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<StatedValues, E> {
        Ok(StatedValues(vec![value.to_string()]))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<StatedValues, E> {
        Ok(StatedValues(vec![value.to_string()]))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<StatedValues, E> {
        Ok(StatedValues(vec![value.to_string()]))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<StatedValues, E> {
        Ok(StatedValues(vec![value.to_string()]))
    }

    fn visit_unit<E: Error>(self) -> Result<StatedValues, E> {
        Ok(StatedValues::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<StatedValues, A::Error> {
        let mut all = StatedValues::default();
        while let Some(values) = list.next_element::<StatedValues>()? {
            all.0.extend(values.0);
        }
        Ok(all)
    }
}
