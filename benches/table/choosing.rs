//! Selection alone: one slot of one page, by bitmaps and by a linear scan.

use crate::Row;
use crate::pages;
use adjacent::catalog::{files, synth};
use adjacent::domain::weights::Weights;
use adjacent::selection::choose::Request;
use adjacent::selection::compile::compile;
use adjacent::selection::page::Page;
use adjacent::selection::resolve::{PageInput, RegionSignals, SlotInput};
use adjacent::selection::rules::Exclusions;
use adjacent::selection::snapshot::{Snapshot, State, World};
use adjacent::selection::{choose, resolve};
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Measuring time per inventory size.
const DURATION: Duration = Duration::from_secs(4);
/// Selections between two linear scans. Interleaving exposes both to the same noise.
const SELECTIONS_PER_SCAN: usize = 400;

/// Resolves the page of a benchmark request.
fn resolved(snapshot: &Snapshot, request: &serde_json::Value) -> Page {
    let input: PageInput<'_> = serde_json::from_value(request["page"].clone()).unwrap();
    let slots: Vec<SlotInput<'_>> = serde_json::from_value(request["placements"].clone()).unwrap();
    let declared = request["viewer"]["region"].as_str().unwrap().parse().ok();
    let publisher = snapshot.publisher_by_id[request["publisher"].as_str().unwrap()];
    resolve::page(snapshot, publisher, &input, RegionSignals { observed: None, declared }, &slots)
}

/// Compilation and selection at three inventory sizes.
pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    let goals = [(1_000, ""), (10_000, "<= 1.3 us p50"), (100_000, "<= 6 us p50")];
    goals.into_iter().flat_map(|(flights, goal)| at(flights, goal, progress)).collect()
}

fn at(flights: usize, goal: &'static str, progress: &ProgressBar) -> Vec<Row> {
    progress.set_message(format!("choose, {flights} flights"));
    let labels = toml::from_str(files::LABELS.1).unwrap();
    let inventory = synth::inventory(flights, 1);
    let began = Instant::now();
    let snapshot = Arc::new(compile(inventory, &Weights::default(), &labels));
    let compiled = began.elapsed();
    let requests = pages::requests(2_000, flights);
    let pages: Vec<Page> = requests.iter().map(|request| resolved(&snapshot, request)).collect();
    let world = World::new(snapshot, State::default());
    let taken = Exclusions::default();
    let mut chosen = Histogram::<u64>::new_with_bounds(1, 10_000_000_000, 3).unwrap();
    let mut scanned = chosen.clone();
    let mut ids = 0u128..;
    let mut order = pages.iter().cycle();
    let mut next = || Request {
        world: &world,
        page: order.next().unwrap(),
        now_ms: 1_790_000_000_000,
        id: ids.next().unwrap() << 64,
    };
    let nanoseconds = |began: Instant| u64::try_from(began.elapsed().as_nanos()).unwrap();
    let end = Instant::now() + DURATION;
    while Instant::now() < end {
        for _ in 0..SELECTIONS_PER_SCAN {
            let request = next();
            let began = Instant::now();
            black_box(choose::choose(&request, 0, &taken).result.is_ok());
            chosen.record(nanoseconds(began)).unwrap();
        }
        let request = next();
        let began = Instant::now();
        black_box(scan(&request, &taken));
        scanned.record(nanoseconds(began)).unwrap();
    }
    let of = |times: &Histogram<u64>, quantile| times.value_at_quantile(quantile) as f64 / 1e3;
    vec![
        Row::new(
            format!("selection, {flights} flights: p50, p99"),
            format!("{:.2} us, {:.1} us", of(&chosen, 0.5), of(&chosen, 0.99)),
            goal,
        ),
        Row::new(
            format!(
                "... relative to a linear scan ({:.0} us p50), {flights} flights",
                of(&scanned, 0.5)
            ),
            format!("{:.0} x faster", of(&scanned, 0.5) / of(&chosen, 0.5)),
            ">= 100 x at 10k and more",
        ),
        Row::new(
            format!("compilation, {flights} flights"),
            format!("{:.0} ms", compiled.as_secs_f64() * 1e3),
            "",
        ),
    ]
}

/// Number of eligible flights, found by checking each flight against every rule.
fn scan(request: &Request<'_>, taken: &Exclusions) -> usize {
    let case = request.slot_context(0, taken);
    let flights = request.world.snapshot.flights.iter().enumerate();
    flights.filter(|(place, flight)| case.first_failed(*place, flight).is_none()).count()
}
