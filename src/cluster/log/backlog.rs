//! How many records of this process are not processed yet, and since when the oldest one waits.

use crate::journal::PARTITIONS;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Records written within this time share a mark: the oldest record may appear older by this much,
/// or by a two hundredth of the whole waiting time.
const MIN_SPACING: Duration = Duration::from_millis(20);

/// Most marks of a partition; beyond it every other mark is dropped and the spacing doubles.
const MAX_MARKS: usize = 512;

/// Waiting records, by partition.
pub(super) struct Backlog {
    partitions: Vec<PartitionBacklog>,
}

#[derive(Clone)]
struct PartitionBacklog {
    /// The last LSN written, and the last one processed.
    written: u64,
    processed: u64,
    /// The first LSN written at or after a time, oldest first.
    marks: VecDeque<(u64, Instant)>,
    /// Spacing of the marks.
    spacing: Duration,
}

impl Default for Backlog {
    fn default() -> Backlog {
        let partition = PartitionBacklog {
            written: 0,
            processed: 0,
            marks: VecDeque::new(),
            spacing: MIN_SPACING,
        };
        Backlog { partitions: vec![partition; usize::from(PARTITIONS)] }
    }
}

impl Backlog {
    /// Notes that a record was written.
    pub(crate) fn written(&mut self, partition: u8, lsn: u64, now: Instant) {
        let partition = &mut self.partitions[usize::from(partition)];
        partition.written = lsn;
        if partition.marks.back().is_none_or(|(_, at)| now.duration_since(*at) >= partition.spacing)
        {
            partition.marks.push_back((lsn, now));
        }
        if partition.marks.len() > MAX_MARKS {
            let mut at = 0;
            partition.marks.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            partition.spacing *= 2;
        }
    }

    /// Sets the last processed LSN, also backwards: records after it wait again.
    pub(crate) fn set(&mut self, partition: u8, lsn: u64, now: Instant) {
        let partition = &mut self.partitions[usize::from(partition)];
        let back = lsn < partition.processed;
        partition.processed = lsn;
        if back && partition.marks.front().is_none_or(|(first, _)| *first > lsn + 1) {
            partition.marks.push_front((lsn + 1, now));
        }
        while partition.marks.get(1).is_some_and(|(next, _)| *next <= lsn + 1) {
            partition.marks.pop_front();
        }
        if partition.written <= lsn {
            partition.marks.clear();
            partition.spacing = MIN_SPACING;
        }
    }

    /// Like `set`, but never backwards.
    pub(crate) fn advance(&mut self, partition: u8, lsn: u64, now: Instant) {
        if lsn > self.partitions[usize::from(partition)].processed {
            self.set(partition, lsn, now);
        }
    }

    /// The last LSNs written, by partition.
    pub(crate) fn written_lsns(&self) -> Vec<u64> {
        self.partitions.iter().map(|partition| partition.written).collect()
    }

    /// The last LSNs processed, by partition.
    pub(crate) fn processed_lsns(&self) -> impl Iterator<Item = u64> {
        self.partitions.iter().map(|partition| partition.processed)
    }

    /// Whether everything up to these LSNs is processed.
    pub(crate) fn is_processed(&self, numbers: &[u64]) -> bool {
        self.partitions
            .iter()
            .zip(numbers)
            .all(|(partition, number)| partition.processed >= *number)
    }

    /// Number of waiting records.
    pub(crate) fn count(&self) -> u64 {
        self.partitions
            .iter()
            .map(|partition| partition.written.saturating_sub(partition.processed))
            .sum()
    }

    /// Since when the oldest record waits.
    pub(crate) fn oldest_since(&self) -> Option<Instant> {
        self.partitions
            .iter()
            .filter_map(|partition| partition.marks.front())
            .map(|(_, at)| *at)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(from: Instant, count: u64) -> Instant {
        from + Duration::from_secs(count)
    }

    #[test]
    fn the_oldest_waiting_record_is_known_for_any_number_of_records() {
        let (mut marks, start) = (Backlog::default(), Instant::now());
        for lsn in 1..=5_000 {
            marks.written(7, lsn, seconds(start, lsn));
        }
        assert_eq!((marks.count(), marks.oldest_since()), (5_000, Some(seconds(start, 1))));

        marks.advance(7, 2_000, seconds(start, 5_000));
        assert_eq!(marks.count(), 3_000);
        // Marks were thinned out: the oldest may appear a little older, never younger.
        let oldest = marks.oldest_since().unwrap().duration_since(start).as_secs();
        assert!((1_960..=2_001).contains(&oldest), "{oldest}");
        marks.advance(7, 1_000, seconds(start, 5_000));
        assert_eq!(marks.count(), 3_000, "never backwards");

        marks.set(7, 5_000, seconds(start, 5_001));
        assert_eq!((marks.count(), marks.oldest_since()), (0, None));
    }

    #[test]
    fn a_lost_record_waits_again_from_that_moment_on() {
        let (mut marks, start) = (Backlog::default(), Instant::now());
        for lsn in 1..=3 {
            marks.written(0, lsn, seconds(start, lsn));
        }
        marks.set(0, 3, seconds(start, 4));
        marks.set(0, 1, seconds(start, 9));
        assert_eq!((marks.count(), marks.oldest_since()), (2, Some(seconds(start, 9))));
    }
}
