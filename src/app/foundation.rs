//! What the services are built on: the journal, the ledger, the catalog and the decision log, opened.

use crate::app::first::Start;
use crate::app::open;
use crate::app::options::Options;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::cluster;
use crate::cluster::{Cluster, OpenOptions};
use crate::config::{ConfigError, CurrentSettings, Settings};
use crate::decision_log::{DecisionLog, DecisionLogOptions};
use crate::events::opportunities::OpportunityCounters;
use crate::ledger::Ledger;
use crate::ledger::event_log::Listener;
use crate::metrics::Metrics;
use crate::publishing::currency;
use crate::publishing::pending::PendingChange;
use crate::store::{Address, Client};

use crate::replay::DataDirectory;
use crate::world::Worlds;
use crate::world::budgets::Budgets;
use crate::world::canary_arms::CurrentArms;
use crate::world::images::ImageSet;
use crate::world::leasing::Leasing;
use crate::world::live::Live;
use crate::world::live_feed::LiveFeed;
use crate::world::recent_stages::RecentStages;
use crate::world::shadow::Shadow;
use crate::world::topic_shares::TopicShares;
use anyhow::Context;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Opened data and the first world; services share it.
pub(crate) struct Foundation {
    /// The settings in effect.
    pub(crate) settings: Arc<CurrentSettings>,
    /// Source of the current time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Prometheus metrics.
    pub(crate) metrics: Arc<Metrics>,
    /// Events, accounts and budget leases.
    pub(crate) ledger: Arc<Ledger>,
    /// What is exchanged with other instances.
    pub(crate) cluster: Cluster,
    /// Versioned inventories, weights and labels.
    pub(crate) catalog: Arc<Catalog>,
    /// The world being served.
    pub(crate) world: Arc<Worlds>,
    pub(crate) log: Arc<DecisionLog>,
    /// Campaign budgets, which follow the ledger.
    pub(crate) budgets: Arc<Budgets>,
    /// Budget leases of this instance.
    pub(crate) leasing: Arc<Leasing>,
    /// Opportunities that are counted and not yet recorded.
    pub(crate) opportunities: Arc<OpportunityCounters>,
    /// Slots of today by topic and advertiser.
    pub(crate) topic_shares: Arc<TopicShares>,
    /// Weights that are compared with those being served.
    pub(crate) shadow: Arc<Shadow>,
    /// The counts of the canary.
    pub(crate) arms: Arc<CurrentArms>,
    /// Counts of the stages at which slots were lost.
    pub(crate) recent_stages: Arc<RecentStages>,
    /// Decisions and events for operators who watch.
    pub(crate) feed: Arc<LiveFeed>,
    /// Random number of this process start.
    pub(crate) incarnation: u64,
    /// Public base URL, without a trailing slash.
    pub(crate) public_url: String,
    /// Changes of files that wait for confirmation since this start.
    pub(crate) pending: Vec<PendingChange>,
    /// Until when this start may wait for a shared store.
    pub(crate) store_deadline: Instant,
}

