//! Clicks that a fraudster sends from one address, from a network, in batches, or with a publisher's key.

use crate::harness::decision::{page_on, reference_with};
use crate::harness::{Setup, inventory, reference};
use crate::runner::Plan;
use crate::table::{Row, row, run};
use crate::target::{MINUTE_MS, Target, Visitor, browser};
use futures_util::future::join_all;
use serde_json::{Value, json};

const BILLED: &str = "clicks billed";
/// What a click pays in these attacks, in micros: a high price, as fraud would choose.
const CLICK_MICROS: u64 = 1_000_000;

/// The reference campaign pays for clicks, and has money for all that the limits let through. No flight of
/// [`pages`] holds units back for later hours.
fn rich() -> Setup {
    let budget = "budget = { lifetime_micros = 5_000_000_000, daily_micros = 200_000_000 }";
    let much = "budget = { lifetime_micros = 50_000_000_000, daily_micros = 20_000_000_000 }";
    let mut inventory =
        inventory::replace_once(&inventory::paid_by_click(CLICK_MICROS), budget, much);
    for flight in ["kontorbuch-europe", "veloria-mobility"] {
        let id = format!("id = \"{flight}\"\n");
        inventory = inventory::replace_once(&inventory, &id, &format!("{id}pacing = \"asap\"\n"));
    }
    Target::on_a_day().inventory(inventory)
}

fn reference_page() -> Vec<(Value, &'static str)> {
    vec![(reference(), "zahid-host")]
}

/// Pages of two publishers with units of four advertisers.
fn pages() -> Vec<(Value, &'static str)> {
    let kitchen = reference_with("/publisher", "kitchen-journal".into());
    vec![
        (reference(), "zahid-host"),
        (page_on("business"), "kontorbuch"),
        (kitchen, "zahid-host"),
        (page_on("mobility"), "veloria"),
    ]
}

/// How an attack spends a day: as many bursts as the limits of a minute let through until the quota of the
/// day is used up, then at even intervals what is replenished.
struct Day {
    minutes: i64,
    burst: u64,
    /// Later bursts, and the minutes between them.
    then: (u64, i64),
}

