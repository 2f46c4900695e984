//! Taking back: invalid traffic that was found later, and money for other reasons. Both are new
//! entries of the journal, once each; nothing that was written changes.

use crate::domain::event::EventKind;
use crate::domain::event::InvalidReason;
use crate::domain::event::Tier;
use crate::domain::event::Verdict;
use crate::domain::money::Currency;
use crate::domain::money::Micros;
use crate::journal::JournalError;
use crate::ledger::Judged;
use crate::ledger::Record;
use crate::ledger::history::Since;
use crate::ledger::record::Attribution;
use crate::ledger::record::Credit;
use crate::ledger::record::Event;
use crate::ledger::record::Refund;
use crate::server::Server;
use crate::token;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

/// Why nothing was given back.
#[derive(Debug, thiserror::Error)]
pub enum CreditError {
    /// The journal takes nothing now.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal cannot be read.
    #[error("the journal cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is on record here, and the store that gives it its place does not answer.
    #[error(
        "it is on record here and takes effect when the shared store answers again: ask the same \
         again then, it is given once"
    )]
    Waits,
    /// No such campaign.
    #[error("there is no campaign `{0}`")]
    NoCampaign(String),
    /// The id was used for something else.
    #[error("this key was used for another refund: {campaign}, {asked} micros")]
    Reused {
        /// Whose that was.
        campaign: String,
        /// How much that was.
        asked: i64,
    },
}

/// One event and what became of its credit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Credited {
    /// The decision.
    pub decision_id: String,
    /// What had happened.
    pub kind: EventKind,
    /// The call to action of a click.
    pub cta: Option<String>,
    /// Whose money it was.
    pub campaign: String,
    /// What came back for it.
    pub micros: i64,
    /// In what.
    pub currency: Currency,
    /// It had been credited before; nothing changed now.
    pub before: bool,
}

/// Entries that are written together.
const AT_ONCE: usize = 512;

/// Whether an event counts, or did until it was credited.
fn has_counted(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Counted | Verdict::Invalid(InvalidReason::Credited))
}

/// Who gives back, and why.
#[derive(Clone, Copy, Debug)]
pub struct Reason<'a> {
    /// A key's id.
    pub by: &'a str,
    /// In the operator's words.
    pub note: &'a str,
}

impl Server {
    /// Takes back what counted of some decisions, of these kinds. Reads the journal.
    pub async fn credit(
        self: &Arc<Self>,
        decisions: BTreeSet<u128>,
        kinds: &[EventKind],
        reason: Reason<'_>,
    ) -> Result<Vec<Credited>, CreditError> {
        // What was acknowledged before this call is on its way to the order that is read here.
        self.settled().await?;
        let found = self.events_of(decisions, Since::First).await?;
        self.take_back(&found, kinds, reason).await
    }

    /// The same for events that have only just been: all is read only where the newest part of the
    /// journal does not have them.
    pub(super) async fn credit_lately(
        self: &Arc<Self>,
        mut decisions: BTreeSet<u128>,
        kinds: &[EventKind],
        reason: Reason<'_>,
    ) -> Result<Vec<Credited>, CreditError> {
        self.settled().await?;
        let mut found = self.events_of(decisions.clone(), Since::Newest).await?;
        found.retain(|judged| kinds.contains(&judged.event.kind));
        for judged in &found {
            decisions.remove(&judged.event.decision);
        }
        if !decisions.is_empty() {
            found.extend(self.events_of(decisions, Since::First).await?);
        }
        self.take_back(&found, kinds, reason).await
    }

    async fn events_of(
        self: &Arc<Self>,
        decisions: BTreeSet<u128>,
        since: Since,
    ) -> io::Result<Vec<Judged>> {
        let server = self.clone();
        let found = tokio::task::spawn_blocking(move || server.ledger.events_of(&decisions, since));
        found.await.map_err(io::Error::other)?
    }