impl Foundation {
    /// Recovers the ledger, opens the catalog and compiles what it serves. `address` is the public
    /// listener's, `clock` makes a clock from the latest recorded time in Unix milliseconds.
    pub(crate) async fn open(
        store: Address,
        settings: &Settings,
        options: &Options,
        clock: impl FnOnce(i64) -> Arc<dyn Clock>,
        address: SocketAddr,
    ) -> anyhow::Result<Foundation> {
        let public_url = public_url(settings, address)?;
        let data = PathBuf::from(&settings.store.data);
        let incarnation = rand::random::<u64>();
        let (budgets, feed) = (Arc::new(Budgets::default()), Arc::new(LiveFeed::default()));
        let arms = Arc::new(CurrentArms::default());
        let (ledger, cluster) = ledger(store, settings, incarnation, (&budgets, &feed, &arms))?;
        budgets.recover(&ledger.state());
        let clock = clock(ledger.state().latest_ms());
        let sync = &*cluster.catalog;
        let (clock_now, ledger_now) = (&*clock, &*ledger);
        let effect = &DataDirectory { path: data.clone(), now_ms: clock.now_ms() };
        let start = Start { settings, options, clock: clock_now, sync, ledger: ledger_now, effect };
        let opened = open::catalog(&data, start).await?;
        let pending = opened.pending;
        let store_deadline = opened.store_deadline;
        let (snapshot, catalog) = (opened.snapshot, Arc::new(opened.catalog));
        let known = ImageSet::default();
        let images = ImageSet::open(&snapshot.inventory, catalog.images(), &public_url, &known);
        let metrics = open::metrics(settings).context("cannot register metrics")?;
        metrics.set_catalog_version(catalog.head()?.map_or(0, |head| head.number));
        let live = Live::new(snapshot, images, &budgets, &metrics, 1);
        let log = decision_log(&data, settings, incarnation, clock.now_ms(), &metrics)?;
        let settings = Arc::new(CurrentSettings::new(settings.clone()));
        let world = Worlds::new(live, catalog.saved_archive(), catalog.clone(), clock.now_ms());
        world.update_archive(world.live().snapshot());
        let world = Arc::new(world);
        let (on_world, on_ledger) = (world.clone(), ledger.clone());
        drop(tokio::task::spawn_blocking(move || {
            currency::log_conflicts(&on_world.live().snapshot().inventory, &on_ledger);
        }));
        let (on_clock, on_settings) = (clock.clone(), settings.clone());
        let leasing = Leasing::new(
            on_clock,
            on_settings,
            world.clone(),
            ledger.clone(),
            cluster.membership.clone(),
        );
        Ok(Foundation {
            settings,
            metrics: Arc::new(metrics),
            ledger,
            cluster,
            world,
            log: Arc::new(log),
            leasing: Arc::new(leasing),
            opportunities: Arc::default(),
            topic_shares: Arc::default(),
            arms,
            shadow: Arc::new(Shadow::new(catalog.clone())),
            recent_stages: Arc::default(),
            feed,
            clock,
            catalog,
            budgets,
            incarnation,
            public_url,
            pending,
            store_deadline,
        })
    }
}

fn ledger(
    store: Address,
    settings: &Settings,
    incarnation: u64,
    (budgets, feed, arms): (&Arc<Budgets>, &Arc<LiveFeed>, &Arc<CurrentArms>),
) -> anyhow::Result<(Arc<Ledger>, Cluster)> {
    let (budgets, feed, arms) = (budgets.clone(), feed.clone(), arms.clone());
    let listener: Listener = Box::new(move |change| {
        budgets.on_ledger_change(&change);
        feed.on_ledger_change(&change);
        arms.on_ledger_change(&change);
    });
    let folder = Path::new(&settings.store.data).join("journal");
    let client = match store {
        Address::Embedded => None,
        Address::Redis(config) => Some(Client::new(open::store_config(config, settings)?)),
    };
    let options = OpenOptions {
        folder: &folder,
        incarnation,
        segment_bytes: settings.store.segment_bytes,
        rules: open::rules(settings),
        listener,
    };
    cluster::open(options, client).context("cannot open the journal")
}

fn decision_log(
    data: &Path,
    settings: &Settings,
    incarnation: u64,
    now_ms: i64,
    metrics: &Metrics,
) -> anyhow::Result<DecisionLog> {
    let settings = &settings.decision_log;
    let options = DecisionLogOptions {
        flush: Duration::from_millis(settings.flush_ms),
        segment_bytes: settings.segment_bytes,
        retention: Duration::from_secs(u64::from(settings.days) * 86_400),
        max_bytes: settings.max_bytes,
        bytes: metrics.decision_log_bytes.clone(),
        removed: metrics.decision_log_removed.clone(),
    };
    DecisionLog::start(&data.join("decisions"), incarnation, now_ms, options)
        .context("cannot open the decision log")
}

/// The public base URL: `server.public_url`, or the listener's address when it is loopback.
fn public_url(settings: &Settings, address: SocketAddr) -> Result<String, ConfigError> {
    match &settings.server.public_url {
        Some(url) => Ok(url.trim_end_matches('/').to_owned()),
        None if address.ip().is_loopback() => Ok(format!("http://{address}")),
        None => Err(ConfigError::Usage(format!(
            "server.public_url is required because server.listen = {} is not loopback: set it to the \
             URL that readers use, such as https://units.example",
            settings.server.listen
        ))),
    }
}
