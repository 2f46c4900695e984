//! Counts at which stages flights are lost, from a sample of decisions: looks at one decision flight by flight. The
//! counts are scaled to all decisions.

use crate::decision_log::slots;
use crate::delivery::sampler::{Sample, Sampler};
use crate::metrics::Metrics;
use crate::selection::slot_stage;
use crate::selection::slot_stage::SlotStage;
use crate::world::recent_stages::RecentStages;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Starts the thread, which ends with the returned value.
pub(super) fn start(metrics: Arc<Metrics>, recent: Arc<RecentStages>) -> Sampler {
    Sampler::start("stages", move |sample| {
        count(sample, &metrics, &recent);
        Duration::ZERO
    })
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
pub(super) mod tests {
    use super::*;
    use crate::catalog::files;
    use crate::decision_log::line::Chosen;
    use crate::decision_log::{DecisionLine, SlotLine};
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
    use crate::world::live::Live;

    /// The example, and a decision with one slot on a page about this topic.
    pub(in crate::delivery) fn decision(topic: &str) -> (Arc<Live>, DecisionLine) {
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
            slots: smallvec::smallvec![SlotLine { masked: Vec::new(), result }],
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
}
