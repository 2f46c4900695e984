//! Builds a bid from a chosen unit: its price, and whether the exchange accepts it.

use crate::adapters::openrtb::native::NativeRequest;
use crate::adapters::openrtb::no_bid_reason::NoBidReason;
use crate::adapters::openrtb::request::{BidRequest, Imp};
use crate::adapters::openrtb::restrictions::{Categories, Restrictions};
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
    cattax: Option<i64>,
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

    /// Whether the exchange accepts a unit; called before budget is reserved for it. The order of the checks
    /// is that of [`NoBidReason::rejected`].
    pub(crate) fn check(
        &self,
        (imp, markup): (&Imp, &NativeRequest),
        decided: &PageDecision,
        win: &Winner,
    ) -> Result<(), NoBidReason> {
        let snapshot = decided.live.snapshot();
        let flight = &snapshot.flights[win.place];
        // All bids of a response are in one currency: that of the first slot that was filled.
        let mut filled = decided.slots.iter().filter_map(|slot| slot.result.as_ref().ok());
        let others = filled.next().map(|filled| currency(snapshot, decided.flight(filled)));
        if others.is_some_and(|other| other != currency(snapshot, flight)) {
            return Err(NoBidReason::Currency);
        }
        self.check_price(imp, snapshot, flight)?;
        let restrictions = self.restrictions(snapshot, flight);
        restrictions.check_seat()?;
        restrictions.check_categories()?;
        restrictions.check_language(snapshot.language_of(win.creative))?;
        if !markup.accepts(decided, win) {
            return Err(NoBidReason::Assets);
        }
        restrictions.check_domain(unit::landing(snapshot, win))
    }

    fn restrictions<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        flight: &'a FlightRow,
    ) -> Restrictions<'a> {
        let (bid_request, settings) = (self.bid_request, &self.settings.adapters);
        Restrictions { bid_request, settings, snapshot, flight }
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
        let price = self.check_price(imp, snapshot, flight)?;
        let Categories { codes: cat, taxonomy } = self.restrictions(snapshot, flight).categories();
        let dsa = self.bid_request.dsa();
        let bid = Bid {
            id: unit.decision_id.to_owned(),
            impid: imp.id().to_owned(),
            price,
            adid: unit.creative.id.to_owned(),
            adm: markup.render(unit)?,
            adomain: vec![unit.creative.landing_domain.to_owned()],
            cid: unit.campaign.to_owned(),
            crid: unit.creative.id.to_owned(),
            cattax: (!cat.is_empty()).then_some(taxonomy),
            cat,
            language: unit.creative.language.to_owned(),
            mtype: MARKUP_NATIVE,
            exp: self.settings.windows.impression_seconds,
            ext: dsa.map(|_| BidExt { dsa: self.disclosure(unit) }),
        };
        self.currency = Some(currency(snapshot, flight));
        match self.seats.iter_mut().find(|(seat, _)| seat == unit.advertiser.id) {
            Some((_, bids)) => bids.push(bid),
            None => self.seats.push((unit.advertiser.id.to_owned(), vec![bid])),
        }
        Ok(())
    }

    /// The price of a flight if the exchange would accept it. There is no currency conversion: the floor
    /// and the request must use the advertiser's currency, and a request that names none uses the one of
    /// the settings.
    fn check_price(
        &self,
        imp: &Imp,
        snapshot: &Snapshot,
        flight: &FlightRow,
    ) -> Result<f64, NoBidReason> {
        let price = price(snapshot, flight).ok_or(NoBidReason::NoPrice)?;
        let own = currency(snapshot, flight);
        let allowed = &self.bid_request.cur.items;
        let is_allowed = match allowed.is_empty() {
            true => own == self.settings.adapters.currency,
            false => allowed.iter().any(|one| one.eq_ignore_ascii_case(own.as_str())),
        };
        let floor = imp.bidfloor.filter(|floor| *floor > 0.0);
        let is_comparable =
            floor.is_none() || imp.floor_currency().eq_ignore_ascii_case(own.as_str());
        if !is_allowed || !is_comparable {
            return Err(NoBidReason::Currency);
        }
        if floor.is_some_and(|floor| price < floor) {
            return Err(NoBidReason::BelowFloor);
        }
        Ok(price)
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

fn currency(snapshot: &Snapshot, flight: &FlightRow) -> Currency {
    snapshot.inventory.advertisers[flight.advertiser].currency
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
