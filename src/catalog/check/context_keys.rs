//! Checks custom context keys, and what flights target of them.

use crate::catalog::check::Findings;
use crate::catalog::check::index::Index;
use crate::domain::attribution::{MAX_REPORTED_KEYS, OTHER};
use crate::domain::breakdown::NOT_STATED;
use crate::domain::campaign::Flight;
use crate::domain::context_key::{ContextKey, MAX_KEYS, means_a_person};
use crate::domain::inventory::Inventory;
use crate::domain::name_key;
use std::collections::HashSet;

/// The most values of one key that a flight targets or excludes.
const MAX_VALUES: usize = 200;

pub(super) fn check(inventory: &Inventory, findings: &mut Findings) {
    for (number, key) in inventory.context_keys.iter().enumerate() {
        findings.begin("context_keys", key.id.as_str());
        if number == MAX_KEYS {
            findings.add("id", format!("must be one of at most {MAX_KEYS} context keys"));
        }
        if means_a_person(key.id.as_str()) {
            let reason = format!(
                "must not mean a person or something about one (got `{}`): pages state only what they are \
                 about",
                key.id
            );
            findings.add("id", reason);
        }
        findings.visible_text("name", &key.name);
        let mut seen = HashSet::new();
        for (at, value) in key.values.iter().enumerate() {
            let field = format!("values[{at}]");
            findings.required_text(&field, value, name_key::MAX_CHARS);
            match name_key::key(value) {
                None => {
                    findings.add(field, format!("must contain a letter or a digit (got `{value}`)"))
                }
                Some(compared) => {
                    if !seen.insert(compared) {
                        let reason = format!("must differ from the other values (got `{value}`)");
                        findings.add(field, reason);
                    }
                }
            }
        }
        match (key.values.is_empty(), key.max_characters) {
            (true, None) => {
                let help = "list its `values`, or allow free text with `max_characters`";
                findings.add_with_help("values", "must not be empty", Some(help.into()));
            }
            (false, Some(_)) => {
                findings.add("max_characters", "must be left out for a key with `values`");
            }
            _ => {}
        }
        reported(inventory, key, findings);
    }
}

/// Checks a key by which reports can be broken down.
fn reported(inventory: &Inventory, key: &ContextKey, findings: &mut Findings) {
    if !key.reported {
        return;
    }
    if key.values.is_empty() {
        let help = "list its `values`, or remove `reported`";
        let reason = "must be left out for a key with free text, whose rows have no bound";
        findings.add_with_help("reported", reason, Some(help.into()));
    }
    let all: Vec<&str> = inventory
        .context_keys
        .iter()
        .filter(|one| one.reported)
        .map(|one| one.id.as_str())
        .collect();
    if all.iter().skip(MAX_REPORTED_KEYS).any(|id| *id == key.id.as_str()) {
        let reason = format!(
            "must be true for at most {MAX_REPORTED_KEYS} context keys (got `{}`)",
            all.join("`, `")
        );
        findings.add_with_help("reported", reason, Some("remove it from one of them".into()));
    }
    for (at, value) in key.values.iter().enumerate() {
        let compared = name_key::key(value).unwrap_or_default();
        if [NOT_STATED, OTHER].contains(&compared.as_str()) {
            let reason = format!(
                "must not be `{compared}` in a reported key: reports use `{NOT_STATED}` for pages that state \
                 no value and `{OTHER}` for rows beyond a bound"
            );
            let help = "rename the value, or remove `reported`";
            findings.add_with_help(format!("values[{at}]"), reason, Some(help.into()));
        }
    }
}

/// Checks that a flight targets existing keys with values that a page can state.
pub(super) fn targeting(index: &Index<'_>, flight: &Flight, findings: &mut Findings) {
    for (id, clause) in &flight.targeting.custom.0 {
        let name = format!("targeting.custom.{id}");
        let Some(key) = index.context_keys.find(id.as_str()) else {
            findings.reference(&name, id.as_str(), &index.context_keys);
            continue;
        };
        let listed: HashSet<String> =
            key.values.iter().filter_map(|value| name_key::key(value)).collect();
        for (side, values) in [("any", &clause.any), ("none", &clause.none)] {
            if values.len() > MAX_VALUES {
                let reason =
                    format!("must have at most {MAX_VALUES} values (got {})", values.len());
                findings.add(format_args!("{name}.{side}"), reason);
            }
            for (at, value) in values.iter().enumerate() {
                let field = format!("{name}.{side}[{at}]");
                let compared = name_key::key(value);
                let limit = usize::from(key.max_characters.unwrap_or(128));
                if compared.is_none() {
                    findings
                        .add(field, format!("must contain a letter or a digit (got `{value}`)"));
                } else if !listed.is_empty() && !compared.is_some_and(|one| listed.contains(&one)) {
                    let known = key.values.iter().map(String::as_str);
                    findings.unknown(field, "value", value, known);
                } else if value.chars().count() > limit
                    || (listed.is_empty() && value.contains('@'))
                {
                    let reason = format!(
                        "must have at most {limit} characters and no `@`, or no page can state it (got \
                         `{value}`)"
                    );
                    findings.add(field, reason);
                }
            }
        }
        let excluded: HashSet<String> =
            clause.none.iter().filter_map(|value| name_key::key(value)).collect();
        let is_excluded =
            |value: &String| name_key::key(value).is_some_and(|one| excluded.contains(&one));
        if !clause.any.is_empty() && clause.any.iter().all(is_excluded) {
            findings.add(name, "must accept at least one value: `none` excludes all of `any`");
        }
    }
}
