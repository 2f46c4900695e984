use super::*;
use crate::catalog::synth;
use crate::domain::weights::{Fairness, Weights};
use crate::selection::compile::compile;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg32;

/// The share that an advertiser ends a day with, if it wins `natural` of the slots while it may. `slots` are spread
/// evenly; counts arrive a second late.
fn day(bound: f64, natural: f64, slots: u64, seed: u64) -> (f64, u64) {
    let mut dice = Pcg32::seed_from_u64(seed);
    let (mut counted, mut taken, mut refused_early) = ((0, 0), 0, 0);
    for slot in 0..slots {
        let second = slot * 86_400 / slots;
        if second > slot.saturating_sub(1) * 86_400 / slots {
            counted = (taken, slot);
        }
        let is_closed = is_over(bound, counted, second as f64 / 86_400.0);
        refused_early += u64::from(is_closed && slot < 6);
        taken += u64::from(!is_closed && dice.random_bool(natural));
    }
    (taken as f64 / slots as f64, refused_early)
}

#[test]
fn an_advertiser_that_wins_too_much_ends_the_day_within_a_point_of_its_bound() {
    for seed in 0..20 {
        for (bound, natural) in [(0.4, 0.9), (0.4, 1.0), (0.1, 0.5), (0.75, 0.8)] {
            for slots in [1_000, 20_000, 300_000] {
                let (share, early) = day(bound, natural, slots, seed);
                assert!(share <= bound + 0.01, "{share} of {bound}, {slots} slots");
                assert!(share >= bound - 0.01, "{share} of {bound}, {slots} slots");
                assert!(bound < 0.4 || early == 0, "{early} of the first slots refused");
            }
        }
    }
}

#[test]
fn an_advertiser_below_its_bound_is_hardly_ever_refused() {
    for seed in 0..20 {
        let share = day(0.4, 0.35, 20_000, seed).0;
        assert!((share - 0.35).abs() < 0.012, "{share}");
    }
}

proptest! {
    #[test]
    fn an_advertiser_at_or_below_the_bound_is_never_refused(bound in 0.01f64..1.0, slots in 0u64..1_000_000, done in 0f64..1.0) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "less than a million")]
        let taken = (bound * slots as f64).floor() as u64;
        prop_assert!(!is_over(bound, (taken, slots), done));
    }
}

#[test]
fn only_topics_with_a_bound_are_closed_and_a_new_day_begins_with_nothing() {
    let fairness = Fairness {
        max_share_percent: Some(40.0),
        topics: [("topic-2".to_owned(), 100.0), ("topic-3".to_owned(), 80.0)].into(),
    };
    let weights = Weights { fairness: Some(fairness), ..Weights::default() };
    let labels = toml::from_str(crate::catalog::files::LABELS.1).unwrap();
    let snapshot = compile(synth::inventory(20, 5), &weights, &labels);
    let advertiser = snapshot.inventory.advertisers[1].id.as_str();
    let mut topics = ByTopic::default();
    for topic in ["topic-1", "topic-2", "topic-3", "topic-4", "other", "unknown"] {
        let taken = if topic == "topic-4" { 400 } else { 700 };
        add(&mut topics, topic, Some(advertiser), taken);
        add(&mut topics, topic, Some("removed"), 0);
        add(&mut topics, topic, None, 1_000 - taken);
    }
    let now_ms = 20_000 * DAY_MS + DAY_MS / 2;
    let shares = TopicShares::default();
    shares.replace(topics, now_ms);
    let topic = snapshot.taxonomy.of_text("topic-1").unwrap();
    assert_eq!(shares.closed(&snapshot, now_ms), [(1, topic.0)]);
    assert_eq!(shares.closed(&snapshot, now_ms + DAY_MS), []);
    let mut yesterday = ByTopic::default();
    add(&mut yesterday, "topic-1", None, 5);
    shares.replace(yesterday, now_ms);
    shares.each(now_ms + DAY_MS, |topic, _| panic!("{topic} is of yesterday"));
}
