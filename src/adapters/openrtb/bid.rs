//! Builds a bid from a chosen unit: its price, and the exchange's block lists and floors.

use crate::adapters::openrtb::native::NativeRequest;
use crate::adapters::openrtb::no_bid_reason::NoBidReason;
use crate::adapters::openrtb::request::{BidRequest, CONTENT_TAXONOMY_1, Imp};
use crate::config::Settings;
use crate::delivery::decide::PageDecision;
use crate::delivery::rendered_unit::RenderedUnit;
use crate::delivery::unit;
use crate::domain::event::Pricing;
use crate::domain::money::Currency;
use crate::selection::choose::Winner;
use crate::selection::compiled::FlightRow;
use crate::selection::snapshot::Snapshot;
use serde::Serialize;

/// Micros per unit of currency.
const MICROS: f64 = 1_000_000.0;

/// `mtype` of native markup.
const MARKUP_NATIVE: u8 = 4;

/// An OpenRTB bid.
#[derive(Serialize)]
pub(crate) struct Bid {
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
    /// Seconds after the auction during which an impression still counts.
    exp: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    ext: Option<BidExt>,
}

#[derive(Serialize)]
struct BidExt {
    dsa: BidDsa,
}

/// DSA transparency object of a bid.
#[derive(Serialize)]
struct BidDsa {
    behalf: String,
    paid: String,
    transparency: [DsaTransparency; 1],
    adrender: u8,
}

/// Which targeting parameters the named domain applied.
#[derive(Serialize)]
struct DsaTransparency {
    domain: String,
    dsaparams: [u8; 1],
}

/// Context and country only, which the specification calls basic advertising.
const BASIC_ADVERTISING: u8 = 2;

/// The bids of one request by seat, all in one currency.
pub(crate) struct Auction<'r> {
    bid_request: &'r BidRequest,
    settings: &'r Settings,
    domain: String,
    /// Currency of the bids, set by the first.
    pub(crate) currency: Option<Currency>,
    /// Bids by advertiser.
    pub(crate) seats: Vec<(String, Vec<Bid>)>,
}

impl<'r> Auction<'r> {
    /// An auction without bids.
    pub(crate) fn of(
        bid_request: &'r BidRequest,
        settings: &'r Settings,
        public_url: &str,
    ) -> Auction<'r> {
        let host =
            url::Url::parse(public_url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let domain = host.unwrap_or_default();
        Auction { bid_request, settings, domain, currency: None, seats: Vec::new() }
    }

    /// Whether the exchange accepts a unit; called before budget is reserved for it.
    pub(crate) fn check(
        &self,
        (imp, markup): (&Imp, &NativeRequest),
        decided: &PageDecision,
        win: &Winner,
    ) -> Result<(), NoBidReason> {
        let snapshot = decided.live.snapshot();
        let flight = &snapshot.flights[win.place];
        self.check_terms(imp, snapshot, flight, unit::landing(snapshot, win))?;
        if markup.accepts(decided, win) { Ok(()) } else { Err(NoBidReason::Assets) }
    }

    /// The price and IAB categories of a unit, or why the exchange would reject it.
    fn check_terms(
        &self,
        imp: &Imp,
        snapshot: &Snapshot,
        flight: &FlightRow,
        domain: &str,
    ) -> Result<(f64, Vec<String>), NoBidReason> {
        let advertiser = &snapshot.inventory.advertisers[flight.advertiser];
        let price = price(snapshot, flight).ok_or(NoBidReason::NoPrice)?;
        self.check_price(imp, price, advertiser.currency)?;
        let listed = |seats: &[String]| seats.iter().any(|seat| seat == advertiser.id.as_str());
        if listed(&self.bid_request.bseat)
            || !(self.bid_request.wseat.is_empty() || listed(&self.bid_request.wseat))
        {
            return Err(NoBidReason::Seat);
        }
        let cat = self.categories(snapshot, flight);
        self.check_blocklists(domain, &cat)?;
        Ok((price, cat))
    }

