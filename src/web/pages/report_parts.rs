//! What the report pages of advertisers and publishers both have: the date form, key figures, the funnel and
//! invalid events. `report_macros.html` renders them.

use super::chart::per_mille;

/// The state of the date form.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DateForm {
    /// First day of the period as requested; may be empty.
    pub(crate) from: String,
    /// End of the period, exclusive.
    pub(crate) to: String,
    /// Signed link token, resent with the form; may be empty.
    pub(crate) link: String,
}

/// The report or an error.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ReportContent<R> {
    /// The report of the period.
    Report(Box<R>),
    /// The rejected form field, and why.
    InvalidField(String, String),
}

impl<R: Default> Default for ReportContent<R> {
    fn default() -> ReportContent<R> {
        ReportContent::Report(Box::default())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct KeyFigure {
    /// Caption.
    pub(crate) name: String,
    /// Formatted value.
    pub(crate) value: String,
    /// A remark; may be empty.
    pub(crate) remark: String,
}

/// One step of the funnel.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FunnelRow {
    /// Name of the step.
    pub(crate) name: String,
    pub(crate) gross: String,
    pub(crate) invalid: String,
    pub(crate) net: String,
    /// Share of the preceding step, such as `48.1 % of served`; may be empty.
    pub(crate) share: String,
    /// Share of impressions; may be empty.
    pub(crate) of_impressions: String,
    /// Net count, for the bar.
    pub(crate) net_raw: u64,
}

/// Invalid events of one reason.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct InvalidEventsRow {
    /// The reason code.
    pub(crate) reason: String,
    /// Description of the reason.
    pub(crate) words: String,
    pub(crate) count: String,
    /// Share of all events received.
    pub(crate) share: String,
}

/// Filled width of a bar, in thousandths.
pub(super) fn share(part: &u64, whole: &u64) -> u64 {
    per_mille(*part, *whole)
}

/// The largest count of a funnel.
pub(super) fn largest(rows: &[FunnelRow]) -> u64 {
    rows.iter().map(|row| row.net_raw).max().unwrap_or(0)
}
