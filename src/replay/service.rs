//! The replay service of a running server: one replay at a time, in the background, with progress.

use crate::blocking::lower_priority;
use crate::catalog::check::Finding;
use crate::catalog::effect::Effect;
use crate::catalog::guard::PredictEffect;
use crate::catalog::{Catalog, CatalogError, check, pause};
use crate::clock::Clock;
use crate::config::CurrentSettings;
use crate::decision_log::scan::{Progress, Span};
use crate::decision_log::{DecisionLog, WorldLine};
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::forecast::Measured;
use crate::ledger::Ledger;
use crate::replay::clicks::clicked;
use crate::replay::document::ReplayReport;
use crate::replay::recent::{QUICK, Recent, recent};
use crate::replay::reproduce::{Reproduction, reproduce};
use crate::replay::side::{Documents, Recorded};
use crate::replay::{Question, replay};
use crate::world::Worlds;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Replays whose results are kept.
const KEPT: usize = 10;

/// Why there is no replay.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// Another one is running.
    #[error("replay {0} is running: wait until it is done, or cancel it")]
    Busy(u64),
    /// There is none with this number.
    #[error("there is no replay {0}: the last {KEPT} are kept until the server stops")]
    Unknown(u64),
    /// The documents are not valid.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Finding>),
    /// The catalog cannot be read.
    #[error("cannot read the catalog")]
    Catalog(#[source] CatalogError),
}

string_enum! {
    /// How far a replay is.
    JobState {
        /// It runs.
        Running = "running",
        /// It has a result.
        Done = "done",
        /// It was cancelled.
        Cancelled = "cancelled",
        /// It failed.
        Failed = "failed",
    }
}

/// A replay.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct JobView {
    /// Its number since the server's start.
    pub(crate) id: u64,
    pub(crate) state: JobState,
    /// The key that asked for it.
    pub(crate) asked_by: String,
    /// When.
    #[schemars(with = "String")]
    pub(crate) asked_at: jiff::Timestamp,
    /// How much of the log was read, from 0 to 1.
    pub(crate) progress: f64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// What the proposed configuration would have changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) report: Option<Arc<ReplayReport>>,
    /// Without a proposal: how the records agree with what is computed from them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reproduction: Option<Reproduction>,
}

/// What is asked for.
pub(crate) struct Asked {
    /// The decisions to replay.
    pub(crate) span: Span,
    /// The proposed configuration.
    pub(crate) documents: Documents,
    /// Whether clicks are estimated, for which the journal is read.
    pub(crate) with_clicks: bool,
}

/// What is done with the report of a replay.
pub(crate) type Then = Box<dyn FnOnce(&ReplayReport) + Send>;

struct Job {
    view: JobView,
    cancelled: Arc<AtomicBool>,
}

#[derive(Default)]
struct Jobs {
    last: u64,
    jobs: VecDeque<Job>,
}

/// The replay service.
pub(crate) struct Replaying {
    clock: Arc<dyn Clock>,
    world: Arc<Worlds>,
    catalog: Arc<Catalog>,
    ledger: Arc<Ledger>,
    log: Arc<DecisionLog>,
    settings: Arc<CurrentSettings>,
    data: PathBuf,
    jobs: Mutex<Jobs>,
}

