//! Prices that one draw compares are in one currency, or have exchange rates.

use crate::catalog::check::weights::fairness_topics;
use crate::catalog::check::{Finding, Findings};
use crate::domain::campaign::Flight;
use crate::domain::event::{Pricing, Tier};
use crate::domain::exchange_rates::ExchangeRates;
use crate::domain::inventory::Inventory;
use crate::domain::money::{Currency, Micros};
use crate::domain::weights::Weights;
use std::collections::BTreeMap;

/// A rate that is older than this many days is reported.
const STALE_DAYS: i64 = 31;
const DAY_MS: i64 = 86_400_000;

/// Flights whose prices cannot be compared with those of others in a draw at `now_ms`, and topics of the weights that
/// the inventory does not have.
pub fn prices(inventory: &Inventory, weights: &Weights, now_ms: i64) -> Vec<Finding> {
    let mut found = fairness_topics(inventory, weights);
    if weights.price_weight > 0.0 {
        found.extend(comparisons(inventory, weights, now_ms));
    }
    found
}

fn comparisons(inventory: &Inventory, weights: &Weights, now_ms: i64) -> Vec<Finding> {
    let mut findings = Findings::new();
    let priced = priced(inventory);
    match &weights.exchange_rates {
        Some(rates) if rates.apply_to(inventory) => {
            check_rates(&priced, rates, now_ms, &mut findings);
        }
        _ => check_currencies(&priced, &mut findings),
    }
    findings.found
}

/// The first flight with a price, by tier and currency. House flights compete by weight.
type Priced<'a> = BTreeMap<Tier, BTreeMap<Currency, &'a Flight>>;

fn priced(inventory: &Inventory) -> Priced<'_> {
    let currency_of: BTreeMap<&str, Currency> =
        inventory.advertisers.iter().map(|one| (one.id.as_str(), one.currency)).collect();
    let campaigns = inventory.campaigns.iter();
    let currency_of: BTreeMap<&str, Currency> = campaigns
        .filter_map(|one| Some((one.id.as_str(), *currency_of.get(one.advertiser.as_str())?)))
        .collect();
    let mut found = Priced::new();
    for flight in &inventory.flights {
        let has_price = flight.price_micros > Micros::ZERO && flight.pricing != Pricing::Flat;
        let currency = currency_of.get(flight.campaign.as_str());
        if let Some(currency) = currency.filter(|_| has_price && flight.tier != Tier::House) {
            found.entry(flight.tier).or_default().entry(*currency).or_insert(flight);
        }
    }
    found
}

fn check_currencies(priced: &Priced<'_>, findings: &mut Findings) {
    for (tier, by_currency) in priced {
        let mut flights = by_currency.iter();
        let Some((currency, first)) = flights.next() else { continue };
        for (other, flight) in flights {
            findings.begin("flights", flight.id.as_str());
            findings.add_with_help(
                "price_micros",
                format!(
                    "is in {other} and would be compared with the price of flight `{}` in {currency}, of \
                     the same tier `{tier}`, as if both were one currency",
                    first.id
                ),
                Some(format!(
                    "add `exchange_rates` with the rates of {currency} and {other} to the weights, or \
                     sell both in one currency"
                )),
            );
        }
    }
}

fn check_rates(priced: &Priced<'_>, rates: &ExchangeRates, now_ms: i64, findings: &mut Findings) {
    let all = priced.values().flatten().filter(|(currency, _)| **currency != rates.reference);
    let first: BTreeMap<&Currency, &&Flight> = all.collect();
    for (currency, flight) in first {
        let reason = match (rates.at(*currency, now_ms), rates.newest(*currency)) {
            (Some(_), _) => continue,
            (None, Some(_)) => "begins in the future only",
            (None, None) => "is missing",
        };
        findings.begin("flights", flight.id.as_str());
        findings.add_with_help(
            "price_micros",
            format!("is in {currency}, whose exchange rate to {} {reason}", rates.reference),
            Some(format!(
                "add a row with currency = \"{currency}\" and a day in the past to \
                 `exchange_rates.rates` in the weights"
            )),
        );
    }
}

