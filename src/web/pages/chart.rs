//! Bar charts as inline SVG geometry, without script or inline style.

/// A bar chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Chart {
    /// Text alternative for screen readers.
    pub(crate) description: String,
    /// Caption below the chart, centred.
    pub(crate) unit: String,
    /// Caption below the first bar.
    pub(crate) first: String,
    /// Caption below the last bar.
    pub(crate) last: String,
    /// Values, each with its tooltip.
    pub(crate) values: Vec<(u64, String)>,
}

impl Chart {
    /// Width of the drawing: at least 14 bars, so that a few bars are not stretched.
    pub(super) fn width(&self) -> usize {
        self.values.len().max(14) * 10
    }

    /// Bars scaled to the highest. Values above zero are at least one unit high.
    pub(super) fn bars(&self) -> Vec<Bar> {
        let most = self.values.iter().map(|(value, _)| *value).max().unwrap_or(0);
        let bar = |(at, (value, title)): (usize, &(u64, String))| {
            let height = per_mille(*value, most) / 10;
            let height = height.max(u64::from(*value > 0));
            Bar { x: at * 10 + 1, top: 100 - height, height, title: title.clone() }
        };
        self.values.iter().enumerate().map(bar).collect()
    }
}

/// One bar, in a space of 10 units per bar and 100 units high.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bar {
    /// Left edge.
    pub(crate) x: usize,
    /// Top edge, from the top of the chart.
    pub(crate) top: u64,
    pub(crate) height: u64,
    /// Tooltip.
    pub(crate) title: String,
}

/// `part` of `whole` in thousandths, at most 1000; 0 if `whole` is 0.
pub(super) fn per_mille(part: u64, whole: u64) -> u64 {
    let scaled = u128::from(part) * 1000;
    let share = scaled.checked_div(u128::from(whole)).unwrap_or(0);
    u64::try_from(share.min(1000)).unwrap_or(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: &[u64]) -> Chart {
        let values = values.iter().map(|value| (*value, value.to_string())).collect();
        Chart { values, ..Chart::default() }
    }

    #[test]
    fn a_share_is_between_0_and_1000() {
        assert_eq!(per_mille(1, 4), 250);
        assert_eq!(per_mille(5, 4), 1000);
        assert_eq!(per_mille(5, 0), 0);
        assert_eq!(per_mille(u64::MAX, u64::MAX), 1000);
    }

    #[test]
    fn the_highest_bar_fills_the_chart_and_a_single_event_is_visible() {
        let drawn = chart(&[0, 1, 1_000_000]).bars();
        let heights: Vec<u64> = drawn.iter().map(|bar| bar.height).collect();
        assert_eq!(heights, [0, 1, 100]);
        assert!(drawn.iter().all(|bar| bar.top + bar.height == 100));
        assert!(chart(&[]).bars().is_empty());
    }

    #[test]
    fn every_bar_is_within_the_chart() {
        for count in [1, 14, 400] {
            let chart = chart(&vec![1; count]);
            assert!(chart.bars().iter().all(|bar| bar.x + 8 <= chart.width()), "{count}");
        }
    }
}
