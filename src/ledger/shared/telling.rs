//! What is told of a store that fails: each trouble once, and that it is over.

use crate::store::StoreError;
use crate::store::Trouble;
use crate::store::trouble::Remedy;
use std::collections::BTreeSet;

/// What was told since the last success.
pub struct Telling {
    what: &'static str,
    told: BTreeSet<Trouble>,
}

impl Telling {
    /// Nothing yet; `what` does not go on while the store fails.
    pub fn of(what: &'static str) -> Telling {
        Telling { what, told: BTreeSet::new() }
    }

    /// Tells what is new of an outcome; says whether a person must do something.
    pub fn hears<T>(&mut self, outcome: &Result<T, StoreError>) -> bool {
        let what = self.what;
        let Err(error) = outcome else {
            if !self.told.is_empty() {
                self.told.clear();
                tracing::info!(what, "the store is well again");
            }
            return false;
        };
        let trouble = error.trouble();
        let for_a_person = trouble.remedy() == Remedy::Person;
        if self.told.insert(trouble) {
            let (name, advice) = (trouble.as_str(), trouble.advice());
            match for_a_person {
                true => tracing::error!(what, trouble = name, %error, advice, "the store fails"),
                false => tracing::warn!(what, trouble = name, %error, "the store fails"),
            }
        }
        for_a_person
    }
}
