//! Compares a sample of the decisions with what the weights in the shadow would have decided.

use crate::delivery::sampler::Sampler;
use crate::metrics::Metrics;
use crate::world::shadow::{Comparer, Shadow};
use std::sync::Arc;

/// Starts the thread, which ends with the returned value.
pub(super) fn start(metrics: Arc<Metrics>, shadow: Arc<Shadow>) -> Sampler {
    let mut comparer = Comparer::new(shadow);
    Sampler::start("shadow", move |sample| {
        if let Some(is_same) = comparer.compare(&sample.live, &sample.line) {
            metrics.count_shadow(is_same);
        }
        // After a change of the inventory, comparing goes on at once.
        std::mem::take(&mut comparer.compiling)
    })
}
