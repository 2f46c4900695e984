//! The guard on effect: which parts of a change need confirmation, whichever way the change comes.
//!
//! Pure: it compares two states of the catalog, and what a replay of recorded decisions predicts. New documents
//! are no concern: what they do to others is in the prediction.

use crate::catalog::difference::{Difference, DocumentChange, FieldChange};
use crate::catalog::effect::{Before, Effect};
use crate::config::guard_settings::GuardSettings;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::money::Currency;
use crate::domain::weights::Weights;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Predicts what a proposed catalog does to recorded decisions.
pub(crate) trait PredictEffect: Send + Sync {
    /// The effect of serving these instead of what is served; `None` without enough records. May read files
    /// and take up to two seconds.
    fn effect(
        &self,
        inventory: &Inventory,
        weights: &Weights,
        labels: &LabelTable,
    ) -> Option<Effect>;
}

/// A part of a change that needs confirmation.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Concern {
    /// The list of the document, `weights`, or `effect` for a predicted figure.
    pub(crate) list: String,
    /// The document's id; empty where there is none.
    pub(crate) id: String,
    /// The field, or the predicted figure; empty if the document is removed.
    pub(crate) field: String,
    /// The value before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) old: Option<Value>,
    /// The value after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) new: Option<Value>,
    /// What happens, in a sentence that names the document, the field and both values.
    pub(crate) text: String,
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The most concerns that are spelt out in one line of text; JSON has all of them.
const MAX_NAMED: usize = 5;

/// The concerns in one line.
pub(crate) fn summary(concerns: &[Concern]) -> String {
    let named: Vec<&str> = concerns.iter().take(MAX_NAMED).map(|one| one.text.as_str()).collect();
    match concerns.len().saturating_sub(MAX_NAMED) {
        0 => named.join("; "),
        more => format!("{}; and {more} more", named.join("; ")),
    }
}

/// The two states that are compared. A part that stays is `None`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Compared<'a> {
    /// The inventory before and after.
    pub(crate) inventory: Option<(&'a Inventory, &'a Inventory)>,
    /// The weights after the change; their exchange rates compare prices in two currencies.
    pub(crate) weights: Option<&'a Weights>,
}

/// What of a change needs confirmation, in the order of the difference, predictions last.
pub(crate) fn concerns(
    difference: &Difference,
    compared: Compared<'_>,
    effect: Option<&Effect>,
    limits: &GuardSettings,
) -> Vec<Concern> {
    let mut found = Vec::new();
    let money = Money::of(compared);
    for list in &difference.lists {
        let removed = list.removed.iter().map(|id| Concern {
            list: list.list.to_owned(),
            id: id.clone(),
            field: String::new(),
            old: None,
            new: None,
            text: format!("{}: removes `{id}`", list.list),
        });
        found.extend(removed);
        for document in &list.changed {
            document_concerns(list.list, document, &money, limits, &mut found);
        }
    }
    let weights = difference.weights.iter().filter(|field| is_large_weight(field, limits.factor));
    found.extend(weights.map(|field| concern("weights", "", field, "")));
    if let Some(effect) = effect.filter(|effect| effect.slots >= limits.minimum_slots) {
        let added = difference.lists.iter().filter(|list| list.list == "advertisers");
        let added: BTreeSet<&str> =
            added.flat_map(|list| list.added.iter().map(String::as_str)).collect();
        effect_concerns(effect, &added, limits, &mut found);
    }
    found
}

/// Whether `new` is more than `factor` times `old`, or less than a `factor`-th; from or to 0 as well, and what is
/// not a number.
pub(crate) fn is_large(old: f64, new: f64, factor: f64) -> bool {
    if !old.is_finite() || !new.is_finite() {
        return true;
    }
    let (old, new) = (old.abs(), new.abs());
    old != new && (old == 0.0 || new == 0.0 || old.max(new) > factor * old.min(new))
}

/// Whether a figure moves by more than `limit`; what is not a number does.
fn is_far(figure: Before, limit: f64) -> bool {
    // Figures that are exactly at the limit are not above it, whatever the last bit says.
    let moved = (figure.after - figure.before).abs();
    !moved.is_finite() || moved > limit + 1e-9
}

fn concern(list: &str, id: &str, field: &FieldChange, note: &str) -> Concern {
    let place = if id.is_empty() { list.to_owned() } else { format!("{list}: `{id}`") };
    Concern {
        list: list.to_owned(),
        id: id.to_owned(),
        field: field.path.clone(),
        old: field.old.clone(),
        new: field.new.clone(),
        text: format!("{place}: {field}{note}"),
    }
}

