//! A server to attack, and the visitors that do: whose requests come from which address, with which headers.

use crate::harness::reader::Ack;
use crate::harness::{Decision, Setup, TestServer, reference, wait_until};
use crate::table::{Bill, note_bill};
use futures_util::future::join_all;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::ops::Deref;
use std::sync::LazyLock;

/// The first moment of a day (UTC) and a second: the limits of a day start anew at midnight.
pub const MORNING: &str = "2027-03-15T00:00:01Z";
pub const MINUTE_MS: i64 = 60_000;

/// The agent of a browser of this year, another one for each number.
pub fn browser(number: u64) -> &'static str {
    static RECENT: LazyLock<Vec<&str>> = LazyLock::new(|| {
        let all = include_str!("../data/browsers.txt");
        let recent = all.split("# From random-useragent").next().unwrap();
        recent.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
    });
    RECENT[usize::try_from(number).unwrap() % RECENT.len()]
}

/// A client, by the headers that it sends.
#[derive(Clone, Debug)]
pub struct Visitor(HeaderMap);

impl Visitor {
    /// A reader's browser, at this address behind the proxy that the tests play.
    pub fn at(address: &str) -> Visitor {
        let headers = [("user-agent", browser(0)), ("accept", "*/*"), ("x-forwarded-for", address)];
        headers
            .into_iter()
            .fold(Visitor(HeaderMap::new()), |own, (name, value)| own.with(name, value))
    }

    /// The same with another header, in place of one of that name.
    pub fn with(mut self, name: &'static str, value: &str) -> Visitor {
        self.0.insert(
            HeaderName::from_static(name),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
        self
    }

    /// The same with the browser of a number.
    pub fn browser(self, number: u64) -> Visitor {
        self.with("user-agent", browser(number))
    }
}

/// A server behind a proxy that the tests play.
pub struct Target {
    server: TestServer,
    http: reqwest::Client,
    /// What `GET /v1/limits` answers.
    pub limits: Value,
}

impl Deref for Target {
    type Target = TestServer;

    fn deref(&self) -> &TestServer {
        &self.server
    }
}

impl Target {
    /// The settings as delivered, behind a trusted proxy on loopback.
    pub fn setup() -> Setup {
        Setup::as_delivered().settings(|settings| {
            settings.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        })
    }

    /// [`Target::setup`] with a clock that only the attack advances, from the beginning of a day.
    pub fn on_a_day() -> Setup {
        Target::setup().manual_clock_at(MORNING.parse().unwrap())
    }

    pub async fn start(setup: Setup) -> Target {
        let server = setup.start().await;
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        let limits = http.get(format!("{}/v1/limits", server.public)).send().await.unwrap();
        let limits = limits.json().await.unwrap();
        Target { server, http, limits }
    }

    /// The limit at a pointer into `GET /v1/limits`.
    pub fn limit(&self, pointer: &str) -> u64 {
        let found = self.limits.pointer(pointer).and_then(Value::as_u64);
        found.unwrap_or_else(|| panic!("no {pointer} in {:#}", self.limits))
    }

    /// The most that one subject of a layer can have counted in a period: `minute` or `day`.
    pub fn most(&self, layer: &str, period: &str, kind: &str) -> u64 {
        let layers = self.limits["layers"].as_array().unwrap();
        let at = layers.iter().position(|one| one["layer"] == layer).unwrap();
        self.limit(&format!("/layers/{at}/{period}/{kind}"))
    }

    /// How long a reader must look at a unit before a click counts.
    pub fn pause_ms(&self) -> i64 {
        i64::try_from(self.limit("/windows/click_after_ms")).unwrap()
    }

    pub fn request(&self, method: Method, by: &Visitor, url: &str) -> RequestBuilder {
        self.http.request(method, url).headers(by.0.clone())
    }

    pub fn post(&self, by: &Visitor, url: &str) -> RequestBuilder {
        self.request(Method::POST, by, url)
    }

    pub async fn send(&self, by: &Visitor, url: &str) -> Ack {
        Ack::of(self.request(Method::GET, by, url).send().await.unwrap())
    }

    /// Asks for a page: the status, and the decisions by key.
    pub async fn ask(&self, by: &Visitor, page: &Value) -> (u16, Vec<Decision>) {
        let url = format!("{}/v1/decisions", self.public);
        let answer = self.post(by, &url).json(page).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        let decisions = body["decisions"].as_object().into_iter().flat_map(|all| all.values());
        (status, decisions.cloned().map(Decision).collect())
    }

    /// A unit of the reference campaign; waits while an advanced clock makes the state too old.
    pub async fn reference_unit(&self, by: &Visitor) -> Decision {
        self.unit_of(by, &reference(), "zahid-host").await
    }

    /// A unit of an advertiser.
    pub async fn unit_of(&self, by: &Visitor, page: &Value, advertiser: &str) -> Decision {
        wait_until(&format!("a unit of {advertiser}"), async || {
            let (_, decisions) = self.ask(by, page).await;
            decisions.into_iter().find(|one| one.is_filled() && one.advertiser() == advertiser)
        })
        .await
    }

    /// Each visitor asks for a unit, sees it, waits as long as a click needs, and clicks. Returns how many
    /// clicks were sent.
    pub async fn burst(&self, visitors: &[Visitor], pages: &[(Value, &str)]) -> u64 {
        let units = join_all(visitors.iter().enumerate().map(async |(number, by)| {
            let (page, advertiser) = &pages[number % pages.len()];
            let unit = self.unit_of(by, page, advertiser).await;
            assert!(self.send(by, unit.impression_url()).await.recorded);
            unit
        }))
        .await;
        self.advance_ms(self.pause_ms());
        let clicks = visitors.iter().zip(&units).map(|(by, unit)| self.send(by, main_click(unit)));
        for ack in join_all(clicks).await {
            assert_eq!(ack.status, 302);
        }
        self.inner.ledger.barrier().await.unwrap();
        u64::try_from(units.len()).unwrap()
    }

    /// A unit of the reference campaign that its reader has seen for as long as a click needs.
    pub async fn seen_unit(&self, by: &Visitor) -> Decision {
        let unit = self.reference_unit(by).await;
        assert!(self.send(by, unit.impression_url()).await.recorded);
        self.advance_ms(self.pause_ms());
        unit
    }

    /// Clicks that count.
    pub async fn clicks(&self) -> u64 {
        self.inner.ledger.barrier().await.unwrap();
        self.scrape().await.events("click", "counted")
    }

    /// Notes what a subject of a layer was billed for, in the second table.
    pub async fn note_bill(&self, layer: &str, subject: &'static str, period: &'static str) {
        let scrape = self.scrape().await;
        let [impressions, viewable, clicks, copies] =
            ["impression", "viewable", "click", "copy"].map(|kind| scrape.events(kind, "counted"));
        let views = (impressions + viewable) * self.limit("/stated_prices/cpm_micros") / 1_000;
        let micros = views + (clicks + copies) * self.limit("/stated_prices/cpc_micros");
        note_bill(Bill {
            subject,
            period,
            impressions: (impressions, self.most(layer, period, "impressions")),
            clicks: (clicks, self.most(layer, period, "clicks")),
            micros: (micros, self.most(layer, period, "micros")),
        });
    }
}

/// The click URL of the headline.
pub fn main_click(unit: &Decision) -> &str {
    unit.text("/creative/click_url")
}
