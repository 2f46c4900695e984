//! An average that forgets: each value counts for as long as it lasted, and half as much after each window
//! times ln 2.

/// An exponentially weighted average. Before it has seen a window's worth, what it has seen counts in full.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Average {
    sum: f64,
    weight: f64,
}

impl Average {
    /// An average that begins with an assumption.
    pub(crate) fn of(value: f64) -> Average {
        Average { sum: value * 0.5, weight: 0.5 }
    }

    /// Adds a value that lasted for `length`, with the same unit as `window`.
    pub(crate) fn add(&mut self, value: f64, length: f64, window: f64) {
        let kept = (-length / window.max(f64::MIN_POSITIVE)).exp();
        self.sum = self.sum * kept + value * (1.0 - kept);
        self.weight = self.weight * kept + (1.0 - kept);
    }

    /// The average; 0 before the first value.
    pub(crate) fn value(&self) -> f64 {
        if self.weight > 0.0 { self.sum / self.weight } else { 0.0 }
    }

    /// How much of a window was seen, from 0 to 1.
    pub(crate) fn weight(&self) -> f64 {
        self.weight
    }
}
