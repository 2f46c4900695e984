//! Explaining decisions of other instances.

use crate::blocking::run_blocking;
use crate::cluster::{FetchError, RecordAnswer};
use crate::explain::replay::{ExplainError, Replay};
use crate::explain::{Explain, replay_on};
use crate::store::StoreError;

/// Why a decision of any instance cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteExplainError {
    /// The record was not found on any instance, or is unusable.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// Not recorded here, and the other instances could not be asked.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

impl Explain {
    /// Replays a decision from the record here or on the instance that made it.
    pub(crate) async fn replay_anywhere(
        &self,
        decision: u128,
    ) -> Result<Replay, RemoteExplainError> {
        let (own, world) = (self.records.clone(), self.world.clone());
        let here = move || replay_on(&world, own.find(decision)?);
        let missing = match run_blocking(here).await {
            Err(missing @ ExplainError::NotRecorded(_)) => missing,
            found => return Ok(found?),
        };
        let found = match self.exchange.fetch(decision).await? {
            RecordAnswer::Found(found) => *found,
            RecordAnswer::Absent => return Err(missing.into()),
            RecordAnswer::Unreadable(place) => {
                let decision = uuid::Uuid::from_u128(decision).to_string();
                return Err(ExplainError::Unreadable { decision, place }.into());
            }
        };
        let world = self.world.clone();
        Ok(run_blocking(move || replay_on(&world, found)).await?)
    }

    /// Answers pending record requests of other instances.
    pub(crate) async fn answer_record_requests(&self) -> Result<(), StoreError> {
        for decision in self.exchange.requests().await? {
            let own = self.records.clone();
            let answer = match run_blocking(move || own.find(decision)).await {
                Ok(found) => RecordAnswer::Found(Box::new(found)),
                Err(ExplainError::NotRecorded(_)) => RecordAnswer::Absent,
                Err(ExplainError::Unreadable { place, .. }) => RecordAnswer::Unreadable(place),
                Err(error) => {
                    tracing::error!(
                        %error,
                        "cannot answer another instance's request for a decision record"
                    );
                    continue;
                }
            };
            self.exchange.reply(decision, answer).await?;
        }
        Ok(())
    }
}
