//! Whether probabilities are what happens: 1,500 worlds with four weeks of history and a flight of the week after
//! them. Traffic has a weekly course, a slow trend, a level that wanders from day to day, days of its own, and
//! chance. Goals are anything from clearly too little to clearly too much.
#![expect(clippy::print_stdout, reason = "the tables are to be read")]

use crate::forecast::accuracy::{Day, Spread, p_hit};
use rand::RngExt;
use rand_pcg::Pcg64;

const WORLDS: usize = 1_500;
const HISTORY: usize = 28;
const FLIGHT: usize = 7;

/// What was forecast and what happened, in one world.
struct Case {
    /// By σ of backtests, and by counts alone.
    said: [f64; 2],
    happened: bool,
    error: f64,
}

fn normal(rng: &mut Pcg64) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// The slots of each day of a world: history, then the flight's.
fn days(rng: &mut Pcg64) -> Vec<f64> {
    let base = 10f64.powf(1.5 + 2.5 * rng.random::<f64>());
    let weekend = 0.5 + 0.6 * rng.random::<f64>();
    let trend = 0.004 * normal(rng);
    let wanders = 0.06 * (0.6 * normal(rng)).exp();
    let own = 0.10 * (0.5 * normal(rng)).exp();
    let mut level = 0.0;
    (0..HISTORY + FLIGHT)
        .map(|day| {
            level = 0.8 * level + wanders * normal(rng);
            let weekly = if day % 7 >= 5 { weekend } else { 1.0 };
            let noise = trend * day as f64 + level + own * normal(rng);
            let expected: f64 = base * weekly * noise.exp();
            (expected + expected.sqrt() * normal(rng)).round().max(0.0)
        })
        .collect()
}

fn case(rng: &mut Pcg64, history: usize) -> Case {
    let all = days(rng);
    let (known, future) = all[HISTORY - history..].split_at(history);
    let day = |at: usize, supply: f64| Day { weekday: at % 7, supply: Some(supply) };
    let listed: Vec<Day> = known.iter().enumerate().map(|(at, one)| day(at, *one)).collect();
    let sum: f64 = known.iter().sum();
    // Each weekday like its mean: weekdays are as often in the history as in the flight.
    let forecast = sum / history as f64 * FLIGHT as f64;
    let goal = forecast * (0.22 * normal(rng)).exp();
    let spread = Spread::of(&listed, (sum, sum));
    let came: f64 = future.iter().sum();
    let poisson = (1.0 / sum.max(1.0) + 1.0 / forecast.max(1.0)).sqrt();
    Case {
        said: [p_hit(forecast, goal, spread.sigma()), p_hit(forecast, goal, poisson)],
        happened: came >= goal,
        error: ((came + 0.5) / (forecast + 0.5)).ln().abs(),
    }
}

/// The Brier score, and for each tenth of what was said: how many worlds, what was said and what happened.
fn score(cases: &[Case], which: usize) -> (f64, Vec<(usize, f64, f64)>) {
    let happened = |case: &Case| f64::from(u8::from(case.happened));
    let square = |case: &Case| (case.said[which] - happened(case)).powi(2);
    let brier = cases.iter().map(square).sum::<f64>() / cases.len() as f64;
    let table = (0..10).map(|tenth| {
        let bounds =
            f64::from(tenth) / 10.0..if tenth == 9 { 2.0 } else { f64::from(tenth + 1) / 10.0 };
        let is_in = |case: &&Case| bounds.contains(&case.said[which]);
        let own: Vec<&Case> = cases.iter().filter(is_in).collect();
        let count = own.len().max(1) as f64;
        let said = own.iter().map(|case| case.said[which]).sum::<f64>() / count;
        (own.len(), said, own.iter().map(|case| happened(case)).sum::<f64>() / count)
    });
    (brier, table.collect())
}

fn print(name: &str, cases: &[Case], which: usize) -> (f64, f64) {
    let (brier, table) = score(cases, which);
    println!("{name}: Brier {brier:.3}\n  worlds  said  happened");
    for (count, said, happened) in &table {
        println!("  {count:6}  {said:.2}  {happened:.2}");
    }
    let off = table.iter().map(|(count, said, happened)| *count as f64 * (said - happened).abs());
    (brier, off.sum::<f64>() / cases.len() as f64)
}

#[test]
fn probabilities_are_what_happens_and_counts_alone_are_too_sure() {
    let mut rng = Pcg64::new(6, 0x0A02_BDBF_7BB3_C0A7_AC28_FA16_A64A_BF96);
    let cases: Vec<Case> = (0..WORLDS).map(|_| case(&mut rng, HISTORY)).collect();
    let mut errors: Vec<f64> = cases.iter().map(|case| case.error).collect();
    errors.sort_by(f64::total_cmp);
    println!("median error {:.3}, p90 {:.3}", errors[WORLDS / 2], errors[WORLDS * 9 / 10]);
    let (brier, off) = print("backtests and sampling", &cases, 0);
    let (poisson_brier, poisson_off) = print("counts alone", &cases, 1);
    println!("mean distance of said and happened: {off:.3} and {poisson_off:.3}");
    assert!(brier <= 0.13, "{brier}");
    assert!(off < 0.04, "{off}");
    assert!(poisson_brier > brier + 0.01, "{poisson_brier} {brier}");
    assert!(poisson_off > 2.0 * off, "{poisson_off} {off}");
}

#[test]
fn with_one_week_of_history_probabilities_are_still_what_happens() {
    let mut rng = Pcg64::new(7, 0x0A02_BDBF_7BB3_C0A7_AC28_FA16_A64A_BF96);
    let cases: Vec<Case> = (0..WORLDS).map(|_| case(&mut rng, 7)).collect();
    let (brier, off) = print("one week", &cases, 0);
    assert!(brier <= 0.15 && off < 0.06, "{brier} {off}");
}
