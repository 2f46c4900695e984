//! What must hold in every weather.

use super::Fleet;
use super::MACHINES;
use super::Weather;
use crate::domain::event::InvalidReason;
use std::collections::BTreeMap;

/// What came of one seed, in per cent: the most that a campaign was oversold, all of it together, and
/// what was used of all budgets.
struct Outcome {
    worst: f64,
    oversold: f64,
    used: f64,
    /// The most outages that any machine noticed.
    outages: u32,
}

/// A campaign that sells no more than this has leases of one event.
const SMALL: i64 = 100;

fn outcome(seed: u64, weather: Weather) -> Outcome {
    let fleet = Fleet::new(seed).runs(weather);
    let mut over: BTreeMap<&str, i64> = BTreeMap::new();
    for (_, row, tally) in fleet.truth.views.events() {
        let count = tally.invalid.get(&InvalidReason::OverBudget).copied().unwrap_or(0);
        *over.entry(&row.attribution.campaign).or_default() += i64::try_from(count).unwrap();
    }
    let (mut worst, mut oversold, mut budgets, mut used) = (0f64, 0i64, 0i64, 0i64);
    for sale in &fleet.sales {
        let account = &fleet.truth.accounts[&sale.name];
        assert!(account.spent <= sale.budget, "seed {seed}: {} is billed too much", sale.name);
        let more = over.get(&*sale.name).copied().unwrap_or(0) * sale.price.get();
        if weather == Weather::Storm && sale.budget.get() / sale.price.get() < SMALL {
            // Whoever is cut off for so long that others have its lease may have shown that one.
            let machines = i64::try_from(MACHINES).expect("eight");
            assert!(more <= machines * sale.price.get(), "seed {seed}: {} oversold", sale.name);
        } else {
            worst = worst.max(more as f64 / sale.budget.get() as f64 * 100.0);
        }
        oversold += more;
        budgets += sale.budget.get();
        used += account.spent.get();
    }
    let percent = |part: i64| part as f64 / budgets as f64 * 100.0;
    let outages = fleet.outages.iter().map(|(count, _)| *count).max().unwrap_or(0);
    Outcome { worst, oversold: percent(oversold), used: percent(used), outages }
}

/// How many seeds: some hundreds with all other tests, or as many as are asked for.
#[expect(clippy::disallowed_methods, reason = "a longer run is asked for by hand")]
fn seeds() -> u64 {
    std::env::var("ADJACENT_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(90)
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are what is quoted")]
fn eight_machines_bill_no_budget_twice_and_oversell_little_whatever_happens() {
    let mut all: BTreeMap<Weather, Vec<Outcome>> = BTreeMap::new();
    for seed in 0..seeds() {
        let weather = [Weather::Calm, Weather::Outage, Weather::Storm]
            [usize::try_from(seed % 3).expect("below three")];
        let outcome = outcome(seed, weather);
        // What may be oversold in one outage; a storm has several, for each machine others.
        let most = match weather {
            Weather::Calm => 0.0,
            Weather::Outage => 5.0,
            Weather::Storm => 5.0 * f64::from(outcome.outages.max(1)),
        };
        assert!(outcome.worst <= most, "seed {seed}, {weather:?}: {} % oversold", outcome.worst);
        assert!(outcome.oversold <= most, "seed {seed}: {} % of all", outcome.oversold);
        assert!(outcome.used >= 99.0, "seed {seed}, {weather:?}: {} % used", outcome.used);
        all.entry(weather).or_default().push(outcome);
    }
    for (weather, outcomes) in all {
        let count = outcomes.len() as f64;
        let mean = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>() / count;
        assert!(mean(|one| one.used) >= 99.9, "{weather:?}: {} % used", mean(|one| one.used));
        let most = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).fold(0.0, f64::max);
        let least = outcomes.iter().map(|one| one.used).fold(100.0, f64::min);
        println!(
            "{weather:?}: {count} seeds, oversold {:.3} % mean, {:.3} % most; one campaign {:.2} % \
             most; used {:.3} % mean, {least:.3} % least",
            mean(|one| one.oversold),
            most(|one| one.oversold),
            most(|one| one.worst),
            mean(|one| one.used),
        );
    }
}
