//! Flights with goals over a day, on one or many instances: the shares, the lottery, the reservations, the
//! leases and the ledger that serve, with simulated traffic, readers and time.

mod instance;
mod scenarios;

use crate::catalog::files;
use crate::domain::event::{EventKind, InvalidReason, Verdict};
use crate::domain::label::LabelTable;
use crate::domain::money::Micros;
use crate::domain::region::Country;
use crate::domain::weights::Weights;
use crate::ledger::apply::apply;
use crate::ledger::record::{Event, GoalLeaseRequest, RecordId};
use crate::ledger::{ApplyOutcome, EventVerdict, Record, State};
use crate::selection::compile::compile;
use crate::selection::page::{Commercial, Page, RegionBasis, Slot, Viewer};
use crate::selection::snapshot::Snapshot;
use instance::Instance;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::collections::BinaryHeap;
use std::fmt::Write;
use std::sync::Arc;

const PARTITION: u8 = 0;
/// 2026-05-01T00:00Z.
const START_MS: i64 = 1_777_593_600_000;
const DAY_MS: i64 = 86_400_000;
const TICK_MS: i64 = 20_000;
const TOPICS: usize = 6;
const COUNTRIES: [&str; 5] = ["US", "DE", "GB", "IN", "JP"];

/// Relative traffic at a part of the day, from 0 to 1, on a topic and from a country.
type Course = fn(f64, usize, usize) -> f64;

/// What happens to an instance.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// The last instance is gone for an hour from noon on, and starts anew.
    Gone,
    /// No instance reaches the store for an hour from noon on.
    Outage,
    /// The clock of the last instance is ten minutes fast for an hour.
    Clock,
}

/// One simulated day.
#[derive(Clone)]
struct Setup {
    requests: f64,
    course: Course,
    /// Whether the history of four weeks before has this course, shifted by this much; `None` without one.
    history: Option<f64>,
    /// The part of all slots that goals take.
    sold: f64,
    /// The part of shown units whose event never comes, and milliseconds until the others come.
    lost: f64,
    delay_ms: i64,
    /// The part whose event comes minutes later.
    late: f64,
    instances: usize,
    /// Time until an instance knows what another one counted, in milliseconds.
    sync_ms: i64,
    fault: Fault,
    /// More settings of each flight.
    settings: &'static str,
}

const BASE: Setup = Setup {
    requests: 40_000.0,
    course: scenarios::day,
    history: Some(0.0),
    sold: 0.7,
    lost: 0.08,
    delay_ms: 3_000,
    late: 0.0,
    instances: 4,
    sync_ms: 2_000,
    fault: Fault::None,
    settings: "",
};

/// A flight: its topics and countries, by number, and its goal.
struct Sold {
    topics: Vec<usize>,
    countries: Vec<usize>,
    goal: f64,
}

/// What a flight delivered of its goal.
#[derive(Clone, Copy, Debug)]
struct Delivered {
    goal: f64,
    counted: f64,
}

/// What a day came to.
struct Outcome {
    flights: Vec<Delivered>,
    /// Impressions beyond a goal, which are free.
    over_goal: u64,
}

/// An event that comes at a time, of a decision by an instance.
struct Coming {
    at_ms: i64,
    at: usize,
    event: Event,
}