impl Replaying {
    /// Replays the decisions of `log`; clicks are in the journal of the data directory `data`.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        world: Arc<Worlds>,
        catalog: Arc<Catalog>,
        ledger: Arc<Ledger>,
        log: Arc<DecisionLog>,
        settings: Arc<CurrentSettings>,
        data: PathBuf,
    ) -> Replaying {
        Replaying { clock, world, catalog, ledger, log, settings, data, jobs: Mutex::default() }
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a replay, and returns it. `then` gets the report before the replay counts as done. Without documents, it decides again what was recorded and compares. Reads
    /// files.
    ///
    /// # Errors
    /// One is running, or the documents are not valid.
    pub(crate) fn start(
        self: &Arc<Self>,
        Asked { span, mut documents, with_clicks }: Asked,
        asked_by: String,
        then: Option<Then>,
    ) -> Result<JobView, ReplayError> {
        self.check(&mut documents)?;
        let cancelled = Arc::new(AtomicBool::new(false));
        let view = {
            let mut jobs = self.jobs();
            let running = jobs.jobs.iter().find(|job| job.view.state == JobState::Running);
            if let Some(running) = running {
                return Err(ReplayError::Busy(running.view.id));
            }
            jobs.last += 1;
            let view = JobView {
                id: jobs.last,
                state: JobState::Running,
                asked_by,
                asked_at: self.clock.now(),
                progress: 0.0,
                error: None,
                report: None,
                reproduction: None,
            };
            if jobs.jobs.len() >= KEPT {
                jobs.jobs.pop_front();
            }
            jobs.jobs.push_back(Job { view: view.clone(), cancelled: cancelled.clone() });
            view
        };
        let (service, id) = (self.clone(), view.id);
        let work = move || {
            lower_priority();
            let result = service.run(id, Asked { span, documents, with_clicks }, &cancelled);
            if let (Some(then), Ok((Some(report), _))) = (then, &result)
                && !cancelled.load(Ordering::Relaxed)
            {
                then(report);
            }
            service.end(id, result, cancelled.load(Ordering::Relaxed));
        };
        if let Err(error) = std::thread::Builder::new().name("replay".into()).spawn(work) {
            self.end(id, Err(error), false);
        }
        Ok(view)
    }

    /// Checks documents as applying them would, and keeps manual pauses.
    fn check(&self, documents: &mut Documents) -> Result<(), ReplayError> {
        let directory = self.world.directory();
        let served = &directory.live().snapshot().inventory;
        let (weights, labels) = self.world.weights_and_labels().map_err(ReplayError::Catalog)?;
        let mut findings = Vec::new();
        if let Some(inventory) = &mut documents.inventory {
            pause::carry(served, directory.archive(), inventory);
            inventory.sort();
            findings.extend(check::inventory(inventory));
        }
        let Documents { inventory, weights: new, labels: table } = documents;
        let inventory = inventory.as_ref().unwrap_or(served);
        findings.extend(table.iter().flat_map(|table| check::label_table(inventory, table)));
        findings.extend(check::labels(inventory, table.as_ref().unwrap_or(&labels)));
        findings.extend(new.iter().flat_map(check::weights));
        let weights = new.as_ref().unwrap_or(&weights);
        findings.extend(check::prices(inventory, weights, self.clock.now_ms()));
        if findings.is_empty() { Ok(()) } else { Err(ReplayError::Invalid(findings)) }
    }

    fn run(
        &self,
        id: u64,
        Asked { span, documents: after, with_clicks }: Asked,
        cancelled: &AtomicBool,
    ) -> std::io::Result<(Option<ReplayReport>, Option<Reproduction>)> {
        self.log.flush();
        let mut told = Instant::now();
        let mut progress = |progress: Progress| {
            if told.elapsed() > Duration::from_millis(100) {
                told = Instant::now();
                self.note_progress(id, progress);
            }
            match cancelled.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        self.with(|recorded| {
            let folder = self.log.folder();
            if after.is_recorded() {
                let found = reproduce(folder, &span, recorded, &mut progress)?;
                return Ok((None, Some(found)));
            }
            let journal = self.data.join("journal");
            let clicked = with_clicks.then(|| clicked(&journal, &span.times)).transpose()?;
            let question = Question { span, before: Documents::default(), after, clicked };
            let report = replay(folder, &question, recorded, &mut progress)?;
            Ok((Some(report.judged(&self.settings.get().guard)), None))
        })
    }

    fn with<T>(&self, run: impl FnOnce(&Recorded<'_>) -> T) -> T {
        let snapshot_of = |line: &WorldLine| {
            self.world.snapshot_in_passing((&line.inventory, &line.weights, &line.labels))
        };
        let measured = Measured::read(&self.ledger.views(), self.clock.now_ms());
        run(&Recorded { catalog: &self.catalog, snapshot_of: &snapshot_of, measured: &measured })
    }

    fn note_progress(&self, id: u64, Progress { done, all }: Progress) {
        if let Some(job) = self.jobs().jobs.iter_mut().find(|job| job.view.id == id) {
            job.view.progress = done as f64 / all.max(1) as f64;
        }
    }

    fn end(
        &self,
        id: u64,
        result: std::io::Result<(Option<ReplayReport>, Option<Reproduction>)>,
        is_cancelled: bool,
    ) {
        let mut jobs = self.jobs();
        let Some(job) = jobs.jobs.iter_mut().find(|job| job.view.id == id) else { return };
        let view = &mut job.view;
        match result {
            Ok(_) if is_cancelled => view.state = JobState::Cancelled,
            Ok((report, reproduction)) => {
                (view.state, view.progress) = (JobState::Done, 1.0);
                (view.report, view.reproduction) = (report.map(Arc::new), reproduction);
            }
            Err(error) => {
                tracing::error!(replay = id, %error, "a replay failed");
                (view.state, view.error) = (JobState::Failed, Some(error.to_string()));
            }
        }
    }

    /// The replays since the start that are kept, newest first, without their results.
    pub(crate) fn list(&self) -> Vec<JobView> {
        let jobs = self.jobs();
        let without_result =
            |job: &Job| JobView { report: None, reproduction: None, ..job.view.clone() };
        jobs.jobs.iter().rev().map(without_result).collect()
    }

    /// A replay with its result.
    pub(crate) fn find(&self, id: u64) -> Result<JobView, ReplayError> {
        let jobs = self.jobs();
        let found = jobs.jobs.iter().find(|job| job.view.id == id);
        found.map(|job| job.view.clone()).ok_or(ReplayError::Unknown(id))
    }

    /// Cancels a replay, or forgets its result.
    pub(crate) fn remove(&self, id: u64) -> Result<(), ReplayError> {
        let mut jobs = self.jobs();
        let at = jobs.jobs.iter().position(|job| job.view.id == id);
        let at = at.ok_or(ReplayError::Unknown(id))?;
        if jobs.jobs[at].view.state == JobState::Running {
            jobs.jobs[at].cancelled.store(true, Ordering::Relaxed);
        } else {
            jobs.jobs.remove(at);
        }
        Ok(())
    }

    /// What these documents would change of the last day's decisions, compared with what is served, from a
    /// sample. Takes up to two seconds; `None` if the log cannot be read.
    fn recent(
        &self,
        inventory: &Inventory,
        weights: &Weights,
        labels: &LabelTable,
    ) -> Option<ReplayReport> {
        self.log.flush();
        let served = self.world.live().snapshot().inventory.clone();
        let (old_weights, old_labels) = self.world.weights_and_labels().ok()?;
        let before = Documents {
            inventory: Some(served),
            weights: Some(old_weights),
            labels: Some(old_labels),
        };
        let after = Documents {
            inventory: Some(inventory.clone()),
            weights: Some(weights.clone()),
            labels: Some(labels.clone()),
        };
        let when = Recent { now_ms: self.clock.now_ms(), until: Instant::now() + QUICK };
        let found =
            self.with(|recorded| recent(self.log.folder(), (before, after), recorded, when));
        match found {
            Ok(report) => Some(report),
            Err(error) => {
                tracing::warn!(%error, "no prediction of a change: the decision log cannot be read");
                None
            }
        }
    }
}

impl PredictEffect for Replaying {
    fn effect(
        &self,
        inventory: &Inventory,
        weights: &Weights,
        labels: &LabelTable,
    ) -> Option<Effect> {
        self.recent(inventory, weights, labels).map(|report| report.effect())
    }
}
