//! Checks flights: dates, prices, goals and targeting.

use crate::catalog::check::index::Index;
use crate::catalog::check::{Findings, context_keys};
use crate::domain::campaign::Flight;
use crate::domain::event::{Pricing, Tier};
use crate::domain::goal::Goals;
use crate::domain::id::{EntityId, PlacementId, PublisherId, TopicId};
use crate::domain::inventory::Inventory;
use crate::domain::language::Language;
use crate::domain::name_key;
use crate::domain::region::{Region, Regions};
use crate::domain::targeting::{Clause, Fact};
use crate::domain::zone::Zone;

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
        let goals = flight.goals();
        for (kind, _) in goals.set().filter(|_| flight.ends.is_none()) {
            let field = format!("goal_{kind}s");
            findings.add(field, "requires `ends`: pacing a goal needs an end date");
        }
        if goals == Goals::default() && !flight.end.is_hard() {
            findings.add("end", "requires a goal: \"soft\" goes on until the goals are reached");
        }
        if flight.share_percent.is_some() {
            share(flight, findings);
        }
        if let Some(zone) = index.zone_of(flight).filter(|zone| !runs(flight, zone)) {
            let reason = format!("must include a time between `starts` and `ends` ({zone:?})");
            findings.add("hours", reason);
        }
        price(flight, findings);
        targeting(index, flight, findings);
        context_keys::targeting(index, flight, findings);
    }
}

fn share(flight: &Flight, findings: &mut Findings) {
    if flight.tier != Tier::Sponsorship {
        let reason = format!("requires tier \"{}\" (got \"{}\")", Tier::Sponsorship, flight.tier);
        findings.add("share_percent", reason);
    }
    if flight.goals() != Goals::default() {
        findings
            .add("share_percent", "must be left out with a goal: a flight has one or the other");
    }
}

/// Whether a flight runs in any quarter of an hour between its dates.
fn runs(flight: &Flight, zone: &Zone) -> bool {
    let Some((starts, ends)) = flight.starts.zip(flight.ends) else { return true };
    let unix_ms = |at| zone.rules().to_zoned(at).map(|at| at.timestamp().as_millisecond());
    let (Ok(starts_ms), Ok(ends_ms)) = (unix_ms(starts), unix_ms(ends)) else { return true };
    let week_later = starts_ms.saturating_add(8 * 86_400_000);
    let mut times = (starts_ms..ends_ms.min(week_later)).step_by(900_000);
    // An error in the dates is reported there.
    starts_ms >= ends_ms || times.any(|at_ms| flight.hours.contain(zone, at_ms))
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

macro_rules! check_every_dimension {
    ($({$(
        $(#[$doc:meta])* $field:ident: $stated:ty => $value:ty, $reason:ident $(= $text:literal)?,
        $sentence:literal, $remedy:literal;
    )*})*) => {
        fn targeting(index: &Index<'_>, flight: &Flight, findings: &mut Findings) {
            $($(dimension(stringify!($field), &flight.targeting.$field, index, findings);)*)*
        }
    };
}

targeting_dimensions!(check_every_dimension);

fn dimension<T: Stated>(
    name: &str,
    clause: &Clause<T>,
    index: &Index<'_>,
    findings: &mut Findings,
) {
    for (side, list) in [("any", &clause.any), ("none", &clause.none)] {
        for (at, value) in list.iter().enumerate() {
            value.check(&format!("targeting.{name}.{side}[{at}]"), index, findings);
        }
        if list.len() > MAX_VALUES {
            let reason = format!("must have at most {MAX_VALUES} values (got {})", list.len());
            findings.add(format_args!("targeting.{name}.{side}"), reason);
        }
    }
    if let Some(reason) = T::never_matches(clause, index) {
        findings.add(format_args!("targeting.{name}"), reason);
    }
}

/// A value that a flight can target.
trait Stated: Sized {
    fn check(&self, _field: &str, _index: &Index<'_>, _findings: &mut Findings) {}

    /// Why no page can match the clause, if none can.
    fn never_matches(_clause: &Clause<Self>, _index: &Index<'_>) -> Option<&'static str> {
        None
    }
}

macro_rules! references {
    ($($id:ident in $list:ident),*) => {$(
        impl Stated for $id {
            fn check(&self, field: &str, index: &Index<'_>, findings: &mut Findings) {
                findings.reference(field, self.as_str(), &index.$list);
            }
        }
    )*};
}

references!(
    TopicId in topics, EntityId in entities, PublisherId in publishers, PlacementId in placements
);

impl Stated for Region {
    fn check(&self, field: &str, index: &Index<'_>, findings: &mut Findings) {
        findings.region(field, self, &index.regions);
    }

    fn never_matches(clause: &Clause<Region>, index: &Index<'_>) -> Option<&'static str> {
        (!includes_a_country(&index.regions, clause))
            .then_some("must include at least one country: `none` excludes all of `any`")
    }
}

impl Stated for Language {}

impl<T: Fact> Stated for T {
    fn never_matches(clause: &Clause<T>, _: &Index<'_>) -> Option<&'static str> {
        let excluded = |value: &T| clause.none.contains(value);
        (!clause.any.is_empty() && clause.any.iter().all(excluded))
            .then_some("must accept at least one value: `none` excludes all of `any`")
    }
}

/// A keyword.
impl Stated for String {
    fn check(&self, field: &str, _: &Index<'_>, findings: &mut Findings) {
        findings.required_text(field, self, name_key::MAX_CHARS);
        if name_key::key(self).is_none() {
            findings.add(field, format!("must contain a letter or a digit (got `{self}`)"));
        }
    }
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
