//! The difference between two states of the catalog: by list, document and field.

use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::lists;
use crate::domain::lists::ListItem;
use crate::domain::weights::Weights;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// The most lines of a kind in the human-readable output; JSON has all of them.
const MAX_LINES: usize = 40;

/// A field that differs. `old` or `new` is absent if the document does not have the field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct FieldChange {
    /// The path of the field, such as `targeting.regions.any`.
    pub(crate) path: String,
    /// The value before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) old: Option<Value>,
    /// The value after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) new: Option<Value>,
}

/// A document that differs.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub(crate) struct DocumentChange {
    /// The document's id.
    pub(crate) id: String,
    /// The fields that differ.
    pub(crate) fields: Vec<FieldChange>,
}

/// The differences in one list, in id order.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub(crate) struct ListDifference {
    /// The list, such as `flights`.
    pub(crate) list: &'static str,
    /// Ids that were added.
    pub(crate) added: Vec<String>,
    /// Ids that were removed.
    pub(crate) removed: Vec<String>,
    /// Documents that differ.
    pub(crate) changed: Vec<DocumentChange>,
}

/// The difference between two states of the catalog.
#[derive(Clone, Debug, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub(crate) struct Difference {
    /// The inventory's lists that differ.
    pub(crate) lists: Vec<ListDifference>,
    /// Weights that differ.
    pub(crate) weights: Vec<FieldChange>,
    /// The largest relative change of a weight: 0.5 when one goes from 2 to 3 or to 1; absent
    /// when none differs or one was 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) largest_weight_change: Option<f64>,
    /// Fields of the label table that differ.
    pub(crate) labels: Vec<FieldChange>,
}

impl Difference {
    /// Whether there is no difference.
    pub(crate) fn is_empty(&self) -> bool {
        self.lists.is_empty() && self.weights.is_empty() && self.labels.is_empty()
    }
}

/// The lists of two inventories that differ.
pub(crate) fn inventories(old: &Inventory, new: &Inventory) -> Vec<ListDifference> {
    let differences = lists::visit_all(&mut Compare { old, new });
    let empty =
        |d: &ListDifference| d.added.is_empty() && d.removed.is_empty() && d.changed.is_empty();
    differences.into_iter().filter(|difference| !empty(difference)).collect()
}

/// The weights that differ. Exchange rates are identified by currency and day; `newest` is the newest rate of a
/// currency as a number.
pub(crate) fn weights(old: &Weights, new: &Weights) -> Vec<FieldChange> {
    let keyed = |weights: &Weights| {
        let mut found = weights.complete();
        if let Some(table) = &weights.exchange_rates {
            let mut rates = serde_json::Map::new();
            for rate in &table.rates {
                let (currency, from) = (rate.currency.to_string(), rate.from.to_string());
                let newest = table.newest(rate.currency);
                rates.entry(currency.clone()).or_insert_with(|| serde_json::json!({}));
                rates[&currency][from] = value(&rate.per_reference);
                rates[&currency]["newest"] =
                    value(&newest.map(|rate| rate.per_reference.approximately()));
            }
            found["exchange_rates"] = serde_json::json!({ "reference": table.reference });
            found["exchange_rates"]["rates"] = rates.into();
        }
        found
    };
    fields(&keyed(old), &keyed(new))
}

/// The fields of a label table that differ; rows are identified by region and language.
pub(crate) fn labels(old: &LabelTable, new: &LabelTable) -> Vec<FieldChange> {
    let keyed = |table: &LabelTable| {
        let rows = table.label.iter().map(|row| {
            let regions: Vec<&str> = row.regions.iter().map(|region| region.as_str()).collect();
            (format!("{}/{}", regions.join("+"), row.language), value(row))
        });
        let words = table.words.iter().map(|words| (words.language.to_string(), value(words)));
        serde_json::json!({
            "ruleset": table.ruleset,
            "label": rows.collect::<BTreeMap<_, _>>(),
            "words": words.collect::<BTreeMap<_, _>>(),
        })
    };
    fields(&keyed(old), &keyed(new))
}

