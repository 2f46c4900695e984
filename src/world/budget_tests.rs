//! Reserving, extending, settling and expiring in one campaign budget.

use super::*;
use crate::world::open_reservation::Term;
use std::sync::Arc;

fn reservation(decision: u128, price: i64) -> Reservation {
    Reservation {
        decision,
        price: Micros::try_from(price).unwrap(),
        publisher: 0,
        publisher_percent: 50,
        address_percent: 25,
        caller: None,
        term: Term::whole_price(0, 1_000),
        terms: None,
    }
}

fn campaign_budget(lifetime: i64) -> Arc<Budget> {
    let budget = Arc::new(Budget::default());
    budget.set_limits((Some(Micros::try_from(lifetime).unwrap()), None), &Zone::utc());
    budget
}

#[test]
fn a_budget_for_ten_grants_exactly_ten_of_sixty_reservations() {
    let campaign_budget = campaign_budget(100);
    let granted = (0..60).filter(|n| campaign_budget.reserve(&reservation(*n, 10), 0)).count();
    assert_eq!(granted, 10);
    assert!(campaign_budget.expire(0, true));
}

#[test]
fn an_extended_reservation_does_not_expire_before_its_bill_arrives() {
    let campaign_budget = campaign_budget(100);
    assert!(campaign_budget.reserve(&reservation(1, 60), 0));
    campaign_budget.extend(1, 90_000);
    campaign_budget.expire(1_001, true);
    assert!(!campaign_budget.reserve(&reservation(2, 60), 1_001), "still reserved");
    campaign_budget.settle(1, 1, 0, Micros::try_from(60).unwrap());
    assert_eq!(campaign_budget.balance(1_002).reserved, Micros::ZERO);
}

#[test]
fn no_reservation_expires_while_another_instance_may_have_its_event() {
    let campaign_budget = campaign_budget(100);
    assert!(campaign_budget.reserve(&reservation(1, 60), 0));
    campaign_budget.expire(1_001, false);
    assert!(!campaign_budget.reserve(&reservation(2, 60), 1_001), "still reserved");
    campaign_budget.expire(1_002, true);
    assert!(campaign_budget.reserve(&reservation(2, 60), 1_002));
}

#[test]
fn a_reservation_ends_when_settled_or_expired() {
    let campaign_budget = campaign_budget(100);
    assert!(
        campaign_budget.reserve(&reservation(1, 60), 0)
            && !campaign_budget.reserve(&reservation(2, 60), 0)
    );
    campaign_budget.expire(1_001, true);
    assert!(
        campaign_budget.reserve(&reservation(3, 60), 1_001),
        "the first reservation has expired"
    );
    campaign_budget.settle(3, 1, 0, Micros::try_from(60).unwrap());
    assert_eq!(campaign_budget.balance(1_002).reserved, Micros::ZERO);
    assert_eq!(campaign_budget.balance(1_002).remaining, Some(Micros::try_from(40).unwrap()));
}

#[test]
fn a_day_follows_its_time_zone_across_a_clock_change() {
    let berlin = Zone::try_from("Europe/Berlin".to_owned()).unwrap();
    let noon: jiff::Timestamp = "2026-10-25T12:00:00Z".parse().unwrap();
    let day = Day::of(&berlin, noon.as_millisecond());
    assert_eq!(day.ends_ms - day.starts_ms, 25 * 3_600_000);
}