/// How a number of a document is judged.
#[derive(Clone, Copy, PartialEq)]
enum Figure {
    /// An amount of the advertiser's currency; absent means 0.
    Price,
    /// An amount of the advertiser's currency; absent means no limit.
    Budget,
    /// A number; absent means no goal.
    Goal,
    /// A number.
    Weight,
}

/// The numbers that the guard compares.
fn figure(list: &str, path: &str) -> Option<Figure> {
    let last = path.rsplit('.').next().unwrap_or(path);
    Some(match (list, last) {
        ("flights", "price_micros" | "copy_price_micros") => Figure::Price,
        ("campaigns", "lifetime_micros" | "daily_micros") => Figure::Budget,
        ("flights", "goal_impressions" | "goal_viewables" | "goal_clicks" | "share_percent") => {
            Figure::Goal
        }
        ("flights" | "creatives", "weight") => Figure::Weight,
        _ => return None,
    })
}

fn document_concerns(
    list: &'static str,
    document: &DocumentChange,
    money: &Money<'_>,
    limits: &GuardSettings,
    found: &mut Vec<Concern>,
) {
    let id = &document.id;
    if list == "publishers" {
        found.extend(removed_placements(id, money.compared));
    }
    for field in &document.fields {
        if list == "advertisers" && field.path == "currency" {
            found.push(concern(list, id, field, " (its prices and budgets keep their numbers)"));
        }
        let Some(figure) = figure(list, &field.path) else { continue };
        let (old, new) = (number(&field.old), number(&field.new));
        let is_money = matches!(figure, Figure::Price | Figure::Budget);
        let large = match (figure, old, new) {
            (Figure::Price, old, new) => {
                let (old, new) = (old.unwrap_or(0.0), new.unwrap_or(0.0));
                is_large(old, money.as_before(list, id, new), limits.factor)
            }
            // A first limit holds a document back, it sells nothing by mistake.
            (_, None, _) => false,
            (_, Some(_), None) => true,
            (_, Some(old), Some(new)) => {
                let new = if is_money { money.as_before(list, id, new) } else { new };
                is_large(old, new, limits.factor)
            }
        };
        if large {
            let note = match (figure, new) {
                (Figure::Budget, None) => " (no limit)",
                (Figure::Goal, None) => " (no goal)",
                _ => "",
            };
            found.push(concern(list, id, field, note));
        }
    }
}

fn number(value: &Option<Value>) -> Option<f64> {
    value.as_ref().filter(|value| !value.is_null()).map(|value| value.as_f64().unwrap_or(f64::NAN))
}

fn removed_placements(publisher: &str, compared: Compared<'_>) -> Vec<Concern> {
    let Some((old, new)) = compared.inventory else { return Vec::new() };
    let placements = |inventory: &Inventory| -> Vec<String> {
        let site = inventory.publishers.iter().find(|one| one.id.as_str() == publisher);
        let placements = site.map(|site| site.placements.as_slice()).unwrap_or_default();
        placements.iter().map(|placement| placement.id.to_string()).collect()
    };
    let kept = placements(new);
    let removed = placements(old).into_iter().filter(|id| !kept.contains(id));
    let concerns = removed.map(|id| Concern {
        list: "publishers".to_owned(),
        id: publisher.to_owned(),
        field: format!("placements.{id}"),
        old: Some(Value::from(id.as_str())),
        new: None,
        text: format!("publishers: `{publisher}`: removes the placement `{id}`"),
    });
    concerns.collect()
}

/// Exchange rates are judged by the newest rate of a currency: rows may be added and dropped, and rows that are not
/// the newest may be corrected.
fn is_large_weight(field: &FieldChange, factor: f64) -> bool {
    if field.path.starts_with("exchange_rates") && field.path != "exchange_rates.reference" {
        let both = field.old.is_some() && field.new.is_some();
        if !both || !field.path.ends_with(".newest") {
            return false;
        }
    }
    let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_f64);
    match (number(&field.old), number(&field.new)) {
        (Some(old), Some(new)) => is_large(old, new, factor),
        // A new reference, or a table of rates where there was none.
        _ => field.path.starts_with("exchange_rates.reference") && field.old.is_some(),
    }
}

/// The part of all spend in a currency below which an advertiser's spend is not judged.
const LEAST_SPEND: f64 = 0.01;