/// The largest relative change of any weight: 0 when none differs, infinite when one was 0.
pub(crate) fn largest(weights: &[FieldChange]) -> f64 {
    weights.iter().map(relative).fold(0.0, f64::max)
}

fn relative(field: &FieldChange) -> f64 {
    // A rate that is added has no value before, and one that is removed none after.
    let is_rate = field.path.starts_with("exchange_rates");
    if is_rate && (field.old.is_none() || field.new.is_none()) {
        return 0.0;
    }
    // A row that is corrected counts by what it changes of the newest rate.
    if is_rate && field.path != "exchange_rates.reference" && !field.path.ends_with(".newest") {
        return 0.0;
    }
    let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_f64);
    match (number(&field.old), number(&field.new)) {
        (Some(old), Some(new)) if old == new => 0.0,
        (Some(old), Some(new)) if old != 0.0 => ((new - old) / old).abs(),
        _ => f64::INFINITY,
    }
}

/// The difference of all given parts, each `(old, new)`; a part that is `None` does not differ.
pub(crate) fn between(
    inventory: Option<(&Inventory, &Inventory)>,
    weight: Option<(&Weights, &Weights)>,
    label: Option<(&LabelTable, &LabelTable)>,
) -> Difference {
    let weights = weight.map(|(old, new)| weights(old, new)).unwrap_or_default();
    let change = largest(&weights);
    Difference {
        lists: inventory.map(|(old, new)| inventories(old, new)).unwrap_or_default(),
        largest_weight_change: (change > 0.0 && change.is_finite()).then_some(change),
        weights,
        labels: label.map(|(old, new)| labels(old, new)).unwrap_or_default(),
    }
}

struct Compare<'a> {
    old: &'a Inventory,
    new: &'a Inventory,
}

impl lists::ListVisitor for Compare<'_> {
    type Out = ListDifference;
    fn visit<T: ListItem>(&mut self) -> ListDifference {
        let by_id = |list: &'_ [T]| -> BTreeMap<String, usize> {
            list.iter().enumerate().map(|(index, one)| (one.id().to_owned(), index)).collect()
        };
        let (old, new) = (T::of(self.old), T::of(self.new));
        let (before, after) = (by_id(old), by_id(new));
        let missing = |from: &BTreeMap<String, usize>, other: &BTreeMap<String, usize>| {
            from.keys().filter(|id| !other.contains_key(*id)).cloned().collect::<Vec<_>>()
        };
        let both =
            before.iter().filter_map(|(id, index)| Some((id, &old[*index], &new[*after.get(id)?])));
        let changed = both
            .filter(|(_, old, new)| old != new)
            .map(|(id, old, new)| DocumentChange { id: id.clone(), fields: fields(old, new) });
        ListDifference {
            list: T::LIST,
            changed: changed.collect(),
            added: missing(&after, &before),
            removed: missing(&before, &after),
        }
    }
}

fn value(document: &impl Serialize) -> Value {
    serde_json::to_value(document).expect("documents are plain data")
}

fn fields(old: &impl Serialize, new: &impl Serialize) -> Vec<FieldChange> {
    let mut found = Vec::new();
    compare(String::new(), Some(&value(old)), Some(&value(new)), &mut found);
    found
}

