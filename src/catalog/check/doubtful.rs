//! Warns about documents that are valid and may not do what is meant: what is never shown, and prices that are
//! far from all others.

use crate::catalog::check::Findings;
use crate::catalog::check::index::Index;
use crate::domain::campaign::Flight;
use crate::domain::creative::{Creative, CreativeState};
use crate::domain::event::{Pricing, Tier};
use crate::domain::id::PlacementId;
use crate::domain::inventory::Inventory;
use crate::domain::money::Currency;
use crate::domain::party::Publisher;
use crate::domain::targeting::Clause;
use crate::domain::weights::Weights;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// How often a price must contain the median of the others, or the median it, to be taken for a typing error.
const FAR: i64 = 1_000;

/// The fewest other prices that say what is usual.
const FEWEST_PRICES: usize = 3;

pub(super) fn check(
    inventory: &Inventory,
    index: &Index<'_>,
    now_ms: i64,
    findings: &mut Findings,
) {
    flights_without_creative(inventory, findings);
    campaigns_in_the_past(inventory, index, now_ms, findings);
    expired_texts(inventory, now_ms, findings);
    far_prices(inventory, index, findings);
    publishers_without_flights(inventory, findings);
}

fn flights_without_creative(inventory: &Inventory, findings: &mut Findings) {
    let mut live: HashMap<&str, (usize, usize)> = HashMap::new();
    for creative in &inventory.creatives {
        let (all, shown) = live.entry(creative.flight.as_str()).or_default();
        *all += 1;
        *shown += usize::from(creative.state == CreativeState::Live);
    }
    for flight in inventory.flights.iter().filter(|flight| !flight.is_paused()) {
        let reason = match live.get(flight.id.as_str()) {
            None => "has no creative: it is never shown".to_owned(),
            Some((all, 0)) => format!("none of its creatives is live (of {all}): it is not shown"),
            Some(_) => continue,
        };
        findings.begin("flights", flight.id.as_str());
        findings.add("", reason);
    }
}

/// Whether a flight has ended.
fn is_over(flight: &Flight, index: &Index<'_>, now_ms: i64) -> bool {
    let zone = index.zone_of(flight);
    let ends = flight.ends.zip(zone).and_then(|(ends, zone)| zone.rules().to_zoned(ends).ok());
    ends.is_some_and(|ends| ends.timestamp().as_millisecond() <= now_ms)
}

fn campaigns_in_the_past(
    inventory: &Inventory,
    index: &Index<'_>,
    now_ms: i64,
    findings: &mut Findings,
) {
    let mut flights: HashMap<&str, Vec<&Flight>> = HashMap::new();
    for flight in &inventory.flights {
        flights.entry(flight.campaign.as_str()).or_default().push(flight);
    }
    let is_past = |campaign: &str| match flights.get(campaign) {
        Some(flights) => flights.iter().all(|flight| is_over(flight, index, now_ms)),
        None => false,
    };
    let with_flights = |id: &str| flights.contains_key(id);
    let sold = inventory.campaigns.iter().filter(|one| {
        let all = flights.get(one.id.as_str()).into_iter().flatten();
        with_flights(one.id.as_str()) && all.clone().all(|flight| flight.tier != Tier::House)
    });
    let sold: Vec<&str> = sold.map(|campaign| campaign.id.as_str()).collect();
    if sold.len() > 1 && sold.iter().all(|campaign| is_past(campaign)) {
        findings.begin("campaigns", "");
        findings.add("", "all flights of all campaigns have ended: only house units are shown");
        return;
    }
    for campaign in inventory.campaigns.iter().filter(|one| !one.is_paused()) {
        if is_past(campaign.id.as_str()) {
            findings.begin("campaigns", campaign.id.as_str());
            findings.add("", "all its flights have ended: nothing of it is shown");
        }
    }
}

fn expired_texts(inventory: &Inventory, now_ms: i64, findings: &mut Findings) {
    let is_over = |until: jiff::Timestamp| until.as_millisecond() <= now_ms;
    let live = |one: &&Creative| one.state == CreativeState::Live;
    for creative in inventory.creatives.iter().filter(live) {
        findings.begin("creatives", creative.id.as_str());
        if let Some(price) = creative.price.as_ref().filter(|price| is_over(price.valid_until)) {
            let until = price.valid_until;
            findings.add("price", format!("has expired ({until}): it is shown without its price"));
        }
        let proofs = &creative.proofs;
        if !proofs.is_empty() && proofs.iter().all(|proof| is_over(proof.valid_until)) {
            findings.add("proofs", "all have expired: it is shown without a claim");
        }
    }
}

