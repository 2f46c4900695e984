//! Events: a token comes back, is judged by what came with it, and is on disk before anybody says so.

use crate::domain::event::EventKind;
use crate::domain::money::Micros;
use crate::domain::party::Measurement;
use crate::domain::region::Country;
use crate::journal::JournalError;
use crate::ledger::record::Attribution;
use crate::ledger::record::Event;
use crate::ledger::record::Minted;
use crate::selection::snapshot::FlightRow;
use crate::selection::snapshot::Snapshot;
use crate::server::Server;
use crate::server::attribution;
use crate::server::attribution::Unit;
use crate::token::KeyAge;
use crate::token::Token;
use crate::traffic::VisitorKey;
use crate::traffic::signals::Signals;
use crate::traffic::signals::Site;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What came with a token.
pub struct Sighting<'a> {
    /// What the request says of itself.
    pub signals: Signals<'a>,
    /// The reader's address, by trusted proxies only.
    pub address: IpAddr,
    /// The reader's country, where a trusted proxy names it.
    pub country: Option<Country>,
    /// The reader's browser asks not to be followed.
    pub gpc: bool,
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is on disk.
    OnDisk,
    /// Nobody sealed that token; nothing was recorded.
    Forged,
    /// Nothing can be recorded now.
    Refused(JournalError),
}

/// Where a click leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Click {
    /// To its stored landing page.
    Redirect {
        /// The address.
        to: String,
        /// Whether the click is on disk.
        recorded: bool,
    },
    /// No such token, or not one of a click.
    NotFound,
}

impl Server {
    /// Records the event of a token. A forged token waits as long as a good one would.
    pub async fn record(self: &Arc<Self>, text: &str, seen: &Sighting<'_>) -> Recorded {
        let opened = match self.keyring.load().open(text) {
            Ok((token, age)) if age != KeyAge::Retired => Some(token),
            _ => None,
        };
        let version = match &opened {
            Some(token) => self.version_at(token.inventory).await,
            None => None,
        };
        let (Some(token), Some(snapshot)) = (opened, version) else {
            return self.forged().await;
        };
        match self.event(&token, &snapshot, seen) {
            None => self.forged().await,
            Some(event) => match self.keep(event).await {
                Ok(()) => Recorded::OnDisk,
                Err(error) => Recorded::Refused(error),
            },
        }
    }

    /// Puts an event on disk. Where machines share a store its bill comes later: until then its
    /// money stays held.
    async fn keep(&self, event: Event) -> Result<(), JournalError> {
        let bills = event.price > Micros::ZERO && event.claimed.is_none();
        if self.ledger.shared().is_some() && bills {
            let hours = i64::from(self.settings().store.spool_hours);
            let until_ms = event.at_ms + hours * 3_600_000;
            self.purses.keep(&event.attribution.campaign, event.decision, until_ms);
        }
        self.ledger.record(event).await
    }

    async fn forged(&self) -> Recorded {
        let waited = self.ledger.pass().await;
        self.forged.fetch_add(1, Ordering::Relaxed);
        match waited {
            Ok(()) => Recorded::Forged,
            Err(error) => Recorded::Refused(error),
        }
    }

    /// Records a click and says where it leads. It waits for the disk for `patience` at the most;
    /// past that the click is still recorded, and the redirect does not say so.
    pub async fn click(
        self: &Arc<Self>,
        text: &str,
        seen: &Sighting<'_>,
        patience: std::time::Duration,
    ) -> Click {
        let opened = self.keyring.load().open(text);
        let Ok((token, age)) = opened else {
            self.forged.fetch_add(1, Ordering::Relaxed);
            return Click::NotFound;
        };
        if token.kind != EventKind::Click {
            self.forged.fetch_add(1, Ordering::Relaxed);
            return Click::NotFound;
        }
        let Some(snapshot) = self.version_at(token.inventory).await else { return Click::NotFound };
        let Some(to) = landing(&token, &snapshot) else { return Click::NotFound };
        if seen.signals.head {
            return Click::Redirect { to, recorded: false };
        }
        let event = (age != KeyAge::Retired).then(|| self.event(&token, &snapshot, seen)).flatten();
        let recorded = match event {
            None => false,
            Some(event) => {
                let done = tokio::time::timeout(patience, self.keep(event)).await;
                matches!(done, Ok(Ok(())))
            }
        };
        if !recorded {
            self.metrics.click_unrecorded.inc();
        }
        Click::Redirect { to, recorded }
    }

