//! Counts at which stages flights are lost, from a sample of decisions: a thread of low priority looks at
//! one decision flight by flight, on the immutable world that it was made on, while requests are served.
//!
//! The sample adapts to the cost: after each decision the thread rests a hundred times as long as it took,
//! so it uses one per cent of a core, however many flights there are. The next decision after that stands
//! for all that were made since the one before, so the counts are scaled to all decisions. A decision pays
//! for an increment and a comparison.

use crate::blocking::lower_priority;
use crate::decision_log::line::DecisionLine;
use crate::decision_log::slots;
use crate::metrics::Metrics;
use crate::selection::slot_stage;
use crate::selection::slot_stage::SlotStage;
use crate::world::live::Live;
use crate::world::recent_stages::RecentStages;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How many times as long as it worked the thread rests.
const REST: u32 = 100;

/// The longest rest, so that a pause of the machine does not end the sample.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// A decision, and how many it stands for.
struct Sample {
    live: Arc<Live>,
    line: DecisionLine,
    weight: u64,
}

/// Hands decisions to the thread that looks at them.
pub(super) struct StageSampler {
    /// Decisions since the last sample.
    passed: AtomicU64,
    /// Whether the thread waits for a decision.
    is_ready: Arc<AtomicBool>,
    samples: Sender<Sample>,
}

impl StageSampler {
    /// Starts the thread, which ends with the returned value. Without a thread nothing is counted.
    pub(super) fn start(metrics: Arc<Metrics>, recent: Arc<RecentStages>) -> StageSampler {
        let (samples, received) = channel();
        let is_ready = Arc::new(AtomicBool::new(true));
        let ready = is_ready.clone();
        let work = move || look_at(&received, &ready, &metrics, &recent);
        if let Err(error) = thread::Builder::new().name("stages".into()).spawn(work) {
            tracing::error!(%error, "cannot start a thread; filter stages are not counted");
        }
        StageSampler { passed: AtomicU64::new(0), is_ready, samples }
    }

    /// Counts a decision that was made on `live`; `line` is only called for one of the sample.
    pub(super) fn pass(&self, live: &Arc<Live>, line: impl FnOnce() -> DecisionLine) {
        self.passed.fetch_add(1, Ordering::Relaxed);
        if self.is_ready.load(Ordering::Relaxed) && self.is_ready.swap(false, Ordering::AcqRel) {
            let weight = self.passed.swap(0, Ordering::Relaxed);
            // Without the thread there is nothing to count.
            self.samples.send(Sample { live: live.clone(), line: line(), weight }).ok();
        }
    }
}

fn look_at(
    samples: &Receiver<Sample>,
    is_ready: &AtomicBool,
    metrics: &Metrics,
    recent: &RecentStages,
) {
    lower_priority();
    while let Ok(sample) = samples.recv() {
        let began = Instant::now();
        count(&sample, metrics, recent);
        drop(sample);
        thread::sleep((began.elapsed() * REST).min(LONGEST_REST));
        is_ready.store(true, Ordering::Release);
    }
}