/// Compares objects by key, lists of objects by index, and everything else as a whole.
fn compare(path: String, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<FieldChange>) {
    if old == new {
        return;
    }
    match (old, new) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let added = after.keys().filter(|key| !before.contains_key(*key));
            for key in before.keys().chain(added) {
                let dot = if path.is_empty() { "" } else { "." };
                compare(format!("{path}{dot}{key}"), before.get(key), after.get(key), found);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after)))
            if before.iter().chain(after).all(Value::is_object) =>
        {
            for index in 0..before.len().max(after.len()) {
                compare(format!("{path}[{index}]"), before.get(index), after.get(index), found);
            }
        }
        _ => found.push(FieldChange { path, old: old.cloned(), new: new.cloned() }),
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |value: &Option<Value>| value.as_ref().map_or("—".into(), Value::to_string);
        write!(f, "{}: {} → {}", self.path, side(&self.old), side(&self.new))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "no difference");
        }
        for list in &self.lists {
            writeln!(f, "{}", list.list)?;
            ids(f, '+', &list.added)?;
            ids(f, '−', &list.removed)?;
            for changed in list.changed.iter().take(MAX_LINES) {
                writeln!(f, "  ~ {}", changed.id)?;
                changed.fields.iter().try_for_each(|field| writeln!(f, "      {field}"))?;
            }
            more(f, list.changed.len())?;
        }
        for (title, fields) in [("weights", &self.weights), ("labels", &self.labels)] {
            if !fields.is_empty() {
                writeln!(f, "{title}")?;
                fields.iter().take(MAX_LINES).try_for_each(|field| writeln!(f, "  ~ {field}"))?;
                more(f, fields.len())?;
            }
        }
        Ok(())
    }
}

fn ids(f: &mut fmt::Formatter<'_>, sign: char, ids: &[String]) -> fmt::Result {
    ids.iter().take(MAX_LINES).try_for_each(|id| writeln!(f, "  {sign} {id}"))?;
    more(f, ids.len())
}

fn more(f: &mut fmt::Formatter<'_>, total: usize) -> fmt::Result {
    match total.checked_sub(MAX_LINES).filter(|rest| *rest > 0) {
        Some(rest) => writeln!(f, "    and {rest} more"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::files;
    use crate::domain::money::Micros;

    #[test]
    fn a_difference_lists_added_removed_and_changed_documents_with_their_fields() {
        let old = files::example();
        let mut new = old.clone();
        new.flights.retain(|flight| flight.id.as_str() != "zahid-ai-europe");
        let mut flight = old.flights[0].clone();
        flight.id = "brand-new".parse().unwrap();
        new.flights.push(flight);
        let changed = new.flights[0].id.to_string();
        new.flights[0].price_micros = Micros::try_from(9_000).unwrap();
        new.flights[0].status = crate::domain::campaign::ServingStatus::Paused;
        let old_price = old.flights[0].price_micros.get();

        let difference = between(Some((&old, &new)), None, None);

        let text = difference.to_string();
        let expected = format!(
            "flights\n  + brand-new\n  − zahid-ai-europe\n  ~ {changed}\n      price_micros: {old_price} → 9000\n      status: — → \"paused\"\n"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn the_order_of_a_list_is_not_a_difference() {
        let old = files::example();
        let mut new = old.clone();
        new.flights.reverse();
        new.creatives.reverse();
        assert!(between(Some((&old, &new)), None, None).is_empty());
        assert_eq!(Difference::default().to_string(), "no difference\n");
    }

    #[test]
    fn the_largest_change_of_a_weight_is_relative() {
        let old = Weights::default();
        let new = Weights { entity_boost: 3.0, explore_floor: 0.03, ..old.clone() };
        let found = between(None, Some((&old, &new)), None);
        assert_eq!(found.largest_weight_change, Some(0.5));
        let none = Weights { explore_floor: 0.0, ..old.clone() };
        assert!(largest(&weights(&none, &old)).is_infinite(), "from 0 to another value");
    }

    #[test]
    fn a_changed_label_is_identified_by_region_and_language() {
        let old: LabelTable = toml::from_str(include_str!("../../config/labels.toml")).unwrap();
        let mut new = old.clone();
        let german = new.label.iter_mut().find(|row| row.text == "Anzeige").unwrap();
        german.text = "Werbung".into();
        let text = between(None, None, Some((&old, &new))).to_string();
        assert!(text.contains("label.DE/de.text: \"Anzeige\" → \"Werbung\""), "{text}");
    }
}
