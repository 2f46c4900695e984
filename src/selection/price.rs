//! What scores make of prices in different currencies, at any time.
//!
//! A price counts as `price / rate`, so its logarithm is shifted by `−price_weight · ln rate`: one number for
//! each currency and period between two dates of the rates. A rate is exact, so a shift is as exact as a
//! logarithm in [`Q32`].

use crate::domain::exchange_rates::{ExchangeRates, Rate};
use crate::domain::money::Currency;
use crate::selection::fixed::Q32;
use std::collections::BTreeSet;

/// A price that needs no conversion.
pub(crate) const REFERENCE: u8 = 0;
/// A currency that has no rate.
const UNKNOWN: u8 = u8::MAX;

/// The exchange rates as shifts of logarithms.
#[derive(Clone, Debug)]
pub(crate) struct PriceShifts {
    /// The reference currency, then others with a rate; a currency's place is its number.
    currencies: Vec<Currency>,
    /// The start of each period in Unix milliseconds, and the shift of each currency; `None` while a
    /// currency has no rate.
    periods: Vec<(i64, Vec<Option<Q32>>)>,
}

/// The shifts at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShiftsNow<'a>(&'a [Option<Q32>]);

impl PriceShifts {
    pub(crate) fn new(rates: Option<&ExchangeRates>, price_weight: Q32) -> PriceShifts {
        let Some(rates) = rates else {
            let periods = vec![(i64::MIN, vec![Some(Q32::ZERO)])];
            return PriceShifts { currencies: Vec::new(), periods };
        };
        let mut currencies = vec![rates.reference];
        let others: BTreeSet<Currency> = rates.rates.iter().map(|rate| rate.currency).collect();
        // Fewer than 255 currencies are in use.
        currencies.extend(others.into_iter().filter(|one| *one != rates.reference));
        let starts: BTreeSet<i64> = rates.rates.iter().map(|rate| rate.starts_ms()).collect();
        let mut dated: Vec<_> = rates.rates.iter().collect();
        dated.sort_by_key(|rate| rate.from);
        let mut now = vec![None; currencies.len()];
        now[usize::from(REFERENCE)] = Some(Q32::ZERO);
        let mut periods = vec![(i64::MIN, now.clone())];
        let mut dated = dated.into_iter().peekable();
        for start in starts {
            while let Some(rate) = dated.next_if(|rate| rate.starts_ms() <= start) {
                let place = currencies.iter().position(|one| *one == rate.currency);
                if let Some(place) = place.filter(|place| *place != usize::from(REFERENCE)) {
                    now[place] = Some(shift(rate.per_reference, price_weight));
                }
            }
            periods.push((start, now.clone()));
        }
        PriceShifts { currencies, periods }
    }

    /// The number of a currency. Without rates, prices count as they are.
    pub(crate) fn number(&self, currency: Currency) -> u8 {
        if self.currencies.is_empty() {
            return REFERENCE;
        }
        let place = self.currencies.iter().position(|one| *one == currency);
        place.and_then(|place| u8::try_from(place).ok()).unwrap_or(UNKNOWN)
    }

    #[inline]
    pub(crate) fn at(&self, now_ms: i64) -> ShiftsNow<'_> {
        let next = match self.periods.len() {
            1 => 1,
            _ => self.periods.partition_point(|(start, _)| *start <= now_ms),
        };
        ShiftsNow(&self.periods[next.max(1) - 1].1)
    }
}

impl ShiftsNow<'_> {
    /// The logarithm of weight and price, of a flight whose price is in the currency with this number;
    /// `None` if there is no rate: then the price does not count.
    #[inline]
    pub(crate) fn apply(self, currency: u8, ln_static: Q32) -> Option<Q32> {
        let shift = self.0.get(usize::from(currency)).copied().flatten()?;
        Some(ln_static + shift)
    }
}

fn shift(rate: Rate, price_weight: Q32) -> Q32 {
    let ln_rate = Q32::ln_of_int(rate.digits()) - Q32::ln_of_int(rate.scale());
    Q32::ZERO - price_weight.times(ln_rate)
}