/// Counts the stages of every flight in every slot.
fn count(Sample { live, line, weight }: &Sample, metrics: &Metrics, recent: &RecentStages) {
    let snapshot = &live.world.snapshot;
    slots::each_slot(&live.world, line, |context, result| {
        let mut stages = vec![SlotStage::Won; snapshot.flights.len()];
        let mut counts: BTreeMap<SlotStage, u64> = BTreeMap::new();
        slot_stage::of_all(context, result, |place, stage| {
            stages[place] = stage;
            *counts.entry(stage).or_default() += weight;
        });
        for (stage, flights) in counts.into_iter().filter(|(stage, _)| *stage < SlotStage::Draw) {
            metrics.count_removed(stage.as_str(), flights);
        }
        recent.add(snapshot, &stages, *weight, line.at_ms);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::files;
    use crate::decision_log::SlotLine;
    use crate::decision_log::line::Chosen;
    use crate::domain::label::LabelTable;
    use crate::domain::weights::Weights;
    use crate::metrics::SeriesLimits;
    use crate::selection::choose::{Request, choose};
    use crate::selection::compile::compile;
    use crate::selection::resolve;
    use crate::selection::resolve::{PageInput, RegionSignals, SlotInput};
    use crate::selection::rules::Exclusions;
    use crate::world::budgets::Budgets;
    use crate::world::images::ImageSet;

    /// The example, and a decision with one slot on a page about this topic.
    fn decision(topic: &str) -> (Arc<Live>, DecisionLine) {
        let texts = files::EXAMPLE.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let inventory = files::parse(&texts).unwrap();
        let labels: LabelTable = toml::from_str(files::LABELS.1).unwrap();
        let snapshot = Arc::new(compile(inventory, &Weights::default(), &labels));
        let metrics = Metrics::new(SeriesLimits::default()).unwrap();
        let live = Live::new(snapshot, ImageSet::default(), &Budgets::default(), &metrics, 1);
        let input = PageInput { topics: vec![topic.into()], ..PageInput::default() };
        let slots = [SlotInput { name: "article-end".into(), ..SlotInput::default() }];
        let publisher = live.snapshot().publisher_by_id["eu-tech-news"];
        let signals = RegionSignals { observed: None, declared: "DE".parse().ok() };
        let page = Arc::new(resolve::page(live.snapshot(), publisher, &input, signals, &slots));
        let (at_ms, id) = (1_780_000_000_000, 7 << 8);
        let request = Request { world: &live.world, page: &page, now_ms: at_ms, id };
        let result = choose(&request, 0, &Exclusions::default()).result;
        let result = result.as_ref().map(Chosen::from).map_err(|reason| *reason);
        let line = DecisionLine {
            request: id,
            at_ms,
            state: 1,
            page: page.clone(),
            url: None,
            forced: None,
            test: false,
            slots: vec![SlotLine { masked: Vec::new(), result }],
        };
        (Arc::new(live), line)
    }

    #[test]
    fn the_stages_and_the_candidates_of_a_sample_add_up_to_all_flights() {
        let (live, line) = decision("ai-infrastructure");
        let metrics = Metrics::new(SeriesLimits::default()).unwrap();
        let recent = RecentStages::default();
        count(&Sample { live: live.clone(), line, weight: 12 }, &metrics, &recent);

        let counted = |stage: SlotStage| metrics.removed.with_label_values(&[stage.as_str()]).get();
        let removed: u64 = SlotStage::before_draw().map(counted).sum();
        let snapshot = &live.world.snapshot;
        let in_draw = (0..snapshot.flights.len()).filter(|place| {
            recent.of(snapshot, *place).keys().all(|stage| *stage >= SlotStage::Draw)
        });
        let in_draw = in_draw.count() as u64;
        assert!(in_draw > 0 && removed > 0, "{in_draw} {removed}");
        assert_eq!(removed + 12 * in_draw, 12 * snapshot.flights.len() as u64);
    }

    #[test]
    fn every_decision_is_in_the_weight_of_a_sample() {
        let (live, line) = decision("ai-infrastructure");
        let (samples, received) = channel();
        let is_ready = Arc::new(AtomicBool::new(false));
        let sampler = StageSampler { passed: AtomicU64::new(0), is_ready, samples };
        for _ in 0..9 {
            sampler.pass(&live, || line.clone());
        }
        assert!(received.try_recv().is_err(), "the thread rests");
        sampler.is_ready.store(true, Ordering::Release);
        for _ in 0..5 {
            sampler.pass(&live, || line.clone());
        }
        assert_eq!(received.try_recv().map(|sample| sample.weight), Ok(10));
        assert!(received.try_recv().is_err());
        assert_eq!(sampler.passed.load(Ordering::Relaxed), 4);
    }
}
