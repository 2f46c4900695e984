//! What the simulated readers do: pages, readers and their behaviour, all drawn from the seed.

use rand::RngExt;
use rand_pcg::Pcg64;
use serde_json::{Value, json};
use std::time::Duration;

/// Reader addresses are in 198.18.0.0/15, which is reserved for tests.
const NETWORKS: u32 = 512;

/// Agents of readers' browsers.
const BROWSERS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
];

/// Agents of bots that say what they are.
const BOTS: [&str; 2] = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
];

/// Countries of readers, beside the publisher's own.
const COUNTRIES: [&str; 6] = ["DE", "FR", "AT", "NL", "GB", "US"];

/// Parts of units, in per cent and per mille, that readers see, look at, click and copy.
const SEEN_PERCENT: u32 = 92;
const VIEWED_PERCENT: u32 = 65;
const CLICKED_PER_MILLE: u32 = 15;
const COPIED_PER_MILLE: u32 = 8;

/// A site of the served inventory.
struct Site {
    id: String,
    country: String,
    language: String,
    placements: Vec<String>,
}

/// Draws page views from the served inventory.
pub(super) struct Plan {
    rng: Pcg64,
    sites: Vec<Site>,
    topics: Vec<String>,
    entities: Vec<String>,
    bots_percent: u32,
}

/// A view of a page.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PageView {
    pub(super) publisher: String,
    /// The decision request.
    pub(super) request: Value,
    pub(super) address: String,
    pub(super) agent: &'static str,
    pub(super) is_bot: bool,
    /// What the reader does with each unit, in the order of the placements.
    pub(super) units: Vec<Behaviour>,
}

/// What a reader does with a unit; times are after the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Behaviour {
    pub(super) impression: Option<Duration>,
    pub(super) viewable: Option<Duration>,
    pub(super) click: Option<Duration>,
    pub(super) copy: Option<Duration>,
}

impl Plan {
    /// `None` if the inventory has no publisher with a placement.
    pub(super) fn new(inventory: &Value, seed: u64, bots_percent: u32) -> Option<Plan> {
        let list = |name: &str| inventory[name].as_array().map(Vec::as_slice).unwrap_or_default();
        let ids = |rows: &[Value]| -> Vec<String> {
            rows.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect()
        };
        let text = |value: &Value, default: &str| value.as_str().unwrap_or(default).to_owned();
        let sites = list("publishers").iter().map(|one| Site {
            id: text(&one["id"], ""),
            country: text(&one["default_country"], "DE"),
            language: text(&one["language"], "en"),
            placements: ids(one["placements"].as_array().map(Vec::as_slice).unwrap_or_default()),
        });
        let sites: Vec<Site> = sites.filter(|site| !site.placements.is_empty()).collect();
        // Topics that flights target come twice, so that most pages have something to sell.
        let targeted = list("flights").iter().flat_map(|flight| {
            flight["targeting"]["topics"]["any"].as_array().cloned().unwrap_or_default()
        });
        let targeted = targeted.filter_map(|one| one.as_str().map(str::to_owned));
        let mut topics = ids(list("topics"));
        topics.extend(targeted.collect::<Vec<_>>());
        (!sites.is_empty()).then(|| Plan {
            rng: Pcg64::new(u128::from(seed), 0x0A02_BDBF_7BB3_C0A7_AC28_FA16_A64A_BF96),
            sites,
            topics,
            entities: ids(list("entities")),
            bots_percent,
        })
    }

    fn below(&mut self, end: u32) -> u32 {
        self.rng.random_range(0..end.max(1))
    }

    /// One of a list, the first ones more often.
    fn one_of(&mut self, count: usize) -> usize {
        let end = u32::try_from(count).unwrap_or(u32::MAX);
        let (a, b) = (self.below(end), self.below(end));
        a.min(b) as usize
    }

    fn some(&mut self, list: &[String], most: u32) -> Vec<String> {
        if list.is_empty() {
            return Vec::new();
        }
        let count = self.below(most + 1);
        let mut found: Vec<String> =
            (0..count).map(|_| list[self.one_of(list.len())].clone()).collect();
        found.dedup();
        found
    }

