//! Events: opens the token of an event request, classifies it by its context, and acknowledges it
//! only once it is on disk.

use crate::config::keys::Identity;
use crate::domain::attribution::AttributionKey;
use crate::domain::campaign::{Campaign, Flight};
use crate::domain::creative::{Creative, CreativeState};
use crate::domain::event::{EventKind, TokenRejection};
use crate::domain::party::{Advertiser, Measurement, Publisher};
use crate::domain::region::Country;
use crate::events::{Events, attribution};
use crate::journal::JournalError;
use crate::ledger::record::{DecisionKey, Event};
use crate::selection::compiled::{FlightRow, place_bit};
use crate::selection::snapshot::Snapshot;
use crate::token::{KeyAge, Token};
use crate::traffic::EventSource;
use crate::traffic::limits::SourceKeys;
use crate::traffic::signals::{AllowedOrigins, Signals};
use crate::world::directory::Directory;
use crate::world::live::Live;
use std::net::IpAddr;
use std::sync::Arc;

/// The context of a request that reports an event.
pub(crate) struct EventContext<'a> {
    /// Signals from the request's method and headers.
    pub(crate) signals: Signals<'a>,
    /// The reader's address; `None` if a publisher's server does not declare it.
    pub(crate) address: Option<IpAddr>,
    /// The reader's observed country, if known.
    pub(crate) country: Option<Country>,
    /// The browser sent Global Privacy Control (`Sec-GPC`).
    pub(crate) gpc: bool,
}

/// Who reports an event: a reader's browser, or the server of the publisher whose key the request has.
pub(crate) struct EventReporter<'a> {
    browser: EventContext<'a>,
    server: Option<(Identity, EventContext<'a>)>,
}

impl<'a> EventReporter<'a> {
    /// `server`: the key, and the context if the token's publisher is one that the key speaks for.
    pub(crate) fn new(
        browser: EventContext<'a>,
        server: Option<(Identity, EventContext<'a>)>,
    ) -> EventReporter<'a> {
        EventReporter { browser, server }
    }

