//! From a chosen unit to a bid: its price, and what the exchange does not take.

use crate::adapters::openrtb::native::Markup;
use crate::adapters::openrtb::request::Asked;
use crate::adapters::openrtb::request::FIRST_TAXONOMY;
use crate::adapters::openrtb::request::Imp;
use crate::adapters::openrtb::withheld::Withheld;
use crate::config::Settings;
use crate::domain::event::BillOn;
use crate::domain::money::Currency;
use crate::http::public::reply::Fill;
use crate::selection::choose::Win;
use crate::selection::snapshot::FlightRow;
use crate::selection::snapshot::Snapshot;
use crate::server::decide::Decided;
use crate::server::decide::Filled;
use crate::server::unit;
use serde::Serialize;

/// Micros of a unit of a currency.
const MICROS: f64 = 1_000_000.0;

/// Native, among the types of markup.
const NATIVE: u8 = 4;

/// A bid.
#[derive(Serialize)]
pub struct Bid {
    id: String,
    impid: String,
    price: f64,
    adid: String,
    adm: String,
    adomain: Vec<String>,
    cid: String,
    crid: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cat: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cattax: Option<u16>,
    language: String,
    mtype: u8,
    /// How long after the auction an impression still counts, in seconds.
    exp: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    ext: Option<BidExt>,
}

#[derive(Serialize)]
struct BidExt {
    dsa: Disclosure,
}

/// Who stands behind a unit, as the exchange passes it on.
#[derive(Serialize)]
struct Disclosure {
    behalf: String,
    paid: String,
    transparency: [Applied; 1],
    adrender: u8,
}

/// Who applied what to choose it.
#[derive(Serialize)]
struct Applied {
    domain: String,
    dsaparams: [u8; 1],
}

/// Context and a country: what the specification calls basic advertising.
const BASIC: u8 = 2;

/// The bids of one request, by seat, all in one currency.
pub struct Auction<'r> {
    asked: &'r Asked,
    settings: &'r Settings,
    domain: String,
    /// What they are in, from the first one on.
    pub currency: Option<Currency>,
    /// By advertiser.
    pub seats: Vec<(String, Vec<Bid>)>,
}

impl<'r> Auction<'r> {
    /// Without a bid yet.
    pub fn of(asked: &'r Asked, settings: &'r Settings, public_url: &str) -> Auction<'r> {
        let host =
            url::Url::parse(public_url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let domain = host.unwrap_or_default();
        Auction { asked, settings, domain, currency: None, seats: Vec::new() }
    }

    /// Whether the exchange takes a unit, asked before anything is held for it.
    pub fn takes(
        &self,
        (imp, markup): (&Imp, &Markup),
        decided: &Decided,
        win: &Win,
    ) -> Result<(), Withheld> {
        let snapshot = decided.live.snapshot();
        let flight = &snapshot.flights[win.place];
        self.wants(imp, snapshot, flight, unit::landing(snapshot, win))?;
        if markup.takes(decided, win) { Ok(()) } else { Err(Withheld::Assets) }
    }

    /// The price of a unit that the exchange takes, and its categories.
    fn wants(
        &self,
        imp: &Imp,
        snapshot: &Snapshot,
        flight: &FlightRow,
        domain: &str,
    ) -> Result<(f64, Vec<String>), Withheld> {
        let advertiser = &snapshot.inventory.advertisers[flight.advertiser];
        let price = price(snapshot, flight).ok_or(Withheld::NoPrice)?;
        self.affords(imp, price, advertiser.currency)?;
        let seat = |seats: &[String]| seats.iter().any(|seat| seat == advertiser.id.as_str());
        if seat(&self.asked.bseat) || !(self.asked.wseat.is_empty() || seat(&self.asked.wseat)) {
            return Err(Withheld::Seat);
        }
        let cat = self.categories(snapshot, flight);
        self.allows(domain, &cat)?;
        Ok((price, cat))
    }

