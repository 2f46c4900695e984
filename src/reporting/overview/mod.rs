//! The overview: advertisers, campaigns, flights, creatives and publishers with their current delivery,
//! searchable by operators.

pub(crate) mod document;

mod removed;
mod search;

use crate::domain::campaign::Campaign;
use crate::domain::creative::Creative;
use crate::domain::goal::ByGoal;
use crate::domain::inventory::Inventory;
use crate::domain::money::Micros;
use crate::domain::party::Advertiser;
use crate::ledger::views::QUARTER_MS;
use crate::reporting::Reporting;
use crate::reporting::flight_state::{FlightNow, FlightStatus};
use crate::reporting::funnel::main_reason;
use crate::reporting::overview::document::{
    AdvertiserOverview, CampaignOverview, FlightOverview, GoalOverview, Overview,
};
use crate::reporting::overview::search::{Search, paused_term};
use crate::token;
use crate::world::budget::BudgetBalance;
use crate::world::live::Live;
use crate::world::pace;
use crate::world::recent_stages::RecentStages;
use std::collections::HashMap;

/// Maximum flights per response, to limit page size. A narrower search finds the others.
pub(crate) const MAX_FLIGHTS: usize = 200;

/// Sampled slots from which a main reason is given.
const ENOUGH_SLOTS: u64 = 20;

/// Data for building all rows, at one moment.
struct OverviewContext<'a> {
    live: &'a Live,
    now_ms: i64,
    balances: Vec<BudgetBalance>,
    /// By flight.
    spent_today: HashMap<Box<str>, Micros>,
    /// Counted events, by flight.
    counted: HashMap<&'a str, ByGoal<u64>>,
    /// By flight.
    creatives: HashMap<&'a str, Vec<&'a Creative>>,
    recent_stages: &'a RecentStages,
    is_operator: bool,
}

impl Reporting {
    /// The overview of everything that matches `search`: every word must occur in an id, name, state or
    /// tier of a flight, its creatives, campaign or advertiser; an empty search matches everything.
    /// Reads every flight and today's ledger rows: do not call on a request thread.
    pub(crate) fn overview(&self, search: &str) -> Overview {
        self.build_overview(&Search::of(search))
    }

    /// The overview of one advertiser only, with campaigns that were removed from the inventory; `None`
    /// if there never was such an advertiser. Do not call on a request thread.
    pub(crate) fn overview_of(&self, advertiser: &str) -> Option<AdvertiserOverview> {
        let directory = self.world.directory();
        let document = directory.find::<Advertiser>(advertiser)?;
        let served = self.build_overview(&Search::of_advertiser(advertiser)).advertisers.pop();
        let mut overview = served.unwrap_or_else(|| AdvertiserOverview {
            id: document.id.to_string(),
            name: document.name.clone(),
            currency: document.currency,
            paused: document.is_paused(),
            campaigns: Vec::new(),
        });
        overview.campaigns.extend(self.removed_campaigns(&directory, document));
        Some(overview)
    }