    /// The inventory of this name, from the catalog if need be.
    pub(super) async fn version_at(self: &Arc<Self>, prefix: u64) -> Option<Arc<Snapshot>> {
        if let Some(found) = self.version_in_memory(prefix) {
            return Some(found);
        }
        let server = self.clone();
        let loaded = tokio::task::spawn_blocking(move || server.version(prefix)).await;
        match loaded {
            Ok(Ok(snapshot)) => Some(snapshot),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a token names an inventory that the catalog does not have");
                None
            }
            Err(_) => None,
        }
    }

    /// The record of a token's event; `None` when it names what its inventory does not have.
    fn event(&self, token: &Token, snapshot: &Snapshot, seen: &Sighting<'_>) -> Option<Event> {
        let now_ms = self.clock.now_ms();
        let inventory = &snapshot.inventory;
        let creative = inventory.creatives.get(token.creative as usize)?;
        let flight = &snapshot.flights[snapshot.creatives[token.creative as usize].flight?];
        let advertiser = &inventory.advertisers[flight.advertiser];
        let publisher = inventory.publishers.get(token.publisher as usize)?;
        let issued = jiff::Timestamp::from_millisecond(token.issued_ms).ok()?;
        let attribution = attribution::of(&unit(token), snapshot)?;
        let signals = Signals {
            test: token.test,
            stopped: self.stopped(&attribution),
            out_of_region: out_of_region(snapshot, flight, token, seen.country),
            ..seen.signals
        };
        let site = Site {
            origins: &publisher.origins,
            staging_origins: &publisher.staging_origins,
            own: Some(&self.own_origin),
        };
        let known = !(token.basic || seen.gpc || publisher.measurement != Measurement::Full);
        let within = || !known || self.within_quota(token, publisher.id.as_str(), seen, now_ms);
        let claimed = signals.claim(&site, within);
        if known && claimed.is_none() && self.ledger.shared().is_some() {
            let agent = seen.signals.agent.unwrap_or("");
            let visitor = self.visitors.key(seen.address, agent, publisher.id.as_str());
            self.sighted(visitor, token.kind, token.decision, now_ms);
        }
        if claimed.is_none() && token.kind == EventKind::Impression {
            self.arrivals.note(publisher.id.as_str(), now_ms);
        }
        let cta = match token.kind {
            EventKind::Click => {
                let cta = creative.ctas.get(usize::from(token.cta))?;
                Some((token.cta, cta.id.as_str().into()))
            }
            _ => None,
        };
        Some(Event {
            kind: token.kind,
            cta,
            at_ms: now_ms,
            minted: Minted {
                incarnation: token.incarnation,
                partition: token.partition,
                seq: token.seq,
            },
            decision: token.decision,
            decided_at_ms: token.issued_ms,
            day: advertiser.time_zone.day(issued),
            attribution: Arc::new(attribution),
            bills: flight.bills,
            price: token.price,
            claimed,
        })
    }

    /// Whether the visitor behind an impression or a click is within its quotas.
    fn within_quota(
        &self,
        token: &Token,
        publisher: &str,
        seen: &Sighting<'_>,
        now_ms: i64,
    ) -> bool {
        let agent = seen.signals.agent.unwrap_or("");
        let visitor: VisitorKey = self.visitors.key(seen.address, agent, publisher);
        let (allowed, class) = match token.kind {
            EventKind::Impression => {
                (self.visitors.allows_impression(visitor, token.decision, now_ms), "impression")
            }
            EventKind::Click => {
                (self.visitors.allows_click(visitor, token.decision, now_ms), "click")
            }
            EventKind::Viewable | EventKind::Copy => return true,
        };
        if !allowed {
            self.metrics.limited(class);
        }
        allowed
    }

    /// Whether the flight or the publisher is stopped now, whatever was true at the decision.
    fn stopped(&self, of: &Attribution) -> bool {
        let live = self.live();
        let snapshot = live.snapshot();
        let publisher = snapshot.publisher_by_id.get(&of.publisher).is_some_and(|number| {
            let row = &snapshot.publishers[*number as usize];
            snapshot.inventory.publishers[row.doc].is_stopped()
        });
        let id = |flight: &FlightRow| snapshot.inventory.flights[flight.doc].id.as_str();
        let creative = snapshot.creative_by_id.get(&of.creative).and_then(|number| {
            let place = snapshot.creatives[*number as usize].flight?;
            Some((place, &snapshot.flights[place])).filter(|(_, flight)| id(flight) == &*of.flight)
        });
        let flight = creative.is_none_or(|(place, flight)| {
            let at = u32::try_from(place).unwrap_or(u32::MAX);
            flight.stopped || live.world.state.stopped.binary_search(&at).is_ok()
        });
        publisher || flight
    }
}

/// The unit of a token.
fn unit(token: &Token) -> Unit {
    Unit {
        creative: token.creative,
        variant: token.variant,
        publisher: token.publisher,
        placement: token.placement,
        topic: token.topic,
        entity: token.entity,
        country: token.country,
    }
}

/// Whether the region that is observed now is one the flight was not sold for, and not the one the
/// unit was chosen for.
fn out_of_region(
    snapshot: &Snapshot,
    flight: &FlightRow,
    token: &Token,
    observed: Option<Country>,
) -> bool {
    let Some(country) = observed.filter(|country| token.country != Some(*country)) else {
        return false;
    };
    !flight.regions.fits(&[country], |mine, theirs| snapshot.regions.covers(mine, theirs))
}

/// The stored landing page of a click's call to action, its macros filled.
pub fn landing(token: &Token, snapshot: &Snapshot) -> Option<String> {
    use crate::domain::landing;
    let inventory = &snapshot.inventory;
    let creative = inventory.creatives.get(token.creative as usize)?;
    let flight = &snapshot.flights[snapshot.creatives[token.creative as usize].flight?];
    let campaign = &inventory.campaigns[flight.campaign];
    let cta = creative.ctas.get(usize::from(token.cta))?;
    let publisher = inventory.publishers.get(token.publisher as usize)?;
    let value = |name: &str| {
        let text = match name {
            "publisher" => publisher.id.as_str(),
            "placement" => publisher.placements.get(usize::from(token.placement))?.id.as_str(),
            "campaign" => campaign.id.as_str(),
            "flight" => inventory.flights[flight.doc].id.as_str(),
            "creative" => creative.id.as_str(),
            "cta" => cta.id.as_str(),
            "topic" => inventory.topics.get(token.topic? as usize)?.id.as_str(),
            "country" => return token.country.map(|country| country.to_string()),
            _ => return None,
        };
        Some(text.to_owned())
    };
    let filled = landing::fill(&cta.url, value);
    let utm = campaign.utm.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Some(landing::with_parameters(&filled, utm))
}
