//! The second pass: publishers and campaigns whose figures no audience makes. What is found changes
//! no verdict; a person looks at it, and a credit follows where it was no audience.
//!
//! Sophisticated invalid traffic (SIVT) of the MRC's Invalid Traffic Detection and Filtration
//! Standards Addendum (2020) needs history and people. Only sums are looked at, never a reader.

use crate::traffic::arrivals::Gaps;
use std::collections::BTreeMap;

/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;
/// Standard deviations of the bound below: one in a thousand by chance.
const SURE: f64 = 3.09;
/// Hours of which a quarter of the day consists.
const QUARTER_OF_A_DAY: usize = 6;

closed! {
    /// What was found.
    Sign {
        /// A publisher's click rate is far above that of the campaign's other publishers.
        ClickRate = "click_rate",
        /// More viewable impressions than impressions, or hardly any.
        ViewRatio = "view_ratio",
        /// Impressions that arrive like clockwork.
        RegularArrivals = "regular_arrivals",
        /// As many impressions in the quietest hours as in the busiest.
        FlatDay = "flat_day",
        /// Clicks of an hour above nearly all of the campaign's own history.
        ClickSpike = "click_spike",
    }
}

/// From where on something is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Fewer impressions than this say nothing.
    pub impressions: u64,
    /// Fewer clicks than this say nothing.
    pub clicks: u64,
    /// So many times the median click rate of the others.
    pub click_rate_factor: f64,
    /// Viewable over impressions at the least.
    pub view_ratio_least: f64,
    /// And at the most.
    pub view_ratio_most: f64,
    /// Coefficient of variation of the gaps between impressions at the least.
    pub arrival_variation: f64,
    /// Impressions of the quietest six hours over those of the busiest at the most.
    pub night_share: f64,
    /// Of a thousand hours of a campaign, how many a spike is above.
    pub spike_permille: usize,
    /// Hours of history without which no hour is a spike.
    pub spike_history_hours: usize,
}

/// What counted in one hour of decisions.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// On whose pages.
    pub publisher: Box<str>,
    /// For which campaign.
    pub campaign: Box<str>,
    /// Hours since 1970-01-01T00Z.
    pub hour: i64,
    /// Impressions.
    pub impressions: u64,
    /// Viewable impressions; `None` where the publisher has none measured.
    pub viewable: Option<u64>,
    /// Clicks.
    pub clicks: u64,
}

/// One thing to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What.
    pub sign: Sign,
    /// The publisher; `None` where it is about a campaign on all of them.
    pub publisher: Option<Box<str>>,
    /// The campaign; `None` where it is about all of a publisher's.
    pub campaign: Option<Box<str>>,
    /// What was found: a rate, a ratio or a count.
    pub found: f64,
    /// What it would have to be on the other side of.
    pub limit: f64,
    /// Impressions it is found in; clicks for a spike.
    pub events: u64,
    /// The first hour it is found in, in hours since 1970-01-01T00Z.
    pub from: i64,
    /// The hour behind the last.
    pub to: i64,
}

