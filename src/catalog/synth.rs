//! A realistic inventory of any size from a seed, for trials and benchmarks: Zipf-like popularity,
//! a topic tree, rivalries, exclusions, all three tiers. It keeps the example's publishers,
//! topics and entities, so that the example's requests work on it.

use crate::catalog::files;
use crate::domain::campaign::Budget;
use crate::domain::campaign::Campaign;
use crate::domain::campaign::Clause;
use crate::domain::campaign::Flight;
use crate::domain::campaign::Pacing;
use crate::domain::campaign::Targeting;
use crate::domain::creative::Creative;
use crate::domain::creative::CreativeState;
use crate::domain::creative::Cta;
use crate::domain::entity::EntityDoc;
use crate::domain::entity::EntityKind;
use crate::domain::event::BillOn;
use crate::domain::event::Tier;
use crate::domain::inventory::Inventory;
use crate::domain::money::Micros;
use crate::domain::party::Advertiser;
use crate::domain::party::Style;
use crate::domain::region::Region;
use crate::domain::taxonomy::TopicDoc;
use crate::domain::zone::Zone;
use rand::RngExt;
use rand_pcg::Pcg64;

/// Topics added to the example's: four levels, as the large taxonomies have.
const TOPICS: usize = 400;
/// Countries that flights name, most bought first.
const COUNTRIES: [&str; 24] = [
    "US", "DE", "GB", "FR", "NL", "ES", "IT", "PL", "SE", "CA", "AT", "CH", "BE", "IN", "BR", "JP",
    "AU", "DK", "NO", "FI", "IE", "PT", "CZ", "MX",
];
const GROUPS: [&str; 6] = ["eu", "eea", "emea", "europe", "americas", "world"];
const LANGUAGES: [&str; 6] = ["en", "de", "fr", "es", "it", "nl"];

struct Maker {
    rng: Pcg64,
    topics: Vec<String>,
    entities: Vec<String>,
}

impl Maker {
    fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end.max(1))
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    /// A place in a list of `end`, the early ones far more often: the product of two uniforms.
    fn popular(&mut self, end: usize) -> usize {
        let first = self.below(end);
        self.below(first + 1)
    }
}

/// An inventory with `flights` flights, the same for the same seed on every machine.
pub fn inventory(flights: usize, seed: u64) -> Inventory {
    with_progress(flights, seed, || {})
}

