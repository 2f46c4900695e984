//! Bars as numbers for a template: an inline picture, drawn without a script or a style.

/// One bar of a chart by day, in a space that is as wide as there are bars times ten and 100 high.
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

/// Bars for values with their titles, the highest from bottom to top. What is not zero can be seen.
pub(super) fn bars(values: impl IntoIterator<Item = (u64, String)>) -> Vec<Bar> {
    let values: Vec<_> = values.into_iter().collect();
    let most = values.iter().map(|(value, _)| *value).max().unwrap_or(0);
    let bar = |(at, (value, title)): (usize, (u64, String))| {
        let height = per_mille(value, most) / 10;
        let height = height.max(u64::from(value > 0));
        Bar { x: at * 10 + 1, top: 100 - height, height, title }
    };
    values.into_iter().enumerate().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_stays_between_nothing_and_all() {
        assert_eq!(per_mille(1, 4), 250);
        assert_eq!(per_mille(5, 4), 1000);
        assert_eq!(per_mille(5, 0), 0);
        assert_eq!(per_mille(u64::MAX, u64::MAX), 1000);
    }

    #[test]
    fn the_highest_bar_fills_the_chart_and_one_event_can_be_seen() {
        let drawn = bars([(0, "a".into()), (1, "b".into()), (1_000_000, "c".into())]);
        let heights: Vec<u64> = drawn.iter().map(|bar| bar.height).collect();
        assert_eq!(heights, [0, 1, 100]);
        assert!(drawn.iter().all(|bar| bar.top + bar.height == 100));
        assert!(bars([]).is_empty());
    }
}
