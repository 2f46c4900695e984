//! Detection of sophisticated invalid traffic (SIVT) per publisher and campaign. A finding changes no
//! verdict: an operator reviews it and credits the events that were invalid.
//!
//! SIVT, as defined by the MRC's Invalid Traffic Detection and Filtration Standards Addendum (2020),
//! needs history and human review. Only aggregates are used, never data about single readers.

use crate::traffic::arrivals::GapStats;
use std::collections::BTreeMap;

pub(crate) const HOUR_MS: i64 = 3_600_000;
/// z-score of the one-sided 99.9 % confidence bound.
const Z_SCORE: f64 = 3.09;
/// Hours in a quarter of a day.
const QUARTER_OF_A_DAY: usize = 6;

string_enum! {
    /// The indicator that a finding is based on; a metric label and a rule's name.
    Indicator {
        /// A publisher's click rate is far above that of the campaign's other publishers.
        ClickRate = "click_rate",
        /// More viewable impressions than impressions, or almost none.
        ViewRatio = "view_ratio",
        /// Impressions at regular intervals.
        RegularArrivals = "regular_arrivals",
        /// Nearly as many impressions in the quietest hours as in the busiest.
        FlatDay = "flat_day",
        /// Clicks of an hour above a high percentile of the campaign's own history.
        ClickSpike = "click_spike",
    }
}

/// The thresholds for findings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Thresholds {
    /// Minimum impressions for a finding.
    pub(crate) impressions: u64,
    /// Minimum clicks for a finding.
    pub(crate) clicks: u64,
    /// Multiple of the other publishers' median click rate.
    pub(crate) click_rate_factor: f64,
    /// Minimum ratio of viewable impressions to impressions.
    pub(crate) view_ratio_min: f64,
    /// Maximum ratio of viewable impressions to impressions.
    pub(crate) view_ratio_max: f64,
    /// Minimum coefficient of variation of the gaps between impressions.
    pub(crate) arrival_variation: f64,
    /// Maximum ratio of impressions in the quietest six hours to those in the busiest six.
    pub(crate) night_share: f64,
    /// The quantile of a campaign's hourly clicks that a spike exceeds, in thousandths.
    pub(crate) spike_permille: usize,
    /// Minimum hours of history for a spike.
    pub(crate) spike_history_hours: usize,
}

/// Counted events of one hour (by decision time), publisher and campaign.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HourlyCounts {
    pub(crate) publisher: Box<str>,
    pub(crate) campaign: Box<str>,
    /// Hours since 1970-01-01T00Z.
    pub(crate) hour: i64,
    pub(crate) impressions: u64,
    /// Viewable impressions; `None` when the publisher does not measure them.
    pub(crate) viewable: Option<u64>,
    pub(crate) clicks: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReviewFinding {
    pub(crate) sign: Indicator,
    /// The publisher; `None` for a finding about a campaign on all publishers.
    pub(crate) publisher: Option<Box<str>>,
    /// The campaign; `None` for a finding about all campaigns of a publisher.
    pub(crate) campaign: Option<Box<str>>,
    /// The observed rate, ratio or count.
    pub(crate) found: f64,
    /// The threshold it crossed.
    pub(crate) limit: f64,
    /// The number of impressions it is based on; clicks for a spike.
    pub(crate) events: u64,
    /// The first hour it covers, in hours since 1970-01-01T00Z.
    pub(crate) from: i64,
    /// The end of the period (exclusive), in the same unit.
    pub(crate) to: i64,
}

/// All findings in these hours. The hour `now` is still incomplete.
pub(crate) fn findings(
    cells: &[HourlyCounts],
    arrivals: &[(Box<str>, [GapStats; 2])],
    now: i64,
    thresholds: &Thresholds,
) -> Vec<ReviewFinding> {
    let mut found = click_rates(cells, thresholds);
    found.extend(view_ratios(cells, thresholds));
    found.extend(regular(arrivals, now, thresholds));
    found.extend(flat_days(cells, thresholds));
    found.extend(spikes(cells, now, thresholds));
    found
}

/// Sums of cells.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    impressions: u64,
    viewable: Option<u64>,
    clicks: u64,
    from: i64,
    to: i64,
}

fn sums<'a, K: Ord>(
    cells: &'a [HourlyCounts],
    key: impl Fn(&'a HourlyCounts) -> K,
) -> BTreeMap<K, Sum> {
    let mut sums: BTreeMap<K, Sum> = BTreeMap::new();
    for cell in cells {
        let empty = Sum { from: cell.hour, to: cell.hour + 1, ..Sum::default() };
        let sum = sums.entry(key(cell)).or_insert(empty);
        sum.impressions += cell.impressions;
        sum.clicks += cell.clicks;
        sum.viewable = match (sum.viewable, cell.viewable) {
            (None, None) => None,
            (sum, more) => Some(sum.unwrap_or(0) + more.unwrap_or(0)),
        };
        sum.from = sum.from.min(cell.hour);
        sum.to = sum.to.max(cell.hour + 1);
    }
    sums
}

fn click_rates(cells: &[HourlyCounts], thresholds: &Thresholds) -> Vec<ReviewFinding> {
    let all = sums(cells, |cell| (&*cell.campaign, &*cell.publisher));
    let enough = |sum: &Sum| sum.impressions >= thresholds.impressions;
    let rate = |sum: &Sum| sum.clicks as f64 / sum.impressions as f64;
    let mut found = Vec::new();
    for ((campaign, publisher), sum) in all.iter().filter(|(_, sum)| enough(sum)) {
        let mut others: Vec<f64> = all
            .iter()
            .filter(|((of, other), sum)| of == campaign && other != publisher && enough(sum))
            .map(|(_, sum)| rate(sum))
            .collect();
        if others.is_empty() || sum.clicks < thresholds.clicks {
            continue;
        }
        others.sort_by(f64::total_cmp);
        let limit = thresholds.click_rate_factor * others[others.len() / 2];
        if wilson_lower_bound(sum.clicks, sum.impressions) > limit {
            found.push(ReviewFinding {
                campaign: Some((*campaign).into()),
                ..finding(Indicator::ClickRate, publisher, rate(sum), limit, sum)
            });
        }
    }
    found
}

