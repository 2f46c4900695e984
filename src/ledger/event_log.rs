//! The contract between a ledger and the log that orders its records. [`LocalLog`] keeps the order of
//! this instance's journal; the log of a fleet (`cluster::log`) merges the journals of all instances.
//!
//! [`LocalLog`]: crate::ledger::local_log::LocalLog

use crate::domain::event::{EventKind, Verdict};
use crate::journal::Entry;
use crate::ledger::delivery_totals::DeliveryTotals;
use crate::ledger::history::ReplayFrom;
use crate::ledger::outcome::ApplyOutcome;
use crate::ledger::partition::PartitionState;
use crate::ledger::reconciler::{AuditReport, ReconcilePass, ReconcileReport};
use crate::ledger::views::Tally;
use crate::store::StoreErrorKind;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// A change of the state, as passed to a listener.
pub enum LedgerUpdate<'a> {
    /// A record was applied.
    Applied(&'a ApplyOutcome),
    /// The state of a partition was replaced.
    Replaced {
        /// The state before.
        before: &'a PartitionState,
        /// The state that replaced it.
        after: &'a PartitionState,
    },
}

/// Receives every change, in order.
pub(crate) type Listener = Box<dyn FnMut(LedgerUpdate<'_>) + Send>;

/// Orders durable records and applies them to the ledger's state.
pub trait EventLog: Send + Sync {
    /// Takes entries that are on disk, in the order of this instance's journal. Called by the
    /// journal's thread before it acknowledges them; waits for no other instance. Whatever is not
    /// applied when it returns is applied later, also after a crash, because the journal has it.
    fn append(&self, entries: &[Entry]);

    /// Waits until everything appended here so far is applied; `false` after `timeout`.
    fn wait_until_applied(&self, timeout: Duration) -> BoxFuture<'_, bool>;

    /// Applies the retained records again, in their order, to a state of its own; `each` receives the
    /// effect of every record. Blocks: reads the whole log from `since` on.
    fn replay(&self, since: ReplayFrom, each: &mut dyn FnMut(&ApplyOutcome)) -> io::Result<()>;

    /// Like [`EventLog::replay`] of the records of one partition that decisions made at `since_ms` or later
    /// may depend on; others may be passed as well.
    fn replay_partition(
        &self,
        _partition: u8,
        _since_ms: i64,
        each: &mut dyn FnMut(&ApplyOutcome),
    ) -> io::Result<()> {
        self.replay(ReplayFrom::First, each)
    }

    /// Recomputes the state from the first retained record and compares it with the running one.
    /// Changes nothing. Blocks, and reads everything.
    fn audit(&self) -> io::Result<AuditReport>;

    /// Recomputes the state from the newest saved sums and compares; then saves newer sums and removes
    /// what is beyond its retention. A pass that fails leaves the log readable and is repeated by the
    /// next one. Blocks. [`io::ErrorKind::InvalidData`] means that the log was modified from outside.
    fn reconcile(&self, pass: &ReconcilePass) -> io::Result<ReconcileReport>;

    /// How far appended records have come. Cheap, but takes locks.
    fn status(&self) -> LogStatus;

    /// This instance's share of all totals: summed over all instances, every event is counted once.
    fn totals(&self) -> EventTotals;
}

/// How far the records of this instance have come. The default is that of a log that is always read to
/// its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStatus {
    /// The log answered the last request.
    pub is_up: bool,
    /// The whole log was read at least once since the start.
    pub is_caught_up: bool,
    /// The log rejects something until an operator acts.
    pub is_blocked: bool,
    /// Entries on disk here that the log does not have.
    pub unsent: u64,
    /// Entries on disk here that no replica of the log has; without a replica, the unsent ones.
    pub(crate) unconfirmed: u64,
    /// How long the oldest unsent entry has waited.
    pub(crate) oldest_unsent: Duration,
    /// Entries on disk here that are not applied here.
    pub unapplied: u64,
    /// How long the oldest entry on disk here has waited to be applied, or, if longer, the time since
    /// the whole log was last read.
    pub(crate) lag: Duration,
    /// Number of instances, including this one.
    pub(crate) instances: usize,
    /// How often the files were sent again because the log had lost entries.
    pub rewinds: u64,
    /// Entries that were read here and are no longer in the log.
    pub lost_records: u64,
    /// Entries written here by earlier processes that the log has and the files here lack.
    pub missing_here: u64,
    /// The stamp up to which everything is final, in unix milliseconds; `None` when everything always
    /// is. `i64::MAX` if no writer is awaited, `i64::MIN` before it is known.
    pub final_until_ms: Option<i64>,
    /// Records above it.
    pub provisional: u64,
    /// How far the local clock is ahead of the log's, in milliseconds.
    pub(crate) clock_skew_ms: i64,
    /// Failed requests to the log, by kind; a missing kind has none.
    pub(crate) errors: BTreeMap<StoreErrorKind, u64>,
}

impl Default for LogStatus {
    fn default() -> LogStatus {
        LogStatus {
            is_up: true,
            is_caught_up: true,
            is_blocked: false,
            unsent: 0,
            unconfirmed: 0,
            oldest_unsent: Duration::ZERO,
            unapplied: 0,
            lag: Duration::ZERO,
            instances: 1,
            rewinds: 0,
            lost_records: 0,
            missing_here: 0,
            final_until_ms: None,
            provisional: 0,
            clock_skew_ms: 0,
            errors: BTreeMap::new(),
        }
    }
}

/// Totals of events. Later credits do not lower them; they are totals of their own.
#[derive(Clone, Debug, Default)]
pub struct EventTotals {
    /// Verdicts, by event kind.
    pub events: BTreeMap<EventKind, Tally>,
    pub(crate) credited: BTreeMap<EventKind, u64>,
    /// Verdicts that changed when the order of records became known: from the first to the second.
    pub(crate) changed: BTreeMap<(EventKind, Verdict, Verdict), u64>,
    /// Billed at first and not in the end, by campaign, in micros.
    pub(crate) unbilled: BTreeMap<Box<str>, u64>,
    /// Billed, by campaign, in micros.
    pub billed: BTreeMap<Box<str>, u64>,
    /// Credited and refunded, by campaign, in micros.
    pub(crate) credited_micros: BTreeMap<Box<str>, u64>,
    /// Final verdicts by flight, since the start of the process.
    pub(crate) delivery: DeliveryTotals,
}
