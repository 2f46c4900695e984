//! Checks weights against each other; the range of each is checked when it is parsed.

use crate::domain::weights::Weights;

/// The problems: field path and reason.
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
            "must be at most {reachable}, the highest relevance that a unit can reach (got {}); \
             lower it or raise the boosts",
            weights.relevance_floor
        );
        found.push(("relevance_floor", reason));
    }
    found
}
