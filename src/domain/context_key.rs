//! Context keys: what an operator lets pages state about themselves beyond the built-in context.

use crate::domain::id::ContextKeyId;
use crate::domain::name_key;
use crate::domain::reported_keys::{ReportedKey, ReportedKeys};
use crate::domain::targeting::CustomTargeting;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The most keys of an inventory, and of a page.
pub(crate) const MAX_KEYS: usize = 32;

/// The most values that a page has for one key.
pub(crate) const MAX_PAGE_VALUES: usize = 8;

/// A key that pages state under `page.custom` and flights target. It has a list of values, or free text with
/// a maximum length. Values are compared like names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct ContextKey {
    /// Unique id, and the name under which pages state it.
    pub(crate) id: ContextKeyId,
    /// Name shown to the operator.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[garde(length(chars, max = 60))]
    pub(crate) name: String,
    /// Its values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(length(max = 200))]
    pub(crate) values: Vec<String>,
    /// The most characters of a value that is free text. Required if `values` is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 1, max = 128)))]
    pub(crate) max_characters: Option<u16>,
    /// Whether reports can be broken down by its values. At most two keys, and none with free text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) reported: bool,
}

/// Words for a person, or for what identifies one.
const PERSONAL_WORDS: &[&str] = &[
    "advertisingid",
    "birth",
    "birthdate",
    "birthday",
    "buyeruid",
    "cookie",
    "cookies",
    "customer",
    "device",
    "deviceid",
    "dob",
    "email",
    "fingerprint",
    "gaid",
    "gender",
    "idfa",
    "ifa",
    "ip",
    "maid",
    "member",
    "msisdn",
    "passport",
    "patient",
    "person",
    "personal",
    "phone",
    "ppid",
    "session",
    "ssn",
    "student",
    "subscriber",
    "uid",
    "user",
    "userid",
    "username",
    "visitor",
];

/// Names that mean a person unless another word says of what.
const PERSONAL_NAMES: &[&str] = &[
    "account",
    "address",
    "age",
    "age-group",
    "agent",
    "disability",
    "ethnicity",
    "first-name",
    "full-name",
    "health",
    "id",
    "income",
    "last-name",
    "lat",
    "latitude",
    "location",
    "lon",
    "longitude",
    "mail",
    "name",
    "postcode",
    "race",
    "religion",
    "sex",
    "surname",
    "zip",
];

/// Whether a key's id means a person, or something about one: a page says nothing about its reader.
pub(crate) fn means_a_person(id: &str) -> bool {
    PERSONAL_NAMES.contains(&id)
        || id.split('-').any(|word| {
            let singular = word.strip_suffix('s').unwrap_or(word);
            PERSONAL_WORDS.contains(&word) || PERSONAL_WORDS.contains(&singular)
        })
        || PERSONAL_WORDS.contains(&id.replace('-', "").as_str())
        || id.starts_with("reader-")
}

/// Why a value that a page states for a key is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// The inventory has no such key.
    Unknown,
    /// The value is not in the key's list, which is this.
    NotListed(String),
    /// The value is longer than this many characters.
    TooLong(u16),
    /// Nothing that can be compared is left of it, or it looks like an address of a person.
    Unreadable,
}

/// The context keys of an inventory, with a number for every value that a rule can ask about.
#[derive(Clone, Debug, Default)]
pub(crate) struct ContextKeys {
    by_id: BTreeMap<Box<str>, Values>,
    /// Key and value of each number.
    names: Vec<(Box<str>, Box<str>)>,
    reported: ReportedKeys,
}

#[derive(Clone, Debug, Default)]
struct Values {
    /// The values as written, of a key with a list.
    listed: Vec<String>,
    listed_keys: BTreeSet<String>,
    /// Whether the inventory has the key; flights can target values of others, which no page states.
    is_registered: bool,
    max_characters: u16,
    numbers: BTreeMap<Box<str>, u32>,
}

