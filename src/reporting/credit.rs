//! Credits for invalid traffic found later, and refunds for other reasons. Both are new journal
//! entries, each applied once; existing entries never change.

use crate::domain::attribution::{AttributionKey, PageKey, UNKNOWN};
use crate::domain::campaign::Campaign;
use crate::domain::event::{EventKind, InvalidReason, Tier, Verdict};
use crate::domain::money::{Currency, Micros};
use crate::domain::party::Advertiser;
use crate::journal::JournalError;
use crate::ledger::history::ReplayFrom;
use crate::ledger::record::{Credit, Event, Refund};
use crate::ledger::views::{Views, quarter_of};
use crate::ledger::{EventVerdict, Record};
use crate::reporting::Reporting;
use crate::reporting::payers::{Payer, payers};
use crate::token;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait until records are applied.
const APPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a credit or refund failed.
#[derive(Debug, thiserror::Error)]
pub enum CreditError {
    /// The journal cannot accept records now.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal cannot be read.
    #[error("cannot read the journal: {0}")]
    Read(#[from] io::Error),
    /// Recorded locally, but the shared store, which orders the records, does not answer.
    #[error(
        "recorded on this instance, but the shared store does not answer; takes effect when it does. \
         Repeat the same request then to read the result; it is applied only once"
    )]
    Pending,
    /// No version of the inventory has the campaign.
    #[error("unknown campaign `{0}`")]
    UnknownCampaign(String),
    /// The idempotency key belongs to a different refund.
    #[error(
        "this idempotency key was used for a different refund ({requested} micros for campaign \
         `{campaign}`); use a new key"
    )]
    KeyReused {
        /// Campaign of the other refund.
        campaign: String,
        /// Requested amount of the other refund.
        requested: i64,
    },
}

/// A credited event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Credited {
    /// The decision's id.
    pub(crate) decision_id: String,
    /// Kind of the event.
    pub(crate) kind: EventKind,
    /// The call to action of a click.
    pub(crate) cta: Option<String>,
    /// The campaign that was billed.
    pub(crate) campaign: String,
    /// The credited amount.
    pub(crate) micros: i64,
    /// Currency of the amount.
    pub(crate) currency: Currency,
    /// Whether the event had been credited before; nothing changed then.
    pub(crate) before: bool,
    /// Recorded, but the event's own record has not arrived yet: credited when it does.
    pub(crate) pending: bool,
}

/// A recorded refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refunded {
    /// The amount, at most what was billed on the day.
    Issued(Micros),
    /// Nothing was billed on the day yet: issued at the first bill.
    Pending,
}

/// Milliseconds of half a day.
const HALF_DAY_MS: i64 = 43_200_000;

/// Journal entries written concurrently.
const BATCH: usize = 512;

/// Whether an event counts, or counted until it was credited.
fn has_counted(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Counted | Verdict::Invalid(InvalidReason::Credited))
}

/// Author and reason of a credit or refund.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CreditReason<'a> {
    /// Id of the API key, or the component that credits automatically.
    pub(crate) by: &'a str,
    /// Free-text reason.
    pub(crate) note: &'a str,
}

impl Reporting {
    /// Credits the counted events of these decisions and kinds. Reads the journal.
    pub(crate) async fn credit(
        &self,
        decisions: BTreeSet<u128>,
        kinds: &[EventKind],
        reason: CreditReason<'_>,
    ) -> Result<Vec<Credited>, CreditError> {
        // Acknowledged events may still be on their way to the log that is read here.
        self.wait_until_settled().await?;
        let found = self.find_events(decisions, ReplayFrom::First).await?;
        self.credit_all(&found, kinds, reason).await
    }

    /// The same for recent events: reads the whole journal only if its newest part lacks some.
    pub(crate) async fn credit_recent(
        &self,
        mut decisions: BTreeSet<u128>,
        kinds: &[EventKind],
        reason: CreditReason<'_>,
    ) -> Result<Vec<Credited>, CreditError> {
        self.wait_until_settled().await?;
        let mut found = self.find_events(decisions.clone(), ReplayFrom::NewestCheckpoint).await?;
        found.retain(|judged| kinds.contains(&judged.event.kind));
        for judged in &found {
            decisions.remove(&judged.event.decision);
        }
        if !decisions.is_empty() {
            found.extend(self.find_events(decisions, ReplayFrom::First).await?);
        }
        self.credit_all(&found, kinds, reason).await
    }

    async fn find_events(
        &self,
        decisions: BTreeSet<u128>,
        since: ReplayFrom,
    ) -> io::Result<Vec<EventVerdict>> {
        let ledger = self.ledger.clone();
        let found = tokio::task::spawn_blocking(move || ledger.events_of(&decisions, since));
        found.await.map_err(io::Error::other)?
    }

