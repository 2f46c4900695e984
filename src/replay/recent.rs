//! A quick look: a sample of the last day's decisions under what is served and under what is proposed.

use crate::decision_log::scan::{Span, scan, size};
use crate::replay::document::{ReplayReport, Replayed, report};
use crate::replay::pass::Pass;
use crate::replay::side::{Documents, Recorded};
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::time::Instant;

const HOUR_MS: i64 = 3_600_000;

/// How far back it looks, in milliseconds.
const DAY_MS: i64 = 24 * HOUR_MS;

/// Decisions that are wanted, and about as many bytes as one takes in the log.
const DECISIONS: u64 = 40_000;
const BYTES: u64 = 128;

/// A log of up to this many bytes is read in one go; of a larger one, hours in an order that covers the day
/// evenly however soon the time is up.
const READ_AT_ONCE: u64 = 64 << 20;

/// Hours in the order in which they are read: each next one is far from those before.
const ORDER: [i64; 24] =
    [0, 12, 6, 18, 3, 15, 9, 21, 1, 13, 7, 19, 4, 16, 10, 22, 2, 14, 8, 20, 5, 17, 11, 23];

/// When to look, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recent {
    pub(crate) now_ms: i64,
    pub(crate) until: Instant,
}

/// Replays a sample of the decisions of the last 24 hours, until the time is up.
pub(crate) fn recent(
    folder: &Path,
    (before, after): (Documents, Documents),
    recorded: &Recorded<'_>,
    Recent { now_ms, until }: Recent,
) -> io::Result<ReplayReport> {
    let day = now_ms - DAY_MS..now_ms.saturating_add(1);
    let bytes = size(folder, &day)?;
    let part = ((DECISIONS * BYTES) as f64 / bytes.max(1) as f64).min(1.0);
    let times: Vec<Range<i64>> = if bytes <= READ_AT_ONCE {
        vec![day.clone()]
    } else {
        let hour = |at: &i64| day.start + at * HOUR_MS..day.start + (at + 1) * HOUR_MS;
        ORDER.iter().map(hour).collect()
    };
    let mut pass = Pass::new(recorded, before, after);
    let (mut without_world, mut unreadable_places, mut count) = (0, 0, 0u32);
    for times in times {
        if Instant::now() >= until {
            break;
        }
        let scanned = scan(folder, &Span { times, part }, &mut |step| {
            pass.add(&step.line, step.world);
            count += 1;
            match count.is_multiple_of(256) && Instant::now() >= until {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        without_world += scanned.without_world;
        unreadable_places += scanned.unreadable.len() as u64;
    }
    let (from_ms, to_ms) = (day.start, day.end);
    let sampled = part;
    Ok(report(&pass, &Replayed { from_ms, to_ms, sampled, without_world, unreadable_places }))
}