    /// Adds the bid for a slot, or returns why there is none.
    pub(crate) fn add_bid(
        &mut self,
        (imp, markup): (&Imp, &NativeRequest),
        decided: &PageDecision,
        win: &Winner,
        unit: &RenderedUnit<'_>,
    ) -> Result<(), NoBidReason> {
        let snapshot = decided.live.snapshot();
        let flight = &snapshot.flights[win.place];
        let currency = snapshot.inventory.advertisers[flight.advertiser].currency;
        let (price, cat) = self.check_terms(imp, snapshot, flight, unit.creative.landing_domain)?;
        let dsa = self.bid_request.dsa();
        let bid = Bid {
            id: unit.decision_id.clone(),
            impid: imp.id.clone(),
            price,
            adid: unit.creative.id.to_owned(),
            adm: markup.render(unit)?,
            adomain: vec![unit.creative.landing_domain.to_owned()],
            cid: unit.campaign.to_owned(),
            crid: unit.creative.id.to_owned(),
            cattax: (!cat.is_empty()).then_some(CONTENT_TAXONOMY_1),
            cat,
            language: unit.creative.language.to_owned(),
            mtype: MARKUP_NATIVE,
            exp: self.settings.windows.impression_seconds,
            ext: dsa.map(|_| BidExt { dsa: self.disclosure(unit) }),
        };
        self.currency = Some(currency);
        match self.seats.iter_mut().find(|(seat, _)| seat == unit.advertiser.id) {
            Some((_, bids)) => bids.push(bid),
            None => self.seats.push((unit.advertiser.id.to_owned(), vec![bid])),
        }
        Ok(())
    }

    /// There is no currency conversion: the floor, the request and all bids must use the
    /// advertiser's currency.
    fn check_price(&self, imp: &Imp, price: f64, currency: Currency) -> Result<(), NoBidReason> {
        let allowed = &self.bid_request.cur;
        let named = allowed.is_empty() || allowed.iter().any(|one| one == currency.as_str());
        let floor = imp.bidfloor.filter(|floor| *floor > 0.0);
        let same_floor = floor.is_none() || imp.floor_currency() == currency.as_str();
        let same_bids = self.currency.is_none_or(|own| own == currency);
        if !named || !same_floor || !same_bids {
            return Err(NoBidReason::Currency);
        }
        if floor.is_some_and(|floor| price < floor) { Err(NoBidReason::BelowFloor) } else { Ok(()) }
    }

    /// Whether neither the categories nor the landing domain are blocked. Categories come first:
    /// they are the same for every creative of the flight, landing domains are not.
    fn check_blocklists(&self, domain: &str, cat: &[String]) -> Result<(), NoBidReason> {
        // A category blocks its subcategories: `IAB7` blocks `IAB7-39`.
        let is_within = |own: &String, blocked: &String| {
            own == blocked || own.strip_prefix(&**blocked).is_some_and(|rest| rest.starts_with('-'))
        };
        let blocked = self.bid_request.blocks_by_taxonomy_1()
            && cat
                .iter()
                .any(|own| self.bid_request.bcat.iter().any(|blocked| is_within(own, blocked)));
        if blocked {
            return Err(NoBidReason::BlockedCategory);
        }
        let covers = |blocked: &String| {
            let blocked = blocked.to_ascii_lowercase();
            domain == blocked
                || domain.strip_suffix(&*blocked).is_some_and(|rest| rest.ends_with('.'))
        };
        if self.bid_request.badv.iter().any(covers) {
            Err(NoBidReason::BlockedAdvertiser)
        } else {
            Ok(())
        }
    }

    /// IAB categories of the campaign, by the `categories` setting.
    fn categories(&self, snapshot: &Snapshot, flight: &FlightRow) -> Vec<String> {
        let categories = snapshot.inventory.campaigns[flight.campaign].categories.iter();
        categories
            .filter_map(|id| self.settings.adapters.categories.get(id.as_str()))
            .flatten()
            .cloned()
            .collect()
    }

    fn disclosure(&self, unit: &RenderedUnit<'_>) -> BidDsa {
        BidDsa {
            behalf: unit.transparency.on_behalf_of.to_owned(),
            paid: unit.transparency.paid_by.to_owned(),
            transparency: [DsaTransparency {
                domain: self.domain.clone(),
                dsaparams: [BASIC_ADVERTISING],
            }],
            // The site renders native units, including the DSA disclosure.
            adrender: 0,
        }
    }
}

/// Expected gross revenue for a thousand impressions (eCPM) in units of the advertiser's currency:
/// the price that the flight had in the draw. `None` for flat pricing and house flights.
#[expect(clippy::cast_precision_loss, reason = "micros are below 2^53")]
fn price(snapshot: &Snapshot, flight: &FlightRow) -> Option<f64> {
    let micros = snapshot.inventory.flights[flight.doc].price_micros.get();
    let thousand = match flight.pricing {
        Pricing::Cpm | Pricing::Vcpm => micros as f64,
        Pricing::Cpc => micros as f64 * snapshot.boosts.clicks_per_thousand,
        Pricing::Flat => 0.0,
    };
    (thousand > 0.0).then_some(thousand.round() / MICROS)
}
