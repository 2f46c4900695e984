//! This instance's place among those that sell from the same budgets.

mod instance_count;

pub(crate) use instance_count::InstanceCount;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What decisions and budget leases need to know of the other instances. Every decision reads it, so it
/// is a plain type without locks on that path.
#[derive(Debug)]
pub(crate) struct Membership {
    incarnation: u64,
    shares_budgets: bool,
    /// Whether the billed amounts of all instances are loaded.
    is_caught_up: AtomicBool,
    /// Number of instances and the index of this one, as of the last heartbeat.
    instances: AtomicUsize,
    index: AtomicUsize,
    sellers: InstanceCount,
    members: Mutex<Vec<u64>>,
    /// Start of the process, and its age at the last answered heartbeat, in milliseconds.
    started_at: Instant,
    heartbeat_ms: AtomicU64,
    clock_skew_ms: AtomicI64,
}

/// The instances that sell from the same budgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sellers {
    /// How many there may be, including this one.
    pub(crate) count: usize,
    /// The index of this one, from 0, as of the last heartbeat.
    pub(crate) index: usize,
    /// Time since this one last heard of them.
    pub(crate) silence: Duration,
}

impl Membership {
    /// The only instance: the budgets are its own.
    pub(crate) fn alone(incarnation: u64) -> Membership {
        let alone = Membership::in_fleet(incarnation, (1, 0));
        alone.is_caught_up.store(true, Ordering::Release);
        Membership { shares_budgets: false, ..alone }
    }

    /// One of several instances; `position` is their last known number and the index of this one.
    pub(crate) fn in_fleet(incarnation: u64, position: (usize, usize)) -> Membership {
        let (instances, index) = position;
        Membership {
            incarnation,
            shares_budgets: true,
            is_caught_up: AtomicBool::new(false),
            instances: AtomicUsize::new(instances),
            index: AtomicUsize::new(index),
            sellers: InstanceCount::of(instances),
            members: Mutex::default(),
            started_at: Instant::now(),
            heartbeat_ms: AtomicU64::new(0),
            clock_skew_ms: AtomicI64::new(0),
        }
    }

    /// This process start.
    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Whether the billed amounts of all instances are loaded; nothing is sold before that.
    pub(crate) fn may_sell(&self) -> bool {
        self.is_caught_up.load(Ordering::Acquire)
    }

    /// The instances that this one must lease its budgets from; `None` when the budgets are its own.
    pub(crate) fn sellers(&self) -> Option<Sellers> {
        self.shares_budgets.then(|| Sellers {
            count: self.sellers.count(),
            index: self.position().1,
            silence: self.heartbeat_age(),
        })
    }

    /// Whether this instance is the one that does what only one of them should.
    pub(crate) fn is_first(&self) -> bool {
        self.index.load(Ordering::Acquire) == 0
    }

    /// The number of instances, and the index of this one, from 0, as of the last heartbeat.
    pub(crate) fn position(&self) -> (usize, usize) {
        (self.instances.load(Ordering::Acquire), self.index.load(Ordering::Acquire))
    }

    /// The incarnations of all instances, as of the last heartbeat.
    pub(crate) fn members(&self) -> Vec<u64> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How far the local clock is ahead of the others' common clock, in milliseconds.
    pub(crate) fn clock_skew_ms(&self) -> i64 {
        self.clock_skew_ms.load(Ordering::Acquire)
    }

    /// Notes that the billed amounts of all instances are loaded.
    pub(super) fn note_caught_up(&self) {
        self.is_caught_up.store(true, Ordering::Release);
    }

    /// Time since the last answered heartbeat, or since the start.
    fn heartbeat_age(&self) -> Duration {
        let heard = Duration::from_millis(self.heartbeat_ms.load(Ordering::Acquire));
        self.started_at.elapsed().saturating_sub(heard)
    }

    /// The age of the process, for [`Membership::observe`].
    pub(super) fn age(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// Notes the answer to a heartbeat that was sent at the age `sent_at`.
    pub(super) fn observe(&self, members: Vec<u64>, sent_at: Duration, clock_skew_ms: i64) {
        self.clock_skew_ms.store(clock_skew_ms, Ordering::Release);
        let index = members.iter().position(|one| *one == self.incarnation).unwrap_or(0);
        self.instances.store(members.len().max(1), Ordering::Release);
        self.sellers.observe(members.len());
        self.index.store(index, Ordering::Release);
        *self.members.lock().unwrap_or_else(PoisonError::into_inner) = members;
        let heartbeat_ms = u64::try_from(sent_at.as_millis()).unwrap_or(0);
        self.heartbeat_ms.store(heartbeat_ms, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_instance_sells_at_once_and_owns_its_budgets() {
        let alone = Membership::alone(7);
        assert!(alone.may_sell() && alone.is_first());
        assert_eq!((alone.sellers(), alone.position()), (None, (1, 0)));
    }

    #[test]
    fn a_member_of_a_fleet_leases_and_sells_only_after_it_has_caught_up() {
        let member = Membership::in_fleet(7, (1, 0));
        assert!(!member.may_sell());
        member.observe(vec![3, 7, 9], member.age(), -40);
        assert_eq!((member.position(), member.clock_skew_ms()), ((3, 1), -40));
        assert_eq!(member.sellers().map(|sellers| sellers.count), Some(3));
        member.note_caught_up();
        assert!(member.may_sell() && !member.is_first());
    }
}
