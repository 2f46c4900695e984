//! What `why` and `gaps` share: the days, and the data directory of a server that does not run.

use crate::catalog::Catalog;
use crate::clock::{Clock, SystemClock};
use crate::cluster::log;
use crate::config::ConfigError;
use crate::decision_log::WorldLine;
use crate::domain::zone::Zone;
use crate::http::public::reports::period::Period;
use crate::ledger::history;
use crate::ledger::history::ReplayFrom;
use crate::ledger::state::State as Ledger;
use crate::metrics::{Metrics, SeriesLimits};
use crate::reporting::funnel;
use crate::reporting::funnel::{Evidence, FlightFunnel, OwnedFlight};
use crate::reporting::gaps;
use crate::reporting::gaps::GapReport;
use crate::reporting::recorded::RecordedDecisions;
use crate::selection::snapshot::State;
use crate::token;
use crate::world::Worlds;
use crate::world::budgets::Budgets;
use crate::world::directory::Directory;
use crate::world::images::ImageSet;
use crate::world::live::Live;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Days to read.
#[derive(Debug, clap::Args)]
pub(super) struct Days {
    /// First day; without both days, the last seven including today.
    #[arg(long, value_name = "DAY", requires = "to")]
    from: Option<String>,
    /// The day after the last one.
    #[arg(long, value_name = "DAY", requires = "from")]
    to: Option<String>,
}

impl Days {
    /// As parameters of a request.
    pub(super) fn query(&self) -> String {
        let given = [("from", &self.from), ("to", &self.to)];
        let given = given.into_iter().filter_map(|(name, day)| Some((name, day.as_deref()?)));
        let query =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
        if query.is_empty() { query } else { format!("?{query}") }
    }

    /// As times; without days, the last ones.
    pub(super) fn times(&self, default_days: i64, zone: Zone) -> Result<Range<i64>, ConfigError> {
        let days = (self.from.as_deref(), self.to.as_deref());
        let now = SystemClock::starting_at_least(0).now();
        let period = Period::parse_or_last(days, default_days, zone, now).map_err(|error| {
            let field = error.field().unwrap_or_default();
            ConfigError::Usage(format!("--{field}: {error}"))
        })?;
        Ok(period.from_ms..period.to_ms)
    }
}

/// The data directory of a server that does not run.
pub(super) struct StoppedServer {
    decisions: PathBuf,
    worlds: Worlds,
    directory: Directory,
    ledger: Ledger,
    now_ms: i64,
}

impl StoppedServer {
    /// Reads what was served last, and the journal.
    pub(super) fn open(data: &Path) -> anyhow::Result<StoppedServer> {
        let nothing = || {
            ConfigError::Usage(format!("{}: no server has run on this directory", data.display()))
        };
        let folder = data.join("catalog");
        if !folder.is_dir() {
            return Err(nothing().into());
        }
        let catalog = Arc::new(Catalog::open(&folder)?);
        let hashes = catalog.head()?.ok_or_else(nothing)?.hashes;
        let (Some(inventory), Some(weights), Some(labels)) =
            (hashes.inventory, hashes.weights, hashes.labels)
        else {
            return Err(nothing().into());
        };
        let snapshot = Arc::new(catalog.snapshot(&inventory, &weights, &labels)?);
        let journal = data.join("journal");
        let ledger = match journal.is_dir() {
            true => {
                let from = ReplayFrom::NewestCheckpoint;
                history::replay(&journal, from, u64::MAX, false, |_| {})?.0.state
            }
            false => Ledger::default(),
        };
        if journal.is_dir() && log::is_partial(&journal, &ledger) {
            crate::cli::output::note(PARTIAL);
        }
        let now_ms = SystemClock::starting_at_least(ledger.latest_ms()).now_ms();
        let budgets = Budgets::default();
        budgets.recover(&ledger);
        let metrics = Metrics::new(SeriesLimits::default())?;
        let live = Live::new(snapshot, ImageSet::default(), &budgets, &metrics, 1);
        let spent = live.spent(None, now_ms);
        let live = live.with_state(State { number: 1, spent, ..State::default() });
        let worlds = Worlds::new(live, catalog.saved_archive(), catalog.clone(), now_ms);
        let directory = worlds.directory();
        Ok(StoppedServer { decisions: data.join("decisions"), worlds, directory, ledger, now_ms })
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(super) fn funnel(
        &self,
        flight: &OwnedFlight,
        times: &Range<i64>,
    ) -> io::Result<FlightFunnel> {
        let document = &flight.flight;
        let partition = token::partition_of(document.campaign.as_str());
        let counts = self.ledger.flight_counts(partition, document.id.as_str());
        self.read(|recorded| {
            let evidence = Evidence {
                recorded,
                directory: &self.directory,
                views: self.ledger.views(),
                counted: counts.map(|counts| *counts.counted()).unwrap_or_default(),
                is_shared: self.ledger.is_shared(),
                now_ms: self.now_ms,
            };
            funnel::funnel(&evidence, flight, times, true)
        })
    }

    pub(super) fn gaps(&self, times: &Range<i64>) -> io::Result<GapReport> {
        self.read(|recorded| gaps::gaps(&recorded, times, self.ledger.is_shared()))
    }

    fn read<T>(&self, read: impl FnOnce(RecordedDecisions<'_>) -> io::Result<T>) -> io::Result<T> {
        let snapshot_of = |line: &WorldLine| {
            let versions = (&*line.inventory, &*line.weights, &*line.labels);
            self.worlds.snapshot_in_passing(versions)
        };
        read(RecordedDecisions::new(&self.decisions, &snapshot_of))
    }
}

/// What is said of the data directory of one instance of a fleet.
const PARTIAL: &str = "partial: only this instance's own records are here, so what counted and what is left of \
     budgets are not those of its fleet; ask a running instance";
