//! What a purse does for its decisions.

use super::*;

fn hold(decision: u128, price: i64) -> Hold {
    Hold {
        decision,
        price: Micros::try_from(price).unwrap(),
        publisher: 0,
        publisher_percent: 50,
        until_ms: 1_000,
        terms: None,
    }
}

fn purse(lifetime: i64) -> Arc<Purse> {
    let budget =
        Budget { lifetime_micros: Some(Micros::try_from(lifetime).unwrap()), daily_micros: None };
    Purses::default().of_campaign("c", &budget, &Zone::utc())
}

#[test]
fn ten_sold_and_sixty_asked_hold_exactly_ten() {
    let purse = purse(100);
    let taken = (0..60).filter(|n| purse.hold(&hold(*n, 10), 0)).count();
    assert_eq!(taken, 10);
    assert!(purse.settle(0, true));
}

#[test]
fn a_hold_that_waits_for_the_shared_log_outlives_its_time() {
    let purse = purse(100);
    assert!(purse.hold(&hold(1, 60), 0));
    purse.keep(1, 90_000);
    purse.settle(1_001, true);
    assert!(!purse.hold(&hold(2, 60), 1_001), "still held");
    purse.billed(1, 1, 0, Micros::try_from(60).unwrap());
    assert_eq!(purse.content(1_002).held, Micros::ZERO);
}

#[test]
fn no_hold_ends_while_what_became_of_it_may_wait_on_another_disk() {
    let purse = purse(100);
    assert!(purse.hold(&hold(1, 60), 0));
    purse.settle(1_001, false);
    assert!(!purse.hold(&hold(2, 60), 1_001), "still held");
    purse.settle(1_002, true);
    assert!(purse.hold(&hold(2, 60), 1_002));
}

#[test]
fn a_hold_ends_with_its_bill_or_its_time() {
    let purse = purse(100);
    assert!(purse.hold(&hold(1, 60), 0) && !purse.hold(&hold(2, 60), 0));
    purse.settle(1_001, true);
    assert!(purse.hold(&hold(3, 60), 1_001), "the first hold is over");
    purse.billed(3, 1, 0, Micros::try_from(60).unwrap());
    assert_eq!(purse.content(1_002).held, Micros::ZERO);
    assert_eq!(purse.content(1_002).left, Some(Micros::try_from(40).unwrap()));
}

#[test]
fn a_day_is_the_zones_own_also_when_clocks_change() {
    let berlin = Zone::try_from("Europe/Berlin".to_owned()).unwrap();
    let noon: jiff::Timestamp = "2026-10-25T12:00:00Z".parse().unwrap();
    let day = Day::of(&berlin, noon.as_millisecond());
    assert_eq!(day.ends_ms - day.starts_ms, 25 * 3_600_000);
}
