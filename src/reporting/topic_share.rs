//! Which part of each topic's slots today each advertiser has, beside the bounds of the weights.

use crate::reporting::Reporting;
use crate::selection::snapshot::Snapshot;
use crate::world::live::Live;
use crate::world::topic_shares;
use crate::world::topic_shares::{ByTopic, TopicSlots};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

/// The most topics of a report, those with the most slots first, and the most advertisers of each.
const MAX_TOPICS: usize = 200;
const MAX_ADVERTISERS: usize = 10;

/// The parts that advertisers have of the topics' slots today.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct TopicSharesReport {
    /// The day, in UTC.
    #[schemars(with = "String")]
    pub(crate) day: Date,
    /// The topics with the most slots.
    pub(crate) topics: Vec<TopicShare>,
    /// How many more topics have slots.
    pub(crate) omitted: usize,
}

/// The slots of a topic today.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct TopicShare {
    /// Topic id: the topic that the winner matched, else the first of the page.
    pub(crate) topic: String,
    /// All its slots, filled or not.
    pub(crate) slots: u64,
    /// The most that one advertiser may have; absent without a bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_share_percent: Option<f64>,
    /// The advertisers with the most of them. House units are in none.
    pub(crate) advertisers: Vec<AdvertiserShare>,
}

/// The slots of a topic that an advertiser has.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct AdvertiserShare {
    /// Advertiser id.
    pub(crate) advertiser: String,
    /// Its units.
    pub(crate) slots: u64,
    /// In per cent of all slots of the topic.
    pub(crate) share_percent: f64,
    /// Whether this instance gives it no more of them for now.
    pub(crate) closed: bool,
}

impl Reporting {
    /// The shares of today, of all instances. Reads rows: do not call on a request thread.
    pub(crate) fn topic_shares(&self) -> TopicSharesReport {
        let (live, now_ms) = (self.world.live(), self.clock.now_ms());
        let closed = live.world.state.closed.clone();
        let topics = topic_shares::read(&self.views(), now_ms);
        let is_closed = |advertiser: &str, topic: &str| {
            let snapshot = live.snapshot();
            let list = &snapshot.inventory.advertisers;
            let place = list.binary_search_by(|one| one.id.as_str().cmp(advertiser)).ok();
            let pair =
                place.and_then(|at| u32::try_from(at).ok()).zip(snapshot.taxonomy.of_text(topic));
            pair.is_some_and(|(advertiser, topic)| closed.contains(&(advertiser, topic.0)))
        };
        report(live.snapshot(), &topics, is_closed, now_ms)
    }
}

/// The most topics with a series of their own.
const SERIES: usize = 20;

impl Reporting {
    /// Sets the metrics of what this instance counted today.
    pub(super) fn set_topic_shares(&self, live: &Live, now_ms: i64) {
        let mut bounded: Vec<(u64, String, f64)> = Vec::new();
        if let Some(fairness) = &live.snapshot().fairness {
            self.topic_shares.each(now_ms, |topic, slots| {
                let is_known = live.snapshot().taxonomy.of_text(topic).is_some();
                if is_known && fairness.bound(topic).is_some() {
                    bounded.push((slots.slots, topic.to_owned(), slots.largest()));
                }
            });
        }
        bounded.sort_by(|a, b| (b.0, &a.1).cmp(&(a.0, &b.1)));
        let shares = bounded.iter().map(|(_, topic, share)| (&**topic, *share));
        self.metrics.set_topic_shares(shares, SERIES);
        let state = &live.world.state;
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.topics_closed.set(gauge(state.closed.len()));
        self.metrics.rotation_rows.set(gauge(state.rotations.rows().len()));
    }
}

fn report(
    snapshot: &Snapshot,
    topics: &ByTopic,
    is_closed: impl Fn(&str, &str) -> bool,
    now_ms: i64,
) -> TopicSharesReport {
    let now = Timestamp::from_millisecond(now_ms).unwrap_or_default();
    let mut most: Vec<(&str, &TopicSlots)> =
        topics.iter().map(|(topic, slots)| (&**topic, slots)).collect();
    most.sort_by(|a, b| (b.1.slots, a.0).cmp(&(a.1.slots, b.0)));
    let omitted = most.len().saturating_sub(MAX_TOPICS);
    most.truncate(MAX_TOPICS);
    let of_topic = |(topic, of): (&str, &TopicSlots)| {
        let mut taken: Vec<(&str, u64)> = of.taken.iter().map(|(id, n)| (&**id, *n)).collect();
        taken.sort_by(|a, b| (b.1, a.0).cmp(&(a.1, b.0)));
        taken.truncate(MAX_ADVERTISERS);
        let of_advertiser = |(id, slots): (&str, u64)| AdvertiserShare {
            advertiser: id.to_owned(),
            slots,
            share_percent: 100.0 * slots as f64 / of.slots.max(1) as f64,
            closed: is_closed(id, topic),
        };
        let bound = snapshot.fairness.as_ref().and_then(|fairness| fairness.bound(topic));
        TopicShare {
            topic: topic.to_owned(),
            slots: of.slots,
            max_share_percent: bound.map(|bound| bound * 100.0),
            advertisers: taken.into_iter().map(of_advertiser).collect(),
        }
    };
    TopicSharesReport {
        day: now.to_zoned(TimeZone::UTC).date(),
        topics: most.into_iter().map(of_topic).collect(),
        omitted,
    }
}
