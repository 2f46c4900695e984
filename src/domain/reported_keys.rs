//! Reported context keys: the value of a page by which reports can be broken down.

use crate::domain::attribution::{MAX_REPORTED_KEYS, OTHER, OTHER_VALUE, ReportedValues};
use crate::domain::id::ContextKeyId;

/// The reported context keys of an inventory, in the order of their ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReportedKeys(Vec<ReportedKey>);

#[derive(Clone, Debug)]
pub(crate) struct ReportedKey {
    pub(crate) id: ContextKeyId,
    /// The values in the order of the key's list: the number by which pages have it, and its compared form.
    pub(crate) values: Vec<(u32, Box<str>)>,
}

impl ReportedKeys {
    /// At most as many as tokens have room for.
    pub(crate) fn new(keys: impl Iterator<Item = ReportedKey>) -> ReportedKeys {
        ReportedKeys(keys.take(MAX_REPORTED_KEYS).collect())
    }

    /// The ids of the keys.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &ContextKeyId> {
        self.0.iter().map(|key| &key.id)
    }

    /// What a page with these numbers is reported under: of each key the first value of its list that the
    /// page states.
    pub(crate) fn of_page(&self, stated: &[u32]) -> ReportedValues {
        let mut found = ReportedValues::default();
        for (key, found) in self.0.iter().zip(&mut found.0) {
            let place = key.values.iter().position(|(number, _)| stated.contains(number));
            let number = place.and_then(|place| u8::try_from(place + 1).ok());
            *found = number.filter(|number| *number != OTHER_VALUE).unwrap_or(0);
        }
        found
    }

    /// The values as attributions have them; a number that no value has is left out.
    pub(crate) fn text(&self, values: ReportedValues) -> Box<str> {
        let mut text = String::new();
        for (key, number) in self.0.iter().zip(values.0) {
            let value = match number {
                OTHER_VALUE => Some(OTHER),
                _ => {
                    let place = usize::from(number).checked_sub(1);
                    place.and_then(|place| key.values.get(place)).map(|(_, value)| &**value)
                }
            };
            if let Some(value) = value {
                let separator = if text.is_empty() { "" } else { ";" };
                text.extend([separator, key.id.as_str(), "=", value]);
            }
        }
        text.into()
    }
}
