//! Runs ways to fail, some at once: each has a folder and servers of its own, and mostly waits.

use clap::CommandFactory;
use clap::FromArgMatches;
use clap::Parser;
use indicatif::MultiProgress;
use indicatif::ProgressBar;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// What is asked for.
#[derive(Clone, Debug, Parser)]
pub struct Plan {
    /// Only this scenario; may be given more than once.
    #[arg(long)]
    scenario: Vec<String>,
    /// Where chance begins; by default another one each time, which is printed.
    #[arg(long, default_value_t = rand::random::<u32>())]
    pub seed: u32,
    /// Ten times as much of everything.
    #[arg(long)]
    pub long: bool,
    /// How many scenarios run at once.
    #[arg(long, default_value_t = 2)]
    at_once: usize,
}

impl Plan {
    /// How many of something: ten times as many in a long run.
    pub fn times(&self, usual: usize) -> usize {
        if self.long { usual * 10 } else { usual }
    }

    fn wants(&self, scenario: &Scenario) -> bool {
        self.scenario.is_empty() || self.scenario.iter().any(|name| name == scenario.name)
    }
}

/// One way to fail.
pub struct Scenario {
    pub name: &'static str,
    /// A command without which it cannot be tried, and that shows by ending well that it works here.
    pub needs: &'static [&'static str],
    /// Says what was proved; panics when it does not hold.
    pub run: fn(&Plan) -> String,
}

/// How many scenarios ended in which way.
#[derive(Default)]
struct Ends {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// Whether a program is here and may do what it is for.
fn works(command: &[&str]) -> bool {
    let Some((program, arguments)) = command.split_first() else { return true };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs one scenario; the line that says what became of it.
fn told(scenario: &Scenario, plan: &Plan, ends: &Mutex<Ends>) -> String {
    let name = scenario.name;
    if !works(scenario.needs) {
        ends.lock().unwrap().skipped += 1;
        return format!("{name}: NOT TRIED, this does not work here: {:?}", scenario.needs);
    }
    let began = Instant::now();
    // A thread of its own: its panic is told under its name.
    let result = thread::scope(|scope| {
        let thread = thread::Builder::new().name(name.to_owned());
        thread.spawn_scoped(scope, || (scenario.run)(plan)).unwrap().join()
    });
    let mut ends = ends.lock().unwrap();
    if let Ok(said) = result {
        ends.passed += 1;
        format!("{name}: {said}; {} s", began.elapsed().as_secs())
    } else {
        ends.failed += 1;
        format!("{name}: FAILED with --seed {}", plan.seed)
    }
}

/// Runs what the command line asks for of these, `about` says what they prove.
pub fn prove(about: &'static str, scenarios: &[Scenario]) -> ExitCode {
    let asked = Plan::command().about(about).get_matches();
    let plan = Plan::from_arg_matches(&asked).unwrap();
    let known = |name: &String| scenarios.iter().any(|scenario| scenario.name == name);
    if let Some(unknown) = plan.scenario.iter().find(|name| !known(name)) {
        let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
        println!("there is no scenario {unknown}: there are {}", names.join(", "));
        return ExitCode::from(64);
    }
    println!("seed {}{}", plan.seed, if plan.long { ", long" } else { "" });
    let waiting = Mutex::new(scenarios.iter().filter(|scenario| plan.wants(scenario)));
    let (ends, bars) = (Mutex::new(Ends::default()), MultiProgress::new());
    let works_on = || {
        loop {
            let Some(scenario) = waiting.lock().unwrap().next() else { break };
            let bar = bars.add(ProgressBar::new_spinner().with_message(scenario.name));
            bar.enable_steady_tick(Duration::from_millis(200));
            let line = told(scenario, &plan, &ends);
            bar.finish_and_clear();
            bars.suspend(|| println!("{line}"));
        }
    };
    thread::scope(|scope| {
        for _ in 0..plan.at_once.max(1) {
            scope.spawn(works_on);
        }
    });
    let Ends { passed, failed, skipped } = ends.into_inner().unwrap();
    let left_out = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    println!("{passed} passed, {failed} failed{left_out}");
    if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
