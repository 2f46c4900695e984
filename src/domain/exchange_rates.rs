//! Exchange rates, by which scores compare prices in different currencies. Bills, budgets and reports stay in
//! their own currency.

use crate::domain::inventory::Inventory;
use crate::domain::money::{Currency, Micros};
use garde::Validate;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// The most decimal places of a rate.
const MAX_DECIMALS: usize = 8;
/// The most digits before the decimal point.
const MAX_WHOLE: usize = 10;

/// Dated exchange rates, set by the operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct ExchangeRates {
    /// The currency that prices are converted to; `price_reference_micros` is in it.
    #[garde(skip)]
    pub(crate) reference: Currency,
    /// Rates of other currencies, in any order. Of each currency, the newest one whose day has begun is used.
    #[garde(length(max = 5_000), dive)]
    pub(crate) rates: Vec<ExchangeRate>,
}

/// The rate of a currency from a day on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct ExchangeRate {
    /// The currency.
    #[garde(skip)]
    pub(crate) currency: Currency,
    /// The first day on which it is used, from 00:00 UTC on.
    #[garde(skip)]
    #[schemars(with = "String")]
    pub(crate) from: Date,
    /// Units of the currency for one unit of the reference currency, as text, so that no digit is rounded.
    #[garde(skip)]
    pub(crate) per_reference: Rate,
}

impl ExchangeRate {
    /// When it comes into force, in Unix milliseconds.
    pub(crate) fn starts_ms(&self) -> i64 {
        let midnight = self.from.to_zoned(jiff::tz::TimeZone::UTC);
        midnight.map_or(i64::MAX, |at| at.timestamp().as_millisecond())
    }
}

impl ExchangeRates {
    /// Those of the example inventory.
    pub(crate) fn example() -> ExchangeRates {
        let currency = |code: &str| code.parse().expect("a currency");
        let dollar = |from: Date, rate: &str| ExchangeRate {
            currency: currency("USD"),
            from,
            per_reference: rate.parse().expect("a rate"),
        };
        let rates = vec![
            dollar(jiff::civil::date(2025, 1, 2), "1.0321"),
            dollar(jiff::civil::date(2026, 11, 27), "1.1610"),
        ];
        ExchangeRates { reference: currency("EUR"), rates }
    }

    /// Whether prices are converted: not where all of an inventory are in one currency that has no rate.
    pub(crate) fn apply_to(&self, inventory: &Inventory) -> bool {
        let of_advertiser: BTreeMap<&str, Currency> =
            inventory.advertisers.iter().map(|one| (one.id.as_str(), one.currency)).collect();
        let of_campaign: BTreeMap<&str, &str> = inventory
            .campaigns
            .iter()
            .map(|one| (one.id.as_str(), one.advertiser.as_str()))
            .collect();
        let priced = inventory.flights.iter().filter(|one| one.price_micros > Micros::ZERO);
        let currencies: BTreeSet<Currency> = priced
            .filter_map(|one| of_advertiser.get(of_campaign.get(one.campaign.as_str())?).copied())
            .collect();
        let mut currencies = currencies.into_iter();
        match (currencies.next(), currencies.next()) {
            (Some(only), None) => only == self.reference || self.newest(only).is_some(),
            _ => true,
        }
    }

    /// The rate of a currency at a time; `None` if none is in force.
    pub(crate) fn at(&self, currency: Currency, now_ms: i64) -> Option<&ExchangeRate> {
        let of_currency = self.rates.iter().filter(|rate| rate.currency == currency);
        of_currency.filter(|rate| rate.starts_ms() <= now_ms).max_by_key(|rate| rate.from)
    }

    /// The newest rate of a currency, in force or not.
    pub(crate) fn newest(&self, currency: Currency) -> Option<&ExchangeRate> {
        self.at(currency, i64::MAX)
    }
}

/// A decimal number above zero, exact: `digits` / 10^`decimals`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub(crate) struct Rate {
    digits: u64,
    decimals: u8,
}

/// The text is not a rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a rate: use a decimal number above 0 with at most {MAX_WHOLE} digits before and \
     {MAX_DECIMALS} after the point, such as \"1.1610\""
)]
pub(crate) struct InvalidRate(String);

impl Rate {
    /// The digits without the point, above zero.
    pub(crate) const fn digits(self) -> u64 {
        self.digits
    }

    /// 10 to the number of decimal places.
    pub(crate) const fn scale(self) -> u64 {
        10u64.pow(self.decimals as u32)
    }

    /// The number, for display and comparison only.
    pub(crate) fn approximately(self) -> f64 {
        self.digits as f64 / self.scale() as f64
    }