fn far_prices(inventory: &Inventory, index: &Index<'_>, findings: &mut Findings) {
    let currency = |flight: &Flight| -> Option<Currency> {
        let campaign = index.campaigns.find(flight.campaign.as_str())?;
        Some(index.advertisers.find(campaign.advertiser.as_str())?.currency)
    };
    let mut groups: BTreeMap<(String, String), Vec<&Flight>> = BTreeMap::new();
    for flight in inventory.flights.iter().filter(|one| one.pricing != Pricing::Flat) {
        if let Some(currency) = currency(flight) {
            let group = (currency.to_string(), flight.pricing.to_string());
            groups.entry(group).or_default().push(flight);
        }
    }
    for ((currency, pricing), mut flights) in groups {
        if flights.len() <= FEWEST_PRICES {
            continue;
        }
        flights.sort_by_key(|flight| flight.price_micros);
        let median = flights[flights.len() / 2].price_micros.get();
        for flight in flights {
            let price = flight.price_micros.get();
            let (more, less) = (price / median.max(1), median / price.max(1));
            if more.max(less) < FAR {
                continue;
            }
            let (times, than) = if more > less { (more, "above") } else { (less, "below") };
            findings.begin("flights", flight.id.as_str());
            let reason = format!(
                "{price} is {times} times {than} the usual price of `{pricing}` flights in {currency}, \
                 {median}: one {currency} is 1_000_000 micros"
            );
            findings.add("price_micros", reason);
        }
    }
}

/// Publishers on whose placements no flight may be shown, by the clauses that name publishers and placements.
fn publishers_without_flights(inventory: &Inventory, findings: &mut Findings) {
    fn accepts<T: PartialEq>(clause: &Clause<T>, value: &T) -> bool {
        (clause.any.is_empty() || clause.any.contains(value)) && !clause.none.contains(value)
    }
    if inventory.flights.is_empty() {
        return;
    }
    let is_for = |flight: &Flight, site: &Publisher, placement: &PlacementId| {
        let targeting = &flight.targeting;
        accepts(&targeting.publishers, &site.id) && accepts(&targeting.placements, placement)
    };
    for site in &inventory.publishers {
        let mut placements = site.placements.iter();
        let is_shown = placements.any(|placement| {
            inventory.flights.iter().any(|flight| is_for(flight, site, &placement.id))
        });
        if !is_shown {
            findings.begin("publishers", site.id.as_str());
            findings
                .add("placements", "no flight targets any of them: nothing is ever shown there");
        }
    }
}

/// Weights that are 0 and not so by default.
pub(super) fn zero_weights(weights: &Weights, findings: &mut Findings) {
    let value = |weights: &Weights| serde_json::to_value(weights).unwrap_or_default();
    let mut found = Vec::new();
    zeros(&value(weights), &value(&Weights::default()), String::new(), &mut found);
    findings.begin("weights", "");
    for (path, default) in found {
        let reason = format!("is 0 (by default {default}): what it weighs then has no influence");
        findings.add(path, reason);
    }
}

