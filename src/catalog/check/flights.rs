//! Checks flights: dates, prices, goals and targeting.

use crate::catalog::check::Findings;
use crate::catalog::check::index::Index;
use crate::domain::campaign::{Clause, Flight};
use crate::domain::event::{Pricing, Tier};
use crate::domain::inventory::Inventory;
use crate::domain::name_key;
use crate::domain::region::{Region, Regions};

/// The most values in `any` or `none` of one targeting dimension.
const MAX_VALUES: usize = 1_000;

pub(super) fn check(inventory: &Inventory, index: &Index<'_>, findings: &mut Findings) {
    for flight in &inventory.flights {
        findings.begin("flights", flight.id.as_str());
        findings.reference("campaign", flight.campaign.as_str(), &index.campaigns);
        if let Some((starts, ends)) = flight.starts.zip(flight.ends)
            && starts >= ends
        {
            findings.add("ends", format!("must be after `starts`, {starts} (got {ends})"));
        }
        if flight.goal_impressions.is_some() && flight.ends.is_none() {
            findings.add("goal_impressions", "requires `ends`: pacing a goal needs an end date");
        }
        price(flight, findings);
        targeting(index, flight, findings);
    }
}

fn price(flight: &Flight, findings: &mut Findings) {
    let micros = flight.price_micros.get();
    let pricing = flight.pricing;
    // A price per thousand must divide into whole micros per event.
    let per_thousand = matches!(pricing, Pricing::Cpm | Pricing::Vcpm);
    if per_thousand && micros % 1_000 != 0 {
        let reason = format!("must be a multiple of 1000 for pricing \"{pricing}\" (got {micros})");
        findings.add("price_micros", reason);
    }
    if pricing == Pricing::Flat && micros != 0 {
        let reason = format!("must be left out for pricing \"{pricing}\" (got {micros})");
        findings.add("price_micros", reason);
    }
    if pricing != Pricing::Flat && micros == 0 {
        let reason = format!("must be greater than 0 for pricing \"{pricing}\" (got 0)");
        let help = format!("set a price, or write `pricing = \"{}\"`", Pricing::Flat);
        findings.add_with_help("price_micros", reason, Some(help));
    }
    if flight.tier == Tier::House && pricing != Pricing::Flat {
        let flat = Pricing::Flat;
        let reason = format!("must be \"{flat}\" for tier \"house\" (got \"{pricing}\")");
        findings.add("pricing", reason);
    }
    if flight.copy_price_micros.is_some_and(|price| price.get() == 0) {
        findings.add("copy_price_micros", "must be greater than 0, or left out (got 0)");
    }
}

fn targeting(index: &Index<'_>, flight: &Flight, findings: &mut Findings) {
    let targeting = &flight.targeting;
    macro_rules! refer {
        ($dimension:ident) => {
            let clause = &targeting.$dimension;
            for (side, list) in [("any", &clause.any), ("none", &clause.none)] {
                for (at, id) in list.iter().enumerate() {
                    let dimension = stringify!($dimension);
                    let field = format_args!("targeting.{dimension}.{side}[{at}]");
                    findings.reference(field, id.as_str(), &index.$dimension);
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
                findings.region(field, region, &index.regions);
            }
        }
        if !includes_a_country(&index.regions, clause) {
            let reason = "must include at least one country: `none` excludes all of `any`";
            findings.add(format_args!("targeting.{name}"), reason);
        }
    }
    for (side, list) in [("any", &targeting.keywords.any), ("none", &targeting.keywords.none)] {
        for (at, word) in list.iter().enumerate() {
            let field = format!("targeting.keywords.{side}[{at}]");
            findings.required_text(&field, word, name_key::MAX_CHARS);
            if name_key::key(word).is_none() {
                findings.add(field, format!("must contain a letter or a digit (got `{word}`)"));
            }
        }
    }
    macro_rules! bounded {
        ($($dimension:ident),*) => {$(
            let clause = &targeting.$dimension;
            for (side, count) in [("any", clause.any.len()), ("none", clause.none.len())] {
                if count > MAX_VALUES {
                    let field = format_args!("targeting.{}.{side}", stringify!($dimension));
                    let reason = format!("must have at most {MAX_VALUES} values (got {count})");
                    findings.add(field, reason);
                }
            }
        )*};
    }
    bounded!(topics, entities, regions, page_regions, languages, keywords, publishers, placements);
}

/// Whether `any` without `none` includes a country. An unknown region counts as one, so that a typo
/// is not reported twice.
fn includes_a_country(regions: &Regions, clause: &Clause<Region>) -> bool {
    if clause.none.is_empty() || clause.any.iter().any(|region| !regions.contains(region)) {
        return true;
    }
    let covered =
        |list: &[Region], country| list.iter().any(|region| regions.covers(region, country));
    regions.countries().any(|country| {
        (clause.any.is_empty() || covered(&clause.any, country)) && !covered(&clause.none, country)
    })
}