/// Everything there is to look at in these hours, of which `now` is not over yet.
pub fn findings(
    cells: &[Cell],
    arrivals: &[(Box<str>, [Gaps; 2])],
    now: i64,
    by: &Thresholds,
) -> Vec<Finding> {
    let mut found = click_rates(cells, by);
    found.extend(view_ratios(cells, by));
    found.extend(regular(arrivals, now, by));
    found.extend(flat_days(cells, by));
    found.extend(spikes(cells, now, by));
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

fn sums<'a, K: Ord>(cells: &'a [Cell], key: impl Fn(&'a Cell) -> K) -> BTreeMap<K, Sum> {
    let mut sums: BTreeMap<K, Sum> = BTreeMap::new();
    for cell in cells {
        let fresh = Sum { from: cell.hour, to: cell.hour + 1, ..Sum::default() };
        let sum = sums.entry(key(cell)).or_insert(fresh);
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

fn click_rates(cells: &[Cell], by: &Thresholds) -> Vec<Finding> {
    let all = sums(cells, |cell| (&*cell.campaign, &*cell.publisher));
    let enough = |sum: &Sum| sum.impressions >= by.impressions;
    let rate = |sum: &Sum| sum.clicks as f64 / sum.impressions as f64;
    let mut found = Vec::new();
    for ((campaign, publisher), sum) in all.iter().filter(|(_, sum)| enough(sum)) {
        let mut others: Vec<f64> = all
            .iter()
            .filter(|((of, who), sum)| of == campaign && who != publisher && enough(sum))
            .map(|(_, sum)| rate(sum))
            .collect();
        if others.is_empty() || sum.clicks < by.clicks {
            continue;
        }
        others.sort_by(f64::total_cmp);
        let limit = by.click_rate_factor * others[others.len() / 2];
        if at_least(sum.clicks, sum.impressions) > limit {
            found.push(Finding {
                campaign: Some((*campaign).into()),
                ..of(Sign::ClickRate, publisher, rate(sum), limit, sum)
            });
        }
    }
    found
}

/// The rate that `hits` of `of` show at the least, by the lower bound of the score interval:
/// E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of
/// the American Statistical Association 22 (1927).
fn at_least(hits: u64, of: u64) -> f64 {
    let (n, z2) = (of.max(1) as f64, SURE * SURE);
    // More clicks than impressions are clicks of units with several calls to action.
    let p = (hits as f64 / n).min(1.0);
    let middle = p + z2 / (2.0 * n);
    let spread = SURE * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    ((middle - spread) / (1.0 + z2 / n)).max(0.0)
}

fn of(sign: Sign, publisher: &str, found: f64, limit: f64, sum: &Sum) -> Finding {
    let publisher = Some(publisher.into());
    let Sum { impressions: events, from, to, .. } = *sum;
    Finding { sign, publisher, campaign: None, found, limit, events, from, to }
}

fn view_ratios(cells: &[Cell], by: &Thresholds) -> Vec<Finding> {
    let all = sums(cells, |cell| &*cell.publisher);
    let mut found = Vec::new();
    for (publisher, sum) in all.iter().filter(|(_, sum)| sum.impressions >= by.impressions) {
        let Some(viewable) = sum.viewable else { continue };
        let ratio = viewable as f64 / sum.impressions as f64;
        let limit = match ratio {
            ratio if ratio > by.view_ratio_most => by.view_ratio_most,
            ratio if ratio < by.view_ratio_least => by.view_ratio_least,
            _ => continue,
        };
        found.push(of(Sign::ViewRatio, publisher, ratio, limit, sum));
    }
    found
}

fn regular(arrivals: &[(Box<str>, [Gaps; 2])], now: i64, by: &Thresholds) -> Vec<Finding> {
    let limit = by.arrival_variation;
    let least = |gaps: &&Gaps| gaps.count() >= by.impressions;
    let of = |(publisher, spans): &(Box<str>, [Gaps; 2])| {
        let varied = spans.iter().filter(least).filter_map(|gaps| Some((gaps.variation()?, gaps)));
        let (found, gaps) = varied.min_by(|a, b| a.0.total_cmp(&b.0))?;
        let sum = Sum { impressions: gaps.count(), from: now - 1, to: now + 1, ..Sum::default() };
        (found < limit).then(|| self::of(Sign::RegularArrivals, publisher, found, limit, &sum))
    };
    arrivals.iter().filter_map(of).collect()
}

fn flat_days(cells: &[Cell], by: &Thresholds) -> Vec<Finding> {
    let all = sums(cells, |cell| &*cell.publisher);
    let mut found = Vec::new();
    for (publisher, sum) in all {
        // A day alone has no shape that could be told from chance.
        if sum.impressions < by.impressions || sum.to - sum.from < 48 {
            continue;
        }
        let mut hours = [0u64; 24];
        for cell in cells.iter().filter(|cell| &*cell.publisher == publisher) {
            hours[usize::try_from(cell.hour.rem_euclid(24)).unwrap_or(0)] += cell.impressions;
        }
        // In no zone: whichever six hours are the quietest are somebody's night.
        let spans = (0..24).map(|first| {
            (first..first + QUARTER_OF_A_DAY).map(|hour| hours[hour % 24]).sum::<u64>()
        });
        let (quiet, busy) =
            spans.fold((u64::MAX, 1), |(low, high), span| (low.min(span), high.max(span)));
        let share = quiet as f64 / busy as f64;
        if share > by.night_share {
            found.push(of(Sign::FlatDay, publisher, share, by.night_share, &sum));
        }
    }
    found
}

/// The last whole hour of each campaign beside all the hours before it, those without a click, too.
fn spikes(cells: &[Cell], now: i64, by: &Thresholds) -> Vec<Finding> {
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
        if clicks < by.clicks || history.len() < by.spike_history_hours.max(1) {
            continue;
        }
        history.sort_unstable();
        let at = history.len() * by.spike_permille / 1_000;
        let limit = history[at.min(history.len() - 1)];
        if clicks > limit {
            found.push(Finding {
                sign: Sign::ClickSpike,
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
