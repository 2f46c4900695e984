//! Properties of reports, on generated histories.

use super::*;
use crate::domain::attribution::PageKey;
use crate::domain::event::{EventKind, InvalidReason, NoFill, Pricing, Tier};
use crate::domain::money::Micros;
use crate::domain::targeting::PageFacts;
use crate::ledger::apply::apply;
use crate::ledger::record::{Credit, DecisionKey, Event, OpportunityCount, RecordId, Refund};
use crate::ledger::{Record, State, audit};
use proptest::prelude::*;
use std::sync::Arc;

/// 50 hours around the end of Berlin's summer time, 2026-10-25T01:00Z.
const START_MS: i64 = 1_792_828_800_000;
const SPAN_MS: i64 = 180_000_000;

prop_compose! {
    fn attribution()(
        advertiser in prop::sample::select(vec!["acme", "bolt"]), second in any::<bool>(),
        campaign in 0..2, creative in 0..2, variant in 0u8..2,
        publisher in prop::sample::select(vec!["news", "blog"]), placement in 0..2,
        topic in prop::sample::select(vec!["ai", "unknown"]), region in prop::sample::select(vec!["DE", "unknown"]),
        tier in prop::sample::select(Tier::ALL), context in 0u8..12,
        custom in prop::sample::select(vec!["", "paywall=free", "paywall=metered;section=a", "section=a"]),
    ) -> Arc<AttributionKey> {
        let named = |what: &str, n: i32| -> Box<str> { format!("{advertiser}-{what}-{n}").into() };
        Arc::new(AttributionKey {
            advertiser: advertiser.into(),
            currency: if second { "USD" } else { "EUR" }.parse().unwrap(),
            campaign: named("campaign", campaign),
            flight: named("flight", campaign),
            creative: named("creative", creative),
            variant,
            page: PageKey {
                publisher: publisher.into(),
                placement: format!("{publisher}-{placement}").into(),
                topic: topic.into(),
                region: region.into(),
                facts: PageFacts::unpack(context).unwrap(),
                custom: custom.into(),
                ..PageKey::default()
            },
            tier,
        })
    }
}

prop_compose! {
    fn event()(
        kind in prop::sample::select(EventKind::ALL), seq in 0u64..40, cta in 0u8..2,
        decided in 0..SPAN_MS, later in 0i64..9_000_000, of in attribution(),
        invalid_reason in prop::option::weighted(0.2, prop::sample::select(InvalidReason::ALL)),
        price in 0i64..5_000,
    ) -> Event {
        Event {
            kind,
            cta: (kind == EventKind::Click).then(|| (cta, format!("cta-{cta}").into())),
            at_ms: START_MS + decided + later,
            decision_key: DecisionKey { incarnation: 1, partition: 3, seq },
            decision: u128::from(seq),
            decided_at_ms: START_MS + decided,
            day: i32::try_from((START_MS + decided) / 86_400_000).unwrap(),
            attribution: of,
            pricing: Pricing::Cpm,
            price: Micros::try_from(price).unwrap(),
            invalid_reason,
        }
    }
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let slot = prop_oneof![
        attribution().prop_map(Ok),
        attribution().prop_map(|of| {
            let page = of.page.clone();
            Err(Arc::new(UnfilledSlot { page, reason: NoFill::NoCandidate }))
        }),
    ];
    let asked = (slot, 0..SPAN_MS, 1u64..50).prop_map(|(slot, at, count)| OpportunityCount {
        decided_at_ms: START_MS + at,
        slot,
        count,
    });
    let one = prop_oneof![
        8 => event().prop_map(|event| vec![Record::Event(Arc::new(event))]),
        2 => (event(), any::<u128>()).prop_map(|(event, id)| {
            let event = Arc::new(Event { invalid_reason: None, ..event });
            let micros = event.price;
            let (by, note) = ("".into(), "".into());
            let credit = Credit { id, at_ms: event.at_ms, event: event.clone(), micros, by, note };
            vec![Record::Event(event), Record::Credit(Box::new(credit))]
        }),
        1 => (attribution(), any::<u128>(), 0..SPAN_MS, 1i64..3_000).prop_map(|(of, id, at, micros)| {
            let day_starts_ms = START_MS + at;
            vec![Record::Refund(Box::new(Refund {
                id,
                at_ms: day_starts_ms,
                day: i32::try_from(day_starts_ms / 86_400_000).unwrap(),
                day_starts_ms,
                attribution: of,
                micros: Micros::try_from(micros).unwrap(),
                by: "".into(),
                note: "".into(),
            }))]
        }),
        2 => prop::collection::vec(asked, 1..4).prop_map(|rows| vec![Record::Opportunities(rows)]),
    ];
    prop::collection::vec(one, 0..60).prop_map(|lists| lists.concat())
}