/// An attack on the server of its own.
struct Fraud {
    target: Target,
    pages: Vec<(Value, &'static str)>,
    sent: u64,
}

impl Fraud {
    async fn start(pages: Vec<(Value, &'static str)>) -> Fraud {
        Fraud { target: Target::start(rich()).await, pages, sent: 0 }
    }

    async fn burst(&mut self, count: u64, visitor: &impl Fn(&Target, u64) -> Visitor) {
        let numbers = self.sent..self.sent + count;
        let visitors: Vec<Visitor> = numbers.map(|number| visitor(&self.target, number)).collect();
        self.sent += self.target.burst(&visitors, &self.pages).await;
    }

    /// Bursts at even intervals, the first and the last less than a minute apart.
    async fn minute(
        &mut self,
        (bursts, each): (u64, u64),
        visitor: impl Fn(&Target, u64) -> Visitor,
    ) {
        let interval = (MINUTE_MS - 1) / i64::try_from(bursts - 1).unwrap();
        for number in 0..bursts {
            if number > 0 {
                self.target.advance_ms(interval - self.target.pause_ms());
            }
            self.burst(each, &visitor).await;
        }
    }

    async fn day(&mut self, day: &Day, visitor: impl Fn(&Target, u64) -> Visitor) {
        let mut minute = 0;
        while minute < 24 * 60 - 1 {
            let (each, next) = if minute < day.minutes { (day.burst, 1) } else { day.then };
            self.burst(each, &visitor).await;
            self.target.advance_ms(next * MINUTE_MS - self.target.pause_ms());
            minute += next;
        }
    }

    /// A row of the table; what is billed by click is what counts.
    async fn row(&self, attack: &str, layer: &str, period: &str) -> Row {
        let clicks = self.target.clicks().await;
        let scrape = self.target.scrape().await;
        assert!(clicks > 0, "{attack}: the attack bills nothing at all, so it shows nothing");
        assert_eq!(clicks + scrape.invalid("click", "rate_limited"), self.sent, "{attack}");
        if self.pages.len() == 1 {
            assert_eq!(scrape.spent(), clicks * CLICK_MICROS, "{attack}");
        }
        let promised = self.target.most(layer, period, "clicks");
        row(format!("{attack}, a {period}"), self.sent, BILLED, (clicks, promised))
    }
}

/// A reader at one address with a new browser for every click.
fn new_browser(gpc: bool) -> impl Fn(&Target, u64) -> Visitor {
    move |_, number| {
        let reader = Visitor::at("203.0.113.7").browser(number);
        if gpc { reader.with("sec-gpc", "1") } else { reader }
    }
}

const DAY_OF_AN_ADDRESS: Day = Day { minutes: 12, burst: 6, then: (2, 20) };

pub fn one_address(_: &Plan) -> String {
    run(async {
        let mut rows = Vec::new();
        for (gpc, header) in [(true, " with Sec-GPC"), (false, "")] {
            let attack = format!("one address{header}, a new browser for every click");
            let mut fraud = Fraud::start(reference_page()).await;
            fraud.minute((5, 12), new_browser(gpc)).await;
            rows.push(fraud.row(&attack, "address_on_campaign", "minute").await);
            let mut fraud = Fraud::start(reference_page()).await;
            fraud.day(&DAY_OF_AN_ADDRESS, new_browser(gpc)).await;
            rows.push(fraud.row(&attack, "address_on_campaign", "day").await);
        }
        let (attack, subject) = ("one address on four campaigns of two sites", "address");
        let mut fraud = Fraud::start(pages()).await;
        fraud.minute((5, 12), new_browser(true)).await;
        rows.push(fraud.row(attack, "address", "minute").await);
        fraud.target.note_bill("address", subject, "minute").await;
        let mut fraud = Fraud::start(pages()).await;
        fraud.day(&DAY_OF_AN_ADDRESS, new_browser(true)).await;
        rows.push(fraud.row(attack, "address", "day").await);
        fraud.target.note_bill("address", subject, "day").await;
        rows
    })
}

/// The reader's address for each click: a new one of the same network.
fn in_network(network: &str) -> impl Fn(&Target, u64) -> Visitor {
    move |_, number| {
        let address = match network {
            "/56" => format!("2001:db8:1:{:x}::1", number % 256),
            "/48" => format!("2001:db8:1:{:x}::1", number * 257 % 65_536),
            _ => format!("203.0.113.{}", number % 256),
        };
        Visitor::at(&address).browser(number)
    }
}

pub fn networks(_: &Plan) -> String {
    run(async {
        let mut rows = Vec::new();
        for (attack, network, layer) in [
            ("new /64s of a /56", "/56", "subnet"),
            ("new /64s of a /48", "/48", "network"),
            ("new addresses of a /24", "/24", "network"),
        ] {
            let mut fraud = Fraud::start(reference_page()).await;
            fraud.minute((5, 16), in_network(network)).await;
            rows.push(fraud.row(attack, layer, "minute").await);
            fraud.target.note_bill(layer, network, "minute").await;
        }
        for (attack, network) in [("new /64s of a /48", "/48"), ("new addresses of a /24", "/24")] {
            let mut fraud = Fraud::start(reference_page()).await;
            let day = Day { minutes: 18, burst: 14, then: (4, 24) };
            fraud.day(&day, in_network(network)).await;
            rows.push(fraud.row(attack, "network", "day").await);
            fraud.target.note_bill("network", network, "day").await;
        }
        rows
    })
}

pub fn batches(_: &Plan) -> String {
    run(async { vec![keys_of_one_call().await, events_in_one_body().await] })
}

/// One call with eight keys of one placement: every unit counts against the limits.
async fn keys_of_one_call() -> Row {
    let target = Target::start(Target::on_a_day()).await;
    let reader = Visitor::at("203.0.113.7");
    let mut page = reference();
    let keys = (0..target.limit("/request/placements"))
        .map(|key| json!({ "name": "article-end", "key": format!("key-{key}") }));
    page["placements"] = keys.collect();
    let mut sent = 0;
    while sent < 200 {
        let (_, units) = target.ask(&reader, &page).await;
        let units: Vec<_> = units.iter().filter(|unit| unit.is_filled()).collect();
        assert!(!units.is_empty());
        join_all(units.iter().map(|unit| target.send(&reader, unit.impression_url()))).await;
        sent += u64::try_from(units.len()).unwrap();
    }
    let counted = target.scrape().await.events("impression", "counted");
    assert!(counted > 0);
    let promised = target.most("visitor", "minute", "impressions");
    row("eight keys of one placement in a call", sent, "impressions billed", (counted, promised))
}

/// A request reports the event of its token, whatever its body lists.
async fn events_in_one_body() -> Row {
    let target = Target::start(Target::on_a_day()).await;
    let reader = Visitor::at("203.0.113.7");
    let mut urls = Vec::new();
    for _ in 0..20 {
        urls.push(target.reference_unit(&reader).await.impression_url().to_owned());
    }
    let tokens: Vec<&str> = urls.iter().map(|url| url.rsplit('/').next().unwrap()).collect();
    let bodies = [
        json!(urls).to_string(),
        json!(tokens).to_string(),
        json!({ "events": tokens }).to_string(),
    ];
    for body in bodies {
        let request = target.post(&reader, &urls[0]).header("content-type", "application/json");
        assert_eq!(request.body(body).send().await.unwrap().status(), 204);
    }
    let counted = target.scrape().await.events("impression", "counted");
    row("events of 20 units in one body", 20, "impressions billed", (counted, 1))
}

/// A publisher's server with its key that reports a reader of its own invention for every event.
fn invented_reader(keyed: bool) -> impl Fn(&Target, u64) -> Visitor {
    move |target, number| {
        let address = format!("{}.{}.7.9", 20 + number / 200, number % 200);
        let server = Visitor::at("192.0.2.1")
            .with("adjacent-reader-address", &address)
            .with("adjacent-reader-agent", browser(number));
        let key = format!("Bearer {}", target.key("publisher:eu-tech-news"));
        if keyed { server.with("authorization", &key) } else { server }
    }
}

pub fn publisher_key(_: &Plan) -> String {
    run(async {
        let attack = "a publisher's key and invented readers";
        let subject = "a publisher's key";
        let mut fraud = Fraud::start(reference_page()).await;
        fraud.minute((5, 40), invented_reader(true)).await;
        let mut rows = vec![fraud.row(attack, "publisher_key", "minute").await];
        fraud.target.note_bill("publisher_key", subject, "minute").await;
        let mut fraud = Fraud::start(reference_page()).await;
        let day = Day { minutes: 38, burst: 42, then: (32, 30) };
        fraud.day(&day, invented_reader(true)).await;
        rows.push(fraud.row(attack, "publisher_key", "day").await);
        fraud.target.note_bill("publisher_key", subject, "day").await;
        let mut fraud = Fraud::start(reference_page()).await;
        fraud.minute((5, 12), invented_reader(false)).await;
        let attack = "the same headers without a key";
        rows.push(fraud.row(attack, "address_on_campaign", "minute").await);
        rows
    })
}
