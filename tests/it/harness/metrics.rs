//! A parsed scrape of the metrics endpoint.

use std::collections::BTreeMap;

/// Values by series.
#[derive(Clone, Debug, PartialEq)]
pub struct Scrape(pub BTreeMap<String, f64>);

impl Scrape {
    pub fn parse(text: &str) -> Scrape {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let series = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        Scrape(series.collect())
    }

    /// The value of a series in the notation of the text format; the series must exist.
    pub fn value(&self, series: &str) -> f64 {
        let related =
            || self.0.keys().filter(|name| name.starts_with(family(series))).collect::<Vec<_>>();
        *self.0.get(series).unwrap_or_else(|| {
            panic!("no series {series}; series of this metric: {:#?}", related())
        })
    }

    /// The value of a series as a whole number.
    pub fn count(&self, series: &str) -> u64 {
        let value = self.value(series);
        whole(value).unwrap_or_else(|| panic!("{series} is not a whole number: {value}"))
    }

    /// Events of a kind with a verdict.
    pub fn events(&self, kind: &str, verdict: &str) -> u64 {
        self.count(&format!("adjacent_events_total{{kind=\"{kind}\",verdict=\"{verdict}\"}}"))
    }

    /// Events of a kind that are invalid for a reason.
    pub fn invalid(&self, kind: &str, reason: &str) -> u64 {
        self.count(&format!("adjacent_invalid_events_total{{kind=\"{kind}\",reason=\"{reason}\"}}"))
    }

    /// Spend of the reference campaign, in micros.
    pub fn spent(&self) -> u64 {
        self.count("adjacent_spend_micros_total{campaign=\"zahid-launch\",currency=\"EUR\"}")
    }

    /// Asserts for each kind of event that received = counted + duplicate + invalid + pending and
    /// that every invalid event has a reason. Credited events are left out of the reasons: they were
    /// counted first.
    pub fn assert_every_event_is_accounted_for(&self) {
        for kind in ["impression", "viewable", "click", "copy", "unknown"] {
            let received =
                self.count(&format!("adjacent_events_received_total{{kind=\"{kind}\"}}"));
            let verdicts = ["counted", "duplicate", "invalid", "pending"];
            let with_verdict: u64 = verdicts.iter().map(|verdict| self.events(kind, verdict)).sum();
            // An event that became pending again also has its first verdict.
            let again = |from: &&str| {
                let labels = format!("from=\"{from}\",kind=\"{kind}\",to=\"pending\"");
                self.count(&format!("adjacent_verdict_changes_total{{{labels}}}"))
            };
            let again: u64 = verdicts.iter().map(again).sum();
            assert_eq!(received + again, with_verdict, "{kind}: {self:#?}");
            let prefix = format!("adjacent_invalid_events_total{{kind=\"{kind}\"");
            let credited = "reason=\"credited\"";
            let is_reason = |name: &str| name.starts_with(&prefix) && !name.contains(credited);
            let reasons = self.0.iter().filter(|(name, _)| is_reason(name));
            let reasons: f64 = reasons.map(|(_, count)| count).sum();
            assert_eq!(whole(reasons), Some(self.events(kind, "invalid")), "{kind}");
        }
    }
}

fn family(series: &str) -> &str {
    series.split('{').next().unwrap_or(series)
}

/// Converts a whole number; `None` for a fraction or a negative number.
fn whole(value: f64) -> Option<u64> {
    format!("{value:.0}").parse().ok().filter(|_| value.fract() == 0.0)
}
