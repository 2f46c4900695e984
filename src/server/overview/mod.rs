//! What is sold and how it does, at one moment: advertisers, their campaigns, their flights, their
//! creatives, and the sites they run on. For an operator who looks for one of many.

pub mod document;

mod search;

use crate::domain::campaign::Campaign;
use crate::domain::creative::Creative;
use crate::domain::inventory::Inventory;
use crate::domain::money::Micros;
use crate::ledger::views::QUARTER_MS;
use crate::server::Server;
use crate::server::live::Live;
use crate::server::overview::document::AdvertiserOverview;
use crate::server::overview::document::CampaignOverview;
use crate::server::overview::document::FlightOverview;
use crate::server::overview::document::FlightStatus;
use crate::server::overview::document::Overview;
use crate::server::overview::search::Search;
use crate::server::overview::search::stopped_word;
use crate::server::purse::Content;
use crate::server::state;
use std::collections::HashMap;
use std::sync::atomic::Ordering;

/// How many flights one answer holds at the most: more than a person reads, less than a browser
/// chokes on. A search finds the others.
pub const MOST_FLIGHTS: usize = 200;

/// What all rows are made of.
struct Moment<'a> {
    live: &'a Live,
    now_ms: i64,
    contents: Vec<Content>,
    /// By flight.
    spent_today: HashMap<Box<str>, Micros>,
    /// By flight.
    creatives: HashMap<&'a str, Vec<&'a Creative>>,
}

impl Server {
    /// What is sold and how it does. Every word of `search` must be in an id, a name, a state or a
    /// tier of a flight or of what it belongs to; none finds everything. Looks at every flight and
    /// at the ledger's rows of today: not for a thread that serves.
    pub fn overview(&self, search: &str) -> Overview {
        self.found(&Search::of(search))
    }

    /// What one advertiser has, and how it does; nothing of anybody else's. Not for a thread that
    /// serves, either.
    pub fn overview_of(&self, advertiser: &str) -> Option<AdvertiserOverview> {
        self.found(&Search::of_advertiser(advertiser)).advertisers.pop()
    }

    fn found(&self, search: &Search) -> Overview {
        let (live, now_ms) = (self.live(), self.clock.now_ms());
        let inventory = &live.snapshot().inventory;
        let contents: Vec<Content> =
            live.fixtures.purses.iter().map(|purse| purse.content(now_ms)).collect();
        let mut moment = Moment {
            spent_today: self.spent_today(inventory, &contents),
            contents,
            now_ms,
            live: &live,
            creatives: HashMap::new(),
        };
        for creative in &inventory.creatives {
            moment.creatives.entry(creative.flight.as_str()).or_default().push(creative);
        }
        let mut found: HashMap<usize, Vec<FlightOverview>> = HashMap::new();
        let mut count = 0;
        let mut places: Vec<usize> = (0..live.snapshot().flights.len()).collect();
        places.sort_by_key(|place| live.snapshot().flights[*place].doc);
        for place in places {
            let row = &live.snapshot().flights[place];
            if moment.finds(search, place) {
                count += 1;
                if count <= MOST_FLIGHTS {
                    found.entry(row.campaign).or_default().push(moment.flight(place));
                }
            }
        }
        Overview {
            at: jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default().to_string(),
            found: count,
            left_off: count.saturating_sub(MOST_FLIGHTS),
            flights: live.snapshot().flights.len(),
            advertisers: moment.advertisers(search, found),
            publishers: inventory
                .publishers
                .iter()
                .filter(|site| {
                    let cut = site.all_stopped_paths().next().is_some()
                        || site.all_stopped_topics().next().is_some();
                    let state = stopped_word(site.is_stopped() || cut);
                    search.finds(&[site.id.as_str(), &site.name, state])
                })
                .take(MOST_FLIGHTS)
                .map(Into::into)
                .collect(),
        }
    }

