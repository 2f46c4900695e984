//! Joining the other instances, exchanging with them while serving, and leaving.

use crate::clock::Clock;
use crate::journal::JournalError;
use crate::ledger::Ledger;
use futures_util::future::BoxFuture;
use std::error::Error;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// The outcome of a call.
pub(crate) type Done<'a, E = JournalError> = BoxFuture<'a, Result<(), E>>;

/// What the exchange with other instances needs of the services. Every call may be repeated after an
/// error.
pub(crate) trait Services: Send + Sync {
    /// Records the budgets that differ from the ledger's, and requests a first lease of every budget.
    fn publish_budgets(&self) -> Done<'_>;

    /// Requests larger leases where needed and releases what is not; with `reclaims`, also takes back
    /// those of dead instances.
    fn lease_budgets(&self, reclaims: bool) -> Done<'_>;

    /// Releases every lease that is not reserved.
    fn release_leases(&self) -> Done<'_>;

    /// Serves catalog changes of other instances.
    fn sync_catalog(&self) -> Done<'_, Box<dyn Error + Send + Sync>>;

    /// Exchanges visitor activity; with `checks`, also enforces visitor limits across all instances.
    fn exchange_visitors(&self, checks: bool) -> Done<'_, Box<dyn Error + Send + Sync>>;

    /// Answers requests for decision records of this instance.
    fn answer_record_requests(&self) -> Done<'_, Box<dyn Error + Send + Sync>>;
}

/// An instance that is built and may serve.
#[derive(Clone)]
pub(crate) struct Running {
    /// Source of the current time.
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ledger: Arc<Ledger>,
    /// Address of the operations listener.
    pub(crate) ops: SocketAddr,
    pub(crate) services: Arc<dyn Services>,
}

/// The life of an instance among the others, in the order of the methods.
pub(crate) trait Lifecycle: Send + Sync {
    /// Records the start and the budgets, and reads what other instances have recorded, before the first
    /// request is served. Waits for others until `deadline`: an error means that this instance cannot
    /// record.
    fn join<'a>(&'a self, instance: &'a Running, deadline: Instant) -> Done<'a>;

    /// Starts the tasks that exchange with other instances until they are aborted.
    fn start(&self, instance: &Running) -> Vec<JoinHandle<()>>;

    /// Says that nothing more is recorded here, and waits for a limited time until the others have what
    /// was. What they do not have by then stays in the journal for the next start. Call it once, after
    /// the tasks have stopped.
    fn leave<'a>(&'a self, instance: &'a Running) -> BoxFuture<'a, ()>;
}

/// The life of a single instance.
pub(crate) struct Alone;

impl Lifecycle for Alone {
    fn join<'a>(&'a self, instance: &'a Running, _: Instant) -> Done<'a> {
        instance.services.publish_budgets()
    }

    fn start(&self, _: &Running) -> Vec<JoinHandle<()>> {
        Vec::new()
    }

    fn leave<'a>(&'a self, _: &'a Running) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }
}
