//! Money: integer micros of a currency, never a float.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Millionths of one unit of a currency. `Micros(1_500_000)` is €1.50.
///
/// Between 0 and [`Micros::MAX`], so that every sum in the ledger is also exact in systems whose
/// numbers are doubles.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(try_from = "i64", into = "i64")]
#[schemars(transparent, !try_from, !into)] // the schema includes the bounds
pub struct Micros(#[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))] i64);

/// The amount is negative or above 2^53 − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not an amount: use whole micros from 0 to 9007199254740991")]
pub struct InvalidMicros(pub(crate) i64);

impl Micros {
    /// Zero.
    pub const ZERO: Micros = Micros(0);
    /// 2^53 − 1, the largest integer that a double holds exactly.
    pub(crate) const MAX: Micros = Micros(9_007_199_254_740_991);

    /// A constant amount; panics at compile time if it is none.
    pub(crate) const fn from_const(micros: i64) -> Micros {
        assert!(micros >= 0 && micros <= Micros::MAX.0, "an amount");
        Micros(micros)
    }

    /// The amount as an integer.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, or `None` above [`Micros::MAX`].
    pub(crate) fn checked_add(self, other: Micros) -> Option<Micros> {
        self.0.checked_add(other.0).filter(|sum| *sum <= Micros::MAX.0).map(Micros)
    }

    /// The difference, or `None` below zero.
    pub(crate) fn checked_sub(self, other: Micros) -> Option<Micros> {
        self.0.checked_sub(other.0).filter(|rest| *rest >= 0).map(Micros)
    }

    /// The difference, or zero if it is negative.
    pub(crate) fn saturating_sub(self, other: Micros) -> Micros {
        self.checked_sub(other).unwrap_or(Micros::ZERO)
    }
}

impl TryFrom<i64> for Micros {
    type Error = InvalidMicros;
    fn try_from(micros: i64) -> Result<Self, InvalidMicros> {
        if (0..=Micros::MAX.0).contains(&micros) {
            Ok(Micros(micros))
        } else {
            Err(InvalidMicros(micros))
        }
    }
}

impl From<Micros> for i64 {
    fn from(amount: Micros) -> i64 {
        amount.0
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Balance(self.0).fmt(f)
    }
}

/// Micros of a currency, possibly negative: on some days refunds exceed spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Balance(pub(crate) i64);

impl fmt::Display for Balance {
    /// Currency units with two to six decimals: `1.50`, `-0.000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, micros) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let fraction = format!("{:06}", micros % 1_000_000);
        let cut = fraction.trim_end_matches('0').len().max(2);
        write!(f, "{sign}{}.{}", micros / 1_000_000, &fraction[..cut])
    }
}

/// An ISO 4217 currency code in use, such as `EUR`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// The text is not a currency in use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a currency: use an ISO 4217 code such as EUR")]
pub struct InvalidCurrency(pub(crate) String);

/// ISO 4217 list one, currencies in use (without funds codes, metals and test codes).
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD \
BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL \
GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD \
KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK \
NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP \
STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF \
XPF YER ZAR ZMW ZWG";

impl Currency {
    /// The three letters.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("currency codes are ASCII letters")
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidCurrency;
    fn try_from(text: String) -> Result<Self, InvalidCurrency> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if is_in_use(code) => Ok(Currency(code)),
            _ => Err(InvalidCurrency(text)),
        }
    }
}

/// Whether [`CODES`], which is sorted, has the code. Every record of an event that is applied has one.
fn is_in_use(code: [u8; 3]) -> bool {
    let (codes, last) = CODES.as_bytes().as_chunks::<4>();
    last == code || codes.binary_search_by(|known| known[..3].cmp(&code)).is_ok()
}

impl std::str::FromStr for Currency {
    type Err = InvalidCurrency;
    fn from_str(text: &str) -> Result<Self, InvalidCurrency> {
        Currency::try_from(text.to_owned())
    }
}

impl From<Currency> for String {
    fn from(code: Currency) -> String {
        code.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl schemars::JsonSchema for Currency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let codes: Vec<&str> = CODES.split(' ').collect();
        schemars::json_schema!({ "type": "string", "enum": codes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_amount_is_formatted_with_two_to_six_decimals() {
        for (micros, text) in
            [(0, "0.00"), (1_500_000, "1.50"), (1, "0.000001"), (12_345_600, "12.3456")]
        {
            assert_eq!(Micros(micros).to_string(), text);
            assert_eq!(Balance(-micros).to_string().trim_start_matches('-'), text);
        }
        assert_eq!(Balance(-1_234).to_string(), "-0.001234");
    }

    #[test]
    fn only_currencies_in_use_are_accepted() {
        for code in CODES.split(' ') {
            assert!(code.parse::<Currency>().is_ok(), "{code}");
        }
        for bad in ["", "eur", "XXX", "DEM", "EURO", "E R", "BTN B"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn sums_are_exact_or_none(a in 0..=Micros::MAX.0, b in 0..=Micros::MAX.0) {
            match Micros(a).checked_add(Micros(b)) {
                Some(sum) => prop_assert_eq!(i128::from(sum.get()), i128::from(a) + i128::from(b)),
                None => prop_assert!(i128::from(a) + i128::from(b) > i128::from(Micros::MAX.0)),
            }
        }
    }
}