/// The larger of what all advertisers spend before and after, by currency.
fn spent(effect: &Effect) -> BTreeMap<&str, f64> {
    let mut all: BTreeMap<&str, Before> = BTreeMap::new();
    for one in &effect.advertisers {
        let sum = all.entry(&one.currency).or_default();
        sum.before += one.spend_micros.before;
        sum.after += one.spend_micros.after;
    }
    all.into_iter().map(|(currency, sum)| (currency, sum.before.max(sum.after))).collect()
}

fn effect_concerns(
    effect: &Effect,
    added: &BTreeSet<&str>,
    limits: &GuardSettings,
    found: &mut Vec<Concern>,
) {
    let mut add = |id: &str, field: &str, figure: Before, text: String| {
        found.push(Concern {
            list: "effect".to_owned(),
            id: id.to_owned(),
            field: field.to_owned(),
            old: serde_json::Number::from_f64(figure.before).map(Value::Number),
            new: serde_json::Number::from_f64(figure.after).map(Value::Number),
            text,
        });
    };
    let percent = |of: Before| format!("{:.1} % → {:.1} %", of.before * 100.0, of.after * 100.0);
    if is_far(effect.fill, limits.fill_points / 100.0) {
        let text = format!("predicted fill: {}", percent(effect.fill));
        add("", "fill", effect.fill, text);
    }
    let all = spent(effect);
    for one in effect.advertisers.iter().filter(|one| !added.contains(one.advertiser.as_str())) {
        let id = &one.advertiser;
        if is_far(one.share, limits.share_points / 100.0) {
            let text = format!("advertiser `{id}`: predicted share: {}", percent(one.share));
            add(id, "share", one.share, text);
        }
        let spend = one.spend_micros;
        // From nothing there is no percentage, and of next to nothing it says little: the share tells.
        let least = all.get(one.currency.as_str()).map_or(0.0, |all| all * LEAST_SPEND);
        let is_little = spend.before.max(spend.after) < least;
        let counts = spend.before != 0.0 && !is_little;
        if counts && is_far(spend, spend.before.abs() * limits.spend_percent / 100.0) {
            let text = format!(
                "advertiser `{id}`: expected spend per 1,000 slots: {:.2} → {:.2} {}",
                spend.before / 1e6,
                spend.after / 1e6,
                one.currency
            );
            add(id, "spend", spend, text);
        }
    }
}

/// In which currency a document's amounts are, before and after.
struct Money<'a> {
    compared: Compared<'a>,
    before: Currencies<'a>,
    after: Currencies<'a>,
}

/// Currencies by campaign.
type Currencies<'a> = BTreeMap<&'a str, Currency>;

impl<'a> Money<'a> {
    fn of(compared: Compared<'a>) -> Money<'a> {
        let currencies = |inventory: &'a Inventory| -> Currencies<'a> {
            let advertisers: BTreeMap<&str, Currency> =
                inventory.advertisers.iter().map(|one| (one.id.as_str(), one.currency)).collect();
            let campaigns = inventory.campaigns.iter();
            let currencies = campaigns.filter_map(|one| {
                Some((one.id.as_str(), *advertisers.get(one.advertiser.as_str())?))
            });
            currencies.collect()
        };
        let (before, after) = match compared.inventory {
            Some((old, new)) => (currencies(old), currencies(new)),
            None => Default::default(),
        };
        Money { compared, before, after }
    }

    /// A new amount of a document in the currency that it had before. Without rates between two currencies it
    /// is not a number.
    fn as_before(&self, list: &str, id: &str, amount: f64) -> f64 {
        let Some((old, new)) = self.compared.inventory else { return amount };
        let campaign = |inventory: &'a Inventory| {
            match list {
                "flights" => {
                    let flight = inventory.flights.iter().find(|one| one.id.as_str() == id);
                    flight.map(|flight| flight.campaign.as_str())
                }
                _ => Some(id),
            }
            .map(str::to_owned)
        };
        let currency = |of: &Currencies<'a>, inventory| {
            campaign(inventory).and_then(|id| of.get(id.as_str()).copied())
        };
        match (currency(&self.before, old), currency(&self.after, new)) {
            (Some(before), Some(after)) if before != after => {
                amount * self.rate(before) / self.rate(after)
            }
            _ => amount,
        }
    }

    /// Units of a currency for one of the reference currency; not a number without a rate.
    fn rate(&self, currency: Currency) -> f64 {
        let rates = self.compared.weights.and_then(|weights| weights.exchange_rates.as_ref());
        match rates {
            Some(rates) if rates.reference == currency => 1.0,
            Some(rates) => {
                let newest = rates.newest(currency);
                newest.map_or(f64::NAN, |rate| rate.per_reference.approximately())
            }
            None => f64::NAN,
        }
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
