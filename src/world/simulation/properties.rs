//! Properties that hold under all simulated faults.

use super::Faults;
use super::Fleet;
use super::INSTANCES;
use crate::domain::event::InvalidReason;
use std::collections::BTreeMap;

/// Results of one seed, in per cent: the largest oversell of one campaign, the oversell and the use of
/// all budgets together.
struct Outcome {
    worst: f64,
    oversold: f64,
    used: f64,
    /// The most outages detected by any instance.
    outages: u32,
}

/// A campaign with a budget for fewer events than this leases one event at a time.
const SMALL: i64 = 100;

fn outcome(seed: u64, faults: Faults) -> Outcome {
    let fleet = Fleet::new(seed).run(faults);
    let mut over: BTreeMap<Box<str>, i64> = BTreeMap::new();
    for (_, quarter) in fleet.truth.views().range(i64::MIN..i64::MAX) {
        for (row, tally) in &quarter.events {
            let count = tally.invalid.get(&InvalidReason::OverBudget).copied().unwrap_or(0);
            let campaign = row.attribution.campaign.clone();
            *over.entry(campaign).or_default() += i64::try_from(count).unwrap();
        }
    }
    let (mut worst, mut oversold, mut budgets, mut used) = (0f64, 0i64, 0i64, 0i64);
    for campaign in &fleet.campaigns {
        let account = fleet.truth.account(&campaign.name).unwrap();
        assert!(
            account.spent <= campaign.budget,
            "seed {seed}: {} billed over budget",
            campaign.name
        );
        let more = over.get(&*campaign.name).copied().unwrap_or(0) * campaign.price.get();
        if faults == Faults::Severe && campaign.budget.get() / campaign.price.get() < SMALL {
            // An instance partitioned for so long that others got its lease may have served that event.
            let instances = i64::try_from(INSTANCES).expect("eight");
            assert!(
                more <= instances * campaign.price.get(),
                "seed {seed}: {} oversold",
                campaign.name
            );
        } else {
            worst = worst.max(more as f64 / campaign.budget.get() as f64 * 100.0);
        }
        oversold += more;
        budgets += campaign.budget.get();
        used += account.spent.get();
    }
    let percent = |part: i64| part as f64 / budgets as f64 * 100.0;
    let outages = fleet.outages.iter().map(|(count, _)| *count).max().unwrap_or(0);
    Outcome { worst, oversold: percent(oversold), used: percent(used), outages }
}

/// Number of seeds: 90, or `ADJACENT_SEEDS`.
#[expect(clippy::disallowed_methods, reason = "longer runs are started by hand")]
fn seeds() -> u64 {
    std::env::var("ADJACENT_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(90)
}

#[test]
#[expect(clippy::print_stdout, reason = "prints the figures that documents quote")]
fn eight_instances_never_bill_over_budget_and_oversell_within_bounds_under_faults() {
    let mut all: BTreeMap<Faults, Vec<Outcome>> = BTreeMap::new();
    for seed in 0..seeds() {
        let faults = [Faults::Mild, Faults::Outage, Faults::Severe]
            [usize::try_from(seed % 3).expect("below three")];
        let outcome = outcome(seed, faults);
        // 5 % per outage; with partitions, instances detect several, at different times.
        let most = match faults {
            Faults::Mild => 0.0,
            Faults::Outage => 5.0,
            Faults::Severe => 5.0 * f64::from(outcome.outages.max(1)),
        };
        assert!(outcome.worst <= most, "seed {seed}, {faults:?}: {} % oversold", outcome.worst);
        assert!(outcome.oversold <= most, "seed {seed}: {} % of all", outcome.oversold);
        assert!(outcome.used >= 99.0, "seed {seed}, {faults:?}: {} % used", outcome.used);
        all.entry(faults).or_default().push(outcome);
    }
    for (faults, outcomes) in all {
        let count = outcomes.len() as f64;
        let mean = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>() / count;
        assert!(mean(|one| one.used) >= 99.9, "{faults:?}: {} % used", mean(|one| one.used));
        let most = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).fold(0.0, f64::max);
        let least = outcomes.iter().map(|one| one.used).fold(100.0, f64::min);
        println!(
            "{faults:?}: {count} seeds, oversold {:.3} % mean, {:.3} % most; one campaign {:.2} % \
             most; used {:.3} % mean, {least:.3} % least",
            mean(|one| one.oversold),
            most(|one| one.oversold),
            most(|one| one.worst),
            mean(|one| one.used),
        );
    }
}
