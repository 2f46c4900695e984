//! Settings that are set and have no effect, because another one switches them off; and others that are valid
//! and may not be meant.

use crate::config::suggestion::nearest;
use crate::config::{Settings, changed_keys, load};
use std::path::Path;

/// The value of `store.url` without a shared store.
const EMBEDDED: &str = "embedded";

/// The levels of a log.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What switches a setting off: the keys, whether they have no effect, and why.
type Switch = (&'static [&'static str], fn(&Settings) -> bool, &'static str);

const SWITCHES: &[Switch] = &[
    (
        &[
            "store.ca",
            "store.unprotected",
            "store.spool_hours",
            "store.log_hours",
            "store.lease_seconds",
            "store.outage_allowance_percent",
        ],
        |settings| settings.store.url == EMBEDDED,
        "applies to a shared store only, and store.url is \"embedded\"",
    ),
    (
        &["store.low_disk_mib"],
        |settings| settings.store.low_disk_percent == 0,
        "applies to the disk guard, which store.low_disk_percent = 0 switches off",
    ),
    (
        &["server.drain_delay_ms"],
        |settings| settings.server.public_url.is_none(),
        "applies with a load balancer in front only, and server.public_url is not set",
    ),
    (
        &[
            "adapters.publishers",
            "adapters.placements",
            "adapters.events",
            "adapters.currency",
            "adapters.categories",
            "adapters.taxonomies",
        ],
        |settings| !settings.adapters.any_enabled(),
        "applies to adapters only, and all of them are off",
    ),
];

/// A variable by which other programs set their log level.
const RUST_LOG: &str = "RUST_LOG";

/// Settings and variables of the environment without effect, unknown log levels, and folders that do not exist.
pub(crate) fn warnings(
    settings: &Settings,
    mut environment: impl Iterator<Item = (String, String)>,
) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(defaults) = load::parse_settings("the built-in defaults", load::DEFAULTS) else {
        return found;
    };
    let set = changed_keys(&defaults, settings);
    for (keys, _, reason) in SWITCHES.iter().filter(|(_, is_off, _)| is_off(settings)) {
        let keys = keys.iter().filter(|key| set.iter().any(|one| one == *key));
        found.extend(keys.map(|key| format!("{key}: {reason}")));
    }
    found.extend(log_level("logs.level", &settings.logs.level));
    if environment.any(|(name, _)| name == RUST_LOG) {
        let reason = "RUST_LOG: is not read; set logs.level, or ADJACENT__LOGS__LEVEL";
        found.push(reason.to_owned());
    }
    if let Some(folder) = settings.store.keys.as_deref().filter(|one| !Path::new(one).is_dir()) {
        found.push(format!("store.keys: there is no folder `{folder}`"));
    }
    found
}

/// A word that stands where a level is expected and is none: it is then the name of a module.
fn log_level(key: &str, text: &str) -> Option<String> {
    let words = || text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    if words().any(is_level) {
        return None;
    }
    let word = words().find(|word| !word.contains(['=', ':', '[']))?;
    let help = nearest(&word.to_ascii_lowercase(), LEVELS.into_iter());
    let help = help.map(|level| format!(" (did you mean `{level}`?)")).unwrap_or_default();
    Some(format!("{key}: `{word}` is not a level: must be one of {}{help}", LEVELS.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        warnings(&load::parse_settings("x.toml", text).unwrap(), std::iter::empty())
    }

    #[test]
    fn defaults_and_settings_that_have_an_effect_are_no_warning() {
        assert_eq!(of(""), [""; 0]);
        let text = "[store]\nurl = \"redis://127.0.0.1\"\nlease_seconds = 40\n[logs]\nlevel = \"warn,adjacent=debug\"\n";
        assert_eq!(of(text), [""; 0]);
        assert_eq!(of("[adapters]\nkevel = true\ncurrency = \"USD\"\n"), [""; 0]);
    }

    #[test]
    fn settings_that_another_one_switches_off_are_named_with_it() {
        for (text, expected) in [
            ("[store]\nlease_seconds = 40\n", "store.lease_seconds: applies to a shared store"),
            ("[store]\nlow_disk_percent = 0\nlow_disk_mib = 1\n", "store.low_disk_mib: applies"),
            ("[server]\ndrain_delay_ms = 1\n", "server.drain_delay_ms: applies with a load"),
            ("[adapters]\ncurrency = \"USD\"\n", "adapters.currency: applies to adapters only"),
            ("[store]\nkeys = \"/no/such/folder\"\n", "store.keys: there is no folder"),
        ] {
            let found = of(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].starts_with(expected), "{found:?}");
        }
    }

    #[test]
    fn a_log_level_that_is_none_is_named_with_the_one_that_was_meant() {
        let found = of("[logs]\nlevel = \"inof\"\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].ends_with("(did you mean `info`?)"), "{found:?}");
        assert_eq!(of("[logs]\nlevel = \"adjacent=debug\"\n"), [""; 0]);
        let settings = load::parse_settings("x.toml", "").unwrap();
        let variable = [(RUST_LOG.to_owned(), "debug".to_owned())];
        assert!(warnings(&settings, variable.into_iter())[0].contains("ADJACENT__LOGS__LEVEL"));
    }
}
