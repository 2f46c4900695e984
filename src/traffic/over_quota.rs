//! Applies the limits again, over the fleet's combined activity of one network.

use crate::domain::event::EventKind;
use crate::traffic::buckets::Buckets;
use crate::traffic::limits::{Limits, Quotas};
use crate::traffic::visitor::EventKeys;
use std::collections::HashSet;

/// Returns those of a group's events of one kind (time in Unix milliseconds, decision, keys) that exceed
/// the quotas: the ones that a single instance would have rejected, had it seen them all. What is there
/// twice counts once.
pub(crate) fn over_quota(
    quotas: &Quotas,
    kind: EventKind,
    mut seen: Vec<(i64, u128, EventKeys)>,
) -> Vec<u128> {
    // A whole day of one group needs no bound beyond that of what was sent.
    let (limits, buckets) = (Limits::of(quotas), Buckets::new(usize::MAX));
    seen.sort_unstable_by_key(|(at_ms, decision, keys)| (*at_ms, *decision, keys.to_bytes()));
    let mut known = HashSet::new();
    let mut over = Vec::new();
    for (at_ms, decision, keys) in seen {
        let is_new = known.insert((decision, keys));
        if is_new && !buckets.take(keys.group, limits.takes(&keys, kind), at_ms) {
            over.push(decision);
        }
    }
    over
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::Quota;
    use crate::traffic::limits::{Layer, VisitorLimits};
    use crate::traffic::visitor::EventSource;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const START: i64 = 1_790_000_000_000;

    proptest! {
        #[test]
        fn combined_activity_is_limited_as_by_a_single_instance(
            gaps in prop::collection::vec((0i64..40_000, 0u128..12, 0u32..3, 0u32..3), 0..60),
        ) {
            let mut quotas = Quotas::default();
            quotas.0[Layer::Visitor as usize].clicks =
                vec![Quota { count: 6, seconds: 600 }, Quota { count: 2, seconds: 60 }];
            quotas.0[Layer::Address as usize].clicks = vec![Quota { count: 3, seconds: 60 }];
            quotas.0[Layer::Network as usize].clicks = vec![Quota { count: 5, seconds: 90 }];
            let one = VisitorLimits::new(&quotas, 10_000, [1; 32]);
            let (mut now, mut seen, mut refused) = (START, Vec::new(), BTreeSet::new());
            for (gap, decision, host, agent) in gaps {
                now += gap + 1;
                let (decision, agent) = (decision << 8 | u128::from(host << 4 | agent), agent.to_string());
                let keys = one.keys(&EventSource {
                    address: Some(std::net::Ipv4Addr::from_bits(host).into()),
                    agent: Some(&agent),
                    publisher: "site",
                    campaign: "spring",
                    server: false,
                });
                seen.extend(keys.iter().map(|keys| (now, decision, keys)));
                if !one.allows(&keys, EventKind::Click, decision, now) {
                    refused.insert(decision);
                }
            }
            seen.reverse();
            let found: BTreeSet<u128> =
                over_quota(&quotas, EventKind::Click, seen).into_iter().collect();
            prop_assert_eq!(found, refused);
        }
    }
}
