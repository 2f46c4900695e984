//! Everything about several instances on one Redis. A single instance has the same parts, in their
//! trivial form, so nothing above this layer asks whether there are others:
//!
//! | part | fleet | single instance |
//! |---|---|---|
//! | [`EventLog`](crate::ledger::event_log::EventLog), of the ledger | [`log::SharedLog`] | [`LocalLog`](crate::ledger::local_log::LocalLog) |
//! | [`Membership`] | heartbeats through the store | [`Membership::alone`] |
//! | [`CatalogSync`] | [`catalog::SharedCatalog`] | [`catalog::OnlyCatalog`] |
//! | [`VisitorExchange`] | [`visitors::SharedVisitors`] | [`visitors::OwnVisitors`] |
//! | [`RecordExchange`] | [`records::SharedRecords`] | [`records::OwnRecords`] |
//! | [`Lifecycle`] | [`tasks::Fleet`] | [`lifecycle::Alone`] |

pub(crate) mod catalog;
mod images;
pub(crate) mod lifecycle;
pub mod log;
pub(crate) mod membership;
pub(crate) mod records;
pub(crate) mod tasks;
pub(crate) mod versions;
pub(crate) mod visitors;

pub(crate) use catalog::CatalogSync;
pub(crate) use images::SyncError;
pub(crate) use lifecycle::{Lifecycle, Running, Services};
pub(crate) use membership::Membership;
pub(crate) use records::{FetchError, RecordAnswer, RecordExchange};
pub(crate) use visitors::VisitorExchange;

use crate::cluster::log::SharedLog;
use crate::journal;
use crate::ledger::event_log::Listener;
use crate::ledger::running::{Ledger, Parts};
use crate::ledger::{Rules, history};
use crate::store::Client;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

/// The parts of this layer, as handed to the services.
pub(crate) struct Cluster {
    /// This instance's place among those that sell from the same budgets.
    pub(crate) membership: Arc<Membership>,
    /// Keeps the catalog the same on all instances.
    pub(crate) catalog: Arc<dyn CatalogSync>,
    /// Exchanges visitor activity.
    pub(crate) visitors: Arc<dyn VisitorExchange>,
    /// Exchanges decision records.
    pub(crate) records: Arc<dyn RecordExchange>,
    /// Joins and leaves the other instances, and runs what is exchanged with them.
    pub(crate) lifecycle: Arc<dyn Lifecycle>,
}

/// How an instance's ledger is opened.
pub struct OpenOptions<'a> {
    /// Folder of the journal.
    pub folder: &'a Path,
    /// This process start.
    pub incarnation: u64,
    /// Size at which the next segment is started, in bytes.
    pub segment_bytes: u64,
    /// The event windows. A single instance has no use for a spool time.
    pub rules: Rules,
    /// Receives every change of the ledger's state.
    pub listener: Listener,
}

/// Opens the ledger of a single instance, or with a client, of one that shares a store with others.
pub(crate) fn open(
    options: OpenOptions<'_>,
    client: Option<Client>,
) -> io::Result<(Arc<Ledger>, Cluster)> {
    let incarnation = options.incarnation;
    let Some(client) = client else {
        let OpenOptions { folder, segment_bytes, rules, listener, .. } = options;
        let ledger = Ledger::open(folder, incarnation, segment_bytes, rules, listener)?;
        return Ok((
            Arc::new(ledger),
            Cluster {
                membership: Arc::new(Membership::alone(incarnation)),
                catalog: Arc::new(catalog::OnlyCatalog),
                visitors: Arc::new(visitors::OwnVisitors::default()),
                records: Arc::new(records::OwnRecords),
                lifecycle: Arc::new(lifecycle::Alone),
            },
        ));
    };
    let (ledger, log) = open_shared(options, client)?;
    let (ledger, client) = (Arc::new(ledger), log.client().clone());
    Ok((
        ledger.clone(),
        Cluster {
            membership: log.membership().clone(),
            catalog: Arc::new(catalog::SharedCatalog::new(client.clone())),
            visitors: Arc::new(visitors::SharedVisitors::new(client.clone())),
            records: Arc::new(records::SharedRecords::new(client, ledger.store_id())),
            lifecycle: Arc::new(tasks::Fleet::new(log)),
        },
    ))
}

/// Opens a ledger on the log of a store. Its state is the cached one, or empty, until the log is sent and
/// followed.
pub fn open_shared(
    options: OpenOptions<'_>,
    client: Client,
) -> io::Result<(Ledger, Arc<SharedLog>)> {
    let OpenOptions { folder, incarnation, segment_bytes, rules, listener } = options;
    fs::create_dir_all(folder)?;
    let store = history::ensure_store_id(folder, incarnation)?;
    let recovery = journal::recover(folder, 0, Some(store), true, |_| {})?;
    let log = Arc::new(SharedLog::open(client, incarnation, folder, store, &recovery, listener)?);
    let ledger = Ledger::start(Parts {
        folder: folder.to_owned(),
        incarnation,
        segment_bytes,
        store,
        rules,
        recovery,
        state: log.state().clone(),
        clock: log.clock().clone(),
        log: log.clone(),
    })?;
    Ok((ledger, log))
}
