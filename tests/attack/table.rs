//! What the attacks gained, and the tables of it.

use crate::runner::Scenario;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use std::sync::{Mutex, PoisonError};

/// What one attack gained.
#[derive(Clone, Debug)]
pub struct Row {
    attack: String,
    attempts: u64,
    /// What is counted, such as `clicks billed`.
    what: &'static str,
    gained: u64,
    promised: u64,
}

/// A row; `what` is what is counted, such as `clicks billed`. The attack fails when it gained more than
/// promised.
pub fn row(
    attack: impl Into<String>,
    attempts: u64,
    what: &'static str,
    (gained, promised): (u64, u64),
) -> Row {
    Row { attack: attack.into(), attempts, what, gained, promised }
}

/// What one subject of the limits was billed for in a period, and what `GET /v1/limits` says.
#[derive(Clone, Debug)]
pub struct Bill {
    pub subject: &'static str,
    pub period: &'static str,
    /// Counted events; promised at most.
    pub impressions: (u64, u64),
    pub clicks: (u64, u64),
    /// The counted events at the stated prices, and the promised most for all kinds together, in micros.
    pub micros: (u64, u64),
}

#[derive(Default)]
struct Results {
    /// Each with its scenario.
    rows: Vec<(String, Row)>,
    bills: Vec<(String, Bill)>,
}

static RESULTS: Mutex<Results> = Mutex::new(Results { rows: Vec::new(), bills: Vec::new() });

/// Runs the attacks of a scenario on a thread of its own, and notes their rows under its name.
///
/// # Panics
/// If an attack gained more than promised.
pub fn run(attacks: impl Future<Output = Vec<Row>>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    note(runtime.block_on(attacks))
}

/// The scenario that runs on this thread.
fn scenario() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

/// Notes the rows of a scenario.
///
/// # Panics
/// If an attack gained more than promised.
pub fn note(rows: Vec<Row>) -> String {
    let scenario = scenario();
    let named = rows.iter().map(|row| (scenario.clone(), row.clone()));
    RESULTS.lock().unwrap_or_else(PoisonError::into_inner).rows.extend(named);
    let more: Vec<&Row> = rows.iter().filter(|row| row.gained > row.promised).collect();
    assert!(more.is_empty(), "gained more than promised: {more:#?}");
    format!("{} attacks gained at most what is promised", rows.len())
}

/// Notes a line of the second table.
///
/// # Panics
/// If more was billed than promised.
pub fn note_bill(bill: Bill) {
    let is_kept = |(billed, promised): (u64, u64)| billed <= promised;
    let kept = is_kept(bill.impressions) && is_kept(bill.clicks) && is_kept(bill.micros);
    RESULTS.lock().unwrap_or_else(PoisonError::into_inner).bills.push((scenario(), bill.clone()));
    assert!(kept, "billed more than promised: {bill:#?}");
}

/// Prints both tables; the rows are in the order of the scenarios.
pub fn print(scenarios: &[Scenario]) {
    let results = RESULTS.lock().unwrap_or_else(PoisonError::into_inner);
    let header = ["attack", "attempts", "gained", "promised", "of", ""];
    let mut table = table(&header, &[1, 2, 3]);
    for scenario in scenarios {
        for (_, row) in results.rows.iter().filter(|(name, _)| name == scenario.name) {
            let count = |count: u64| count.to_string();
            let Row { attempts, gained, promised, .. } = *row;
            table.add_row([
                row.attack.clone(),
                count(attempts),
                count(gained),
                count(promised),
                row.what.to_owned(),
                if gained > promised { "MORE THAN PROMISED".to_owned() } else { String::new() },
            ]);
        }
    }
    println!("\n{}", table.trim_fmt());
    if results.bills.is_empty() {
        return;
    }
    println!("\nBilled, of what GET /v1/limits promises; money at its stated prices");
    let header = ["one subject", "in a", "impressions", "clicks", "money"];
    let mut table = self::table(&header, &[2, 3, 4]);
    let of = |(billed, promised): (u64, u64)| format!("{billed} of {promised}");
    let money = |micros: u64| format!("{:.2}", micros as f64 / 1e6);
    let of_scenario = |scenario: &Scenario| {
        let name = scenario.name;
        results.bills.iter().filter(move |(own, _)| own == name)
    };
    for (_, bill) in scenarios.iter().flat_map(of_scenario) {
        table.add_row([
            bill.subject.to_owned(),
            bill.period.to_owned(),
            of(bill.impressions),
            of(bill.clicks),
            format!("{} of {}", money(bill.micros.0), money(bill.micros.1)),
        ]);
    }
    println!("{}", table.trim_fmt());
}

/// An empty table whose columns at `numbers` are aligned right.
fn table(header: &[&str], numbers: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(header);
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if numbers.contains(&at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