fn zeros(now: &Value, default: &Value, path: String, found: &mut Vec<(String, Value)>) {
    match (now, default) {
        (Value::Object(fields), Value::Object(_)) => {
            for (name, now) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                zeros(now, &default[name], format!("{path}{dot}{name}"), found);
            }
        }
        (Value::Number(now), Value::Number(usual)) => {
            let is_zero = |number: &serde_json::Number| number.as_f64() == Some(0.0);
            if is_zero(now) && !is_zero(usual) {
                found.push((path, default.clone()));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::check::{warnings, weight_warnings};
    use crate::catalog::files;

    /// 2026-12-01.
    const NOW_MS: i64 = 1_796_083_200_000;

    /// The warnings about the example with one text replaced in its files.
    fn warnings_of(changes: &[(&str, &str)]) -> Vec<String> {
        let mut texts = files::EXAMPLE.map(|(name, text)| (name.to_owned(), text.to_owned()));
        for (from, to) in changes {
            let file = texts.iter_mut().find(|(_, text)| text.contains(from));
            let (_, text) = file.unwrap_or_else(|| panic!("no file has `{from}`"));
            *text = text.replacen(from, to, 1);
        }
        let inventory = files::parse(&texts).unwrap_or_else(|problems| panic!("{problems:?}"));
        warnings(&inventory, NOW_MS).iter().map(ToString::to_string).collect()
    }

    fn assert_warned(changes: &[(&str, &str)], expected: &str) {
        let found = warnings_of(changes);
        assert!(found.iter().any(|one| one.contains(expected)), "{expected}: {found:#?}");
    }

    #[test]
    fn the_example_has_no_warning() {
        assert_eq!(warnings_of(&[]), [""; 0]);
    }

    #[test]
    fn what_is_never_shown_is_warned_of() {
        let draft =
            ("flight = \"zahid-ai-europe\"", "flight = \"zahid-ai-europe\"\nstate = \"draft\"");
        assert_warned(&[draft], "flights `zahid-ai-europe`: none of its creatives is live (of 1)");
        let ended = (
            "pacing = \"asap\"\ntargeting = { topics = { any = [\"ai-infrastructure\"",
            "ends = \"2026-11-01\"\ntargeting = { topics = { any = [\"ai-infrastructure\"",
        );
        assert_warned(&[ended], "campaigns `zahid-launch`: all its flights have ended");
        let price = ("note = \"no card required\", valid_until = \"2036-", "valid_until = \"2026-");
        let later = ("2026-12-31T23:59:59Z\" }", "2026-11-30T23:59:59Z\" }");
        assert_warned(&[price, later], "creatives `zahid-git-push`: price: has expired");
        let other = "regions = { any = [\"eu\", \"CH\"] }";
        let elsewhere = format!("{other}, publishers = {{ any = [\"kitchen-journal\"] }}");
        assert_eq!(warnings_of(&[(other, &elsewhere)]), [""; 0], "others are shown there");
    }

    #[test]
    fn a_publisher_on_which_nothing_can_be_shown_is_warned_of() {
        let mut inventory = files::example();
        for flight in &mut inventory.flights {
            flight.targeting.publishers.none = vec!["kitchen-journal".parse().unwrap()];
        }
        let found: Vec<String> =
            warnings(&inventory, NOW_MS).iter().map(ToString::to_string).collect();
        let expected = "publishers `kitchen-journal`: placements: no flight targets any of them";
        assert!(found.iter().any(|one| one.contains(expected)), "{found:#?}");
    }

    #[test]
    fn a_price_a_thousand_times_off_is_warned_of() {
        let warned = |price: i64| {
            let flight = |id: &str, price: i64| {
                format!(
                    "[[flights]]\nid = \"{id}\"\ncampaign = \"zahid-launch\"\ntier = \"standard\"\n\
                     pricing = \"cpm\"\nprice_micros = {price}\n"
                )
            };
            let others = ["a", "b", "c"].map(|id| flight(id, 8_000_000)).concat();
            let mut texts: Vec<(String, String)> =
                files::EXAMPLE.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
            texts.push(("sold.toml".to_owned(), others + &flight("odd", price)));
            let found = warnings(&files::parse(&texts).unwrap(), NOW_MS);
            let found = found.iter().filter(|one| one.field == "price_micros");
            found.map(ToString::to_string).collect::<Vec<_>>()
        };
        let expected = "flights `odd`: price_micros: 8000 is 1000 times below the usual price of `cpm` flights";
        assert!(warned(8_000)[0].starts_with(expected), "{:?}", warned(8_000));
        assert!(warned(80_000_000_000)[0].contains("times above"), "{:?}", warned(80_000_000_000));
        assert_eq!(warned(80_000_000), [""; 0]);
    }

    #[test]
    fn a_weight_of_0_is_warned_of_unless_that_is_the_default() {
        assert_eq!(weight_warnings(&Weights::default()), []);
        let none = Weights { price_weight: 0.0, ..Weights::default() };
        let found: Vec<String> = weight_warnings(&none).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("weights: price_weight: is 0 (by default 0.5)"), "{found:?}");
    }
}
