//! Weights that are each in range and still make no sense together.

use crate::domain::weights::Weights;

/// What is wrong: field path and reason.
pub fn check(weights: &Weights) -> Vec<(&'static str, String)> {
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
            "is more than any unit can reach ({reachable}): nothing would be served; lower it or raise the boosts"
        );
        found.push(("relevance_floor", reason));
    }
    found
}