impl ContextKeys {
    /// The keys of an inventory and the values that its flights target.
    pub(crate) fn build<'a>(
        keys: &[ContextKey],
        targeted: impl Iterator<Item = &'a CustomTargeting>,
    ) -> ContextKeys {
        let mut all: BTreeSet<(&str, String)> = BTreeSet::new();
        let mut by_id: BTreeMap<Box<str>, Values> = BTreeMap::new();
        for key in keys {
            let listed_keys: BTreeSet<String> =
                key.values.iter().filter_map(|value| name_key::key(value)).collect();
            all.extend(listed_keys.iter().map(|value| (key.id.as_str(), value.clone())));
            let values = Values {
                listed: key.values.clone(),
                listed_keys,
                is_registered: true,
                max_characters: key.max_characters.unwrap_or(0),
                numbers: BTreeMap::new(),
            };
            by_id.insert(key.id.as_str().into(), values);
        }
        for (id, clause) in targeted.flat_map(|custom| &custom.0) {
            let values = clause.any.iter().chain(&clause.none);
            all.extend(values.filter_map(|value| Some((id.as_str(), name_key::key(value)?))));
        }
        let mut names = Vec::with_capacity(all.len());
        for ((id, value), number) in all.into_iter().zip(0u32..) {
            let values = by_id.entry(id.into()).or_default();
            values.numbers.insert(value.as_str().into(), number);
            names.push((id.into(), value.into()));
        }
        let reported = keys.iter().filter(|key| key.reported).map(|key| {
            let numbers = &by_id[key.id.as_str()].numbers;
            let compared = key.values.iter().filter_map(|value| name_key::key(value));
            let values = compared.map(|value| (numbers[&*value], value.into())).collect();
            ReportedKey { id: key.id.clone(), values }
        });
        let reported = ReportedKeys::new(reported);
        ContextKeys { by_id, names, reported }
    }

    /// The keys by which reports can be broken down.
    pub(crate) fn reported(&self) -> &ReportedKeys {
        &self.reported
    }

    /// The position of a key, in the order of ids.
    pub(crate) fn position(&self, key: &str) -> u32 {
        let at = self.by_id.keys().zip(0u32..).find(|(id, _)| ***id == *key);
        at.map_or(u32::MAX, |(_, at)| at)
    }

    /// The number of a value that a flight targets.
    pub(crate) fn number(&self, key: &str, value: &str) -> Option<u32> {
        self.by_id.get(key)?.numbers.get(&*name_key::key(value)?).copied()
    }

    /// The number of a value that a page states; `None` for free text that no flight targets.
    pub(crate) fn stated(&self, key: &str, value: &str) -> Result<Option<u32>, Unusable> {
        let values = self.by_id.get(key).filter(|values| values.is_registered);
        let values = values.ok_or(Unusable::Unknown)?;
        let compared = name_key::key(value).ok_or(Unusable::Unreadable)?;
        let number = values.numbers.get(&*compared).copied();
        if !values.listed.is_empty() {
            return match values.listed_keys.contains(&compared) {
                true => Ok(number),
                false => Err(Unusable::NotListed(values.listed.join(", "))),
            };
        }
        if value.contains('@') {
            return Err(Unusable::Unreadable);
        }
        if value.chars().count() > usize::from(values.max_characters) {
            return Err(Unusable::TooLong(values.max_characters));
        }
        Ok(number)
    }

    /// Key and value of each number, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.names.iter().map(|(key, value)| (&**key, &**value))
    }

    /// The keys and values of numbers.
    pub(crate) fn names(&self, numbers: &[u32]) -> BTreeMap<String, Vec<String>> {
        let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, value) in numbers.iter().filter_map(|number| self.names.get(*number as usize)) {
            named.entry(key.to_string()).or_default().push(value.to_string());
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attribution::ReportedValues;
    use crate::domain::targeting::Clause;

    fn key(id: &str, values: &[&str], max_characters: Option<u16>) -> ContextKey {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let (id, name) = (id.parse().unwrap(), String::new());
        ContextKey { id, name, values, max_characters, reported: false }
    }

    #[test]
    fn a_page_is_reported_under_the_first_value_of_a_keys_list_that_it_states() {
        let mut keys = [
            key("author", &["b", "a"], None),
            key("paywall", &["Metered", "Free", "closed"], None),
            key("section", &["a", "b"], None),
        ];
        (keys[1].reported, keys[2].reported) = (true, true);
        let keys = ContextKeys::build(&keys, std::iter::empty());
        let text = |stated: &[(&str, &str)]| {
            let numbers: Vec<u32> =
                stated.iter().filter_map(|(key, value)| keys.number(key, value)).collect();
            keys.reported().text(keys.reported().of_page(&numbers)).into_string()
        };
        assert_eq!(text(&[]), "");
        assert_eq!(text(&[("author", "a")]), "");
        assert_eq!(text(&[("paywall", "closed"), ("paywall", "FREE")]), "paywall=free");
        assert_eq!(text(&[("section", "b")]), "section=b");
        let both = [("section", "a"), ("paywall", "metered"), ("author", "b")];
        assert_eq!(text(&both), "paywall=metered;section=a");
        let others = ReportedValues([1, 0]).others();
        assert_eq!(&*keys.reported().text(others), "paywall=other");
        assert_eq!(&*keys.reported().text(ReportedValues([4, 200])), "", "numbers of no value");
    }

    #[test]
    fn a_key_that_means_a_person_differs_from_one_about_the_page() {
        for id in [
            "user",
            "users",
            "user-id",
            "customer-segment",
            "email",
            "hashed-email",
            "e-mail",
            "age",
            "age-group",
            "gender",
            "ip",
            "ip-address",
            "id",
            "uid",
            "visitor-id",
            "device-type",
            "cookie",
            "session-id",
            "birth-year",
            "income",
            "religion",
            "zip",
            "reader-interest",
            "advertising-id",
            "subscriber-status",
            "name",
            "phone-number",
        ] {
            assert!(means_a_person(id), "{id}");
        }
        for id in [
            "paywall",
            "section",
            "author",
            "page-type",
            "article-age",
            "agency",
            "shipping",
            "usage",
            "usership-report",
            "recipe-course",
            "membership",
            "story-id",
            "address-book-app",
            "video",
        ] {
            assert!(!means_a_person(id), "{id}");
        }
    }

    #[test]
    fn a_value_is_compared_like_a_name_and_bounded() {
        let keys = [key("paywall", &["Free", "Für Alle"], None), key("series", &[], Some(8))];
        let clause = Clause { any: vec!["Łódź".to_owned()], none: Vec::new() };
        let targeted = CustomTargeting([("series".parse().unwrap(), clause)].into());
        let keys = ContextKeys::build(&keys, std::iter::once(&targeted));
        let number = keys.number("series", "lodz");
        assert!(number.is_some());
        assert_eq!(keys.stated("series", "LODZ"), Ok(number));
        assert_eq!(keys.stated("series", "other"), Ok(None));
        assert_eq!(keys.stated("series", "123456789"), Err(Unusable::TooLong(8)));
        assert_eq!(keys.stated("series", "a@b.de"), Err(Unusable::Unreadable));
        assert_eq!(keys.stated("series", "--"), Err(Unusable::Unreadable));
        assert_eq!(keys.stated("paywall", "fur-alle"), Ok(keys.number("paywall", "Für Alle")));
        assert_eq!(
            keys.stated("paywall", "metered"),
            Err(Unusable::NotListed("Free, Für Alle".into()))
        );
        assert_eq!(keys.stated("other", "x"), Err(Unusable::Unknown));
        assert_eq!(keys.names(&[number.unwrap()])["series"], ["lodz"]);
    }
}
