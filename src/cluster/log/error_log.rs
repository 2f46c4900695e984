//! Logs store errors: each kind once, and the recovery.

use crate::store::error::Remedy;
use crate::store::{StoreError, StoreErrorKind};
use std::collections::BTreeSet;

/// The error kinds logged since the last success.
pub(crate) struct StoreErrorLog {
    what: &'static str,
    logged: BTreeSet<StoreErrorKind>,
}

impl StoreErrorLog {
    /// Starts with nothing logged; `what` is the effect of an error, for the log.
    pub(crate) fn new(what: &'static str) -> StoreErrorLog {
        StoreErrorLog { what, logged: BTreeSet::new() }
    }

    /// Logs an outcome if it is news; returns whether an operator must act.
    pub(crate) fn observe<T>(&mut self, outcome: &Result<T, StoreError>) -> bool {
        let what = self.what;
        let Err(error) = outcome else {
            if !self.logged.is_empty() {
                self.logged.clear();
                tracing::info!(what, "store recovered");
            }
            return false;
        };
        let trouble = error.kind();
        let for_a_person = trouble.remedy() == Remedy::Operator;
        if self.logged.insert(trouble) {
            let (name, advice) = (trouble.as_str(), trouble.advice());
            match for_a_person {
                true => {
                    tracing::error!(what, trouble = name, %error, advice, "store error; action required")
                }
                false => tracing::warn!(what, trouble = name, %error, "store error; retrying"),
            }
        }
        for_a_person
    }
}
