//! Flights: dates, prices, goals, targeting.

use crate::catalog::check::Findings;
use crate::catalog::check::known::Known;
use crate::domain::campaign::Clause;
use crate::domain::campaign::Flight;
use crate::domain::event::BillOn;
use crate::domain::event::Tier;
use crate::domain::inventory::Inventory;
use crate::domain::region::Region;
use crate::domain::region::Regions;
use crate::domain::text;

/// The most values a flight names on one side of one dimension.
const MAX_VALUES: usize = 1_000;

pub(super) fn check(inventory: &Inventory, known: &Known<'_>, findings: &mut Findings) {
    for flight in &inventory.flights {
        findings.of("flights", flight.id.as_str());
        findings.refers("campaign", flight.campaign.as_str(), &known.campaigns);
        if flight.starts.zip(flight.ends).is_some_and(|(starts, ends)| starts >= ends) {
            findings.add("ends", "is not after `starts`");
        }
        if flight.goal_impressions.is_some() && flight.ends.is_none() {
            findings.add("goal_impressions", "needs `ends`: a goal without an end has no pace");
        }
        price(flight, findings);
        targeting(known, flight, findings);
    }
}

fn price(flight: &Flight, findings: &mut Findings) {
    let micros = flight.price_micros.get();
    let per_thousand = matches!(flight.bills, BillOn::Impression | BillOn::Viewable);
    if per_thousand && micros % 1_000 != 0 {
        let reason =
            "a price per thousand is a multiple of 1000 micros, so that one event has a price";
        findings.add("price_micros", reason);
    }
    if flight.bills == BillOn::Flat && micros != 0 {
        findings.add("price_micros", "a flat flight costs nothing an event: leave it out");
    }
    if flight.bills != BillOn::Flat && micros == 0 {
        findings.helped("price_micros", "is 0", Some("write `bills = \"flat\"`".into()));
    }
    if flight.tier == Tier::House && flight.bills != BillOn::Flat {
        findings.add("bills", "a house flight is flat: nobody pays for it");
    }
    if flight.copy_price_micros.is_some_and(|price| price.get() == 0) {
        findings.add("copy_price_micros", "is 0: leave it out");
    }
}

fn targeting(known: &Known<'_>, flight: &Flight, findings: &mut Findings) {
    let targeting = &flight.targeting;
    macro_rules! refer {
        ($dimension:ident) => {
            let clause = &targeting.$dimension;
            for (side, list) in [("any", &clause.any), ("none", &clause.none)] {
                for (at, id) in list.iter().enumerate() {
                    let dimension = stringify!($dimension);
                    let field = format_args!("targeting.{dimension}.{side}[{at}]");
                    findings.refers(field, id.as_str(), &known.$dimension);
                }
            }
        };
    }
    refer!(topics);
    refer!(entities);
    refer!(publishers);
    refer!(placements);
    for (name, clause) in
        [("regions", &targeting.regions), ("page_regions", &targeting.page_regions)]
    {
        for (side, list) in [("any", &clause.any), ("none", &clause.none)] {
            for (at, region) in list.iter().enumerate() {
                let field = format_args!("targeting.{name}.{side}[{at}]");
                findings.region(field, region, &known.regions);
            }
        }
        if !reaches_somebody(&known.regions, clause) {
            findings.add(format_args!("targeting.{name}"), "leaves no country");
        }
    }
    for (side, list) in [("any", &targeting.keywords.any), ("none", &targeting.keywords.none)] {
        for (at, word) in list.iter().enumerate() {
            let field = format!("targeting.keywords.{side}[{at}]");
            findings.named(&field, word, text::MAX_CHARS);
            if text::key(word).is_none() {
                findings.add(field, "names nothing");
            }
        }
    }
    macro_rules! bounded {
        ($($dimension:ident),*) => {$(
            let clause = &targeting.$dimension;
            for (side, list) in [("any", clause.any.len()), ("none", clause.none.len())] {
                if list > MAX_VALUES {
                    let field = format_args!("targeting.{}.{side}", stringify!($dimension));
                    findings.add(field, format!("has {list} values: {MAX_VALUES} at most"));
                }
            }
        )*};
    }
    bounded!(topics, entities, regions, page_regions, languages, keywords, publishers, placements);
}

/// Whether `any` without `none` leaves a country. A region nobody knows counts as one, so that a
/// typo is not reported twice.
fn reaches_somebody(regions: &Regions, clause: &Clause<Region>) -> bool {
    if clause.none.is_empty() || clause.any.iter().any(|region| !regions.knows(region)) {
        return true;
    }
    let covered =
        |list: &[Region], country| list.iter().any(|region| regions.covers(region, country));
    regions.countries().any(|country| {
        (clause.any.is_empty() || covered(&clause.any, country)) && !covered(&clause.none, country)
    })
}
