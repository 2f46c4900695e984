//! Heap allocations of one selection: `cargo bench --bench allocations`. Fails if a selection
//! allocates. A separate benchmark, because counting replaces the global allocator.

#![allow(clippy::unwrap_used)] // in a benchmark a panic is the message
#![allow(clippy::print_stdout)] // prints a table

#[path = "table/pages.rs"]
mod pages;

use adjacent::catalog::{files, synth};
use adjacent::domain::weights::Weights;
use adjacent::selection::choose::Request;
use adjacent::selection::compile::compile;
use adjacent::selection::resolve::{PageInput, RegionSignals, SlotInput};
use adjacent::selection::rules::Exclusions;
use adjacent::selection::snapshot::{State, World};
use adjacent::selection::{choose, resolve};
use std::sync::Arc;

fn main() {
    println!("| flights | selections | allocations per selection | per page resolution |");
    println!("|---|---|---|---|");
    let counts: Vec<u64> = [1_000, 10_000, 100_000].into_iter().map(selections).collect();
    assert!(counts.iter().all(|count| *count == 0), "a selection allocates");
}

/// Total allocations of 1,000 selections at one inventory size.
fn selections(flights: usize) -> u64 {
    let labels = toml::from_str(files::LABELS.1).unwrap();
    let snapshot = Arc::new(compile(synth::inventory(flights, 1), &Weights::default(), &labels));
    let world = World::new(snapshot.clone(), State::default());
    let (mut chosen, mut resolved) = (0, 0);
    let requests = pages::requests(1_000, flights);
    for (request, id) in requests.iter().zip(0u128..) {
        let input: PageInput<'_> = serde_json::from_value(request["page"].clone()).unwrap();
        let slots: Vec<SlotInput<'_>> =
            serde_json::from_value(request["placements"].clone()).unwrap();
        let declared = request["viewer"]["region"].as_str().unwrap().parse().ok();
        let publisher = snapshot.publisher_by_id["eu-tech-news"];
        let seen = RegionSignals { observed: None, declared };
        let mut page = None;
        resolved += allocation_counter::measure(|| {
            page = Some(resolve::page(&snapshot, publisher, &input, seen, &slots));
        })
        .count_total;
        let page = page.unwrap();
        let request =
            Request { world: &world, page: &page, now_ms: 1_790_000_000_000, id: id << 64 };
        let taken = Exclusions::default();
        chosen += allocation_counter::measure(|| {
            std::hint::black_box(choose::choose(&request, 0, &taken).result.is_ok());
        })
        .count_total;
    }
    let mean = |count: u64| count as f64 / requests.len() as f64;
    println!("| {flights} | {} | {:.2} | {:.1} |", requests.len(), mean(chosen), mean(resolved));
    chosen
}