impl PartialEq for Coming {
    fn eq(&self, other: &Coming) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Coming {}
impl PartialOrd for Coming {
    fn partial_cmp(&self, other: &Coming) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Coming {
    fn cmp(&self, other: &Coming) -> std::cmp::Ordering {
        (other.at_ms, other.event.decision).cmp(&(self.at_ms, self.event.decision))
    }
}

/// Kinds of flights: one topic, two and three topics, one country, a topic in the largest countries, all.
fn kinds() -> Vec<(Vec<usize>, Vec<usize>)> {
    let all_topics: Vec<usize> = (0..TOPICS).collect();
    let all: Vec<usize> = (0..COUNTRIES.len()).collect();
    let one = (0..TOPICS).map(|topic| (vec![topic], all.clone()));
    let two = (0..3).map(|pair| (vec![2 * pair, 2 * pair + 1], all.clone()));
    let three = (0..2).map(|half| ((3 * half..3 * half + 3).collect(), all.clone()));
    let country = (0..COUNTRIES.len()).map(|country| (all_topics.clone(), vec![country]));
    let both = (0..3).map(|topic| (vec![topic], vec![0, 1]));
    let rest = std::iter::once((all_topics.clone(), all.clone()));
    one.chain(two).chain(three).chain(country).chain(both).chain(rest).collect()
}

/// The relative traffic of each topic and country over the day, by a step of a quarter of an hour.
fn cells(course: Course) -> Vec<[[f64; COUNTRIES.len()]; TOPICS]> {
    let mut steps: Vec<[[f64; COUNTRIES.len()]; TOPICS]> = (0..96)
        .map(|step| {
            let at = (f64::from(step) + 0.5) / 96.0;
            std::array::from_fn(|topic| std::array::from_fn(|country| course(at, topic, country)))
        })
        .collect();
    let sum: f64 = steps.iter().flatten().flatten().sum();
    steps.iter_mut().flatten().flatten().for_each(|traffic| *traffic /= sum);
    steps
}

/// Goals that take the sold part of each cell, in equal parts by the flights that may have its slots: all
/// of them can be met together.
fn goals(setup: &Setup) -> Vec<Sold> {
    let cells = cells(setup.course);
    let kinds = kinds();
    let takes = |(topics, countries): &(Vec<usize>, Vec<usize>), topic, country| {
        topics.contains(&topic) && countries.contains(&country)
    };
    let goal = |kind: &(Vec<usize>, Vec<usize>)| -> f64 {
        let mut goal = 0.0;
        for topic in 0..TOPICS {
            for country in (0..COUNTRIES.len()).filter(|country| takes(kind, topic, *country)) {
                let traffic: f64 = cells.iter().map(|step| step[topic][country]).sum();
                let others = kinds.iter().filter(|one| takes(one, topic, country)).count();
                goal += traffic * setup.requests * setup.sold / others as f64;
            }
        }
        (goal * (1.0 - setup.lost)).floor().max(1.0)
    };
    let sold = kinds.iter().map(|kind| Sold {
        topics: kind.0.clone(),
        countries: kind.1.clone(),
        goal: goal(kind),
    });
    sold.collect()
}

fn inventory(sold: &[Sold], settings: &str) -> Snapshot {
    let mut text = String::from(
        "[[categories]]\nid = \"all\"\nname = \"All\"\n[[publishers]]\nid = \"site\"\nname = \"Site\"\n\
         default_country = \"US\"\nlanguage = \"en\"\n\
         placements = [{ id = \"end\", name = \"End\", styles = [\"card\"] }]\n",
    );
    for topic in 0..TOPICS {
        let _ = write!(text, "[[topics]]\nid = \"topic-{topic}\"\nname = \"Topic {topic}\"\n");
    }
    for (number, one) in sold.iter().enumerate() {
        let topics: Vec<String> = one.topics.iter().map(|at| format!("\"topic-{at}\"")).collect();
        let countries: Vec<String> =
            one.countries.iter().map(|at| format!("\"{}\"", COUNTRIES[*at])).collect();
        let (topics, countries) = (topics.join(", "), countries.join(", "));
        let goal = one.goal;
        let _ = write!(
            text,
            "[[advertisers]]\nid = \"a-{number}\"\nname = \"Advertiser {number}\"\n\
             domains = [\"a-{number}.example\"]\ncurrency = \"EUR\"\n\
             [[campaigns]]\nid = \"c-{number}\"\nadvertiser = \"a-{number}\"\nname = \"C\"\n\
             political = false\ncategories = [\"all\"]\n\
             [[flights]]\nid = \"f-{number}\"\ncampaign = \"c-{number}\"\ntier = \"standard\"\n\
             pricing = \"cpm\"\nprice_micros = 5000000\ngoal_impressions = {goal}\n\
             starts = \"2026-05-01T00:00:00\"\nends = \"2026-05-02T00:00:00\"\n{settings}\n\
             targeting = {{ topics = {{ any = [{topics}] }}, regions = {{ any = [{countries}] }} }}\n\
             [[creatives]]\nid = \"k-{number}\"\nflight = \"f-{number}\"\nstyles = [\"card\"]\n\
             language = \"en\"\nheadline = \"Headline\"\n\
             ctas = [{{ id = \"primary\", text = \"Go\", url = \"https://a-{number}.example/\" }}]\n"
        );
    }
    let parsed = files::parse(&[("simulation.toml".to_owned(), text)]);
    let inventory = parsed.unwrap_or_else(|problems| panic!("{}", problems[0].reason));
    let labels: LabelTable = toml::from_str(files::LABELS.1).unwrap();
    compile(inventory, &Weights::default(), &labels)
}

/// A page on a topic for a reader in a country.
fn page(snapshot: &Snapshot, topic: usize, country: usize) -> Page {
    let slot = Slot {
        key: "a".into(),
        placement: Some(0),
        styles: [crate::domain::party::Style::Card].into_iter().collect(),
    };
    let country: Country = COUNTRIES[country].parse().unwrap();
    Page {
        publisher: 0,
        topics: snapshot
            .taxonomy
            .of_id(&format!("topic-{topic}").parse().unwrap())
            .into_iter()
            .collect(),
        entities: Default::default(),
        unknown: Default::default(),
        keywords: Default::default(),
        region: None,
        language: "en".parse().unwrap(),
        facts: Default::default(),
        custom: Default::default(),
        commercial: Commercial::Allow,
        sensitive: false,
        paused: false,
        shown: Default::default(),
        viewer: Viewer { country: Some(country), basis: RegionBasis::Declared },
        slots: std::iter::once(slot).collect(),
    }
}

/// The shared ledger: what was applied, and when.
struct Shared {
    truth: State,
    log: Vec<(i64, ApplyOutcome)>,
    lsn: u64,
}

impl Shared {
    fn write(&mut self, incarnation: u64, record: &Record, now_ms: i64) {
        self.lsn += 1;
        let id = RecordId { incarnation, lsn: self.lsn };
        let applied = apply(self.truth.partition_mut(PARTITION), id, record, true);
        self.log.push((now_ms, applied));
    }
}

/// A number of arrivals with this mean.
fn arrivals(dice: &mut Pcg64, mean: f64) -> usize {
    let whole = mean.floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand")]
    let whole = whole as usize;
    whole + usize::from(dice.random_bool(mean.fract()))
}

/// Simulates the day.
fn run(setup: &Setup, seed: u64) -> Outcome {
    let sold = goals(setup);
    let snapshot = Arc::new(inventory(&sold, setup.settings));
    let pages: Vec<Vec<Arc<Page>>> = (0..TOPICS)
        .map(|topic| {
            let of = |country| Arc::new(page(&snapshot, topic, country));
            (0..COUNTRIES.len()).map(of).collect()
        })
        .collect();
    let cells = cells(setup.course);
    let mut dice = Pcg64::seed_from_u64(seed);
    let mut shared = Shared { truth: State::default(), log: Vec::new(), lsn: 0 };
    for flight in &snapshot.inventory.flights {
        let record = Record::Goals { flight: flight.id.as_str().into(), goals: flight.goals() };
        shared.write(0, &record, START_MS);
    }
    let mut instances: Vec<Instance> =
        (0..setup.instances).map(|at| Instance::start(&snapshot, at, 1, setup, &shared)).collect();
    let mut coming: BinaryHeap<Coming> = BinaryHeap::new();
    let mut decisions = 0u128;
    let noon = START_MS + DAY_MS / 2..START_MS + DAY_MS / 2 + 3_600_000;
    for now_ms in (START_MS..START_MS + DAY_MS).step_by(usize::try_from(TICK_MS).unwrap()) {
        let is_noon = noon.contains(&now_ms);
        let is_out = is_noon && setup.fault == Fault::Outage;
        let gone = (is_noon && setup.fault == Fault::Gone).then_some(setup.instances - 1);
        if now_ms == noon.end && setup.fault == Fault::Gone {
            instances[setup.instances - 1] =
                Instance::start(&snapshot, setup.instances - 1, 2, setup, &shared);
        }
        while coming.peek().is_some_and(|next| next.at_ms <= now_ms) {
            let Some(Coming { at, at_ms, mut event }) = coming.pop() else { break };
            event.at_ms = at_ms;
            // What is recorded while the store is away reaches the others when it is back.
            let at = gone.filter(|gone| *gone == at).map_or(at, |_| 0);
            instances[at].extend(&event, now_ms);
            let known_ms = if is_out { noon.end } else { now_ms };
            shared.write(instances[at].incarnation, &Record::Event(Arc::new(event)), known_ms);
        }
        // The leases of an instance that is gone for so long are given back.
        if gone.is_some() && now_ms == noon.start + 300_000 {
            let holder = instances[setup.instances - 1].incarnation;
            let requests = snapshot.inventory.flights.iter().map(|flight| GoalLeaseRequest {
                flight: flight.id.as_str().into(),
                kind: EventKind::Impression,
                micros: Micros::ZERO,
            });
            let requests = requests.collect();
            let record = Record::GoalLease { at_ms: now_ms, holder, requests };
            shared.write(instances[0].incarnation, &record, now_ms);
        }
        let alive = setup.instances - usize::from(gone.is_some());
        for (at, one) in instances.iter_mut().enumerate().filter(|(at, _)| Some(*at) != gone) {
            let fast = setup.fault == Fault::Clock && is_noon && at == setup.instances - 1;
            one.skew_ms = if fast { 600_000 } else { 0 };
            one.refresh(&mut shared, (alive, is_out), setup.sync_ms, now_ms);
        }
        let step = usize::try_from((now_ms - START_MS) / 900_000).unwrap();
        for (topic, by_country) in cells[step].iter().enumerate() {
            for (country, part) in by_country.iter().enumerate() {
                let mean = part * setup.requests * TICK_MS as f64 / 900_000.0;
                for _ in 0..arrivals(&mut dice, mean) {
                    let at = loop {
                        let at = dice.random_range(0..setup.instances);
                        if Some(at) != gone {
                            break at;
                        }
                    };
                    decisions += 1;
                    let id = (decisions << 16) | u128::from(dice.random::<u8>()) << 8;
                    let page = &pages[topic][country];
                    let Some(event) = instances[at].decide(page, id, now_ms) else { continue };
                    if dice.random_bool(setup.lost) {
                        continue;
                    }
                    let late = dice.random_bool(setup.late);
                    let delay =
                        if late { dice.random_range(30_000..400_000) } else { setup.delay_ms };
                    coming.push(Coming { at_ms: now_ms + delay, at, event });
                }
            }
        }
    }
    while let Some(Coming { at, at_ms, mut event }) = coming.pop() {
        event.at_ms = at_ms;
        shared.write(instances[at].incarnation, &Record::Event(Arc::new(event)), at_ms);
    }
    let partition = shared.truth.partition_mut(PARTITION);
    let counted = |number: usize| {
        let counts = partition.flights.get(&*format!("f-{number}"));
        counts.map_or(0, |counts| counts.counted().impressions)
    };
    let delivered = sold
        .iter()
        .enumerate()
        .map(|(number, one)| Delivered { goal: one.goal, counted: counted(number) as f64 });
    let flights = delivered.collect();
    let verdicts = shared.log.iter().flat_map(|(_, applied)| &applied.verdicts);
    let is_beyond = |one: &&EventVerdict| one.verdict == Verdict::Invalid(InvalidReason::OverGoal);
    Outcome { flights, over_goal: verdicts.filter(is_beyond).count() as u64 }
}
