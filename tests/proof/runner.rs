//! Runs scenarios, several in parallel: each has its own folder and servers, and mostly waits.

use clap::{CommandFactory, FromArgMatches, Parser};
use indicatif::{MultiProgress, ProgressBar};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// Command-line options of a run.
#[derive(Clone, Debug, Parser)]
pub struct Plan {
    /// Run only this scenario; may be repeated.
    #[arg(long)]
    scenario: Vec<String>,
    /// Seed of the random generators; random by default, and printed.
    #[arg(long, default_value_t = rand::random::<u32>())]
    pub seed: u32,
    /// Run ten times as many rounds.
    #[arg(long)]
    pub long: bool,
    /// Number of scenarios to run in parallel.
    #[arg(long, default_value_t = 2)]
    at_once: usize,
}

impl Plan {
    /// `usual`, or ten times as much in a long run.
    pub fn scaled(&self, usual: usize) -> usize {
        if self.long { usual * 10 } else { usual }
    }

    fn selects(&self, scenario: &Scenario) -> bool {
        self.scenario.is_empty() || self.scenario.iter().any(|name| name == scenario.name)
    }
}

/// One kind of failure.
pub struct Scenario {
    pub name: &'static str,
    /// A command that succeeds where the scenario can run; empty if it can run everywhere.
    pub probe: &'static [&'static str],
    /// Returns a summary of the results; panics if a guarantee is violated.
    pub run: fn(&Plan) -> String,
}

/// Number of scenarios by outcome.
#[derive(Default)]
struct Outcomes {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// Whether a probe command succeeds.
fn succeeds(command: &[&str]) -> bool {
    let Some((program, arguments)) = command.split_first() else { return true };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs one scenario and returns its result line.
fn run_scenario(scenario: &Scenario, plan: &Plan, outcomes: &Mutex<Outcomes>) -> String {
    let name = scenario.name;
    if !succeeds(scenario.probe) {
        outcomes.lock().unwrap().skipped += 1;
        return format!("{name}: SKIPPED, this command fails here: {:?}", scenario.probe);
    }
    let began = Instant::now();
    // A named thread: the panic message names the scenario.
    let result = thread::scope(|scope| {
        let thread = thread::Builder::new().name(name.to_owned());
        thread.spawn_scoped(scope, || (scenario.run)(plan)).unwrap().join()
    });
    let mut outcomes = outcomes.lock().unwrap();
    if let Ok(summary) = result {
        outcomes.passed += 1;
        format!("{name}: {summary}; {} s", began.elapsed().as_secs())
    } else {
        outcomes.failed += 1;
        format!("{name}: FAILED with --seed {}", plan.seed)
    }
}

/// Runs the scenarios selected on the command line; `about` is the help text.
pub fn run_scenarios(about: &'static str, scenarios: &[Scenario]) -> ExitCode {
    let matches = Plan::command().about(about).get_matches();
    let plan = Plan::from_arg_matches(&matches).unwrap();
    let known = |name: &String| scenarios.iter().any(|scenario| scenario.name == name);
    if let Some(unknown) = plan.scenario.iter().find(|name| !known(name)) {
        let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
        println!("unknown scenario {unknown}; expected one of: {}", names.join(", "));
        return ExitCode::from(64);
    }
    println!("seed {}{}", plan.seed, if plan.long { ", long" } else { "" });
    let queue = Mutex::new(scenarios.iter().filter(|scenario| plan.selects(scenario)));
    let (outcomes, bars) = (Mutex::new(Outcomes::default()), MultiProgress::new());
    let worker = || {
        loop {
            let Some(scenario) = queue.lock().unwrap().next() else { break };
            let bar = bars.add(ProgressBar::new_spinner().with_message(scenario.name));
            bar.enable_steady_tick(Duration::from_millis(200));
            let line = run_scenario(scenario, &plan, &outcomes);
            bar.finish_and_clear();
            bars.suspend(|| println!("{line}"));
        }
    };
    thread::scope(|scope| {
        for _ in 0..plan.at_once.max(1) {
            scope.spawn(worker);
        }
    });
    let Outcomes { passed, failed, skipped } = outcomes.into_inner().unwrap();
    let skips = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    println!("{passed} passed, {failed} failed{skips}");
    if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
