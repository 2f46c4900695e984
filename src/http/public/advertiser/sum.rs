//! Sums of counted events and spend, formatted for the page.

use crate::domain::money::{Balance, Currency};
use crate::reporting::report::Figures;
use crate::web::pages::advertiser::BreakdownRow;

/// The sum of report rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(crate) impressions: u64,
    pub(crate) viewable: u64,
    pub(crate) clicks: u64,
    pub(crate) copies: u64,
    pub(crate) spend_micros: i64,
}

impl Sum {
    /// The sum of one row.
    pub(crate) fn of(figures: &Figures) -> Sum {
        let mut sum = Sum::default();
        sum.add(figures);
        sum
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, figures: &Figures) {
        self.impressions += figures.impressions.net;
        self.viewable += figures.viewable.net;
        self.clicks += figures.clicks.net;
        self.copies += figures.copies.net;
        self.spend_micros += figures.spend_micros;
    }

    /// The sum as a row of the page.
    pub(crate) fn row(&self, name: String, remark: String, currency: Currency) -> BreakdownRow {
        BreakdownRow {
            name,
            remark,
            impressions: self.impressions.to_string(),
            viewable: self.viewable.to_string(),
            clicks: self.clicks.to_string(),
            click_rate: share(self.clicks, self.impressions),
            copies: self.copies.to_string(),
            spend: money(self.spend_micros, currency),
        }
    }
}

/// A share in per cent; empty if `whole` is 0.
pub(super) fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => String::new(),
        _ => format!("{:.1} %", part as f64 * 100.0 / whole as f64),
    }
}

/// An amount with its currency.
pub(super) fn money(micros: i64, currency: Currency) -> String {
    format!("{} {currency}", Balance(micros))
}
