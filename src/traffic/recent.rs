//! A cache of recent results, so that repeating a check uses no quota and gives the same result.

use crate::traffic::buckets::lock;
use hashbrown::{DefaultHashBuilder, HashMap};
use std::hash::{BuildHasher, Hash};
use std::mem;
use std::sync::Mutex;

const SHARDS: usize = 16;

/// A cache of at most `max` results; the newest half is always present.
///
/// Two generations: when the young one holds half of `max`, it becomes the old one and the previous old
/// one is dropped. Keys are stored as hashes with a random seed.
pub(super) struct RecentResults {
    shards: [Mutex<Generations>; SHARDS],
    half: usize,
    hasher: DefaultHashBuilder,
}

#[derive(Default)]
struct Generations {
    young: HashMap<u64, bool>,
    old: HashMap<u64, bool>,
}

impl RecentResults {
    /// A cache of at most `max` results.
    pub(super) fn new(max: usize) -> RecentResults {
        let half = (max / SHARDS / 2).max(1);
        let hasher = DefaultHashBuilder::default();
        RecentResults { shards: std::array::from_fn(|_| Mutex::default()), half, hasher }
    }

    /// The cached result for `key`, else that of `compute`. Concurrent calls with the same key compute
    /// it once.
    pub(super) fn get_or_compute(&self, key: impl Hash, compute: impl FnOnce() -> bool) -> bool {
        let key = self.hasher.hash_one(key);
        let shard = usize::try_from(key >> 60).expect("four bits are left");
        let mut shard = lock(&self.shards[shard]);
        if let Some(result) = shard.young.get(&key).or_else(|| shard.old.get(&key)) {
            return *result;
        }
        let result = compute();
        if shard.young.len() >= self.half {
            shard.old = mem::take(&mut shard.young);
        }
        shard.young.insert(key, result);
        result
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(lock).map(|shard| shard.young.len() + shard.old.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_result_is_computed_once() {
        let (recent, mut computed) = (RecentResults::new(1_000), 0);
        for _ in 0..3 {
            for result in [true, false] {
                let found = recent.get_or_compute(result, || {
                    computed += 1;
                    result
                });
                assert_eq!(found, result);
            }
        }
        assert_eq!(computed, 2);
    }

    proptest! {
        #[test]
        fn the_number_of_results_is_bounded(keys in prop::collection::vec(any::<u32>(), 0..2_000)) {
            let recent = RecentResults::new(320);
            for key in keys {
                recent.get_or_compute(key, || true);
            }
            prop_assert!(recent.len() <= 320);
        }
    }
}
