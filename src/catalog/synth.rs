//! Generates a realistic inventory of any size from a seed, for trials and benchmarks: Zipf-like
//! popularity, a topic tree, competitors, exclusions, all three tiers. It keeps the publishers,
//! topics and entities of the example inventory, so that the example requests work on it.

use crate::catalog::files;
use crate::domain::campaign::{Budget, Campaign, EndRule, Flight, Pacing, Rotation, ServingStatus};
use crate::domain::entity::{EntityDoc, EntityKind};
use crate::domain::event::{Pricing, Tier};
use crate::domain::hours::Hours;
use crate::domain::inventory::Inventory;
use crate::domain::money::Micros;
use crate::domain::party::Advertiser;
use crate::domain::region::Region;
use crate::domain::targeting::{Clause, Targeting};
use crate::domain::taxonomy::TopicDoc;
use crate::domain::zone::Zone;
use rand::RngExt;
use rand_pcg::Pcg64;
use serde_json::json;

/// Topics in addition to the example's: four levels, like the large taxonomies.
const TOPICS: usize = 400;
/// Countries that flights target, the most popular first.
const COUNTRIES: [&str; 24] = [
    "US", "DE", "GB", "FR", "NL", "ES", "IT", "PL", "SE", "CA", "AT", "CH", "BE", "IN", "BR", "JP",
    "AU", "DK", "NO", "FI", "IE", "PT", "CZ", "MX",
];
const GROUPS: [&str; 6] = ["eu", "eea", "emea", "europe", "americas", "world"];
const LANGUAGES: [&str; 6] = ["en", "de", "fr", "es", "it", "nl"];

struct Generator {
    rng: Pcg64,
    topics: Vec<String>,
    entities: Vec<String>,
}

impl Generator {
    fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end.max(1))
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    /// An index below `end`, skewed towards 0: the product of two uniform draws.
    fn popular(&mut self, end: usize) -> usize {
        let first = self.below(end);
        self.below(first + 1)
    }
}

/// An inventory with `flights` flights; the same seed gives the same inventory on every platform.
pub fn inventory(flights: usize, seed: u64) -> Inventory {
    with_progress(flights, seed, || {})
}

/// Like [`inventory`]; `made` is called after each flight.
pub(crate) fn with_progress(flights: usize, seed: u64, mut made: impl FnMut()) -> Inventory {
    let mut inventory = files::example();
    inventory.advertisers.retain(|advertiser| advertiser.id.as_str() == "house");
    inventory.campaigns.retain(|campaign| campaign.advertiser.as_str() == "house");
    inventory.flights.retain(|flight| flight.tier == Tier::House);
    inventory.creatives.retain(|creative| creative.id.as_str() == "house-letter");
    let rng = Pcg64::new(u128::from(seed), 0x0A02_BDBF_7BB3_C0A7_AC28_FA16_A64A_BF96);
    let mut generator = Generator { rng, topics: Vec::new(), entities: Vec::new() };
    topics(&mut inventory, &mut generator);
    let advertisers = (flights / 20).max(3);
    for number in 0..advertisers {
        party(&mut inventory, &mut generator, number);
    }
    for number in 0..flights {
        flight(&mut inventory, &mut generator, number, advertisers);
        made();
    }
    inventory.sort();
    inventory
}

fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("synthetic ids are well formed")
}

fn topics(inventory: &mut Inventory, generator: &mut Generator) {
    generator.topics = inventory.topics.iter().map(|topic| topic.id.to_string()).collect();
    for number in 0..TOPICS {
        let name = format!("topic-{number}");
        let parent = (number >= 20).then(|| format!("topic-{}", generator.below(number / 3)));
        inventory.topics.push(TopicDoc {
            id: id(&name),
            name: format!("topic {number}"),
            parent: parent.map(|parent| id(&parent)),
            aliases: Vec::new(),
            sensitive: number % 97 == 96,
        });
        generator.topics.push(name);
    }
    generator.entities = inventory.entities.iter().map(|entity| entity.id.to_string()).collect();
}

fn party(inventory: &mut Inventory, generator: &mut Generator, number: usize) {
    let name = format!("sponsor-{number}");
    let competitors = (number > 0 && generator.chance(40))
        .then(|| id(&format!("sponsor-{}", generator.below(number))))
        .into_iter()
        .collect();
    inventory.entities.push(EntityDoc {
        id: id(&name),
        name: format!("Sponsor {number}"),
        kind: EntityKind::Company,
        qid: None,
        aliases: Vec::new(),
        ambiguous_aliases: Vec::new(),
        parent: None,
        competitors,
    });
    generator.entities.push(name.clone());
    inventory.advertisers.push(Advertiser {
        id: id(&name),
        name: format!("Sponsor {number}"),
        logo: None,
        entity: Some(id(&name)),
        domains: vec![format!("{name}.example")],
        currency: id("EUR"),
        time_zone: Zone::utc(),
        language: None,
        allow_http: false,
        status: ServingStatus::Active,
        paused_by: None,
    });
    let category = if generator.chance(3) { "alcohol" } else { "software" };
    inventory.campaigns.push(Campaign {
        id: id(&format!("campaign-{number}")),
        advertiser: id(&name),
        name: format!("Campaign {number}"),
        on_behalf_of: None,
        paid_by: None,
        political: false,
        categories: vec![id(category)],
        language: None,
        budget: Budget {
            lifetime_micros: Some(Micros::try_from(1_000_000_000_000).expect("in range")),
            daily_micros: None,
        },
        utm: std::collections::BTreeMap::new(),
        status: ServingStatus::Active,
        paused_by: None,
    });
}

