//! What was asked lately, so that asking again costs nothing and gets the same answer.

use crate::traffic::buckets::lock;
use hashbrown::DefaultHashBuilder;
use hashbrown::HashMap;
use std::hash::BuildHasher;
use std::hash::Hash;
use std::mem;
use std::sync::Mutex;

const SHARDS: usize = 16;

/// Answers to at most `most` recent questions, and to half of them at least.
///
/// When the young ones are half of them, they become the old ones and the old ones are forgotten.
/// Questions are kept as hashes under a random seed.
pub(super) struct Recent {
    shards: [Mutex<Generations>; SHARDS],
    half: usize,
    hasher: DefaultHashBuilder,
}

#[derive(Default)]
struct Generations {
    young: HashMap<u64, bool>,
    old: HashMap<u64, bool>,
}

impl Recent {
    /// Remembers at most `most` answers.
    pub(super) fn new(most: usize) -> Recent {
        let half = (most / SHARDS / 2).max(1);
        let hasher = DefaultHashBuilder::default();
        Recent { shards: std::array::from_fn(|_| Mutex::default()), half, hasher }
    }

    /// The answer given to `question` before, else that of `ask`. Two who come at once with the
    /// same question get one answer.
    pub(super) fn once(&self, question: impl Hash, ask: impl FnOnce() -> bool) -> bool {
        let key = self.hasher.hash_one(question);
        let shard = usize::try_from(key >> 60).expect("four bits are left");
        let mut shard = lock(&self.shards[shard]);
        if let Some(answer) = shard.young.get(&key).or_else(|| shard.old.get(&key)) {
            return *answer;
        }
        let answer = ask();
        if shard.young.len() >= self.half {
            shard.old = mem::take(&mut shard.young);
        }
        shard.young.insert(key, answer);
        answer
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
    fn a_question_is_asked_once() {
        let (recent, mut asked) = (Recent::new(1_000), 0);
        for _ in 0..3 {
            for answer in [true, false] {
                let given = recent.once(answer, || {
                    asked += 1;
                    answer
                });
                assert_eq!(given, answer);
            }
        }
        assert_eq!(asked, 2);
    }

    proptest! {
        #[test]
        fn memory_is_bounded_whatever_is_asked(questions in prop::collection::vec(any::<u32>(), 0..2_000)) {
            let recent = Recent::new(320);
            for question in questions {
                recent.once(question, || true);
            }
            prop_assert!(recent.len() <= 320);
        }
    }
}
