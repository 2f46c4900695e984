use super::*;
use crate::traffic::Arrivals;

const THRESHOLDS: Thresholds = Thresholds {
    impressions: 200,
    clicks: 10,
    click_rate_factor: 5.0,
    view_ratio_min: 0.05,
    view_ratio_max: 1.0,
    arrival_variation: 0.2,
    night_share: 0.9,
    spike_permille: 999,
    spike_history_hours: 168,
};

fn cell(publisher: &str, hour: i64, impressions: u64, clicks: u64) -> HourlyCounts {
    let viewable = Some(impressions / 2);
    let (publisher, campaign) = (publisher.into(), "launch".into());
    HourlyCounts { publisher, campaign, hour, impressions, viewable, clicks }
}

fn signs(cells: &[HourlyCounts], now: i64) -> Vec<(Indicator, Option<Box<str>>)> {
    let all = findings(cells, &[], now, &THRESHOLDS);
    all.into_iter().map(|finding| (finding.sign, finding.publisher)).collect()
}

fn about(sign: Indicator, publisher: &str) -> (Indicator, Option<Box<str>>) {
    (sign, Some(publisher.into()))
}

#[test]
fn typical_traffic_has_no_findings() {
    let day = |hour: i64| if (7..23).contains(&hour.rem_euclid(24)) { 40 } else { 5 };
    let cells: Vec<HourlyCounts> = (0..72)
        .flat_map(|hour| {
            ["a", "b", "c"].map(|site| cell(site, hour, day(hour), u64::from(hour % 5 == 0)))
        })
        .collect();
    assert_eq!(signs(&cells, 72), []);
    assert_eq!(signs(&[], 72), []);
}

#[test]
fn a_click_rate_significantly_above_the_others_is_found() {
    let others = [cell("b", 1, 1_000, 4), cell("c", 1, 1_000, 6)];
    let with = |clicks| [&others[..], &[cell("a", 1, 1_000, clicks)]].concat();
    assert_eq!(signs(&with(80), 2), [about(Indicator::ClickRate, "a")]);
    // Over five times the others, but not significant.
    assert_eq!(signs(&with(40), 2), []);
    // No other publisher to compare with, or too few impressions.
    assert_eq!(signs(&[cell("a", 1, 1_000, 500)], 2), []);
    assert_eq!(signs(&[&others[..], &[cell("a", 1, 199, 199)]].concat(), 2), []);
}

#[test]
fn an_implausible_view_ratio_is_found_where_views_are_measured() {
    let with = |viewable| HourlyCounts { viewable, ..cell("a", 1, 1_000, 0) };
    for ratio in [0, 49, 1_001] {
        assert_eq!(signs(&[with(Some(ratio))], 2), [about(Indicator::ViewRatio, "a")], "{ratio}");
    }
    for ratio in [Some(50), Some(1_000), None] {
        assert_eq!(signs(&[with(ratio)], 2), [], "{ratio:?}");
    }
}

#[test]
fn a_flat_day_is_found_in_any_time_zone() {
    let flat: Vec<HourlyCounts> = (0..72).map(|hour| cell("a", hour, 10, 0)).collect();
    assert_eq!(signs(&flat, 72), [about(Indicator::FlatDay, "a")]);
    assert_eq!(signs(&flat[..47], 47), [], "too little history");
    for zone in 0..24 {
        let night = |hour: i64| (hour + zone).rem_euclid(24) < 6;
        let cells: Vec<HourlyCounts> =
            (0..72).map(|hour| cell("a", hour, if night(hour) { 8 } else { 10 }, 0)).collect();
        assert_eq!(signs(&cells, 72), [], "{zone}");
    }
}

#[test]
fn a_click_spike_above_a_campaigns_own_history_is_found() {
    let day = |hour: i64| if hour.rem_euclid(24) < 12 { 3 } else { 1 };
    let with = |hours: i64, last: u64| -> Vec<HourlyCounts> {
        let clicks = |hour| if hour == hours - 1 { last } else { (hour % 12) as u64 };
        (0..hours).map(|hour| cell("a", hour, day(hour), clicks(hour))).collect()
    };
    assert_eq!(signs(&with(200, 12), 200), [(Indicator::ClickSpike, None)]);
    assert_eq!(signs(&with(200, 11), 200), [], "not above the history");
    assert_eq!(signs(&with(100, 50), 100), [], "too little history");
    assert_eq!(signs(&with(200, 50), 199), [], "an incomplete hour");
}

#[test]
fn regular_arrivals_are_found() {
    let arrivals = Arrivals::default();
    for number in 0..400_i64 {
        arrivals.record("scripted", number * 1_000);
        arrivals.record("human", number * 1_000 + (number * number * 7_919) % 4_001);
    }
    let all = findings(&[], &arrivals.all(), 1, &THRESHOLDS);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].sign, Indicator::RegularArrivals);
    assert_eq!(all[0].publisher.as_deref(), Some("scripted"));
}
