//! Leases, and what an outage leaves of them.

use super::*;

const REACHABLE: LeaseTerms = LeaseTerms {
    incarnation: 1,
    instances: 4,
    index: 0,
    store: StoreStatus::Reachable,
    silence_ms: 0,
    lease_left_ms: 0,
    allowance_percent: 5,
};
/// After so long that everything is released.
const UNREACHABLE: LeaseTerms =
    LeaseTerms { store: StoreStatus::Unreachable, silence_ms: i64::MAX / 2, ..REACHABLE };
const EXPIRED: LeaseTerms = LeaseTerms { store: StoreStatus::LeaseExpired, ..UNREACHABLE };

/// The terms after a silence, with leases of 30 seconds.
fn after(silence_ms: i64) -> LeaseTerms {
    let store = match silence_ms {
        ..3_000 => StoreStatus::Reachable,
        3_000..30_000 => StoreStatus::Unreachable,
        _ => StoreStatus::LeaseExpired,
    };
    LeaseTerms { store, silence_ms, lease_left_ms: 30_000 - silence_ms, ..REACHABLE }
}

fn micros(amount: i64) -> Micros {
    Micros::try_from(amount).unwrap()
}

fn budget(reserved: i64, remaining: i64, limit: i64) -> BudgetView {
    BudgetView { reserved: micros(reserved), remaining: micros(remaining), limit: micros(limit) }
}

#[test]
fn a_lease_grows_in_slices_on_demand_and_is_released_near_the_end() {
    let mut lease = CampaignLease::default();
    let all = budget(0, 100_000, 100_000);
    assert_eq!(lease.lease_request(&REACHABLE, &all, 0), None, "no demand");
    lease.note_demand(micros(10), 0);
    assert_eq!(lease.funding_source(&REACHABLE, micros(10), &all, 0), None);
    assert_eq!(lease.lease_request(&REACHABLE, &all, 0), Some(micros(1_000)));
    assert_eq!(lease.lease_request(&REACHABLE, &all, 0), None, "a request is pending");
    lease.set_lease(1, micros(1_000));
    assert_eq!(lease.funding_source(&REACHABLE, micros(10), &all, 0), Some(FundingSource::Lease));
    assert_eq!(
        lease.lease_request(&REACHABLE, &budget(600, 100_000, 100_000), 0),
        Some(micros(1_600))
    );
    lease.set_lease(1, micros(1_000));
    assert_eq!(
        lease.lease_request(&REACHABLE, &budget(0, 50_000, 100_000), 6_000),
        None,
        "plenty is left"
    );

    lease.set_lease(2, micros(8_000));
    let scarce = budget(200, 9_500, 100_000);
    assert_eq!(lease.lease_request(&REACHABLE, &scarce, 6_000), Some(micros(200)));
    assert_eq!(
        lease.funding_source(&REACHABLE, micros(10), &scarce, 6_001),
        None,
        "the reduction is pending"
    );
}

#[test]
fn a_slice_is_at_least_one_price_and_never_more_than_is_free() {
    let mut lease = CampaignLease::default();
    lease.note_demand(micros(10), 0);
    assert_eq!(lease.lease_request(&REACHABLE, &budget(0, 30, 50), 0), Some(micros(10)));
    lease.set_lease(1, micros(10));
    lease.set_lease(2, micros(10));
    assert_eq!(
        lease.lease_request(&REACHABLE, &budget(10, 29, 50), 0),
        None,
        "9 is less than one price"
    );
}

#[test]
fn an_outage_spends_the_lease_then_the_allowance_once_then_nothing_more() {
    let mut lease = CampaignLease::default();
    let at = |reserved| budget(reserved, 100_000, 100_000);
    lease.set_lease(1, micros(100));
    let reserve = |lease: &mut CampaignLease, terms: &LeaseTerms, reserved: i64, now_ms: i64| {
        let source = lease.funding_source(terms, micros(100), &at(reserved), now_ms)?;
        lease.note_reservation(source, terms, micros(100), &at(reserved), now_ms);
        Some(source)
    };
    assert_eq!(reserve(&mut lease, &REACHABLE, 0, 0), Some(FundingSource::Lease));
    lease.note_demand(micros(100), 0);
    // 15 minutes at this rate are 1,500; 5 % pay 50, of which the first of four instances has 13.
    for (step, terms) in (0..13).zip([UNREACHABLE, EXPIRED].iter().cycle()) {
        assert_eq!(
            reserve(&mut lease, terms, 100 + step * 100, 1_000),
            Some(FundingSource::Allowance)
        );
    }
    assert_eq!(reserve(&mut lease, &UNREACHABLE, 1_400, 1_000), None);
    assert_eq!(lease.available(&UNREACHABLE, &at(1_400), 1_000), Micros::ZERO);
    // Expired reservations do not restore the allowance; the end of the outage does.
    assert_eq!(reserve(&mut lease, &EXPIRED, 0, 1_000), None);
    assert_eq!(reserve(&mut lease, &REACHABLE, 0, 1_000), Some(FundingSource::Lease));
    assert_eq!(reserve(&mut lease, &UNREACHABLE, 100, 1_000), Some(FundingSource::Allowance));
    // Strict mode: the lease only.
    let strict = LeaseTerms { allowance_percent: 0, ..UNREACHABLE };
    assert_eq!(CampaignLease::default().available(&strict, &at(0), 0), Micros::ZERO);
}