    /// Bids for a slot, or says why not.
    pub fn place(
        &mut self,
        imp: &Imp,
        markup: &Markup,
        decided: &Decided,
        fill: &Fill<'_>,
        filled: &Filled,
    ) -> Result<(), Withheld> {
        let snapshot = decided.live.snapshot();
        let flight = decided.flight(filled);
        let currency = snapshot.inventory.advertisers[flight.advertiser].currency;
        let (price, cat) = self.wants(imp, snapshot, flight, fill.creative.landing_domain)?;
        let dsa = self.asked.dsa();
        let bid = Bid {
            id: fill.decision_id.clone(),
            impid: imp.id.clone(),
            price,
            adid: fill.creative.id.to_owned(),
            adm: markup.fill(fill)?,
            adomain: vec![fill.creative.landing_domain.to_owned()],
            cid: fill.campaign.to_owned(),
            crid: fill.creative.id.to_owned(),
            cattax: (!cat.is_empty()).then_some(FIRST_TAXONOMY),
            cat,
            language: fill.creative.language.to_owned(),
            mtype: NATIVE,
            exp: self.settings.windows.impression_seconds,
            ext: dsa.map(|_| BidExt { dsa: self.disclosure(fill) }),
        };
        self.currency = Some(currency);
        match self.seats.iter_mut().find(|(seat, _)| seat == fill.advertiser.id) {
            Some((_, bids)) => bids.push(bid),
            None => self.seats.push((fill.advertiser.id.to_owned(), vec![bid])),
        }
        Ok(())
    }

    /// Nothing is converted: floor, request and all bids must be in the sponsor's currency.
    fn affords(&self, imp: &Imp, price: f64, currency: Currency) -> Result<(), Withheld> {
        let allowed = &self.asked.cur;
        let named = allowed.is_empty() || allowed.iter().any(|one| one == currency.as_str());
        let floor = imp.bidfloor.filter(|floor| *floor > 0.0);
        let same_floor = floor.is_none() || imp.floor_currency() == currency.as_str();
        let same_bids = self.currency.is_none_or(|own| own == currency);
        if !named || !same_floor || !same_bids {
            return Err(Withheld::Currency);
        }
        if floor.is_some_and(|floor| price < floor) { Err(Withheld::BelowFloor) } else { Ok(()) }
    }

    /// Whether neither the landing host nor a category is blocked. Another creative of the flight may
    /// land elsewhere, but has the same categories: so they come first.
    fn allows(&self, domain: &str, cat: &[String]) -> Result<(), Withheld> {
        // A category blocks those below it: `IAB7` blocks `IAB7-39`.
        let below = |own: &String, blocked: &String| {
            own == blocked || own.strip_prefix(&**blocked).is_some_and(|rest| rest.starts_with('-'))
        };
        let blocked = self.asked.blocks_by_first_taxonomy()
            && cat.iter().any(|own| self.asked.bcat.iter().any(|blocked| below(own, blocked)));
        if blocked {
            return Err(Withheld::BlockedCategory);
        }
        let under = |blocked: &String| {
            let blocked = blocked.to_ascii_lowercase();
            domain == blocked
                || domain.strip_suffix(&*blocked).is_some_and(|rest| rest.ends_with('.'))
        };
        if self.asked.badv.iter().any(under) { Err(Withheld::BlockedAdvertiser) } else { Ok(()) }
    }

    /// The categories of the campaign's sectors.
    fn categories(&self, snapshot: &Snapshot, flight: &FlightRow) -> Vec<String> {
        let sectors = snapshot.inventory.campaigns[flight.campaign].sectors.iter();
        sectors
            .filter_map(|id| self.settings.adapters.categories.get(id.as_str()))
            .flatten()
            .cloned()
            .collect()
    }

    fn disclosure(&self, fill: &Fill<'_>) -> Disclosure {
        Disclosure {
            behalf: fill.transparency.on_behalf_of.to_owned(),
            paid: fill.transparency.paid_by.to_owned(),
            transparency: [Applied { domain: self.domain.clone(), dsaparams: [BASIC] }],
            // The site shows native units, and what belongs to them.
            adrender: 0,
        }
    }
}

/// What the sponsor is expected to pay for a thousand impressions, in units of its currency: the price
/// with which its flight was in our own draw. `None` for flights that pay nothing for an event.
#[expect(clippy::cast_precision_loss, reason = "micros are below 2^53")]
fn price(snapshot: &Snapshot, flight: &FlightRow) -> Option<f64> {
    let micros = snapshot.inventory.flights[flight.doc].price_micros.get();
    let thousand = match flight.bills {
        BillOn::Impression | BillOn::Viewable => micros as f64,
        BillOn::Click => micros as f64 * snapshot.boosts.clicks_per_thousand,
        BillOn::Flat => 0.0,
    };
    (thousand > 0.0).then_some(thousand.round() / MICROS)
}