    /// What each flight was billed today, by the day of its advertiser's zone. The rows stand in
    /// the order of time, so that the past is not looked at.
    fn spent_today(
        &self,
        inventory: &Inventory,
        contents: &[Content],
    ) -> HashMap<Box<str>, Micros> {
        let ids = inventory.campaigns.iter().map(|campaign| campaign.id.as_str());
        let starts: HashMap<&str, i64> =
            ids.zip(contents.iter().map(|content| content.today.starts_ms)).collect();
        let first = starts.values().min().copied().unwrap_or(i64::MAX);
        let mut spent: HashMap<Box<str>, Micros> = HashMap::new();
        let views = self.ledger.views();
        for (at, quarter) in views.quarters.range(first.div_euclid(QUARTER_MS)..) {
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

impl Moment<'_> {
    fn inventory(&self) -> &Inventory {
        &self.live.snapshot().inventory
    }

    fn of_flight(&self, id: &str) -> &[&Creative] {
        self.creatives.get(id).map_or(&[], Vec::as_slice)
    }

    fn finds(&self, search: &Search, place: usize) -> bool {
        let (row, inventory) = (&self.live.snapshot().flights[place], self.inventory());
        if !search.concerns(inventory.advertisers[row.advertiser].id.as_str()) {
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
            texts.extend([creative.id.as_str(), &creative.headline, creative.state.as_str()]);
        }
        search.finds(&texts)
    }

    /// The first thing that stands in a flight's way; what a person changes comes first.
    fn status(&self, place: usize) -> FlightStatus {
        let (row, inventory) = (&self.live.snapshot().flights[place], self.inventory());
        let state = &self.live.world.state;
        let here = u32::try_from(place).unwrap_or(u32::MAX);
        let stopped = inventory.flights[row.doc].is_stopped()
            || inventory.campaigns[row.campaign].is_stopped()
            || inventory.advertisers[row.advertiser].is_stopped()
            || state.stopped.contains(&here);
        if stopped {
            FlightStatus::Stopped
        } else if row.creatives.is_empty() {
            FlightStatus::NoLiveCreative
        } else if self.now_ms < row.starts_ms {
            FlightStatus::NotBegun
        } else if self.now_ms >= row.ends_ms {
            FlightStatus::Over
        } else if state.spent.binary_search(&here).is_ok() {
            FlightStatus::BudgetSpent
        } else if state.paced.iter().any(|(paced, _)| *paced == here) {
            FlightStatus::Paced
        } else {
            FlightStatus::Open
        }
    }

    fn flight(&self, place: usize) -> FlightOverview {
        let (row, inventory) = (&self.live.snapshot().flights[place], self.inventory());
        let document = &inventory.flights[row.doc];
        let id = document.id.as_str();
        FlightOverview {
            id: id.to_owned(),
            campaign: document.campaign.to_string(),
            advertiser: inventory.advertisers[row.advertiser].id.to_string(),
            tier: row.tier,
            bills: row.bills,
            price_micros: document.price_micros,
            stopped: document.is_stopped(),
            status: self.status(place),
            spent_today_micros: self.spent_today.get(id).copied().unwrap_or_default(),
            left_micros: self.contents[row.campaign].left,
            delivered_impressions: self.live.fixtures.delivered[place].load(Ordering::Relaxed),
            goal_impressions: document.goal_impressions,
            pace: state::pace(self.live, place, &self.contents, self.now_ms),
            creatives: self.of_flight(id).iter().map(|one| (*one).into()).collect(),
        }
    }

    /// Those with something that was found, and those that are found themselves.
    fn advertisers(
        &self,
        search: &Search,
        mut found: HashMap<usize, Vec<FlightOverview>>,
    ) -> Vec<AdvertiserOverview> {
        let inventory = self.inventory();
        let mut of_whom: HashMap<&str, Vec<CampaignOverview>> = HashMap::new();
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
                stopped_word(campaign.is_stopped()),
            ];
            let shown = !flights.is_empty()
                || (search.concerns(owner) && of_whom.len() < MOST_FLIGHTS && search.finds(&texts));
            if shown {
                let row = self.campaign(campaign, number, flights);
                of_whom.entry(owner).or_default().push(row);
            }
        }
        let rows = inventory.advertisers.iter().filter_map(|advertiser| {
            let campaigns = of_whom.remove(advertiser.id.as_str()).unwrap_or_default();
            let own =
                [advertiser.id.as_str(), &advertiser.name, stopped_word(advertiser.is_stopped())];
            (!campaigns.is_empty()
                || (search.concerns(advertiser.id.as_str()) && search.finds(&own)))
            .then(|| AdvertiserOverview {
                id: advertiser.id.to_string(),
                name: advertiser.name.clone(),
                currency: advertiser.currency,
                stopped: advertiser.is_stopped(),
                campaigns,
            })
        });
        rows.take(MOST_FLIGHTS * 2).collect()
    }

    fn campaign(
        &self,
        campaign: &Campaign,
        number: usize,
        flights: Vec<FlightOverview>,
    ) -> CampaignOverview {
        let content = &self.contents[number];
        CampaignOverview {
            id: campaign.id.to_string(),
            name: campaign.name.clone(),
            stopped: campaign.is_stopped(),
            spent_micros: content.spent,
            spent_today_micros: content.spent_today,
            held_micros: content.held,
            left_micros: content.left,
            daily_micros: campaign.budget.daily_micros,
            lifetime_micros: campaign.budget.lifetime_micros,
            flights,
        }
    }
}
