//! Traffic review: finds suspicious patterns in the last days' counts for an operator to examine.

use crate::config::settings::ReviewSettings;
use crate::domain::event::EventKind;
use crate::domain::party::{Measurement, Publisher};
use crate::ledger::views::QUARTER_MS;
use crate::reporting::Reporting;
use crate::traffic::review;
use crate::traffic::review::{HOUR_MS, HourlyCounts, Indicator, ReviewFinding, Thresholds};
use std::collections::{BTreeMap, BTreeSet};

/// Quarter-hour rows of the ledger per hour.
const QUARTERS: i64 = HOUR_MS / QUARTER_MS;
/// Hours per day.
const DAY: i64 = 24;

fn thresholds(by: &ReviewSettings) -> Thresholds {
    Thresholds {
        impressions: by.impressions,
        clicks: by.clicks,
        click_rate_factor: by.click_rate_factor,
        view_ratio_min: by.view_ratio_min,
        view_ratio_max: by.view_ratio_max,
        arrival_variation: by.arrival_variation,
        night_share: by.night_share,
        spike_permille: by.spike_permille,
        spike_history_hours: by.spike_history_hours,
    }
}

impl Reporting {
    /// Reviews the last days by publisher and campaign. Reads every row of them.
    pub(crate) fn review(&self) -> Vec<ReviewFinding> {
        let by = self.settings.get().review;
        let now = self.clock.now_ms().div_euclid(HOUR_MS);
        let cells = self.cells(now - i64::from(by.days) * DAY);
        review::findings(&cells, &self.arrivals.all(), now, &thresholds(&by))
    }

    /// The same, sets the metrics, and logs each sign once when its count rises.
    pub(crate) fn review_traffic(&self) {
        let found = self.review();
        for sign in Indicator::ALL {
            let count = found.iter().filter(|finding| finding.sign == *sign).count();
            let before = self.metrics.set_review_findings(sign.as_str(), count);
            if count > before {
                tracing::warn!(
                    sign = sign.as_str(),
                    count,
                    "suspicious traffic found; see GET /v1/admin/review"
                );
            }
        }
    }

    fn cells(&self, from: i64) -> Vec<HourlyCounts> {
        let directory = self.world.directory();
        let publishers = &directory.live().snapshot().inventory.publishers;
        let unmeasured: BTreeSet<&str> = publishers
            .iter()
            .chain(directory.removed::<Publisher>())
            .filter(|publisher| publisher.measurement != Measurement::Full)
            .map(|publisher| publisher.id.as_str())
            .collect();
        // Cheap clone: quarters are reference-counted, so the ledger continues while they are read.
        let views = self.ledger.views();
        let mut cells: BTreeMap<(Box<str>, Box<str>, i64), HourlyCounts> = BTreeMap::new();
        for (at, quarter) in views.range(from * QUARTERS..i64::MAX) {
            let hour = at.div_euclid(QUARTERS);
            for (key, tally) in &quarter.events {
                let (publisher, campaign) =
                    (&key.attribution.page.publisher, &key.attribution.campaign);
                let viewable = (!unmeasured.contains(&**publisher)).then_some(0);
                let cell =
                    cells.entry((publisher.clone(), campaign.clone(), hour)).or_insert_with(|| {
                        let (publisher, campaign) = (publisher.clone(), campaign.clone());
                        HourlyCounts {
                            publisher,
                            campaign,
                            hour,
                            impressions: 0,
                            viewable,
                            clicks: 0,
                        }
                    });
                match key.kind {
                    EventKind::Impression => cell.impressions += tally.counted,
                    EventKind::Click => cell.clicks += tally.counted,
                    EventKind::Viewable => {
                        cell.viewable = cell.viewable.map(|viewable| viewable + tally.counted);
                    }
                    EventKind::Copy => {}
                }
            }
        }
        cells.into_values().collect()
    }
}