fn flight(inventory: &mut Inventory, generator: &mut Generator, number: usize, advertisers: usize) {
    let name = format!("flight-{number}");
    let owner = generator.popular(advertisers);
    let tier = if generator.chance(2) { Tier::Sponsorship } else { Tier::Standard };
    let cpm = i64::try_from(1_000 * (1_000 + generator.below(15_000))).expect("in range");
    inventory.flights.push(Flight {
        id: id(&name),
        campaign: id(&format!("campaign-{owner}")),
        tier,
        starts: None,
        ends: None,
        pricing: if generator.chance(80) { Pricing::Cpm } else { Pricing::Cpc },
        price_micros: Micros::try_from(cpm).expect("in range"),
        copy_price_micros: None,
        weight: [0.5, 1.0, 1.0, 1.0, 2.0][generator.below(5)],
        goal_impressions: None,
        goal_viewables: None,
        goal_clicks: None,
        share_percent: None,
        pacing: Pacing::Asap,
        end: EndRule::Hard,
        hours: Hours::default(),
        targeting: targeting(inventory, generator),
        accepts_sensitive: generator.chance(10),
        rotation: Rotation::Weights,
        status: if generator.chance(1) { ServingStatus::Paused } else { ServingStatus::Active },
        paused_by: None,
    });
    let styles = [json!(["terminal", "card", "line"]), json!(["card"]), json!(["card", "line"])]
        [generator.below(3)]
    .clone();
    let creative = json!({
        "id": format!("creative-{number}"),
        "flight": name,
        "styles": styles,
        "language": "en",
        "headline": format!("A synthetic unit, number {number}"),
        "body": "Two sentences of plain text. They say nothing at some length.",
        "ctas": [{
            "id": "primary",
            "text": "Read more",
            "url": format!("https://sponsor-{owner}.example/landing?c={{creative}}"),
        }],
    });
    inventory.creatives.push(serde_json::from_value(creative).expect("a valid creative"));
}

fn targeting(inventory: &Inventory, generator: &mut Generator) -> Targeting {
    let mut targeting = Targeting::default();
    let all = generator.topics.len();
    for _ in 0..[0, 1, 1, 2, 3][generator.below(5)] {
        let at = generator.popular(all);
        targeting.topics.any.push(id(&generator.topics[at].clone()));
    }
    if generator.chance(8) {
        let at = generator.popular(all);
        targeting.topics.none.push(id(&generator.topics[at].clone()));
    }
    for _ in 0..[0, 1, 2, 3][generator.below(4)] {
        let name = if generator.chance(30) {
            GROUPS[generator.popular(GROUPS.len())]
        } else {
            COUNTRIES[generator.popular(COUNTRIES.len())]
        };
        targeting.regions.any.push(id::<Region>(name));
    }
    if generator.chance(5) {
        let country = id::<Region>(COUNTRIES[generator.popular(COUNTRIES.len())]);
        // Excluding one of a few countries could leave none, which the checks reject.
        let any = &targeting.regions.any;
        if any.is_empty() || any.iter().any(|region| matches!(region, Region::Group(_))) {
            targeting.regions.none.push(country);
        }
    }
    if generator.chance(3) {
        targeting.page_regions.any.push(id::<Region>(GROUPS[generator.popular(GROUPS.len())]));
    }
    if generator.chance(50) {
        targeting.languages.any.push(id(LANGUAGES[generator.popular(LANGUAGES.len())]));
    }
    if generator.chance(5) {
        let at = generator.popular(generator.entities.len());
        targeting.entities.any.push(id(&generator.entities[at].clone()));
    }
    if generator.chance(5) {
        let at = generator.popular(generator.entities.len());
        targeting.entities.none.push(id(&generator.entities[at].clone()));
    }
    if generator.chance(5) {
        targeting.keywords.any.push(format!("word {}", generator.popular(200)));
    }
    if generator.chance(10) {
        let at = generator.below(inventory.publishers.len());
        targeting.publishers.any.push(inventory.publishers[at].id.clone());
    }
    if generator.chance(20) {
        targeting.placements = Clause { any: vec![id("article-end")], none: Vec::new() }.into();
    }
    targeting
}
