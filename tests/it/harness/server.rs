//! A server in the test process, with its own data directory, its own ports and optionally its own
//! clock.

use super::Ack;
use super::Decision;
use super::Reader;
use super::Scrape;
use super::Store;
use super::inventory::copy_images_into;
use super::wait_until;
use adjacent::app::{App, Options, Services, StopSignal};
use adjacent::clock::{Clock, ManualClock, SystemClock};
use adjacent::config::keys::{LocalKeys, ReportPage, TokenKeys};
use adjacent::config::limit_settings::LayerSettings;
use adjacent::config::{Settings, load};
use adjacent::http::AppState;
use futures_util::stream;
use reqwest::Response;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::sync::Arc;
use std::thread::JoinHandle;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Builder of a [`TestServer`].
pub struct Setup {
    settings: Settings,
    inventory: Option<String>,
    clock: Option<Arc<ManualClock>>,
    folder: Arc<TempDir>,
}

/// A running server and a reader of its pages.
pub struct TestServer {
    /// Base URL of the public listener.
    pub public: String,
    /// Base URL of the operations listener.
    pub ops: String,
    /// A reader of its pages.
    pub reader: Reader,
    /// The services of the server, for calls without HTTP.
    pub inner: Arc<Services>,
    /// Keys, settings and clock of the server.
    pub state: Arc<AppState>,
    folder: Arc<TempDir>,
    clock: Option<Arc<ManualClock>>,
    keys: LocalKeys,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the server thread returns once the server listens: URLs, keys, services and state.
type Started = (String, String, LocalKeys, Arc<Services>, Arc<AppState>);

impl Default for Setup {
    /// Free ports, small segments, and no limits per visitor or address: all readers of a test have
    /// the same address.
    fn default() -> Setup {
        Setup::as_delivered().settings(|settings| {
            settings.store.segment_bytes = 1 << 20;
            settings.store.publisher_reservation_percent = 100;
            settings.store.address_reservation_percent = 100;
            settings.limits.impressions.clear();
            settings.limits.clicks.clear();
            settings.limits.layers = LayerSettings::default();
            settings.limits.flood_per_second = 0;
            settings.limits.wrong_key_delay_ms = 0;
            settings.limits.connections_per_address = 0;
        })
    }
}

impl Setup {
    /// The settings as delivered, limits included, on free ports and in a folder of its own. The free
    /// disk space of the test host must not matter.
    pub fn as_delivered() -> Setup {
        let mut settings = load::parse_settings("defaults", load::DEFAULTS).unwrap();
        settings.server.listen = "127.0.0.1:0".parse().unwrap();
        settings.server.ops_listen = "127.0.0.1:0".parse().unwrap();
        settings.server.drain_timeout_seconds = 1;
        settings.server.security_contact = Some("mailto:security@units.example".to_owned());
        settings.store.low_disk_mib = 0;
        let folder = Arc::new(tempfile::tempdir().unwrap());
        settings.store.data = folder.path().join("data").display().to_string();
        Setup { settings, inventory: None, clock: None, folder }
    }

    /// Serves this inventory instead of the example.
    pub fn inventory(mut self, text: impl Into<String>) -> Setup {
        self.inventory = Some(text.into());
        self
    }

    /// Changes settings.
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Setup {
        change(&mut self.settings);
        self
    }

    /// Restores the limits of the default settings.
    pub fn default_limits(self) -> Setup {
        let limits = load::parse_settings("defaults", load::DEFAULTS).unwrap().limits;
        self.settings(|settings| settings.limits = limits)
    }

    /// Uses a clock that only the test advances, which controls the time between events.
    #[expect(clippy::disallowed_methods, reason = "the manual clock starts at the real time")]
    pub fn manual_clock(self) -> Setup {
        self.manual_clock_at(jiff::Timestamp::now())
    }

    /// Uses a clock that starts at `at` and that only the test advances.
    pub fn manual_clock_at(mut self, at: jiff::Timestamp) -> Setup {
        self.clock = Some(Arc::new(ManualClock::at(at.as_millisecond())));
        self
    }

    /// Uses the data directory of a server that has stopped.
    pub fn in_folder(mut self, folder: &Arc<TempDir>) -> Setup {
        self.folder = folder.clone();
        self.settings.store.data = folder.path().join("data").display().to_string();
        self
    }

    /// Makes the server one of several instances on this Redis, with shared keys.
    pub fn with_store(self, store: &(impl Store + ?Sized)) -> Setup {
        let (url, keys) = (store.url(), store.keys().display().to_string());
        self.settings(|settings| {
            settings.store.url = url;
            settings.store.keys = Some(keys);
        })
    }

    /// Builds the application without serving; the returned folder must outlive it.
    pub async fn build(self) -> (App, Arc<TempDir>) {
        let folder = self.folder.clone();
        (self.try_build().await.unwrap(), folder)
    }

