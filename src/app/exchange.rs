//! What the exchange with other instances calls in the services.

use crate::app::services::Services;
use crate::cluster;
use crate::cluster::Running;
use crate::cluster::lifecycle::Done;
use crate::http::AppState;
use std::error::Error;
use std::sync::Arc;

/// The instance that these services make up.
pub(crate) fn instance(app: &AppState, services: &Arc<Services>) -> Running {
    Running {
        clock: app.clock.clone(),
        ledger: services.ledger.clone(),
        ops: app.ops,
        services: services.clone(),
    }
}

impl cluster::Services for Services {
    fn publish_budgets(&self) -> Done<'_> {
        Box::pin(async move {
            let live = self.world.live();
            self.publishing.write_budgets(live.snapshot()).await?;
            self.leasing.lease_first().await
        })
    }

    fn lease_budgets(&self, reclaims: bool) -> Done<'_> {
        Box::pin(async move {
            let leased = self.leasing.lease_budgets().await;
            match reclaims {
                true => leased.and(self.leasing.reclaim().await),
                false => leased,
            }
        })
    }

    fn release_leases(&self) -> Done<'_> {
        Box::pin(self.leasing.release_unused_leases())
    }

    fn sync_catalog(&self) -> Done<'_, Box<dyn Error + Send + Sync>> {
        Box::pin(async move { Ok(self.publishing.catch_up().await?) })
    }

    fn exchange_visitors(&self, checks: bool) -> Done<'_, Box<dyn Error + Send + Sync>> {
        Box::pin(async move { Ok(self.events.exchange_visitors(checks).await?) })
    }

    fn answer_record_requests(&self) -> Done<'_, Box<dyn Error + Send + Sync>> {
        Box::pin(async move { Ok(self.explain.answer_record_requests().await?) })
    }
}