/// Lower bound of the Wilson score interval for the rate `hits / of`:
/// E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of
/// the American Statistical Association 22 (1927).
fn wilson_lower_bound(hits: u64, of: u64) -> f64 {
    let (n, z2) = (of.max(1) as f64, Z_SCORE * Z_SCORE);
    // Units with several calls to action can have more clicks than impressions.
    let p = (hits as f64 / n).min(1.0);
    let middle = p + z2 / (2.0 * n);
    let spread = Z_SCORE * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    ((middle - spread) / (1.0 + z2 / n)).max(0.0)
}

fn finding(sign: Indicator, publisher: &str, found: f64, limit: f64, sum: &Sum) -> ReviewFinding {
    let publisher = Some(publisher.into());
    let Sum { impressions: events, from, to, .. } = *sum;
    ReviewFinding { sign, publisher, campaign: None, found, limit, events, from, to }
}

fn view_ratios(cells: &[HourlyCounts], thresholds: &Thresholds) -> Vec<ReviewFinding> {
    let all = sums(cells, |cell| &*cell.publisher);
    let mut found = Vec::new();
    for (publisher, sum) in all.iter().filter(|(_, sum)| sum.impressions >= thresholds.impressions)
    {
        let Some(viewable) = sum.viewable else { continue };
        let ratio = viewable as f64 / sum.impressions as f64;
        let limit = match ratio {
            ratio if ratio > thresholds.view_ratio_max => thresholds.view_ratio_max,
            ratio if ratio < thresholds.view_ratio_min => thresholds.view_ratio_min,
            _ => continue,
        };
        found.push(finding(Indicator::ViewRatio, publisher, ratio, limit, sum));
    }
    found
}

fn regular(
    arrivals: &[(Box<str>, [GapStats; 2])],
    now: i64,
    thresholds: &Thresholds,
) -> Vec<ReviewFinding> {
    let limit = thresholds.arrival_variation;
    let enough = |gaps: &&GapStats| gaps.count() >= thresholds.impressions;
    let regular = |(publisher, spans): &(Box<str>, [GapStats; 2])| {
        let variations =
            spans.iter().filter(enough).filter_map(|gaps| Some((gaps.variation()?, gaps)));
        let (found, gaps) = variations.min_by(|a, b| a.0.total_cmp(&b.0))?;
        let sum = Sum { impressions: gaps.count(), from: now - 1, to: now + 1, ..Sum::default() };
        (found < limit).then(|| finding(Indicator::RegularArrivals, publisher, found, limit, &sum))
    };
    arrivals.iter().filter_map(regular).collect()
}

fn flat_days(cells: &[HourlyCounts], thresholds: &Thresholds) -> Vec<ReviewFinding> {
    let all = sums(cells, |cell| &*cell.publisher);
    let mut found = Vec::new();
    for (publisher, sum) in all {
        // One day is not enough to distinguish a flat day from chance.
        if sum.impressions < thresholds.impressions || sum.to - sum.from < 48 {
            continue;
        }
        let mut hours = [0u64; 24];
        for cell in cells.iter().filter(|cell| &*cell.publisher == publisher) {
            hours[usize::try_from(cell.hour.rem_euclid(24)).unwrap_or(0)] += cell.impressions;
        }
        // Independent of time zones: takes the quietest and the busiest six hours, wherever they are.
        let spans = (0..24).map(|first| {
            (first..first + QUARTER_OF_A_DAY).map(|hour| hours[hour % 24]).sum::<u64>()
        });
        let (quiet, busy) =
            spans.fold((u64::MAX, 1), |(low, high), span| (low.min(span), high.max(span)));
        let share = quiet as f64 / busy as f64;
        if share > thresholds.night_share {
            found.push(finding(Indicator::FlatDay, publisher, share, thresholds.night_share, &sum));
        }
    }
    found
}

/// Compares each campaign's last complete hour with all hours before it, including those without clicks.
fn spikes(cells: &[HourlyCounts], now: i64, thresholds: &Thresholds) -> Vec<ReviewFinding> {
    let mut campaigns: BTreeMap<&str, BTreeMap<i64, u64>> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| cell.hour < now) {
        *campaigns.entry(&cell.campaign).or_default().entry(cell.hour).or_default() += cell.clicks;
    }
    let mut found = Vec::new();
    for (campaign, hours) in campaigns {
        let (Some((first, _)), last) = (hours.first_key_value(), now - 1) else { continue };
        let clicks = hours.get(&last).copied().unwrap_or(0);
        let mut history: Vec<u64> =
            (*first..last).map(|hour| hours.get(&hour).copied().unwrap_or(0)).collect();
        if clicks < thresholds.clicks || history.len() < thresholds.spike_history_hours.max(1) {
            continue;
        }
        history.sort_unstable();
        let at = history.len() * thresholds.spike_permille / 1_000;
        let limit = history[at.min(history.len() - 1)];
        if clicks > limit {
            found.push(ReviewFinding {
                sign: Indicator::ClickSpike,
                publisher: None,
                campaign: Some(campaign.into()),
                found: clicks as f64,
                limit: limit as f64,
                events: clicks,
                from: last,
                to: now,
            });
        }
    }
    found
}

#[cfg(test)]
#[path = "review_tests.rs"]
mod tests;
