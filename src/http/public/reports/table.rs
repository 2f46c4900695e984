//! Reports as CSV.

use crate::domain::breakdown::Breakdown;
use crate::domain::event::InvalidReason;
use crate::reporting::Completeness;
use crate::reporting::report::Report;

/// The names of the columns.
fn head(by: &[Breakdown], has_revenue: bool) -> Vec<String> {
    let kinds = ["impressions", "viewable", "clicks", "copies"];
    let mut head: Vec<String> = by.iter().map(ToString::to_string).collect();
    head.extend(["requests", "filled"].map(str::to_owned));
    for kind in kinds {
        head.extend(["gross", "invalid", "net"].map(|part| format!("{kind}_{part}")));
    }
    head.extend(["agents", "pending", "spend_micros", "returned_micros"].map(str::to_owned));
    head.extend(has_revenue.then(|| "revenue_micros".to_owned()));
    head.extend(["currency", "provisional", "final_until"].map(str::to_owned));
    head
}

/// One line per row, on the first page below a header line; amounts in micros, as in JSON. The last columns
/// say in every row what JSON says once, so that any program that reads tables can use them.
pub(super) fn csv(
    report: &Report,
    by: &[Breakdown],
    is_first: bool,
    completeness: &Completeness,
) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let has_revenue = report.totals.iter().any(|row| row.figures.revenue_micros.is_some());
    let provisional = completeness.is_provisional.to_string();
    let final_until = completeness.final_until.map(|until| until.to_string()).unwrap_or_default();
    if is_first {
        writer.write_record(head(by, has_revenue))?;
    }
    for row in &report.rows {
        let figures = &row.figures;
        let mut record: Vec<String> = row.keys.iter().map(|key| escape_formula(key)).collect();
        record.extend([figures.requests, figures.filled].map(|n| n.to_string()));
        for figure in [figures.impressions, figures.viewable, figures.clicks, figures.copies] {
            record.extend([figure.gross, figure.invalid, figure.net].map(|n| n.to_string()));
        }
        let agents = figures.refused.get(&InvalidReason::Agent).copied().unwrap_or(0);
        record.extend([agents, figures.pending].map(|n| n.to_string()));
        record.extend([figures.spend_micros, figures.returned_micros].map(|n| n.to_string()));
        record.extend(has_revenue.then(|| figures.revenue_micros.unwrap_or(0).to_string()));
        record.extend([row.currency.to_string(), provisional.clone(), final_until.clone()]);
        writer.write_record(&record)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// Escapes a text that a spreadsheet would interpret as a formula.
pub(crate) fn escape_formula(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}
