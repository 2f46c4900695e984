//! Applies the visitor quotas again, over the fleet's combined activity of one visitor.

use crate::traffic::buckets::{Bucket, CallerClock, Capacity, Limit};
use crate::traffic::{Quota, buckets};
use std::collections::BTreeSet;

/// Returns those of a visitor's events (time in Unix milliseconds, id) that exceed the quotas: the ones
/// that a single instance would have rejected, had it seen them all. Duplicate ids count once.
pub(crate) fn over_quota(quotas: &[Quota], mut seen: Vec<(i64, u128)>) -> Vec<u128> {
    let mut quotas = quotas.to_vec();
    quotas.sort_by_key(|quota| quota.seconds);
    let (capacity, clock) = (Capacity::new(64), CallerClock::default());
    let limit = |quota: &Quota| buckets::limit(quota.count, quota.seconds, &capacity, &clock);
    let limits: Vec<Limit> = quotas.iter().map(limit).collect();
    seen.sort_unstable();
    let one = Bucket { fine: 1, coarse: 2 };
    let mut seen_ids = BTreeSet::new();
    let mut over = Vec::new();
    for (at_ms, id) in seen {
        clock.advance(at_ms);
        if seen_ids.insert(id) && !limits.iter().all(|limit| limit.check_key(&one).is_ok()) {
            over.push(id);
        }
    }
    over
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::limits::Quotas;
    use crate::traffic::limits::VisitorLimits;
    use proptest::prelude::*;

    const START: i64 = 1_790_000_000_000;

    proptest! {
        #[test]
        fn combined_activity_is_limited_as_by_a_single_instance(
            gaps in prop::collection::vec((0i64..40_000, 0u128..12), 0..60),
        ) {
            let clicks = vec![Quota { count: 6, seconds: 600 }, Quota { count: 2, seconds: 60 }];
            let one = VisitorLimits::new(
                Quotas { clicks: clicks.clone(), ..Quotas::default() }, 10_000, [1; 32],
            );
            let visitor = one.key(std::net::Ipv4Addr::LOCALHOST.into(), "agent", "site");
            let (mut now, mut seen, mut refused) = (START, Vec::new(), BTreeSet::new());
            for (gap, decision) in gaps {
                now += gap + 1;
                seen.push((now, decision));
                if !one.allows_click(visitor, decision, now) {
                    refused.insert(decision);
                }
            }
            seen.reverse();
            let found: BTreeSet<u128> = over_quota(&clicks, seen).into_iter().collect();
            prop_assert_eq!(found, refused);
        }
    }
}
