use super::*;
use crate::catalog::files;
use crate::domain::attribution::{AttributionKey, PageKey};
use crate::domain::event::{Tier, Verdict};
use crate::domain::money::Micros;
use crate::domain::weights::Weights;
use crate::ledger::views::{RowKey, Tally};
use crate::selection::compile::compile;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

const NOW_MS: i64 = 20_700 * 86_400_000 + 43_200_000;

/// A snapshot of flights with this many creatives each, and topics `t-N` in groups of three.
fn snapshot(flights: usize, creatives: usize, rotation: &str) -> Snapshot {
    let mut text = String::from(
        "[[categories]]\nid = \"all\"\nname = \"All\"\n[[advertisers]]\nid = \"a\"\nname = \"A\"\n\
         domains = [\"a.example\"]\ncurrency = \"EUR\"\n[[campaigns]]\nid = \"c\"\nadvertiser = \"a\"\n\
         name = \"C\"\npolitical = false\ncategories = [\"all\"]\n",
    );
    for topic in 0..12 {
        let _ = write!(text, "[[topics]]\nid = \"t-{topic}\"\nname = \"Topic {topic}\"\n");
        if topic % 3 > 0 {
            let _ = writeln!(text, "parent = \"t-{}\"", topic / 3 * 3);
        }
    }
    for flight in 0..flights {
        let _ = write!(
            text,
            "[[flights]]\nid = \"f-{flight}\"\ncampaign = \"c\"\ntier = \"standard\"\npricing = \"flat\"\n\
             rotation = \"{rotation}\"\n"
        );
        for number in 0..creatives {
            let _ = write!(
                text,
                "[[creatives]]\nid = \"k-{flight}-{number}\"\nflight = \"f-{flight}\"\nstyles = [\"card\"]\n\
                 language = \"en\"\nheadline = \"H\"\n\
                 ctas = [{{ id = \"primary\", text = \"Go\", url = \"https://a.example/\" }}]\n"
            );
        }
    }
    let parsed = files::parse(&[("learner.toml".to_owned(), text)]);
    let inventory = parsed.unwrap_or_else(|problems| panic!("{}", problems[0].reason));
    let labels = toml::from_str(files::LABELS.1).unwrap();
    compile(inventory, &Weights::default(), &labels)
}

/// Rows of one quarter of an hour: creative, topic, impressions and clicks.
fn quarter<'a>(rows: impl Iterator<Item = (&'a str, &'a str, u64, u64)>) -> Quarter {
    let mut quarter = Quarter::default();
    for (creative, topic, impressions, clicks) in rows {
        let attribution = Arc::new(AttributionKey {
            advertiser: "a".into(),
            currency: "EUR".parse().unwrap(),
            campaign: "c".into(),
            flight: "f-0".into(),
            creative: creative.into(),
            variant: 0,
            page: PageKey { topic: topic.into(), ..PageKey::default() },
            tier: Tier::Standard,
        });
        for (kind, counted) in [(EventKind::Impression, impressions), (EventKind::Click, clicks)] {
            let mut tally = Tally { received: counted + 3, ..Tally::default() };
            (0..counted).for_each(|_| tally.add(Verdict::Counted, Micros::ZERO));
            tally.add(Verdict::Duplicate, Micros::ZERO);
            tally.add(Verdict::Pending, Micros::ZERO);
            tally.add(Verdict::Invalid(crate::domain::event::InvalidReason::Bot), Micros::ZERO);
            let key = RowKey { attribution: attribution.clone(), cta: None, kind };
            quarter.events.insert(key, tally);
        }
    }
    quarter
}

/// A learner that has read these rows of today.
fn learned(rows: &[(&str, &str, u64, u64)]) -> RotationLearner {
    let mut learner = RotationLearner::default();
    learner.all.add_rows(&quarter(rows.iter().copied()), 1.0);
    learner
}

fn scopes(table: &Rotations) -> Vec<Scope> {
    table.rows().iter().map(|row| row.scope).collect()
}

#[test]
fn only_what_counted_is_learned() {
    let counts = learned(&[("k-0-0", "t-1", 50, 2)]).all;
    assert_eq!(counts.0["k-0-0"]["t-1"], Counts { impressions: 50.0, clicks: 2.0 });
    let none = learned(&[("k-0-0", "t-1", 0, 0)]).all;
    assert!(none.0.is_empty(), "duplicates, pending and invalid events make no cell");
}

