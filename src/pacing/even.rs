//! Even pacing: delivery may not run ahead of a linear schedule.

/// The amount scheduled for delivery by `now_ms` on a linear schedule that ends at `goal`.
///
/// Whole units (impressions or micros), rounded up, so that the first unit is due at the start.
/// `0` before the start, `goal` from the end on; never above `goal`, and monotonic in `now_ms`.
/// A schedule of zero length counts as ended.
pub(crate) fn due(goal: u64, starts_ms: i64, ends_ms: i64, now_ms: i64) -> u64 {
    let elapsed = i128::from(now_ms) - i128::from(starts_ms);
    let length = i128::from(ends_ms) - i128::from(starts_ms);
    if elapsed < 0 {
        return 0;
    }
    if elapsed >= length {
        return goal;
    }
    let (elapsed, length) = (elapsed.unsigned_abs(), length.unsigned_abs());
    let due = (u128::from(goal) * (elapsed + 1)).div_ceil(length).min(u128::from(goal));
    u64::try_from(due).expect("at most `goal`, which is a u64")
}

/// Whether delivery has reached the scheduled amount, so that the flight must wait.
pub(crate) fn is_ahead(delivered: u64, due: u64) -> bool {
    delivered >= due
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_due_amount_is_monotonic_and_never_exceeds_the_goal(
            goal: u64, starts in -1000i64..1000, length in 0i64..1000, now in -2000i64..3000, step in 0i64..500,
        ) {
            let at = |now| due(goal, starts, starts + length, now);
            prop_assert!(at(now) <= at(now + step) && at(now + step) <= goal);
        }

        #[test]
        fn open_ended_schedules_do_not_overflow(goal: u64, now: i64) {
            prop_assert!(due(goal, i64::MIN, i64::MAX, now) <= goal);
        }
    }

    #[test]
    fn the_first_unit_is_due_at_the_start_and_the_last_by_the_end() {
        assert_eq!(due(10, 0, 1000, -1), 0);
        assert_eq!(due(10, 0, 1000, 0), 1);
        assert_eq!(due(10, 0, 1000, 499), 5);
        assert_eq!(due(10, 0, 1000, 1000), 10);
        assert!(is_ahead(1, due(10, 0, 1000, 0)) && !is_ahead(0, due(10, 0, 1000, 0)));
    }
}