/// The same; `made` is called after each flight.
pub fn with_progress(flights: usize, seed: u64, mut made: impl FnMut()) -> Inventory {
    let mut inventory = files::example();
    inventory.advertisers.retain(|advertiser| advertiser.id.as_str() == "house");
    inventory.campaigns.retain(|campaign| campaign.advertiser.as_str() == "house");
    inventory.flights.retain(|flight| flight.tier == Tier::House);
    inventory.creatives.retain(|creative| creative.id.as_str() == "house-letter");
    let rng = Pcg64::new(u128::from(seed), 0x0A02_BDBF_7BB3_C0A7_AC28_FA16_A64A_BF96);
    let mut maker = Maker { rng, topics: Vec::new(), entities: Vec::new() };
    topics(&mut inventory, &mut maker);
    let advertisers = (flights / 20).max(3);
    for number in 0..advertisers {
        party(&mut inventory, &mut maker, number);
    }
    for number in 0..flights {
        flight(&mut inventory, &mut maker, number, advertisers);
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

fn topics(inventory: &mut Inventory, maker: &mut Maker) {
    maker.topics = inventory.topics.iter().map(|topic| topic.id.to_string()).collect();
    for number in 0..TOPICS {
        let name = format!("topic-{number}");
        let parent = (number >= 20).then(|| format!("topic-{}", maker.below(number / 3)));
        inventory.topics.push(TopicDoc {
            id: id(&name),
            name: format!("topic {number}"),
            parent: parent.map(|parent| id(&parent)),
            aliases: Vec::new(),
            sensitive: number % 97 == 96,
        });
        maker.topics.push(name);
    }
    maker.entities = inventory.entities.iter().map(|entity| entity.id.to_string()).collect();
}

fn party(inventory: &mut Inventory, maker: &mut Maker, number: usize) {
    let name = format!("sponsor-{number}");
    let competitors = (number > 0 && maker.chance(40))
        .then(|| id(&format!("sponsor-{}", maker.below(number))))
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
    maker.entities.push(name.clone());
    inventory.advertisers.push(Advertiser {
        id: id(&name),
        name: format!("Sponsor {number}"),
        logo: None,
        entity: Some(id(&name)),
        domains: vec![format!("{name}.example")],
        currency: id("EUR"),
        time_zone: Zone::utc(),
        allow_http: false,
        stopped: false,
        held: false,
    });
    let sector = if maker.chance(3) { "alcohol" } else { "software" };
    inventory.campaigns.push(Campaign {
        id: id(&format!("campaign-{number}")),
        advertiser: id(&name),
        name: format!("Campaign {number}"),
        on_behalf_of: None,
        paid_by: None,
        political: false,
        sectors: vec![id(sector)],
        budget: Budget {
            lifetime_micros: Some(Micros::try_from(1_000_000_000_000).expect("in range")),
            daily_micros: None,
        },
        utm: std::collections::BTreeMap::new(),
        stopped: false,
        held: false,
    });
}

fn flight(inventory: &mut Inventory, maker: &mut Maker, number: usize, advertisers: usize) {
    let name = format!("flight-{number}");
    let owner = maker.popular(advertisers);
    let tier = if maker.chance(2) { Tier::Sponsorship } else { Tier::Standard };
    let cpm = i64::try_from(1_000 * (1_000 + maker.below(15_000))).expect("in range");
    inventory.flights.push(Flight {
        id: id(&name),
        campaign: id(&format!("campaign-{owner}")),
        tier,
        starts: None,
        ends: None,
        bills: if maker.chance(80) { BillOn::Impression } else { BillOn::Click },
        price_micros: Micros::try_from(cpm).expect("in range"),
        copy_price_micros: None,
        weight: [0.5, 1.0, 1.0, 1.0, 2.0][maker.below(5)],
        goal_impressions: None,
        pacing: Pacing::Asap,
        targeting: targeting(inventory, maker),
        accepts_sensitive: maker.chance(10),
        stopped: maker.chance(1),
        held: false,
    });
    inventory.creatives.push(Creative {
        id: id(&format!("creative-{number}")),
        flight: id(&name),
        state: CreativeState::Live,
        styles: [
            vec![Style::Terminal, Style::Card, Style::Line],
            vec![Style::Card],
            vec![Style::Card, Style::Line],
        ][maker.below(3)]
        .clone(),
        language: id("en"),
        kicker: None,
        headline: format!("A synthetic unit, number {number}"),
        body: "Two sentences of plain text. They say nothing at some length.".into(),
        proofs: Vec::new(),
        command: None,
        ctas: vec![Cta {
            id: id("primary"),
            text: "Read more".into(),
            url: format!("https://sponsor-{owner}.example/landing?c={{creative}}"),
        }],
        price: None,
        image: None,
        variants: Vec::new(),
        weight: 1,
    });
}

fn targeting(inventory: &Inventory, maker: &mut Maker) -> Targeting {
    let mut targeting = Targeting::default();
    let all = maker.topics.len();
    for _ in 0..[0, 1, 1, 2, 3][maker.below(5)] {
        let at = maker.popular(all);
        targeting.topics.any.push(id(&maker.topics[at].clone()));
    }
    if maker.chance(8) {
        let at = maker.popular(all);
        targeting.topics.none.push(id(&maker.topics[at].clone()));
    }
    for _ in 0..[0, 1, 2, 3][maker.below(4)] {
        let name = if maker.chance(30) {
            GROUPS[maker.popular(GROUPS.len())]
        } else {
            COUNTRIES[maker.popular(COUNTRIES.len())]
        };
        targeting.regions.any.push(id::<Region>(name));
    }
    if maker.chance(5) {
        let country = id::<Region>(COUNTRIES[maker.popular(COUNTRIES.len())]);
        // Countries without one of them may be none at all, and no flight is for nobody.
        let any = &targeting.regions.any;
        if any.is_empty() || any.iter().any(|region| matches!(region, Region::Group(_))) {
            targeting.regions.none.push(country);
        }
    }
    if maker.chance(3) {
        targeting.page_regions.any.push(id::<Region>(GROUPS[maker.popular(GROUPS.len())]));
    }
    if maker.chance(50) {
        targeting.languages.any.push(id(LANGUAGES[maker.popular(LANGUAGES.len())]));
    }
    if maker.chance(5) {
        let at = maker.popular(maker.entities.len());
        targeting.entities.any.push(id(&maker.entities[at].clone()));
    }
    if maker.chance(5) {
        let at = maker.popular(maker.entities.len());
        targeting.entities.none.push(id(&maker.entities[at].clone()));
    }
    if maker.chance(5) {
        targeting.keywords.any.push(format!("word {}", maker.popular(200)));
    }
    if maker.chance(10) {
        let at = maker.below(inventory.publishers.len());
        targeting.publishers.any.push(inventory.publishers[at].id.clone());
    }
    if maker.chance(20) {
        targeting.placements = Clause { any: vec![id("article-end")], none: Vec::new() }.into();
    }
    targeting
}