    /// The next view of a page.
    pub(super) fn next(&mut self) -> PageView {
        let site = self.one_of(self.sites.len());
        let (topics, entities) =
            (std::mem::take(&mut self.topics), std::mem::take(&mut self.entities));
        let mut about = self.some(&topics, 2);
        if about.is_empty() && !topics.is_empty() {
            about.push(
                topics[self.below(u32::try_from(topics.len()).unwrap_or(1)) as usize].clone(),
            );
        }
        let mentioned = self.some(&entities, 2);
        (self.topics, self.entities) = (topics, entities);
        let article = self.below(400);
        let is_bot = self.below(100) < self.bots_percent;
        let agents: &[&'static str] = if is_bot { &BOTS } else { &BROWSERS };
        let agent = agents[self.one_of(agents.len())];
        let is_abroad = self.below(100) < 40;
        let country = COUNTRIES[self.one_of(COUNTRIES.len())];
        let network = self.below(NETWORKS);
        let host = 1 + self.below(250);
        let units = self.sites[site].placements.len();
        let units = (0..units).map(|_| self.behaviour(is_bot)).collect();
        let site = &self.sites[site];
        let country = if is_abroad { country } else { &site.country };
        let section = about.first().map_or("news", String::as_str);
        let placements: Vec<Value> =
            site.placements.iter().map(|placement| json!({ "name": placement })).collect();
        let request = json!({
            "publisher": site.id,
            "page": {
                "url": format!("https://{}.example/{section}/{article}", site.id),
                "language": site.language, "topics": about, "entities": mentioned,
            },
            "viewer": { "region": country },
            "placements": placements,
        });
        PageView {
            publisher: site.id.clone(),
            request,
            address: format!("198.{}.{}.{host}", 18 + network / 256, network % 256),
            agent,
            is_bot,
            units,
        }
    }

    fn behaviour(&mut self, is_bot: bool) -> Behaviour {
        let millis = |ms: u32| Duration::from_millis(u64::from(ms));
        let seen = 80 + self.below(700);
        let viewed = seen + 1_050 + self.below(1_500);
        let clicked = seen + 900 + self.below(4_000);
        let copied = seen + 900 + self.below(4_000);
        let (sees, views) = (self.below(100), self.below(100));
        let (clicks, copies) = (self.below(1_000), self.below(1_000));
        let sees = sees < SEEN_PERCENT;
        // A crawler loads what the page has and clicks every link now and then.
        let clicks = clicks < if is_bot { 100 } else { CLICKED_PER_MILLE };
        Behaviour {
            impression: sees.then(|| millis(seen)),
            viewable: (sees && views < VIEWED_PERCENT && !is_bot).then(|| millis(viewed)),
            click: (sees && clicks).then(|| millis(clicked)),
            copy: (sees && copies < COPIED_PER_MILLE && !is_bot).then(|| millis(copied)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::files;

    fn plan(seed: u64) -> Plan {
        let inventory = serde_json::to_value(files::example()).unwrap();
        Plan::new(&inventory, seed, 5).unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_page_views() {
        let views = |seed: u64| {
            let mut plan = plan(seed);
            (0..50).map(|_| plan.next()).collect::<Vec<_>>()
        };
        assert_eq!(views(7), views(7));
        assert_ne!(views(7), views(8));
    }

    #[test]
    fn readers_bots_and_sites_are_mixed_and_no_click_is_too_fast() {
        let mut plan = plan(1);
        let views: Vec<PageView> = (0..2_000).map(|_| plan.next()).collect();
        let bots = views.iter().filter(|view| view.is_bot).count();
        assert!((60..=140).contains(&bots), "{bots}");
        let kitchen = views.iter().filter(|view| view.publisher == "kitchen-journal").count();
        assert!((200..=1_800).contains(&kitchen), "{kitchen}");
        let units: Vec<&Behaviour> = views.iter().flat_map(|view| &view.units).collect();
        let clicks = units.iter().filter(|unit| unit.click.is_some()).count();
        assert!(clicks > 10 && clicks < units.len() / 10, "{clicks}");
        for unit in units {
            let Some(seen) = unit.impression else {
                assert_eq!((unit.viewable, unit.click, unit.copy), (None, None, None));
                continue;
            };
            assert!(unit.viewable.is_none_or(|at| at >= seen + Duration::from_secs(1)));
            assert!(unit.click.is_none_or(|at| at >= seen + Duration::from_millis(600)));
        }
        let empty = json!({ "publishers": [] });
        assert!(Plan::new(&empty, 1, 5).is_none());
    }
}