fn queries() -> impl Strategy<Value = Query> {
    let party = prop_oneof![
        Just(Party::Advertiser("acme".into())),
        Just(Party::Publisher {
            id: "news".into(),
            shares: vec![RevenueShare { from: "2026-10-24".parse().unwrap(), bp: 6_999 }],
        }),
    ];
    let zone = prop::sample::select(vec!["UTC", "Europe/Berlin", "Asia/Kathmandu"]);
    let filter = prop::option::weighted(
        0.3,
        prop_oneof![
            Just((Breakdown::from(Dimension::Campaign), "acme-campaign-1".to_owned())),
            Just(("custom:paywall".parse().unwrap(), "free".to_owned())),
            Just(("custom:section".parse().unwrap(), "none".to_owned())),
        ],
    );
    (party, zone, filter, 0i64..200, 1i64..200).prop_map(|(party, zone, filter, from, length)| {
        let from_ms = START_MS + from * QUARTER_MS;
        Query {
            party,
            from_ms,
            to_ms: from_ms + length * QUARTER_MS,
            by: Vec::new(),
            zone: zone.to_owned().try_into().unwrap(),
            filters: filter.into_iter().collect(),
            page: Page::ALL,
        }
    })
}

/// The figures of a row that must add up.
fn sums(figures: &Figures) -> Vec<i64> {
    let of = |figure: &Figure| [figure.gross, figure.invalid, figure.net];
    let kinds = [&figures.impressions, &figures.viewable, &figures.clicks, &figures.copies];
    let mut counts: Vec<u64> = kinds.into_iter().flat_map(of).collect();
    let empty = figures.no_fill.values().sum();
    assert_eq!(figures.requests, figures.filled + empty);
    counts.extend([figures.requests, figures.filled, empty, figures.pending]);
    counts.extend(
        InvalidReason::ALL.iter().map(|reason| figures.refused.get(reason).copied().unwrap_or(0)),
    );
    let mut sums: Vec<i64> = counts.into_iter().map(|n| i64::try_from(n).unwrap()).collect();
    sums.extend([
        figures.spend_micros,
        figures.returned_micros,
        figures.revenue_micros.unwrap_or(0),
    ]);
    sums
}

fn added(rows: &[Row]) -> BTreeMap<Currency, Vec<i64>> {
    let mut all: BTreeMap<Currency, Vec<i64>> = BTreeMap::new();
    for row in rows {
        let own = sums(&row.figures);
        let sum = all.entry(row.currency).or_insert_with(|| vec![0; own.len()]);
        sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
    }
    all
}

fn state_of(records: &[Record]) -> State {
    let mut state = State::default();
    for record in records {
        apply(state.partition_mut(0), RecordId { incarnation: 0, lsn: 0 }, record, true);
    }
    state
}

