//! Hands a sample of the decisions to a thread of low priority, which looks at each on the immutable world that
//! it was made on, while requests are served.
//!
//! The sample adapts to the cost: after each decision the thread rests a hundred times as long as it took,
//! so it uses one per cent of a core, however much there is to do. The next decision after that stands
//! for all that were made since the one before. A decision pays for an increment and a comparison.

use crate::blocking::lower_priority;
use crate::decision_log::line::DecisionLine;
use crate::world::live::Live;
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
pub(super) struct Sample {
    pub(super) live: Arc<Live>,
    pub(super) line: DecisionLine,
    pub(super) weight: u64,
}

/// Hands decisions to a thread.
pub(super) struct Sampler {
    /// Decisions since the last sample.
    passed: AtomicU64,
    /// Whether the thread waits for a decision.
    is_ready: Arc<AtomicBool>,
    samples: Sender<Sample>,
}

impl Sampler {
    /// Starts a thread that does `work` with each sample, which returns for how much of its time the thread need not
    /// rest. The thread ends with the returned value. Without a thread nothing is done.
    pub(super) fn start(
        name: &'static str,
        work: impl FnMut(&Sample) -> Duration + Send + 'static,
    ) -> Sampler {
        let (samples, received) = channel();
        let is_ready = Arc::new(AtomicBool::new(true));
        let ready = is_ready.clone();
        let run = move || look_at(&received, &ready, work);
        if let Err(error) = thread::Builder::new().name(name.into()).spawn(run) {
            tracing::error!(%error, thread = name, "cannot start a thread; no decision is sampled for it");
        }
        Sampler { passed: AtomicU64::new(0), is_ready, samples }
    }

    /// Counts a decision that was made on `live`; `line` is only called for one of the sample.
    pub(super) fn pass(&self, live: &Arc<Live>, line: impl FnOnce() -> DecisionLine) {
        self.passed.fetch_add(1, Ordering::Relaxed);
        if self.is_ready.load(Ordering::Relaxed) && self.is_ready.swap(false, Ordering::AcqRel) {
            let weight = self.passed.swap(0, Ordering::Relaxed);
            // Without the thread there is nothing to do.
            self.samples.send(Sample { live: live.clone(), line: line(), weight }).ok();
        }
    }
}

fn look_at(
    samples: &Receiver<Sample>,
    is_ready: &AtomicBool,
    mut work: impl FnMut(&Sample) -> Duration,
) {
    lower_priority();
    while let Ok(sample) = samples.recv() {
        let began = Instant::now();
        let once = work(&sample);
        drop(sample);
        let often = began.elapsed().saturating_sub(once);
        thread::sleep((often * REST).min(LONGEST_REST));
        is_ready.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::stage_sampler::tests::decision;

    #[test]
    fn every_decision_is_in_the_weight_of_a_sample() {
        let (live, line) = decision("ai-infrastructure");
        let (samples, received) = channel();
        let is_ready = Arc::new(AtomicBool::new(false));
        let sampler = Sampler { passed: AtomicU64::new(0), is_ready, samples };
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
