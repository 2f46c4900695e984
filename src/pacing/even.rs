//! The simple rule: nobody may be ahead of the clock.

/// What should be delivered of `goal` by `now_ms` to end exactly on it.
///
/// Whole units (impressions or micros), rounded up, so that a flight that has just started is due
/// its first one at once. `0` before the start, `goal` from the end on; never more than `goal`,
/// and never falls as `now_ms` grows. A schedule of no length counts as over.
pub fn due(goal: u64, starts_ms: i64, ends_ms: i64, now_ms: i64) -> u64 {
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

/// Whether what was delivered is as much as is due, or more: such a flight waits.
pub fn is_ahead(delivered: u64, due: u64) -> bool {
    delivered >= due
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_due_never_falls_and_never_exceeds_the_goal(
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
    fn the_first_is_due_at_once_and_the_last_by_the_end() {
        assert_eq!(due(10, 0, 1000, -1), 0);
        assert_eq!(due(10, 0, 1000, 0), 1);
        assert_eq!(due(10, 0, 1000, 499), 5);
        assert_eq!(due(10, 0, 1000, 1000), 10);
        assert!(is_ahead(1, due(10, 0, 1000, 0)) && !is_ahead(0, due(10, 0, 1000, 0)));
    }
}