fn dimensions() -> impl Strategy<Value = Vec<Breakdown>> {
    let custom = ["custom:paywall", "custom:section"].map(|by| by.parse().unwrap());
    let all = Dimension::ALL.iter().copied().map(Breakdown::from).chain(custom);
    prop::sample::subsequence(all.collect::<Vec<_>>(), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn packing_rows_at_any_moment_changes_no_report_and_no_later_state(
        before in records(), after in records(), at in prop::collection::vec(0..SPAN_MS, 1..4),
        query in queries(), by in dimensions(),
    ) {
        let query = Query { by, ..query };
        let mut plain = state_of(&before);
        let mut packed = plain.clone();
        for at in at {
            packed.partition_mut(0).views.pack(START_MS + at);
            prop_assert_eq!(&packed, &plain);
            prop_assert_eq!(report(&packed.views(), &query), report(&plain.views(), &query));
        }
        for record in &after {
            let id = RecordId { incarnation: 0, lsn: 0 };
            let outcomes = [&mut plain, &mut packed]
                .map(|state| apply(state.partition_mut(0), id, record, true));
            prop_assert_eq!(&outcomes[0], &outcomes[1]);
        }
        prop_assert_eq!(&packed, &plain);
        prop_assert_eq!(report(&packed.views(), &query), report(&plain.views(), &query));
        // The stored form is the same, and so is what is read from it.
        let [stored, other] = [&plain, &packed].map(|state| postcard::to_stdvec(state).unwrap());
        prop_assert_eq!(&stored, &other);
        let read: State = postcard::from_bytes(&stored).unwrap();
        prop_assert!(audit::compare(&read, &plain).is_empty());
    }

    #[test]
    fn the_pages_of_a_report_have_every_row_once_and_the_same_totals(
        records in records(), query in queries(), by in dimensions(), limit in 1usize..20,
    ) {
        let views = state_of(&records).views();
        let mut query = Query { by, ..query };
        let whole = report(&views, &query);
        let mut rows = Vec::new();
        loop {
            query.page.limit = limit;
            let page = report(&views, &query);
            prop_assert!(page.rows.len() <= limit);
            prop_assert_eq!(&page.totals, &whole.totals);
            rows.extend(page.rows);
            match page.more_after {
                None => break,
                more => query.page.after = more,
            }
        }
        prop_assert_eq!(rows, whole.rows);
    }
}

proptest! {
    #[test]
    fn every_breakdown_adds_up_to_the_same_total_before_and_after_a_checkpoint(
        records in records(), query in queries(),
        by in prop::collection::vec(dimensions(), 3),
    ) {
        let state = state_of(&records);
        let encoded = postcard::to_stdvec(&state).unwrap();
        let decoded: State = postcard::from_bytes(&encoded).unwrap();
        prop_assert_eq!(&decoded, &state);

        let total = report(&state.views(), &query).totals;
        for by in by {
            let broken_down = Query { by, ..query.clone() };
            let Report { rows, totals: same, .. } = report(&decoded.views(), &broken_down);
            prop_assert_eq!(&same, &total);
            prop_assert_eq!(added(&rows), added(&total), "{:?}", broken_down.by);
            // No row consists only of tests or duplicates.
            prop_assert!(rows.iter().all(|row| sums(&row.figures).iter().any(|sum| *sum != 0)));
        }
    }

    #[test]
    fn the_spend_of_an_advertiser_equals_the_bills_of_its_campaigns(records in records()) {
        let state = state_of(&records);
        let query = Query {
            party: Party::Advertiser("acme".into()),
            from_ms: 0,
            to_ms: i64::MAX / 2,
            by: vec![Dimension::Topic.into()],
            zone: Zone::utc(),
            filters: Vec::new(),
            page: Page::ALL,
        };
        let rows = report(&state.views(), &query).rows;
        let reported: i64 = rows.iter().map(|row| row.figures.spend_micros).sum();
        let own = state.accounts().into_iter().filter(|(campaign, _)| campaign.starts_with("acme"));
        prop_assert_eq!(reported, own.map(|(_, account)| account.spent.get()).sum::<i64>());
    }
}

#[test]
fn the_repeated_hour_at_the_end_of_summer_time_is_two_rows() {
    let zone: Zone = "Europe/Berlin".to_owned().try_into().unwrap();
    let query = Query {
        party: Party::Advertiser("acme".into()),
        from_ms: 0,
        to_ms: 0,
        by: vec![Dimension::Hour.into()],
        zone,
        filters: Vec::new(),
        page: Page::ALL,
    };
    let hour = |text: &str| {
        let at: jiff::Timestamp = text.parse().unwrap();
        Times::of(at.as_millisecond() / QUARTER_MS, &query).hour
    };
    assert_eq!(hour("2026-10-25T00:15:00Z"), "2026-10-25T02:00+02:00");
    assert_eq!(hour("2026-10-25T01:15:00Z"), "2026-10-25T02:00+01:00");
}