    /// What counted for each flight.
    pub(super) fn counted<'a>(&self, inventory: &'a Inventory) -> HashMap<&'a str, ByGoal<u64>> {
        let state = self.ledger.state();
        let counted = inventory.flights.iter().filter_map(|flight| {
            let partition = token::partition_of(flight.campaign.as_str());
            let counts = state.flight_counts(partition, flight.id.as_str())?;
            Some((flight.id.as_str(), *counts.counted()))
        });
        counted.collect()
    }

    fn build_overview(&self, search: &Search) -> Overview {
        let (live, now_ms) = (self.world.live(), self.clock.now_ms());
        let inventory = &live.snapshot().inventory;
        let balances = live.budget_balances(now_ms);
        let mut context = OverviewContext {
            spent_today: self.spent_today(inventory, &balances),
            counted: self.counted(inventory),
            balances,
            now_ms,
            live: &live,
            creatives: HashMap::new(),
            recent_stages: &self.recent_stages,
            is_operator: !search.is_of_one(),
        };
        for creative in &inventory.creatives {
            context.creatives.entry(creative.flight.as_str()).or_default().push(creative);
        }
        let mut found: HashMap<usize, Vec<FlightOverview>> = HashMap::new();
        let mut count = 0;
        let mut places: Vec<usize> = (0..live.snapshot().flights.len()).collect();
        places.sort_by_key(|place| live.snapshot().flights[*place].doc);
        for place in places {
            let row = &live.snapshot().flights[place];
            if context.matches(search, place) {
                count += 1;
                if count <= MAX_FLIGHTS {
                    found.entry(row.campaign).or_default().push(context.flight(place));
                }
            }
        }
        Overview {
            at: jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default().to_string(),
            found: count,
            left_off: count.saturating_sub(MAX_FLIGHTS),
            flights: live.snapshot().flights.len(),
            advertisers: context.advertisers(search, found),
            publishers: inventory
                .publishers
                .iter()
                .filter(|site| {
                    let has_pauses = site.all_paused_paths().next().is_some()
                        || site.all_paused_topics().next().is_some();
                    let state = paused_term(site.is_paused() || has_pauses);
                    search.matches(&[site.id.as_str(), &site.name, state])
                })
                .take(MAX_FLIGHTS)
                .map(Into::into)
                .collect(),
        }
    }

    /// Net amount billed per flight today, in its advertiser's time zone. Rows are ordered by time, so
    /// only today's are read.
    fn spent_today(
        &self,
        inventory: &Inventory,
        balances: &[BudgetBalance],
    ) -> HashMap<Box<str>, Micros> {
        let ids = inventory.campaigns.iter().map(|campaign| campaign.id.as_str());
        let starts: HashMap<&str, i64> =
            ids.zip(balances.iter().map(|balance| balance.today.starts_ms)).collect();
        let first = starts.values().min().copied().unwrap_or(i64::MAX);
        let mut spent: HashMap<Box<str>, Micros> = HashMap::new();
        let views = self.ledger.views();
        for (at, quarter) in views.range(first.div_euclid(QUARTER_MS)..i64::MAX) {
            for (key, tally) in &quarter.events {
                let own = starts.get(&*key.attribution.campaign);
                if own.is_some_and(|starts_ms| at.saturating_mul(QUARTER_MS) >= *starts_ms) {
                    let sum = spent.entry(key.attribution.flight.clone()).or_default();
                    let net = tally.billed.saturating_sub(tally.credited);
                    *sum = sum.checked_add(net).unwrap_or(Micros::MAX);
                }
            }
        }
        spent
    }
}

