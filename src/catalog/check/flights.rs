//! Flights: dates, prices, goals, targeting.

use crate::catalog::check::Findings;
use crate::config::document::nearest;
use crate::domain::campaign::Flight;
use crate::domain::event::BillOn;
use crate::domain::event::Tier;
use crate::domain::inventory::Inventory;
use crate::domain::region::Region;
use crate::domain::region::Regions;
use crate::domain::text;

pub(super) fn check(inventory: &Inventory, findings: &mut Findings) {
    let regions = Regions::build(&inventory.regions).unwrap_or_default();
    let campaigns = inventory.campaigns.iter().map(|campaign| campaign.id.as_str());
    for flight in &inventory.flights {
        findings.of("flights", flight.id.as_str());
        findings.refers("campaign", "campaign", flight.campaign.as_str(), campaigns.clone());
        if flight.starts.zip(flight.ends).is_some_and(|(starts, ends)| starts >= ends) {
            findings.add("ends", "is not after `starts`");
        }
        if flight.goal_impressions.is_some() && flight.ends.is_none() {
            findings.add("goal_impressions", "needs `ends`: a goal without an end has no pace");
        }
        price(flight, findings);
        targeting(inventory, &regions, flight, findings);
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

fn targeting(inventory: &Inventory, regions: &Regions, flight: &Flight, findings: &mut Findings) {
    let targeting = &flight.targeting;
    let topics = inventory.topics.iter().map(|topic| topic.id.as_str());
    let entities = inventory.entities.iter().map(|entity| entity.id.as_str());
    let publishers = inventory.publishers.iter().map(|publisher| publisher.id.as_str());
    let slots = inventory.publishers.iter().flat_map(|publisher| &publisher.placements);
    let placements = slots.map(|placement| placement.id.as_str());
    let each = |any: usize, none: usize| {
        (0..any).map(|at| ("any", at)).chain((0..none).map(|at| ("none", at)))
    };
    macro_rules! refer {
        ($dimension:ident, $what:literal, $known:expr) => {
            let clause = &targeting.$dimension;
            for (side, at) in each(clause.any.len(), clause.none.len()) {
                let id = if side == "any" { &clause.any[at] } else { &clause.none[at] };
                let field = format!("targeting.{}.{side}[{at}]", stringify!($dimension));
                findings.refers(field, $what, id.as_str(), $known.clone());
            }
        };
    }
    refer!(topics, "topic", topics);
    refer!(entities, "entity", entities);
    refer!(publishers, "publisher", publishers);
    refer!(placements, "placement", placements);
    for (name, clause) in
        [("regions", &targeting.regions), ("page_regions", &targeting.page_regions)]
    {
        for (side, list) in [("any", &clause.any), ("none", &clause.none)] {
            for (at, region) in list.iter().enumerate().filter(|(_, region)| !regions.knows(region))
            {
                let help = nearest(region.as_str(), regions.group_ids())
                    .map(|near| format!("did you mean `{near}`?"));
                let reason = format!("there is no region `{region}`");
                findings.helped(format!("targeting.{name}.{side}[{at}]"), reason, help);
            }
        }
        if !clause.any.is_empty() && reach(regions, &clause.any, &clause.none) == 0 {
            findings.add(format!("targeting.{name}"), "leaves no country");
        }
    }
    for (side, list) in [("any", &targeting.keywords.any), ("none", &targeting.keywords.none)] {
        for (at, word) in list.iter().enumerate() {
            findings.plain(format!("targeting.keywords.{side}[{at}]"), word);
            if text::key(word).is_none() {
                findings.add(format!("targeting.keywords.{side}[{at}]"), "names nothing");
            }
        }
    }
}

/// How many countries are left of `any` without `none`; those of unknown groups count, so that a
/// typo is not reported twice.
fn reach(regions: &Regions, any: &[Region], none: &[Region]) -> usize {
    if any.iter().any(|region| !regions.knows(region)) {
        return usize::MAX;
    }
    let covered =
        |list: &[Region], country| list.iter().any(|region| regions.covers(region, country));
    regions.countries().filter(|country| covered(any, *country) && !covered(none, *country)).count()
}