    /// The context of an event of this publisher.
    fn context(&self, publisher: &str) -> &EventContext<'a> {
        match &self.server {
            Some((key, declared)) if key.speaks_for(publisher) => declared,
            _ => &self.browser,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecordOutcome {
    OnDisk,
    /// The token is rejected; nothing was recorded.
    Rejected(TokenRejection),
    /// The journal cannot accept the event now.
    Unavailable(JournalError),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClickOutcome {
    /// Redirect to the stored landing page.
    Redirect {
        /// The landing URL.
        to: String,
        /// Whether the click is on disk.
        recorded: bool,
    },
    /// The token is rejected: not authentic, not of a click, or its inventory is unreadable.
    NotFound,
}

impl Events {
    /// Records the event of a token of any kind but a click. A rejected token takes as long as a valid one, so that timing does
    /// not reveal which it is.
    pub(crate) async fn record(&self, text: &str, reporter: &EventReporter<'_>) -> RecordOutcome {
        let event = match self.parts.keyring.load().open(text) {
            // A click has a route of its own, which redirects the reader.
            Ok((token, _)) if token.kind == EventKind::Click => Err(TokenRejection::WrongKind),
            Ok((_, KeyAge::Retired)) => Err(TokenRejection::RetiredKey),
            Ok((token, _)) => match self.parts.world.token_version(token.inventory).await {
                Some(snapshot) => self.event(&token, &snapshot, reporter),
                None => None,
            }
            .ok_or(TokenRejection::UnreadableInventory),
            Err(reason) => Err(reason),
        };
        let written = match event {
            Ok(event) => self.persist(event).await.map(|()| RecordOutcome::OnDisk),
            Err(reason) => {
                let waited = self.parts.ledger.barrier().await;
                self.count_rejected(reason);
                waited.map(|()| RecordOutcome::Rejected(reason))
            }
        };
        written.unwrap_or_else(RecordOutcome::Unavailable)
    }

    /// Writes an event to disk. Where the bill may arrive later, the reservation is extended until then.
    async fn persist(&self, event: Event) -> Result<(), JournalError> {
        let spool_ms = self.parts.ledger.spool_ms();
        if spool_ms > 0 && event.invalid_reason.is_none() {
            self.parts.budgets.extend(&event, event.at_ms + spool_ms);
        }
        self.parts.ledger.record(event).await
    }

    fn count_rejected(&self, reason: TokenRejection) {
        self.parts.metrics.count_rejected_token(reason);
    }

    /// Records a click and returns its landing page. Waits at most `max_wait` for the disk; after that
    /// the redirect is reported as unrecorded, although the write continues.
    pub(crate) async fn click(
        &self,
        text: &str,
        reporter: &EventReporter<'_>,
        max_wait: std::time::Duration,
    ) -> ClickOutcome {
        let rejected = |reason| {
            self.count_rejected(reason);
            ClickOutcome::NotFound
        };
        let opened = self.parts.keyring.load().open(text);
        let (token, age) = match opened {
            Ok((token, age)) if token.kind == EventKind::Click => (token, age),
            Ok(_) => return rejected(TokenRejection::WrongKind),
            Err(reason) => return rejected(reason),
        };
        let snapshot = self.parts.world.token_version(token.inventory).await;
        let page = snapshot.and_then(|snapshot| Some((landing(&token, &snapshot)?, snapshot)));
        let Some((to, snapshot)) = page else {
            return rejected(TokenRejection::UnreadableInventory);
        };
        if reporter.browser.signals.head {
            return ClickOutcome::Redirect { to, recorded: false };
        }
        let event =
            (age != KeyAge::Retired).then(|| self.event(&token, &snapshot, reporter)).flatten();
        let recorded = match event {
            None => false,
            Some(event) => {
                let done = tokio::time::timeout(max_wait, self.persist(event)).await;
                matches!(done, Ok(Ok(())))
            }
        };
        if !recorded {
            self.parts.metrics.click_unrecorded.inc();
        }
        ClickOutcome::Redirect { to, recorded }
    }

    /// The event of a token; `None` if the token refers to something its inventory does not contain.
    fn event(
        &self,
        token: &Token,
        snapshot: &Snapshot,
        reporter: &EventReporter<'_>,
    ) -> Option<Event> {
        let now_ms = self.parts.clock.now_ms();
        let inventory = &snapshot.inventory;
        let creative = inventory.creatives.get(token.unit.creative as usize)?;
        let flight = &snapshot.flights[snapshot.creatives[token.unit.creative as usize].flight?];
        let advertiser = &inventory.advertisers[flight.advertiser];
        let publisher = inventory.publishers.get(token.unit.page.publisher as usize)?;
        let context = reporter.context(publisher.id.as_str());
        let issued = jiff::Timestamp::from_millisecond(token.issued_ms).ok()?;
        let mut unit = token.unit;
        if token.declared {
            unit.page.country = None;
        }
        let attribution = attribution::unit(&unit, snapshot)?;
        let signals = Signals {
            test: token.test,
            idle: token.idle,
            paused: self.paused(&attribution),
            out_of_region: out_of_region(snapshot, flight, token, context.country),
            ..context.signals
        };
        let site = AllowedOrigins {
            origins: &publisher.origins,
            staging_origins: &publisher.staging_origins,
            own: Some(&self.parts.own_origin),
        };
        let is_basic = token.basic || context.gpc || publisher.measurement != Measurement::Full;
        let keys = self.parts.visitors.keys(&EventSource {
            address: context.address,
            // Without a visitor key, the limits of the address remain.
            agent: signals.agent.filter(|_| !is_basic),
            publisher: publisher.id.as_str(),
            campaign: &attribution.campaign,
            server: signals.declared,
        });
        let invalid_reason = signals.claim(&site, || self.within_limits(token, &keys, now_ms));
        if invalid_reason.is_none() {
            for keys in keys.iter() {
                self.parts.exchange.note(token.kind, keys, now_ms, token.decision);
            }
        }
        if invalid_reason.is_none() && token.kind == EventKind::Impression {
            self.parts.reporting.arrivals().record(publisher.id.as_str(), now_ms);
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
            decision_key: DecisionKey {
                incarnation: token.incarnation,
                partition: token.partition,
                seq: token.seq,
            },
            decision: token.decision,
            decided_at_ms: token.issued_ms,
            day: advertiser.time_zone.day(issued),
            attribution: Arc::new(attribution),
            pricing: flight.pricing,
            price: token.price,
            invalid_reason,
        })
    }

    /// Whether the event is within the limits of its reader.
    fn within_limits(&self, token: &Token, keys: &SourceKeys, now_ms: i64) -> bool {
        let allowed = self.parts.visitors.allows(keys, token.kind, token.decision, now_ms);
        if !allowed {
            self.parts.metrics.count_rate_limited(token.kind.as_str());
        }
        allowed
    }

    /// Whether the flight or the publisher is paused now, regardless of its status at the decision. What
    /// was removed from the inventory is as it last was: like one that ended, unless it was paused then.
    fn paused(&self, of: &AttributionKey) -> bool {
        let directory = self.parts.world.directory();
        directory.find::<Publisher>(&of.page.publisher).is_some_and(Publisher::is_paused)
            || served_flight_paused(directory.live(), of)
                .unwrap_or_else(|| last_flight_paused(&directory, of))
    }
}

/// Whether the flight is paused in the world being served; `None` if it or the creative is not there.
fn served_flight_paused(live: &Live, of: &AttributionKey) -> Option<bool> {
    let snapshot = live.snapshot();
    let creative = *snapshot.creative_by_id.get(&of.creative)?;
    let place = snapshot.creatives[creative as usize].flight?;
    let flight = &snapshot.flights[place];
    if snapshot.inventory.flights[flight.doc].id.as_str() != &*of.flight {
        return None;
    }
    Some(flight.paused || live.world.state.paused.binary_search(&place_bit(place)).is_ok())
}

/// The same of a flight or creative that was removed or moved.
fn last_flight_paused(directory: &Directory, of: &AttributionKey) -> bool {
    let creative = directory.find::<Creative>(&of.creative);
    directory.find::<Flight>(&of.flight).is_some_and(Flight::is_paused)
        || directory.find::<Campaign>(&of.campaign).is_some_and(Campaign::is_paused)
        || directory.find::<Advertiser>(&of.advertiser).is_some_and(Advertiser::is_paused)
        || creative.is_some_and(|creative| creative.serving_state() == CreativeState::Paused)
}

/// Whether the observed country differs from the decision's and is outside the flight's regions.
fn out_of_region(
    snapshot: &Snapshot,
    flight: &FlightRow,
    token: &Token,
    observed: Option<Country>,
) -> bool {
    let Some(country) = observed.filter(|country| token.unit.page.country != Some(*country)) else {
        return false;
    };
    !flight.targets.regions.fits(&[country], |mine, theirs| snapshot.regions.covers(mine, theirs))
}

/// The stored landing URL of a click's call to action, with macros and UTM parameters expanded.
pub(crate) fn landing(token: &Token, snapshot: &Snapshot) -> Option<String> {
    use crate::domain::landing;
    let inventory = &snapshot.inventory;
    let creative = inventory.creatives.get(token.unit.creative as usize)?;
    let flight = &snapshot.flights[snapshot.creatives[token.unit.creative as usize].flight?];
    let campaign = &inventory.campaigns[flight.campaign];
    let cta = creative.ctas.get(usize::from(token.cta))?;
    let publisher = inventory.publishers.get(token.unit.page.publisher as usize)?;
    let value = |name: &str| {
        let text = match name {
            "publisher" => publisher.id.as_str(),
            "placement" => {
                publisher.placements.get(usize::from(token.unit.page.placement?))?.id.as_str()
            }
            "campaign" => campaign.id.as_str(),
            "flight" => inventory.flights[flight.doc].id.as_str(),
            "creative" => creative.id.as_str(),
            "cta" => cta.id.as_str(),
            "topic" => inventory.topics.get(token.unit.page.topic? as usize)?.id.as_str(),
            "country" => return token.unit.page.country.map(|country| country.to_string()),
            _ => return None,
        };
        Some(text.to_owned())
    };
    let filled = landing::fill(&cta.url, value);
    let utm = campaign.utm.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Some(landing::with_parameters(&filled, utm))
}
