//! Bars as numbers for a template: an inline picture, drawn without a script or a style.

/// A chart of one row of bars.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// What it shows, for those who do not see it.
    pub says: String,
    /// What stands below it in the middle.
    pub unit: String,
    /// What stands below its first bar.
    pub first: String,
    /// What stands below its last bar.
    pub last: String,
    /// Values, each with what it stands for in words.
    pub values: Vec<(u64, String)>,
}

impl Chart {
    /// How wide the drawing is. Two days are two bars of a fortnight, not two walls.
    pub(super) fn width(&self) -> usize {
        self.values.len().max(14) * 10
    }

    /// Bars, the highest from bottom to top. What is not zero can be seen.
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

/// One bar, in a space that is as wide as there are bars times ten and 100 high.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bar {
    /// Where it starts.
    pub x: usize,
    /// How far down its top is.
    pub top: u64,
    /// How high it is.
    pub height: u64,
    /// What it stands for, in words.
    pub title: String,
}

/// The share of a whole in thousandths, at most all of it; of nothing, nothing.
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
    fn a_share_stays_between_nothing_and_all() {
        assert_eq!(per_mille(1, 4), 250);
        assert_eq!(per_mille(5, 4), 1000);
        assert_eq!(per_mille(5, 0), 0);
        assert_eq!(per_mille(u64::MAX, u64::MAX), 1000);
    }

    #[test]
    fn the_highest_bar_fills_the_chart_and_one_event_can_be_seen() {
        let drawn = chart(&[0, 1, 1_000_000]).bars();
        let heights: Vec<u64> = drawn.iter().map(|bar| bar.height).collect();
        assert_eq!(heights, [0, 1, 100]);
        assert!(drawn.iter().all(|bar| bar.top + bar.height == 100));
        assert!(chart(&[]).bars().is_empty());
    }

    #[test]
    fn every_bar_is_inside_the_drawing() {
        for count in [1, 14, 400] {
            let chart = chart(&vec![1; count]);
            assert!(chart.bars().iter().all(|bar| bar.x + 8 <= chart.width()), "{count}");
        }
    }
}
