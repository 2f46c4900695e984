//! Warns about flights that are sold more of the same slots than there are.

use crate::catalog::check::Findings;
use crate::catalog::check::index::Index;
use crate::domain::campaign::Flight;
use crate::domain::id::TopicId;
use crate::domain::inventory::Inventory;
use crate::domain::region::Region;
use crate::domain::targeting::Clause;

/// The most flights with a share that are compared with each other.
const MAX_COMPARED: usize = 2_000;

pub(super) fn check(inventory: &Inventory, index: &Index<'_>, findings: &mut Findings) {
    let sold: Vec<(&Flight, f64)> = inventory
        .flights
        .iter()
        .filter(|flight| !flight.is_paused())
        .filter_map(|flight| Some((flight, flight.share_percent?)))
        .take(MAX_COMPARED)
        .collect();
    for (flight, own) in &sold {
        let others: Vec<&(&Flight, f64)> = sold
            .iter()
            .filter(|(other, _)| other.id != flight.id && overlap(flight, other, index))
            .collect();
        let sum = own + others.iter().map(|(_, share)| share).sum::<f64>();
        if sum <= 100.0 + 1e-9 {
            continue;
        }
        let named =
            others.iter().take(3).map(|(other, share)| format!("`{}` ({share} %)", other.id));
        let more = others.len().saturating_sub(3);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        findings.begin("flights", flight.id.as_str());
        let reason = format!(
            "with {}{more}, {sum} % of the slots that they share are sold: the flight that may have the \
             fewest slots gets its share first, and the last ones what is left",
            named.collect::<Vec<_>>().join(", ")
        );
        findings.add("share_percent", reason);
    }
}

/// Whether a slot may be both flights'.
fn overlap(one: &Flight, other: &Flight, index: &Index<'_>) -> bool {
    let begins_before_end = |a: &Flight, b: &Flight| match (a.starts, b.ends) {
        (Some(starts), Some(ends)) => starts < ends,
        _ => true,
    };
    let (a, b) = (&one.targeting, &other.targeting);
    let same = |a: &_, b: &_| a == b;
    begins_before_end(one, other)
        && begins_before_end(other, one)
        && meet(&a.publishers, &b.publishers, same)
        && meet(&a.placements, &b.placements, |a, b| a == b)
        && meet(&a.languages, &b.languages, |a, b| a == b)
        && meet(&a.topics, &b.topics, |a, b| is_within(a, b, index) || is_within(b, a, index))
        && meet(&a.regions, &b.regions, |a, b| have_a_country(a, b, index))
        && meet(&a.page_regions, &b.page_regions, |a, b| have_a_country(a, b, index))
}

/// Whether two clauses may accept the same page.
fn meet<T: PartialEq>(a: &Clause<T>, b: &Clause<T>, same: impl Fn(&T, &T) -> bool) -> bool {
    let excluded =
        |any: &[T], none: &[T]| !any.is_empty() && any.iter().all(|one| none.contains(one));
    let shared = a.any.iter().any(|one| b.any.iter().any(|other| same(one, other)));
    let open = a.any.is_empty() || b.any.is_empty();
    (open || shared) && !excluded(&a.any, &b.none) && !excluded(&b.any, &a.none)
}

/// Whether a topic is another one or below it.
fn is_within(topic: &TopicId, other: &TopicId, index: &Index<'_>) -> bool {
    let mut next = Some(topic);
    // Longer chains are circles, which are reported as errors.
    for _ in 0..64 {
        let Some(id) = next else { return false };
        if id == other {
            return true;
        }
        next = index.topics.find(id.as_str()).and_then(|topic| topic.parent.as_ref());
    }
    false
}

fn have_a_country(a: &Region, b: &Region, index: &Index<'_>) -> bool {
    let regions = &index.regions;
    a == b
        || regions
            .countries()
            .any(|country| regions.covers(a, country) && regions.covers(b, country))
}