    async fn take_back(
        &self,
        found: &[Judged],
        kinds: &[EventKind],
        reason: Reason<'_>,
    ) -> Result<Vec<Credited>, CreditError> {
        let counted: Vec<&Judged> = found
            .iter()
            .filter(|judged| kinds.contains(&judged.event.kind))
            .filter(|judged| has_counted(judged.verdict))
            .collect();
        let mut done = Vec::with_capacity(counted.len());
        for some in counted.chunks(AT_ONCE) {
            let fresh: Vec<bool> = {
                let state = self.ledger.state();
                some.iter().map(|one| state.given(one.event.credit_id()).is_none()).collect()
            };
            let writes = some.iter().zip(&fresh).filter(|(_, fresh)| **fresh);
            let writes = writes.map(|(one, _)| self.give(&one.event, one.billed, reason));
            futures_util::future::try_join_all(writes).await?;
            self.settled().await?;
            let state = self.ledger.state();
            for (event, fresh) in some.iter().map(|one| &one.event).zip(fresh) {
                done.extend(state.given(event.credit_id()).map(|given| Credited {
                    decision_id: uuid::Uuid::from_u128(event.decision).to_string(),
                    kind: event.kind,
                    cta: event.cta.as_ref().map(|(_, id)| id.to_string()),
                    campaign: given.campaign.to_string(),
                    micros: given.micros.get(),
                    currency: event.attribution.currency,
                    before: !fresh,
                }));
            }
        }
        Ok(done)
    }

    async fn settled(&self) -> Result<(), CreditError> {
        if self.ledger.settles().await { Ok(()) } else { Err(CreditError::Waits) }
    }

    async fn give(
        &self,
        event: &Arc<Event>,
        micros: Micros,
        reason: Reason<'_>,
    ) -> Result<(), JournalError> {
        let credit = Credit {
            id: event.credit_id(),
            at_ms: self.clock.now_ms(),
            event: event.clone(),
            micros,
            by: reason.by.into(),
            note: reason.note.into(),
        };
        self.ledger.write(event.minted.partition, &Record::Credit(Box::new(credit))).await
    }

    /// Gives a campaign money back for a day of its advertiser; says how much came back: never more
    /// than the day was billed. The same id gives once.
    pub async fn refund(
        &self,
        id: u128,
        campaign: &str,
        date: jiff::civil::Date,
        micros: Micros,
        reason: Reason<'_>,
    ) -> Result<Micros, CreditError> {
        let unknown = || CreditError::NoCampaign(campaign.to_owned());
        let live = self.live();
        let inventory = &live.snapshot().inventory;
        let document = inventory.campaigns.iter().find(|one| one.id.as_str() == campaign);
        let document = document.ok_or_else(unknown)?;
        let owner = inventory.advertisers.iter().find(|one| one.id == document.advertiser);
        let owner = owner.ok_or_else(unknown)?;
        let start = date.to_zoned(owner.time_zone.rules().clone()).map_err(io::Error::other)?;
        let day = owner.time_zone.day(start.timestamp());
        let none = || "unknown".into();
        let refund = Refund {
            id,
            at_ms: self.clock.now_ms(),
            day,
            day_starts_ms: start.timestamp().as_millisecond(),
            attribution: Arc::new(Attribution {
                advertiser: owner.id.as_str().into(),
                currency: owner.currency,
                campaign: campaign.into(),
                flight: none(),
                creative: none(),
                variant: 0,
                publisher: none(),
                placement: none(),
                tier: Tier::Standard,
                topic: none(),
                entity: none(),
                region: none(),
            }),
            micros,
            by: reason.by.into(),
            note: reason.note.into(),
        };
        if self.ledger.state().given(id).is_none() {
            let partition = token::partition_of(campaign);
            self.ledger.write(partition, &Record::Refund(Box::new(refund))).await?;
            self.settled().await?;
        }
        let state = self.ledger.state();
        match state.given(id) {
            Some(given)
                if *given.campaign == *campaign && (given.day, given.asked) == (day, micros) =>
            {
                Ok(given.micros)
            }
            Some(given) => Err(CreditError::Reused {
                campaign: given.campaign.to_string(),
                asked: given.asked.get(),
            }),
            None => Ok(Micros::ZERO),
        }
    }
}

/// What came back in all, by currency.
pub fn sums(credited: &[Credited]) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for one in credited.iter().filter(|one| !one.before) {
        *sums.entry(one.currency.to_string()).or_default() += one.micros;
    }
    sums
}