    /// The same, or why it cannot start.
    pub async fn try_build(self) -> anyhow::Result<App> {
        let make = |latest_ms: i64| -> Arc<dyn Clock> {
            Arc::new(SystemClock::starting_at_least(latest_ms))
        };
        let options = self.options();
        App::build_with_clock(self.settings, options, make).await
    }

    fn options(&self) -> Options {
        let mut options = Options::default();
        if let Some(text) = &self.inventory {
            let path = self.folder.path().join("inventory.toml");
            std::fs::write(&path, text).unwrap();
            copy_images_into(self.folder.path());
            options.inventory = Some(path);
        }
        options
    }

    /// Starts the server and waits until it listens.
    pub async fn start(self) -> TestServer {
        let options = self.options();
        let (ready, started) = oneshot::channel();
        let (stop, stop_requested) = oneshot::channel();
        let (settings, clock) = (self.settings.clone(), self.clock.clone());
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(serve(
                settings,
                options,
                clock,
                ready,
                stop_requested,
            ));
        });
        let (public, ops, keys, inner, state) = started.await.expect("the server starts");
        TestServer {
            public,
            ops,
            reader: Reader::new(),
            inner,
            state,
            folder: self.folder,
            clock: self.clock,
            keys,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

async fn serve(
    settings: Settings,
    options: Options,
    clock: Option<Arc<ManualClock>>,
    ready: oneshot::Sender<Started>,
    stop_requested: oneshot::Receiver<()>,
) {
    let keys = settings.store.keys().to_owned();
    let make = |latest_ms: i64| -> Arc<dyn Clock> {
        match clock {
            Some(manual) => manual,
            None => Arc::new(SystemClock::starting_at_least(latest_ms)),
        }
    };
    let app = App::build_with_clock(settings, options, make).await.unwrap();
    let text = std::fs::read_to_string(keys.join("local-keys.toml")).unwrap();
    let keys: LocalKeys = toml::from_str(&text).unwrap();
    let (public, ops) = (format!("http://{}", app.address), format!("http://{}", app.ops_address));
    let (inner, state) = (app.services().clone(), app.state().clone().into_inner());
    if ready.send((public, ops, keys, inner, state)).is_ok() {
        let signals = stream::once(async {
            drop(stop_requested.await);
            StopSignal::Interrupt
        });
        app.run(signals).await.unwrap();
    }
}

impl TestServer {
    /// Starts a server on the example inventory.
    pub async fn start() -> TestServer {
        Setup::default().start().await
    }

    /// Stops the server cleanly and starts another on the same data directory.
    pub async fn restart(mut self) -> TestServer {
        let settings = Settings::clone(&self.state.settings.get());
        let setup = Setup {
            settings,
            inventory: None,
            clock: self.clock.clone(),
            folder: self.folder.clone(),
        };
        self.stop();
        drop(self);
        setup.start().await
    }

    /// Stops the server cleanly; the data directory exists as long as the returned folder.
    pub fn end(mut self) -> Arc<TempDir> {
        self.stop();
        self.folder.clone()
    }

    fn stop(&mut self) {
        self.reader = Reader::new();
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }

    /// Path of the data directory.
    pub fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Advances a manual clock.
    pub fn advance_ms(&self, by_ms: i64) {
        self.clock.as_ref().expect("the server has a manual clock").advance_ms(by_ms);
    }

    /// A signed link to an advertiser's report page, valid for `valid_for_ms`.
    pub fn link(&self, advertiser: &str, valid_for_ms: i64) -> String {
        self.link_to(&ReportPage::Advertiser(advertiser.parse().unwrap()), valid_for_ms)
    }

    /// A signed link to a publisher's report page, valid for `valid_for_ms`.
    pub fn publisher_link(&self, publisher: &str, valid_for_ms: i64) -> String {
        self.link_to(&ReportPage::Publisher(publisher.parse().unwrap()), valid_for_ms)
    }

    fn link_to(&self, page: &ReportPage, valid_for_ms: i64) -> String {
        let clock = &self.state.clock;
        let keys = TokenKeys::open(self.state.settings.get().store.keys(), clock.now()).unwrap();
        keys.links().sign(page, clock.now_ms() + valid_for_ms)
    }

    /// API key of `operator`, `publisher:ID` or `advertiser:ID`.
    pub fn key(&self, party: &str) -> &str {
        let key = match party.split_once(':') {
            Some(("publisher", id)) => &self.keys.publisher[id],
            Some(("advertiser", id)) => &self.keys.advertiser[id],
            _ => &self.keys.operator,
        };
        key.expose_secret()
    }

    /// Sends a decision request and returns the response.
    pub async fn request_decisions(&self, body: &Value) -> Response {
        let request = self.reader.post(&format!("{}/v1/decisions", self.public));
        request.json(body).send().await.unwrap()
    }

    /// Sends a decision request, asserts status 200 and returns the body.
    pub async fn decision_response(&self, body: &Value) -> Value {
        let response = self.request_decisions(body).await;
        let status = response.status();
        let body: Value = response.json().await.unwrap();
        assert_eq!(status, 200, "{body:#}");
        body
    }

    /// Sends a request with a single placement and returns its decision.
    pub async fn decide(&self, body: &Value) -> Decision {
        let response = self.decision_response(body).await;
        let decisions = response["decisions"].as_object().unwrap();
        assert_eq!(decisions.len(), 1, "{response:#}");
        Decision(decisions.values().next().unwrap().clone())
    }

    /// Requests the reference page until it gets a unit of the reference campaign. That may take a
    /// moment: a shared budget is leased in parts, and an advanced clock makes the snapshot stale.
    pub async fn unit(&self) -> Decision {
        super::wait_until("the reference unit", async || {
            let decision = self.decide(&super::reference()).await;
            (decision.is_filled() && decision.advertiser() == "zahid-host").then_some(decision)
        })
        .await
    }

    /// Clicks a call to action. The click has its verdict when this returns, even if the redirect did
    /// not wait for the disk.
    pub async fn click(&self, decision: &Decision, cta: &str) -> Ack {
        self.click_by(&self.reader, decision, cta).await
    }

    /// The same with another reader.
    pub async fn click_by(&self, reader: &Reader, decision: &Decision, cta: &str) -> Ack {
        let ack = reader.fire(decision.click_url(cta)).await;
        self.inner.ledger.barrier().await.unwrap();
        ack
    }

    /// Gets a path of the public listener with the key of `party`; returns status and JSON body
    /// (`null` if the body is not JSON).
    pub async fn get_as(&self, party: &str, path: &str) -> (u16, Value) {
        self.wait_until_applied().await;
        let url = format!("{}{path}", self.public);
        let request = self.reader.get(&url).bearer_auth(self.key(party));
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }

    /// Explains a past decision to `party`.
    pub async fn explain(&self, party: &str, id: &str) -> (u16, Value) {
        self.get_as(party, &format!("/v1/decisions/{id}/explain")).await
    }

    /// Each event of a decision as `kind verdict`, followed by the reason if there is one.
    pub async fn verdicts(&self, decision: &Decision) -> Vec<String> {
        let path = format!("/v1/decisions/{}/events", decision.id());
        let (status, reply) = self.get_as("operator", &path).await;
        assert_eq!(status, 200, "{reply}");
        let field = |event: &Value, name: &str| event[name].as_str().unwrap_or("").to_owned();
        let line = |event: &Value| {
            let parts = [field(event, "kind"), field(event, "verdict"), field(event, "reason")];
            parts.join(" ").trim().to_owned()
        };
        reply["events"].as_array().unwrap().iter().map(line).collect()
    }

    /// Waits until every acknowledged event has its verdict. A single instance need not wait.
    pub async fn wait_until_applied(&self) {
        wait_until("verdicts of all acknowledged events", async || {
            let status = self.inner.ledger.status();
            let must_wait = status.is_up && status.is_caught_up && status.unapplied > 0;
            (!must_wait).then_some(())
        })
        .await;
    }

    /// Scrapes the metrics after [`TestServer::wait_until_applied`], so that they include every acknowledged
    /// event.
    pub async fn scrape(&self) -> Scrape {
        self.wait_until_applied().await;
        self.scrape_now().await
    }

    /// Scrapes the metrics without waiting.
    pub async fn scrape_now(&self) -> Scrape {
        let response = self.reader.get(&format!("{}/metrics", self.ops)).send().await.unwrap();
        Scrape::parse(&response.text().await.unwrap())
    }

    /// The value of one series.
    pub async fn metric(&self, series: &str) -> u64 {
        self.scrape().await.count(series)
    }

    /// Waits until a series has a value.
    pub async fn wait_for_metric(&self, series: &str, value: u64) {
        let reached = async || (self.scrape_now().await.count(series) == value).then_some(());
        wait_until(&format!("{series} = {value}"), reached).await;
    }

    /// Asserts that event counts add up and that the ledger matches its journal.
    pub async fn assert_ledger_consistent(&self) {
        self.scrape().await.assert_every_event_is_accounted_for();
        // A fleet may be reading again, or waiting for records that the store lost.
        let clean = async || {
            let inner = self.inner.clone();
            let audited = tokio::task::spawn_blocking(move || inner.reporting.audit()).await;
            let mismatches = audited.unwrap().ok()?;
            let is_clean = mismatches.is_empty();
            if !is_clean {
                eprintln!("mismatches found by the audit: {mismatches:?}");
            }
            is_clean.then_some(())
        };
        wait_until("an audit without mismatches", clean).await;
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // The thread drains the server by itself; the test does not wait for it.
        drop(self.stop.take());
    }
}