/// Reservations of 10, out of a budget of 500 per instance, by minute of an outage with demand every
/// 100 ms.
fn sold_by_minute(index: usize, minutes: i64) -> Vec<usize> {
    let mut lease = CampaignLease::default();
    lease.set_lease(1, micros(40));
    let mut reserved = 0;
    let mut sold = Vec::new();
    for minute in 0..minutes {
        sold.push(0);
        for now_ms in (minute * MINUTE_MS..(minute + 1) * MINUTE_MS).step_by(100) {
            let terms = LeaseTerms { index, ..after(now_ms) };
            let view = budget(reserved, 2_000 - reserved, 2_000);
            lease.note_demand(micros(10), now_ms);
            let available = lease.available(&terms, &view, now_ms);
            let Some(source) = lease.funding_source(&terms, micros(10), &view, now_ms) else {
                assert!(terms.store == StoreStatus::Reachable || available < micros(10));
                continue;
            };
            assert!(available >= micros(10));
            lease.note_reservation(source, &terms, micros(10), &view, now_ms);
            reserved += 10;
            *sold.last_mut().unwrap() += 1;
        }
    }
    sold
}

#[test]
fn a_small_budget_sells_a_little_all_the_time_and_never_more_than_lease_and_allowance() {
    // The lease pays 4; 5 % of 2,000 pay 10, which is 3, 3, 2 and 2 of four instances.
    let sold = sold_by_minute(0, 60);
    assert!(sold[0] >= 5 && sold[1..10].iter().sum::<usize>() >= 1, "{sold:?}");
    let totals: Vec<usize> = (0..4).map(|index| sold_by_minute(index, 120).iter().sum()).collect();
    assert_eq!(totals, [7, 7, 6, 6]);
}

#[test]
fn a_campaign_whose_allowance_is_15_minutes_of_its_rate_is_not_slowed_down_for_14() {
    let mut lease = CampaignLease::default();
    let mut reserved = 0;
    lease.set_lease(1, micros(1_000));
    for second in 0..960 {
        let now_ms = second * 1_000;
        let terms = after((now_ms - 60_000).max(0));
        let view = budget(reserved, 10_000_000 - reserved, 10_000_000);
        lease.note_demand(micros(10), now_ms);
        let source = lease.funding_source(&terms, micros(10), &view, now_ms);
        assert!(source.is_some() || second > 60 + 14 * 60, "refused after {second} s");
        if let Some(source) = source {
            lease.note_reservation(source, &terms, micros(10), &view, now_ms);
            reserved += 10;
        }
    }
}

#[test]
fn an_expired_lease_allows_no_reservation() {
    let mut lease = CampaignLease::default();
    lease.set_lease(1, micros(100));
    let all = budget(0, 1_000, 1_000);
    assert_eq!(lease.funding_source(&UNREACHABLE, micros(10), &all, 0), Some(FundingSource::Lease));
    assert_eq!(lease.funding_source(&EXPIRED, micros(10), &all, 0), None);
}

#[test]
fn what_is_left_of_a_lease_is_spread_over_the_time_for_which_it_may_be_used() {
    let mut lease = CampaignLease::default();
    lease.set_lease(1, micros(40));
    let (mut reserved, mut sold_ms) = (0, Vec::new());
    for now_ms in (3_000..40_000).step_by(100) {
        let terms = LeaseTerms { allowance_percent: 0, ..after(now_ms) };
        let view = budget(reserved, 2_000 - reserved, 2_000);
        lease.note_demand(micros(10), now_ms);
        if let Some(source) = lease.funding_source(&terms, micros(10), &view, now_ms) {
            lease.note_reservation(source, &terms, micros(10), &view, now_ms);
            reserved += 10;
            sold_ms.push(now_ms);
        }
    }
    assert_eq!(sold_ms, [3_000, 9_800, 16_600, 23_300]);
}