/// What is said about rates of the inventory's prices that are old, each with its age.
pub(crate) fn stale_rates(inventory: &Inventory, weights: &Weights, now_ms: i64) -> Vec<String> {
    let Some(rates) = &weights.exchange_rates else { return Vec::new() };
    let priced = priced(inventory);
    let mut currencies: Vec<Currency> = priced.values().flatten().map(|(one, _)| *one).collect();
    currencies.sort_unstable();
    currencies.dedup();
    let stale = currencies.into_iter().filter_map(|currency| {
        let rate = rates.at(currency, now_ms).filter(|_| currency != rates.reference)?;
        let days = (now_ms - rate.starts_ms()) / DAY_MS;
        (days > STALE_DAYS).then(|| {
            format!("the exchange rate of {currency} is of {}, {days} days ago", rate.from)
        })
    });
    stale.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{files, tables};

    /// The example with these currencies of its advertisers.
    fn sold_in(currencies: &[(&str, &str)]) -> Inventory {
        let mut inventory = files::example();
        for (advertiser, currency) in currencies {
            let mut all = inventory.advertisers.iter_mut();
            let found = all.find(|one| one.id.as_str() == *advertiser).unwrap();
            found.currency = currency.parse().unwrap();
        }
        inventory
    }

    /// The default weights with these rates, or without any.
    fn weights(rates: &str) -> Weights {
        let (plain, _) = files::WEIGHTS.1.split_once("[exchange_rates]").unwrap();
        let table = match rates {
            "" => String::new(),
            rates => format!("[exchange_rates]\nreference = \"EUR\"\nrates = [{rates}]"),
        };
        tables::weights("w.toml", &format!("{plain}\n{table}")).unwrap()
    }

    fn at(time: &str) -> i64 {
        time.parse::<jiff::Timestamp>().unwrap().as_millisecond()
    }

    fn found(inventory: &Inventory, weights: &Weights) -> Vec<String> {
        let findings = prices(inventory, weights, at("2026-11-30T12:00:00Z"));
        findings.iter().map(ToString::to_string).collect()
    }

    const DOLLAR: &str = r#"{ currency = "USD", from = "2026-11-27", per_reference = "1.1610" }"#;

    #[test]
    fn prices_in_two_currencies_need_rates_and_the_finding_names_both_flights() {
        let mixed = sold_in(&[("gitlift", "EUR"), ("veloria", "JPY")]);
        let all = found(&mixed, &weights(""));
        assert_eq!(all.len(), 1, "{all:?}");
        for part in [
            "flights `veloria-mobility`: price_micros: is in JPY",
            "flight `gitlift-devops-americas` in EUR",
            "`standard`",
            "exchange_rates",
        ] {
            assert!(all[0].contains(part), "{part}: {}", all[0]);
        }
        let yen = r#"{ currency = "JPY", from = "2026-11-27", per_reference = "178.40" }"#;
        assert_eq!(found(&mixed, &weights(yen)), [""; 0]);
        let unpriced = Weights { price_weight: 0.0, ..weights("") };
        assert_eq!(found(&mixed, &unpriced), [""; 0], "prices do not count");
        assert_eq!(found(&files::example(), &Weights::default()), [""; 0], "has its rates");
    }

    /// The advertisers of the example that have a price.
    const PAYING: [&str; 6] =
        ["gitlift", "kupferpfanne", "kontorbuch", "veloria", "palisade-audit", "zahid-host"];

    #[test]
    fn one_currency_flat_fees_house_units_and_other_tiers_need_no_rates() {
        let all_in = |currency| sold_in(&PAYING.map(|one| (one, currency)));
        let mut apart = all_in("EUR");
        let veloria = apart.advertisers.iter_mut().find(|one| one.id.as_str() == "veloria");
        veloria.unwrap().currency = "JPY".parse().unwrap();
        let mut flights = apart.flights.iter_mut();
        flights.find(|one| one.id.as_str() == "veloria-mobility").unwrap().tier = Tier::Sponsorship;
        let mut others = all_in("EUR");
        for (advertiser, currency) in [("lernwerk", "CHF"), ("house", "USD")] {
            let found = others.advertisers.iter_mut().find(|one| one.id.as_str() == advertiser);
            found.unwrap().currency = currency.parse().unwrap();
        }
        for inventory in [all_in("EUR"), all_in("GBP"), apart, others] {
            assert_eq!(found(&inventory, &weights("")), [""; 0]);
        }
        assert_eq!(found(&all_in("GBP"), &weights(DOLLAR)), [""; 0], "nothing to convert");
    }

    #[test]
    fn every_currency_of_a_price_needs_a_rate_whose_day_has_begun() {
        let mixed = sold_in(&[("veloria", "JPY")]);
        let all = found(&mixed, &weights(DOLLAR));
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(all[0].contains("`veloria-mobility`: price_micros: is in JPY"), "{}", all[0]);
        assert!(all[0].contains("exchange rate to EUR is missing"), "{}", all[0]);
        let later = r#"{ currency = "JPY", from = "2026-12-01", per_reference = "178" }"#;
        let all = found(&mixed, &weights(&format!("{DOLLAR}, {later}")));
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(all[0].contains("begins in the future only"), "{}", all[0]);
    }

    #[test]
    fn a_rate_older_than_a_month_is_said_with_its_age() {
        let said = |now| stale_rates(&files::example(), &weights(DOLLAR), at(now));
        assert_eq!(said("2026-12-28T23:00:00Z"), [""; 0]);
        assert_eq!(said("2026-12-29T00:00:00Z").len(), 1);
        let age = "the exchange rate of USD is of 2026-11-27, 35 days ago";
        assert_eq!(said("2027-01-01T00:00:00Z"), [age]);
        let euros = sold_in(&PAYING.map(|one| (one, "EUR")));
        assert_eq!(stale_rates(&euros, &weights(DOLLAR), at("2028-01-01T00:00:00Z")), [""; 0]);
    }
}
