//! Whether this instance should get requests.

use crate::journal::JournalStatus;
use crate::ledger::Ledger;
use crate::world::leasing::Leasing;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What `/readyz` and the guard around every handler ask.
pub(crate) struct Readiness {
    ledger: Arc<Ledger>,
    leasing: Arc<Leasing>,
    /// Set during shutdown: requests in progress finish, new ones should go to other instances.
    draining: AtomicBool,
}

impl Readiness {
    pub(crate) fn new(ledger: Arc<Ledger>, leasing: Arc<Leasing>) -> Readiness {
        Readiness { ledger, leasing, draining: AtomicBool::new(false) }
    }

    /// From now on, the instance is shutting down.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the instance is shutting down.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Why the instance is not ready for requests; `None` when it is ready.
    pub(crate) fn not_ready_reason(&self) -> Option<&'static str> {
        let journal = self.ledger.journal_status();
        if self.is_draining() {
            Some("shutting down")
        } else if journal != JournalStatus::Writing {
            Some(journal.as_str())
        } else if self.leasing.is_clock_off() {
            Some("the clock differs too much from the shared store's")
        } else {
            None
        }
    }
}
