//! Which records of this process still wait for something, and since when the oldest of them does.

use crate::journal::PARTITIONS;
use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

/// Records that come within this time share a mark: so much too old may the oldest one seem, or by
/// a two hundredth of the whole time that is waited for.
const FINEST: Duration = Duration::from_millis(20);

/// Most marks of a partition; where there are more, every other one is given up, and fewer are made.
const MOST: usize = 512;

/// What waits, by partition.
pub(super) struct Marks {
    parts: Vec<Part>,
}

#[derive(Clone)]
struct Part {
    /// The last number written, and the last that no longer waits.
    written: u64,
    reached: u64,
    /// The first number that was written at or after a moment, oldest first.
    marks: VecDeque<(u64, Instant)>,
    /// How far apart marks are.
    apart: Duration,
}

impl Default for Marks {
    fn default() -> Marks {
        let part = Part { written: 0, reached: 0, marks: VecDeque::new(), apart: FINEST };
        Marks { parts: vec![part; usize::from(PARTITIONS)] }
    }
}

impl Marks {
    /// Notes that a record was written.
    pub fn written(&mut self, partition: u8, lsn: u64, now: Instant) {
        let part = &mut self.parts[usize::from(partition)];
        part.written = lsn;
        if part.marks.back().is_none_or(|(_, at)| now.duration_since(*at) >= part.apart) {
            part.marks.push_back((lsn, now));
        }
        if part.marks.len() > MOST {
            let mut at = 0;
            part.marks.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            part.apart *= 2;
        }
    }

    /// Those up to a number wait no more, and those behind it do, again if need be.
    pub fn set(&mut self, partition: u8, lsn: u64, now: Instant) {
        let part = &mut self.parts[usize::from(partition)];
        let back = lsn < part.reached;
        part.reached = lsn;
        if back && part.marks.front().is_none_or(|(first, _)| *first > lsn + 1) {
            part.marks.push_front((lsn + 1, now));
        }
        while part.marks.get(1).is_some_and(|(next, _)| *next <= lsn + 1) {
            part.marks.pop_front();
        }
        if part.written <= lsn {
            part.marks.clear();
            part.apart = FINEST;
        }
    }

    /// The same, never back.
    pub fn advance(&mut self, partition: u8, lsn: u64, now: Instant) {
        if lsn > self.parts[usize::from(partition)].reached {
            self.set(partition, lsn, now);
        }
    }

    /// The last numbers written, by partition.
    pub fn written_by_now(&self) -> Vec<u64> {
        self.parts.iter().map(|part| part.written).collect()
    }

    /// The last numbers that no longer wait, by partition.
    pub fn reached(&self) -> impl Iterator<Item = u64> {
        self.parts.iter().map(|part| part.reached)
    }

    /// Whether nothing up to these numbers waits any more.
    pub fn has_reached(&self, numbers: &[u64]) -> bool {
        self.parts.iter().zip(numbers).all(|(part, number)| part.reached >= *number)
    }

    /// How many wait.
    pub fn count(&self) -> u64 {
        self.parts.iter().map(|part| part.written.saturating_sub(part.reached)).sum()
    }

    /// Since when the oldest of them waits.
    pub fn oldest(&self) -> Option<Instant> {
        self.parts.iter().filter_map(|part| part.marks.front()).map(|(_, at)| *at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(from: Instant, count: u64) -> Instant {
        from + Duration::from_secs(count)
    }

    #[test]
    fn the_oldest_that_waits_is_known_however_many_come_behind_it() {
        let (mut marks, start) = (Marks::default(), Instant::now());
        for lsn in 1..=5_000 {
            marks.written(7, lsn, seconds(start, lsn));
        }
        assert_eq!((marks.count(), marks.oldest()), (5_000, Some(seconds(start, 1))));

        marks.advance(7, 2_000, seconds(start, 5_000));
        assert_eq!(marks.count(), 3_000);
        // Marks were thinned out: it may seem older by a little, never younger.
        let oldest = marks.oldest().unwrap().duration_since(start).as_secs();
        assert!((1_960..=2_001).contains(&oldest), "{oldest}");
        marks.advance(7, 1_000, seconds(start, 5_000));
        assert_eq!(marks.count(), 3_000, "never back");

        marks.set(7, 5_000, seconds(start, 5_001));
        assert_eq!((marks.count(), marks.oldest()), (0, None));
    }

    #[test]
    fn what_was_lost_waits_again_from_that_moment_on() {
        let (mut marks, start) = (Marks::default(), Instant::now());
        for lsn in 1..=3 {
            marks.written(0, lsn, seconds(start, lsn));
        }
        marks.set(0, 3, seconds(start, 4));
        marks.set(0, 1, seconds(start, 9));
        assert_eq!((marks.count(), marks.oldest()), (2, Some(seconds(start, 9))));
    }
}
