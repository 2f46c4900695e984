//! Which settings differ, by name: what a reload applied, and what waits for the next start.

use crate::config::Settings;
use serde_json::Value;

/// The keys with different values, such as `server.listen`, in the order of the file.
pub(crate) fn changed_keys(before: &Settings, after: &Settings) -> Vec<String> {
    let sections = |settings| serde_json::to_value(settings).unwrap_or_default();
    let (before, after) = (sections(before), sections(after));
    let empty = serde_json::Map::new();
    let names = |value: &Value| -> Vec<String> {
        value.as_object().unwrap_or(&empty).keys().cloned().collect()
    };
    let mut changed = Vec::new();
    for section in names(&after) {
        let (old, new) = (&before[&section], &after[&section]);
        let mut keys = names(new);
        keys.extend(names(old).into_iter().filter(|key| new.get(key).is_none()));
        let differ = keys.into_iter().filter(|key| old.get(key) != new.get(key));
        changed.extend(differ.map(|key| format!("{section}.{key}")));
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::parse_settings;

    #[test]
    fn changed_keys_are_named_whether_they_are_set_unset_or_different() {
        let settings = |text| parse_settings("x.toml", text).unwrap();
        let before =
            settings("[server]\ncountry_header = \"X\"\ntrusted_proxies = [\"10.0.0.0/8\"]\n");
        let after = settings(
            "[server]\nlisten = \"127.0.0.1:9\"\n[store]\nca = \"ca.pem\"\n[limits.layers]\naddress = { clicks = [] }\n",
        );
        let expected = [
            "server.listen",
            "server.trusted_proxies",
            "server.country_header",
            "store.ca",
            "limits.layers",
        ];
        let mut changed = changed_keys(&before, &after);
        changed.sort();
        let mut sorted = expected.to_vec();
        sorted.sort_unstable();
        assert_eq!(changed, sorted);
        assert!(changed_keys(&after, &after).is_empty());
    }
}