#[test]
fn there_are_rows_for_topics_and_groups_with_impressions_and_for_the_flight() {
    let snapshot = snapshot(2, 2, "optimise");
    let topic = |id: &str| snapshot.taxonomy.of_text(id).unwrap().0;
    let learner = learned(&[
        ("k-0-0", "t-1", 100, 1),
        ("k-0-1", "t-1", 100, 0),
        ("k-0-1", "t-4", 5, 0),
        ("k-0-0", "other", 60, 0),
    ]);
    let table = learner.table(&snapshot, NOW_MS);
    let expected = [Scope::Flight, Scope::Group(topic("t-0")), Scope::Topic(topic("t-1"))];
    assert_eq!(scopes(&table), expected);
    let place = table.rows()[0].place;
    let find = |id: &str| table.find(place, snapshot.taxonomy.of_text(id), &snapshot.taxonomy);
    assert_eq!(find("t-1").unwrap().scope, expected[2]);
    assert_eq!(find("t-2").unwrap().scope, expected[1], "of the same group");
    assert_eq!(find("t-9").unwrap().scope, Scope::Flight);
    assert_eq!(table.find(1 - place, None, &snapshot.taxonomy), None, "the other flight");
}

#[test]
fn flights_with_one_creative_or_another_rotation_have_no_rows() {
    let learner = learned(&[("k-0-0", "t-1", 1_000, 9)]);
    for (creatives, rotation) in [(1, "optimise"), (2, "even"), (2, "weights")] {
        let table = learner.table(&snapshot(1, creatives, rotation), NOW_MS);
        assert!(table.rows().is_empty(), "{creatives} {rotation}");
    }
    let empty = RotationLearner::default().table(&snapshot(1, 2, "optimise"), NOW_MS);
    assert!(empty.rows().is_empty(), "nothing was shown yet");
}

#[test]
fn more_clicks_than_impressions_and_removed_creatives_are_survived() {
    let rows = [("k-0-0", "t-1", 3, 90), ("k-0-1", "t-1", 40, 0), ("removed", "t-1", 9_000, 900)];
    let table = learned(&rows).table(&snapshot(1, 2, "optimise"), NOW_MS);
    assert!(table.rows().iter().all(|row| row.parts.iter().all(|part| *part > 0)));
    assert_eq!(table.rows()[0].parts.len(), 2);
}

#[test]
fn the_table_changes_with_its_counts_and_once_an_hour_and_not_otherwise() {
    let snapshot = snapshot(1, 3, "optimise");
    let rows = |clicks| {
        [("k-0-0", "t-1", 400, clicks), ("k-0-1", "t-1", 400, 2), ("k-0-2", "t-1", 400, 2)]
    };
    let learner = learned(&rows(3));
    let table = learner.table(&snapshot, NOW_MS);
    let offset = i64::try_from(snapshot.flights[0].stable_id % 3_600_000).unwrap();
    let begin = NOW_MS - (NOW_MS + offset).rem_euclid(3_600_000);
    let at = |ms: i64| learner.table(&snapshot, ms);
    assert_eq!(at(begin), at(begin + 3_599_999));
    assert_ne!(at(begin), at(begin + 3_600_000));
    assert_eq!(table, at(NOW_MS));
    assert_ne!(learned(&rows(30)).table(&snapshot, NOW_MS), table);
}

/// How long it takes to read a day's rows of ten thousand flights and to make their table. `cargo nextest run
/// --release --run-ignored only`.
#[test]
#[ignore = "measures"]
#[expect(clippy::print_stdout, reason = "prints the figures")]
fn ten_thousand_flights_with_three_creatives_on_four_topics() {
    let snapshot = snapshot(10_000, 3, "optimise");
    let topics = ["t-1", "t-2", "t-4", "t-5"];
    let ids: Vec<String> = (0..30_000).map(|at| format!("k-{}-{}", at / 3, at % 3)).collect();
    let rows = ids.iter().flat_map(|id| topics.map(|topic| (id.as_str(), topic, 50, 1)));
    let quarter = quarter(rows);
    let mut learner = RotationLearner::default();
    let started = Instant::now();
    for _ in 0..4 {
        learner.all.add_rows(&quarter, 1.0);
    }
    println!("{} rows read in {:?}", 4 * quarter.events.len(), started.elapsed());
    let started = Instant::now();
    let table = learner.table(&snapshot, NOW_MS);
    println!("{} rows made in {:?}", table.rows().len(), started.elapsed());
    let bytes = postcard::to_stdvec(
        &table
            .rows()
            .iter()
            .map(|row| (row.place, row.scope.number(), row.parts.to_vec()))
            .collect::<Vec<_>>(),
    );
    println!("{} bytes in the decision log", bytes.unwrap().len());
    let started = Instant::now();
    let next = learner.table(&snapshot, NOW_MS + 300_000);
    let (set, _) = table.difference(&next);
    println!("five minutes later {} of them changed, {:?}", set.len(), started.elapsed());
}
