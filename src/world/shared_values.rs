//! Values that many refer to by number, each kept once and as long as any refers to it.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::{BuildHasher, Hash};
use std::num::NonZeroU32;

/// The place of a number; numbers start at 1, so that one that is absent takes no memory.
fn place(number: NonZeroU32) -> usize {
    number.get() as usize - 1
}

/// Values by number.
#[derive(Debug)]
pub(super) struct SharedValues<T> {
    /// Each with the count of what refers to it; not in use at 0.
    values: Vec<(T, u32)>,
    free: Vec<NonZeroU32>,
    numbers: HashTable<NonZeroU32>,
    hasher: DefaultHashBuilder,
}

impl<T> Default for SharedValues<T> {
    fn default() -> Self {
        SharedValues {
            values: Vec::new(),
            free: Vec::new(),
            numbers: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl<T: Hash + Eq> SharedValues<T> {
    /// The number of a value, referred to once more.
    pub(super) fn add(&mut self, value: T) -> NonZeroU32 {
        let (hash, values) = (self.hasher.hash_one(&value), &mut self.values);
        if let Some(number) = self.numbers.find(hash, |one| values[place(*one)].0 == value) {
            values[place(*number)].1 += 1;
            return *number;
        }
        let number = match self.free.pop() {
            Some(number) => {
                values[place(number)] = (value, 1);
                number
            }
            None => {
                values.push((value, 1));
                let number = u32::try_from(values.len()).ok().and_then(NonZeroU32::new);
                number.expect("memory ends before 2^32 values")
            }
        };
        let hasher = |one: &NonZeroU32| self.hasher.hash_one(&values[place(*one)].0);
        self.numbers.insert_unique(hash, number, hasher);
        number
    }

    /// The value with a number that [`Self::add`] returned.
    pub(super) fn get(&self, number: NonZeroU32) -> &T {
        &self.values[place(number)].0
    }

    /// Ends one reference to a value.
    pub(super) fn release(&mut self, number: NonZeroU32) {
        let (value, count) = &mut self.values[place(number)];
        *count -= 1;
        if *count > 0 {
            return;
        }
        let hash = self.hasher.hash_one(value);
        if let Ok(found) = self.numbers.find_entry(hash, |one| *one == number) {
            found.remove();
        }
        self.free.push(number);
    }
}