impl OverviewContext<'_> {
    fn inventory(&self) -> &Inventory {
        &self.live.snapshot().inventory
    }

    fn of_flight(&self, id: &str) -> &[&Creative] {
        self.creatives.get(id).map_or(&[], Vec::as_slice)
    }

    fn matches(&self, search: &Search, place: usize) -> bool {
        let (row, inventory) = (&self.live.snapshot().flights[place], self.inventory());
        if !search.includes(inventory.advertisers[row.advertiser].id.as_str()) {
            return false;
        }
        if search.is_empty() {
            return true;
        }
        let (document, campaign) =
            (&inventory.flights[row.doc], &inventory.campaigns[row.campaign]);
        let advertiser = &inventory.advertisers[row.advertiser];
        let mut texts = vec![
            document.id.as_str(),
            campaign.id.as_str(),
            &campaign.name,
            advertiser.id.as_str(),
            &advertiser.name,
            row.tier.as_str(),
            self.status(place).as_str(),
        ];
        for creative in self.of_flight(document.id.as_str()) {
            texts.extend([
                creative.id.as_str(),
                creative.headline.as_written(),
                creative.serving_state().as_str(),
            ]);
        }
        search.matches(&texts)
    }

    fn status(&self, place: usize) -> FlightStatus {
        self.flight_now(place).obstacle()
    }

    fn flight_now(&self, place: usize) -> FlightNow<'_> {
        let document = &self.inventory().flights[self.live.snapshot().flights[place].doc];
        let counted = self.counted.get(document.id.as_str()).copied().unwrap_or_default();
        FlightNow { live: self.live, place, now_ms: self.now_ms, counted }
    }

    fn goals(&self, place: usize) -> Vec<GoalOverview> {
        let document = &self.inventory().flights[self.live.snapshot().flights[place].doc];
        let counted = self.counted.get(document.id.as_str()).copied().unwrap_or_default();
        let goals = document.goals();
        let goals = goals.set().map(|(event, goal)| {
            let delivered = counted.get(event).copied().unwrap_or_default();
            GoalOverview { event, goal, delivered }
        });
        goals.collect()
    }

    fn flight(&self, place: usize) -> FlightOverview {
        let (row, inventory) = (&self.live.snapshot().flights[place], self.inventory());
        let document = &inventory.flights[row.doc];
        let id = document.id.as_str();
        let now = self.flight_now(place);
        let state = now.state(self.is_operator);
        let stages = self.recent_stages.of(&self.live.world.snapshot, place);
        // Otherwise the state says it all.
        let is_useful =
            state.status.is_in_delivery() && stages.values().sum::<u64>() >= ENOUGH_SLOTS;
        FlightOverview {
            id: id.to_owned(),
            campaign: document.campaign.to_string(),
            advertiser: inventory.advertisers[row.advertiser].id.to_string(),
            tier: row.tier,
            pricing: row.pricing,
            price_micros: document.price_micros,
            paused: document.is_paused(),
            status: now.obstacle(),
            state: state.words,
            remarks: state.remarks,
            main_reason: main_reason(&stages).filter(|_| is_useful),
            spent_today_micros: self.spent_today.get(id).copied().unwrap_or_default(),
            left_micros: self.balances[row.campaign].remaining,
            delivered_impressions: now.counted.impressions,
            goals: self.goals(place),
            pace: pace::pace(self.live, place, self.now_ms),
            rotation: row.rotation,
            creatives: self.of_flight(id).iter().map(|one| (*one).into()).collect(),
        }
    }

    /// Advertisers that match or have matching campaigns or flights.
    fn advertisers(
        &self,
        search: &Search,
        mut found: HashMap<usize, Vec<FlightOverview>>,
    ) -> Vec<AdvertiserOverview> {
        let inventory = self.inventory();
        let mut by_advertiser: HashMap<&str, Vec<CampaignOverview>> = HashMap::new();
        let names: HashMap<&str, &str> =
            inventory.advertisers.iter().map(|one| (one.id.as_str(), one.name.as_str())).collect();
        for (number, campaign) in inventory.campaigns.iter().enumerate() {
            let flights = found.remove(&number).unwrap_or_default();
            let owner = campaign.advertiser.as_str();
            let texts = [
                campaign.id.as_str(),
                &campaign.name,
                owner,
                names.get(owner).copied().unwrap_or_default(),
                paused_term(campaign.is_paused()),
            ];
            let include = !flights.is_empty()
                || (search.includes(owner)
                    && by_advertiser.len() < MAX_FLIGHTS
                    && search.matches(&texts));
            if include {
                let row = self.campaign(campaign, number, flights);
                by_advertiser.entry(owner).or_default().push(row);
            }
        }
        let rows = inventory.advertisers.iter().filter_map(|advertiser| {
            let campaigns = by_advertiser.remove(advertiser.id.as_str()).unwrap_or_default();
            let own =
                [advertiser.id.as_str(), &advertiser.name, paused_term(advertiser.is_paused())];
            (!campaigns.is_empty()
                || (search.includes(advertiser.id.as_str()) && search.matches(&own)))
            .then(|| AdvertiserOverview {
                id: advertiser.id.to_string(),
                name: advertiser.name.clone(),
                currency: advertiser.currency,
                paused: advertiser.is_paused(),
                campaigns,
            })
        });
        rows.take(MAX_FLIGHTS * 2).collect()
    }

    fn campaign(
        &self,
        campaign: &Campaign,
        number: usize,
        flights: Vec<FlightOverview>,
    ) -> CampaignOverview {
        let balance = &self.balances[number];
        CampaignOverview {
            id: campaign.id.to_string(),
            name: campaign.name.clone(),
            paused: campaign.is_paused(),
            spent_micros: balance.spent,
            spent_today_micros: balance.spent_today,
            reserved_micros: balance.reserved,
            left_micros: balance.remaining,
            daily_micros: campaign.budget.daily_micros,
            lifetime_micros: campaign.budget.lifetime_micros,
            flights,
        }
    }
}