    async fn credit_all(
        &self,
        found: &[EventVerdict],
        kinds: &[EventKind],
        reason: CreditReason<'_>,
    ) -> Result<Vec<Credited>, CreditError> {
        let counted: Vec<&EventVerdict> = found
            .iter()
            .filter(|judged| kinds.contains(&judged.event.kind))
            .filter(|judged| has_counted(judged.verdict))
            .collect();
        let mut done = Vec::with_capacity(counted.len());
        for batch in counted.chunks(BATCH) {
            let fresh: Vec<bool> = {
                let state = self.ledger.state();
                batch
                    .iter()
                    .map(|one| one.event.credit_id())
                    .map(|id| state.issued_credit(id).is_none() && !state.is_waiting(id))
                    .collect()
            };
            let writes = batch.iter().zip(&fresh).filter(|(_, fresh)| **fresh);
            let writes = writes.map(|(one, _)| self.write_credit(&one.event, one.billed, reason));
            futures_util::future::try_join_all(writes).await?;
            self.wait_until_settled().await?;
            let state = self.ledger.state();
            for (event, fresh) in batch.iter().map(|one| &one.event).zip(fresh) {
                let issued = state.issued_credit(event.credit_id());
                let pending = issued.is_none() && state.is_waiting(event.credit_id());
                done.extend((issued.is_some() || pending).then(|| Credited {
                    decision_id: uuid::Uuid::from_u128(event.decision).to_string(),
                    kind: event.kind,
                    cta: event.cta.as_ref().map(|(_, id)| id.to_string()),
                    campaign: event.attribution.campaign.to_string(),
                    micros: issued.map_or(0, |credit| credit.micros.get()),
                    currency: event.attribution.currency,
                    before: !fresh,
                    pending,
                }));
            }
        }
        Ok(done)
    }

    async fn wait_until_settled(&self) -> Result<(), CreditError> {
        let is_applied = self.ledger.wait_until_applied(APPLY_TIMEOUT).await;
        if is_applied { Ok(()) } else { Err(CreditError::Pending) }
    }

    async fn write_credit(
        &self,
        event: &Arc<Event>,
        micros: Micros,
        reason: CreditReason<'_>,
    ) -> Result<(), JournalError> {
        let credit = Credit {
            id: event.credit_id(),
            at_ms: self.clock.now_ms(),
            event: event.clone(),
            micros,
            by: reason.by.into(),
            note: reason.note.into(),
        };
        self.ledger.write(event.decision_key.partition, &Record::Credit(Box::new(credit))).await
    }

    /// Refunds a campaign for a civil day of its advertiser's time zone. Idempotent per `id`.
    pub(crate) async fn refund(
        &self,
        id: u128,
        campaign: &str,
        date: jiff::civil::Date,
        micros: Micros,
        reason: CreditReason<'_>,
    ) -> Result<Refunded, CreditError> {
        let unknown = || CreditError::UnknownCampaign(campaign.to_owned());
        let directory = self.world.directory();
        let document = directory.find::<Campaign>(campaign).ok_or_else(unknown)?;
        let owner = directory.owner(document).ok_or_else(unknown)?;
        let start = date.to_zoned(owner.time_zone.rules().clone()).map_err(io::Error::other)?;
        let day = owner.time_zone.day(start.timestamp());
        let views = self.ledger.views();
        let payer = billed_on(&views, start.timestamp().as_millisecond(), campaign, owner);
        let refund = Refund {
            id,
            at_ms: self.clock.now_ms(),
            day,
            day_starts_ms: start.timestamp().as_millisecond(),
            attribution: Arc::new(AttributionKey {
                advertiser: payer.advertiser,
                currency: payer.currency,
                campaign: campaign.into(),
                flight: UNKNOWN.into(),
                creative: UNKNOWN.into(),
                variant: 0,
                page: PageKey::default(),
                tier: Tier::Standard,
            }),
            micros,
            by: reason.by.into(),
            note: reason.note.into(),
        };
        let partition = token::partition_of(campaign);
        let is_recorded = {
            let state = self.ledger.state();
            state.issued_credit(id).is_some() || state.is_waiting(id)
        };
        if !is_recorded {
            self.ledger.write(partition, &Record::Refund(Box::new(refund))).await?;
            self.wait_until_settled().await?;
        }
        let state = self.ledger.state();
        let issued = state.issued_credit(id).map(|refund| {
            let known = (&*refund.campaign, refund.day, refund.requested);
            (known, Refunded::Issued(refund.micros))
        });
        let waiting = state.waiting_refund(id).map(|refund| {
            ((&*refund.attribution.campaign, refund.day, refund.micros), Refunded::Pending)
        });
        // If it is neither, its record was read and is not applied yet.
        let asked = (campaign, day, micros);
        let (known, refunded) = issued.or(waiting).unwrap_or((asked, Refunded::Pending));
        if known != asked {
            let (campaign, _, requested) = known;
            let (campaign, requested) = (campaign.to_owned(), requested.get());
            return Err(CreditError::KeyReused { campaign, requested });
        }
        Ok(refunded)
    }
}

/// The advertiser and the currency that a campaign was billed to on a day: its `owner`'s, unless the
/// rows have another one only.
fn billed_on(views: &Views, day_starts_ms: i64, campaign: &str, owner: &Advertiser) -> Payer {
    let (advertiser, currency) = (owner.id.as_str().into(), owner.currency);
    let now = Payer { campaign: campaign.into(), advertiser, currency };
    // With a margin, since the day may have been billed in another time zone.
    let quarters =
        quarter_of(day_starts_ms - HALF_DAY_MS)..quarter_of(day_starts_ms + 3 * HALF_DAY_MS) + 1;
    let mut billed = payers(views, quarters, |id| id == campaign);
    if billed.contains(&now) { now } else { billed.pop_first().unwrap_or(now) }
}

/// Totals of newly credited amounts, by currency.
pub(crate) fn sums(credited: &[Credited]) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for one in credited.iter().filter(|one| !one.before && !one.pending) {
        *sums.entry(one.currency.to_string()).or_default() += one.micros;
    }
    sums
}
