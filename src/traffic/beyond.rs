//! The same limits once more, over everything that several machines saw of one visitor.

use crate::traffic::Quota;
use crate::traffic::buckets;
use crate::traffic::buckets::Bucket;
use crate::traffic::buckets::Limit;
use crate::traffic::buckets::Room;
use crate::traffic::buckets::Told;
use std::collections::BTreeSet;

/// Of what one visitor did, each with its time in unix milliseconds, what is beyond these quotas:
/// what one machine would have refused, had it seen all of it. What is there twice counts once.
pub fn beyond(quotas: &[Quota], mut seen: Vec<(i64, u128)>) -> Vec<u128> {
    let mut quotas = quotas.to_vec();
    quotas.sort_by_key(|quota| quota.seconds);
    let (room, clock) = (Room::new(64), Told::default());
    let limit = |quota: &Quota| buckets::limit(quota.count, quota.seconds, &room, &clock);
    let limits: Vec<Limit> = quotas.iter().map(limit).collect();
    seen.sort_unstable();
    let one = Bucket { fine: 1, coarse: 2 };
    let mut known = BTreeSet::new();
    let mut beyond = Vec::new();
    for (at_ms, what) in seen {
        clock.tell(at_ms);
        if known.insert(what) && !limits.iter().all(|limit| limit.check_key(&one).is_ok()) {
            beyond.push(what);
        }
    }
    beyond
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::Visitors;
    use crate::traffic::limits::Quotas;
    use proptest::prelude::*;

    const START: i64 = 1_790_000_000_000;

    proptest! {
        #[test]
        fn what_machines_saw_together_is_judged_as_one_would_have_judged_it(
            gaps in prop::collection::vec((0i64..40_000, 0u128..12), 0..60),
        ) {
            let clicks = vec![Quota { count: 6, seconds: 600 }, Quota { count: 2, seconds: 60 }];
            let one = Visitors::new(
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
            let found: BTreeSet<u128> = beyond(&clicks, seen).into_iter().collect();
            prop_assert_eq!(found, refused);
        }
    }
}