    /// An amount of the currency in the reference currency, rounded; for display only.
    pub(crate) fn to_reference(self, amount: i64) -> i64 {
        let (digits, amount) = (i128::from(self.digits), i128::from(amount));
        i64::try_from((amount * i128::from(self.scale()) + digits / 2) / digits).unwrap_or(i64::MAX)
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;
    fn from_str(text: &str) -> Result<Rate, InvalidRate> {
        let invalid = || InvalidRate(text.to_owned());
        let (whole, decimals) = match text.split_once('.') {
            Some((_, "")) => return Err(invalid()),
            Some(parts) => parts,
            None => (text, ""),
        };
        let are_digits =
            [whole, decimals].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
        let has_extra_zero = whole.len() > 1 && whole.starts_with('0');
        if !are_digits
            || has_extra_zero
            || !(1..=MAX_WHOLE).contains(&whole.len())
            || decimals.len() > MAX_DECIMALS
        {
            return Err(invalid());
        }
        let digits = format!("{whole}{decimals}").parse::<u64>().map_err(|_| invalid())?;
        let decimals = u8::try_from(decimals.len()).map_err(|_| invalid())?;
        if digits == 0 { Err(invalid()) } else { Ok(Rate { digits, decimals }) }
    }
}

impl fmt::Display for Rate {
    /// The text that it was read from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.digits / self.scale(), self.digits % self.scale());
        match self.decimals {
            0 => write!(f, "{whole}"),
            decimals => write!(f, "{whole}.{rest:0width$}", width = usize::from(decimals)),
        }
    }
}

impl Serialize for Rate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Rate;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number in quotes, such as \"1.1610\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Rate, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rates(rows: &[(&str, &str, &str)]) -> ExchangeRates {
        let rates = rows.iter().map(|(currency, from, rate)| ExchangeRate {
            currency: currency.parse().unwrap(),
            from: from.parse().unwrap(),
            per_reference: rate.parse().unwrap(),
        });
        ExchangeRates { reference: "EUR".parse().unwrap(), rates: rates.collect() }
    }

    #[test]
    fn a_rate_is_used_from_its_day_on_until_a_newer_one_begins() {
        let rates = rates(&[
            ("USD", "2026-11-02", "1.2"),
            ("USD", "2026-11-01", "1.1"),
            ("JPY", "2026-11-01", "178"),
        ]);
        let usd = |at: &str| {
            let at: jiff::Timestamp = at.parse().unwrap();
            let found = rates.at("USD".parse().unwrap(), at.as_millisecond());
            found.map(|rate| rate.per_reference.to_string())
        };
        assert_eq!(usd("2026-10-31T23:59:59.999Z"), None);
        assert_eq!(usd("2026-11-01T00:00:00Z").as_deref(), Some("1.1"));
        assert_eq!(usd("2026-11-01T23:59:59.999Z").as_deref(), Some("1.1"));
        assert_eq!(usd("2026-11-02T00:00:00Z").as_deref(), Some("1.2"));
        assert!(rates.newest("GBP".parse().unwrap()).is_none());
    }

    #[test]
    fn only_exact_decimals_above_zero_are_rates() {
        for good in ["1", "0.5", "178.40", "0.00000001", "9999999999.99999999", "10"] {
            let rate: Rate = good.parse().unwrap();
            assert_eq!(rate.to_string(), good);
        }
        let bad = [
            "",
            "0",
            "0.0",
            "-1",
            "+1",
            "1e3",
            "1.",
            ".5",
            "1,5",
            " 1",
            "01",
            "1.2.3",
            "NaN",
            "inf",
            "1.123456789",
            "12345678901",
            "١",
        ];
        for bad in bad {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
        let number = serde_json::from_str::<Rate>("1.5").unwrap_err().to_string();
        assert!(number.contains("in quotes, such as \"1.1610\""), "{number}");
    }

    #[test]
    fn amounts_are_converted_exactly_and_rounded() {
        let yen: Rate = "160".parse().unwrap();
        assert_eq!(yen.to_reference(1_600_000_000), 10_000_000);
        let dollar: Rate = "1.1610".parse().unwrap();
        assert_eq!(dollar.to_reference(11_610_000), 10_000_000);
        assert_eq!(dollar.to_reference(1), 1);
    }

    proptest! {
        #[test]
        fn a_rate_reads_back_as_it_was_written(digits in 1u64..1_000_000_000, decimals in 0u8..9) {
            let rate = Rate { digits, decimals };
            prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
        }
    }
}
