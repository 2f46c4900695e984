//! The log line of a change of the catalog: who made it, what it was, and its effect.

use crate::catalog::difference::{Difference, FieldChange, ListDifference};
use crate::catalog::{AuditContext, Head};
use crate::publishing::Publishing;
use serde_json::Value;

/// Changes with at most this many fields have them named.
const MAX_FIELDS: usize = 6;

/// The longest value in a line, in characters.
const MAX_VALUE: usize = 60;

/// Who changes the catalog by saving a file: the reload of the file has a line of its own.
const FILE: &str = "file";

impl Publishing {
    /// Logs a change that was applied.
    pub(super) fn log_change(&self, by: &AuditContext, head: &Head, difference: &Difference) {
        if difference.is_empty() || by.who == FILE {
            return;
        }
        let keys = self.parts.keys.load();
        tracing::info!(
            number = head.number,
            by = by.who,
            owner = keys.owner(&by.who),
            what = by.what,
            effect = effect(difference),
            "catalog changed"
        );
    }
}

/// Counts of documents that were added, changed and removed, and the fields of a small change.
fn effect(difference: &Difference) -> String {
    let mut parts: Vec<String> = difference.lists.iter().map(counts).collect();
    let fields = [("weights", &difference.weights), ("labels", &difference.labels)];
    let fields = fields.into_iter().filter(|(_, changed)| !changed.is_empty());
    parts.extend(fields.map(|(name, changed)| format!("{name}: {} changed", changed.len())));
    let mut named = Vec::new();
    for list in &difference.lists {
        for document in &list.changed {
            named.extend(document.fields.iter().map(|one| field(&document.id, one)));
        }
    }
    let others = difference.weights.iter().chain(&difference.labels);
    named.extend(others.map(|one| field("", one)));
    if named.is_empty() || named.len() > MAX_FIELDS {
        return parts.join(", ");
    }
    format!("{} ({})", parts.join(", "), named.join(", "))
}

fn counts(list: &ListDifference) -> String {
    let ids = |ids: &[String]| match ids.len() {
        count if count > 3 => String::new(),
        _ => format!(" ({})", ids.join(", ")),
    };
    let counted = [
        ("added", list.added.len(), ids(&list.added)),
        ("changed", list.changed.len(), String::new()),
        ("removed", list.removed.len(), ids(&list.removed)),
    ];
    let counted = counted.into_iter().filter(|(_, count, _)| *count > 0);
    let counted: Vec<String> =
        counted.map(|(what, count, ids)| format!("{count} {what}{ids}")).collect();
    format!("{}: {}", list.list, counted.join(", "))
}

fn field(document: &str, change: &FieldChange) -> String {
    let value = |value: &Option<Value>| {
        let text = value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
        match text.char_indices().nth(MAX_VALUE) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    };
    let dot = if document.is_empty() { "" } else { "." };
    format!("{document}{dot}{}: {} → {}", change.path, value(&change.old), value(&change.new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{difference, files};
    use crate::domain::weights::Weights;

    #[test]
    fn the_effect_of_a_small_change_names_its_fields() {
        let old = files::example();
        let mut new = old.clone();
        let flight = new.flights.iter_mut().find(|one| one.id.as_str() == "zahid-ai-europe");
        flight.unwrap().weight = 2.0;
        let removed = new.creatives.pop().unwrap();
        let weights = Weights { price_weight: 0.25, ..Weights::default() };
        let found =
            difference::between(Some((&old, &new)), Some((&Weights::default(), &weights)), None);
        let expected = format!(
            "flights: 1 changed, creatives: 1 removed ({}), weights: 1 changed \
             (zahid-ai-europe.weight: 1.0 → 2.0, price_weight: 0.5 → 0.25)",
            removed.id
        );
        assert_eq!(effect(&found), expected);
    }

    #[test]
    fn the_effect_of_a_large_change_is_counts() {
        let new = files::example();
        let found = difference::between(Some((&Default::default(), &new)), None, None);
        let shown = effect(&found);
        assert!(shown.contains(&format!("flights: {} added", new.flights.len())), "{shown}");
        assert!(shown.chars().count() < 500, "{shown}");
    }
}
