//! Campaigns that were billed and are not in the inventory any more.

use crate::domain::campaign::Campaign;
use crate::domain::money::Micros;
use crate::domain::party::Advertiser;
use crate::reporting::Reporting;
use crate::reporting::overview::document::CampaignOverview;
use crate::world::directory::Directory;

impl Reporting {
    /// The removed campaigns of an advertiser, with the budgets that they last had. Nothing is left of
    /// a budget that serves nothing any more.
    pub(super) fn removed_campaigns(
        &self,
        directory: &Directory,
        advertiser: &Advertiser,
    ) -> Vec<CampaignOverview> {
        let today = advertiser.time_zone.day(self.clock.now());
        let state = self.ledger.state();
        let own = directory.removed::<Campaign>().filter(|one| one.advertiser == advertiser.id);
        let billed = own.filter_map(|campaign| {
            let account = state.account(campaign.id.as_str())?;
            (account.spent > Micros::ZERO || account.credited > Micros::ZERO).then(|| {
                CampaignOverview {
                    id: campaign.id.to_string(),
                    name: campaign.name.clone(),
                    paused: campaign.is_paused(),
                    spent_micros: account.spent,
                    spent_today_micros: account.by_day.get(&today).copied().unwrap_or_default(),
                    reserved_micros: Micros::ZERO,
                    left_micros: Some(Micros::ZERO),
                    daily_micros: account.daily,
                    lifetime_micros: account.lifetime,
                    flights: Vec::new(),
                }
            })
        });
        billed.collect()
    }
}
