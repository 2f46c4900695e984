//! Sums of report rows, and how amounts and shares are written.

use crate::domain::money::{Balance, Currency};
use crate::reporting::report::Figures;

/// The sum of report rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) requests: u64,
    pub(crate) filled: u64,
    pub(crate) impressions: u64,
    pub(crate) viewable: u64,
    pub(crate) clicks: u64,
    pub(crate) copies: u64,
    pub(crate) spend_micros: i64,
    /// A publisher's share of the spend; 0 in reports of advertisers.
    pub(crate) revenue_micros: i64,
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
        self.requests += figures.requests;
        self.filled += figures.filled;
        self.impressions += figures.impressions.net;
        self.viewable += figures.viewable.net;
        self.clicks += figures.clicks.net;
        self.copies += figures.copies.net;
        self.spend_micros += figures.spend_micros;
        self.revenue_micros += figures.revenue_micros.unwrap_or(0);
    }
}

/// A share in per cent; empty if `whole` is 0.
pub(crate) fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => String::new(),
        _ => format!("{:.1} %", part as f64 * 100.0 / whole as f64),
    }
}

/// An amount with its currency.
pub(crate) fn money(micros: i64, currency: Currency) -> String {
    format!("{} {currency}", Balance(micros))
}

/// The amount for each of `count`, or for each thousand of them with `times` 1,000; `None` without any.
pub(crate) fn money_per(micros: i64, times: i64, count: u64, currency: Currency) -> Option<String> {
    let count = i64::try_from(count).ok().filter(|count| *count > 0)?;
    Some(money(micros.checked_mul(times)? / count, currency))
}
