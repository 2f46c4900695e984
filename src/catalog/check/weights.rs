//! Checks weights against each other, and the range of each.

use crate::catalog::check::Finding;
use crate::config::suggestion::nearest;
use crate::domain::exchange_rates::ExchangeRates;
use crate::domain::inventory::Inventory;
use crate::domain::lists::declared;
use crate::domain::weights::Weights;
use std::collections::BTreeMap;

/// The problems: field path and reason.
pub fn check(weights: &Weights) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let topic = &weights.topic_boost;
    let region = &weights.region_boost;
    let best = topic.exact.max(topic.ancestor).max(topic.run_of_site)
        * weights.entity_boost
        * region.country.max(region.group).max(region.any)
        * weights.keyword_boost;
    let reachable = best.min(weights.relevance_cap);
    if weights.relevance_floor > reachable {
        let reason = format!(
            "must be at most {reachable}, the highest relevance that a unit can reach (got {}); \
             lower it or raise the boosts",
            weights.relevance_floor
        );
        found.push(("relevance_floor".to_owned(), reason));
    }
    found.extend(weights.exchange_rates.iter().flat_map(rates));
    found
}

/// A rate of the reference currency, or two rates of a currency from the same day on.
fn rates(table: &ExchangeRates) -> Vec<(String, String)> {
    let mut known = BTreeMap::new();
    let mut found = Vec::new();
    for (number, rate) in table.rates.iter().enumerate() {
        let path = format!("exchange_rates.rates[{number}]");
        if rate.currency == table.reference {
            let reason = "must not be the reference currency, whose rate is 1".to_owned();
            found.push((format!("{path}.currency"), reason));
        }
        if let Some(first) = known.insert((rate.currency, rate.from), number) {
            let reason = format!(
                "must be another day than that of exchange_rates.rates[{first}], which is of {} as well",
                rate.currency
            );
            found.push((format!("{path}.from"), reason));
        }
    }
    found
}

/// Topics with a bound that the inventory does not have: a misspelt one would have none.
pub(super) fn fairness_topics(inventory: &Inventory, weights: &Weights) -> Vec<Finding> {
    let known = || inventory.topics.iter().map(|topic| topic.id.as_str());
    let fairness = weights.fairness.iter().flat_map(|fairness| fairness.topics.keys());
    let unknown = fairness.filter(|topic| !known().any(|one| one == *topic));
    let finding = |topic: &String| Finding {
        list: "weights",
        id: String::new(),
        field: format!("fairness.topics.{topic}"),
        reason: format!("unknown topic `{topic}`"),
        help: nearest(topic, known()).map(|near| format!("did you mean `{near}`?")),
    };
    unknown.map(finding).collect()
}

/// All problems, those of the ranges included, as findings.
pub(crate) fn findings(weights: &Weights) -> Vec<Finding> {
    let finding =
        |(field, reason)| Finding { list: "weights", id: String::new(), field, reason, help: None };
    declared(weights).into_iter().chain(check(weights)).map(finding).collect()
}
