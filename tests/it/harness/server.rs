//! A server in this process: its own data directory, its own ports, on request its own clock.

use super::Ack;
use super::Decision;
use super::Reader;
use super::Scrape;
use super::Store;
use super::inventory::pictures_into;
use super::until;
use adjacent::app::App;
use adjacent::app::Options;
use adjacent::clock::Clock;
use adjacent::clock::ManualClock;
use adjacent::clock::SystemClock;
use adjacent::config::Settings;
use adjacent::config::keys::LocalKeys;
use adjacent::config::keys::TokenKeys;
use adjacent::config::load;
use adjacent::server::Server;
use reqwest::Response;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::sync::Arc;
use std::thread::JoinHandle;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// What a server is started with.
pub struct Setup {
    settings: Settings,
    inventory: Option<String>,
    clock: Option<Arc<ManualClock>>,
    folder: Arc<TempDir>,
}

/// A running server and a reader of its pages.
pub struct TestServer {
    /// Where readers reach it.
    pub public: String,
    /// Where its operator does.
    pub ops: String,
    /// A reader.
    pub reader: Reader,
    /// Its verbs.
    pub inner: Arc<Server>,
    folder: Arc<TempDir>,
    clock: Option<Arc<ManualClock>>,
    keys: LocalKeys,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What a server tells once it listens.
type Started = (String, String, LocalKeys, Arc<Server>);

impl Default for Setup {
    /// Free ports, small files; visitors and addresses without limits, since all of a test's come
    /// from here.
    fn default() -> Setup {
        let mut settings = load::settings_of("defaults", load::DEFAULTS).unwrap();
        settings.server.listen = "127.0.0.1:0".parse().unwrap();
        settings.server.ops_listen = "127.0.0.1:0".parse().unwrap();
        settings.server.drain_timeout_seconds = 1;
        settings.store.segment_bytes = 1 << 20;
        settings.store.house_only_below_mib = 0;
        settings.store.publisher_reservation_percent = 100;
        settings.limits.impressions.clear();
        settings.limits.clicks.clear();
        settings.limits.flood_per_second = 0;
        let folder = Arc::new(tempfile::tempdir().unwrap());
        settings.store.data = folder.path().join("data").display().to_string();
        Setup { settings, inventory: None, clock: None, folder }
    }
}

impl Setup {
    /// With this inventory instead of the example.
    pub fn inventory(mut self, text: impl Into<String>) -> Setup {
        self.inventory = Some(text.into());
        self
    }

    /// With settings changed.
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Setup {
        change(&mut self.settings);
        self
    }

    /// With the limits of the default settings.
    pub fn limits(self) -> Setup {
        let usual = load::settings_of("defaults", load::DEFAULTS).unwrap().limits;
        self.settings(|settings| settings.limits = usual)
    }

    /// On a clock that stands until the test moves it; events need not be too fast then.
    #[expect(clippy::disallowed_methods, reason = "a hand-set clock starts at the real time")]
    pub fn clock(self) -> Setup {
        self.clock_at(jiff::Timestamp::now())
    }

    /// On a clock that stands at a moment.
    pub fn clock_at(mut self, at: jiff::Timestamp) -> Setup {
        self.clock = Some(Arc::new(ManualClock::at(at.as_millisecond())));
        self
    }

    /// On the data directory of one that has ended.
    pub fn in_folder(mut self, folder: &Arc<TempDir>) -> Setup {
        self.folder = folder.clone();
        self.settings.store.data = folder.path().join("data").display().to_string();
        self
    }

    /// One of several machines: on this store, with keys that all of them have.
    pub fn on(self, store: &(impl Store + ?Sized)) -> Setup {
        let (url, keys) = (store.url(), store.keys().display().to_string());
        self.settings(|settings| {
            settings.store.url = url;
            settings.store.keys = Some(keys);
        })
    }

    /// Builds it without serving; it lives as long as its folder.
    pub async fn build(self) -> (App, Arc<TempDir>) {
        let make = |latest_ms: i64| -> Arc<dyn Clock> {
            Arc::new(SystemClock::starting_at_least(latest_ms))
        };
        let app = App::build_with_clock(self.settings, Options::default(), make).await.unwrap();
        (app, self.folder)
    }

    /// Starts it.
    pub async fn start(self) -> TestServer {
        let mut options = Options::default();
        if let Some(text) = &self.inventory {
            let path = self.folder.path().join("inventory.toml");
            std::fs::write(&path, text).unwrap();
            pictures_into(self.folder.path());
            options.inventory = Some(path);
        }
        let (tell, told) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let (settings, clock) = (self.settings.clone(), self.clock.clone());
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(serve(settings, options, clock, tell, stopped));
        });
        let (public, ops, keys, inner) = told.await.expect("the server starts");
        TestServer {
            public,
            ops,
            reader: Reader::new(),
            inner,
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
    tell: oneshot::Sender<Started>,
    stopped: oneshot::Receiver<()>,
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
    let server = app.face().server.clone();
    if tell.send((public, ops, keys, server)).is_ok() {
        let asked = async { drop(stopped.await) };
        app.run(asked).await.unwrap();
    }
}

impl TestServer {
    /// On the example inventory.
    pub async fn start() -> TestServer {
        Setup::default().start().await
    }

    /// Stops it in good order and starts one on the same data.
    pub async fn restart(mut self) -> TestServer {
        let settings = Settings::clone(&self.inner.settings());
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

    /// Stops it in good order; its data directory is there as long as what this hands out.
    pub fn end(mut self) -> Arc<TempDir> {
        self.stop();
        self.folder.clone()
    }

    fn stop(&mut self) {
        self.reader = Reader::new();
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }

    /// The data directory.
    pub fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Lets time pass on a clock set by hand.
    pub fn advance_ms(&self, by_ms: i64) {
        self.clock.as_ref().expect("the clock is the test's").advance_ms(by_ms);
    }

    /// A link to an advertiser's page that ends after some time.
    pub fn link(&self, advertiser: &str, lasts_ms: i64) -> String {
        let clock = &self.inner.clock;
        let keys = TokenKeys::open(self.inner.settings().store.keys(), clock.now()).unwrap();
        keys.links().sign(&advertiser.parse().unwrap(), clock.now_ms() + lasts_ms)
    }

    /// The key of `operator`, `publisher:ID` or `advertiser:ID`.
    pub fn key(&self, whose: &str) -> &str {
        let key = match whose.split_once(':') {
            Some(("publisher", id)) => &self.keys.publisher[id],
            Some(("advertiser", id)) => &self.keys.advertiser[id],
            _ => &self.keys.operator,
        };
        key.expose_secret()
    }

    /// Sends a page's call as it is.
    pub async fn ask(&self, body: &Value) -> Response {
        let call = self.reader.post(&format!("{}/v1/decisions", self.public));
        call.json(body).send().await.unwrap()
    }

    /// The whole answer to a page's call.
    pub async fn answer(&self, body: &Value) -> Value {
        let reply = self.ask(body).await;
        let status = reply.status();
        let answer: Value = reply.json().await.unwrap();
        assert_eq!(status, 200, "{answer:#}");
        answer
    }

    /// The answer for the only placement of a page.
    pub async fn decide(&self, body: &Value) -> Decision {
        let answer = self.answer(body).await;
        let answers = answer["decisions"].as_object().unwrap();
        assert_eq!(answers.len(), 1, "{answer:#}");
        Decision(answers.values().next().unwrap().clone())
    }

    /// The unit of the reference page, as soon as it is sold here: budgets that machines share come
    /// in parts, and a clock that was moved makes what is served old for a moment.
    pub async fn unit(&self) -> Decision {
        super::until("the reference unit", async || {
            let decision = self.decide(&super::reference()).await;
            (decision.fills() && decision.sponsor() == "zahid-host").then_some(decision)
        })
        .await
    }

    /// A reader follows a call to action; the click is judged when this returns, also where the
    /// redirect did not wait for the disk.
    pub async fn click(&self, decision: &Decision, cta: &str) -> Ack {
        self.click_by(&self.reader, decision, cta).await
    }

    /// By another reader.
    pub async fn click_by(&self, reader: &Reader, decision: &Decision, cta: &str) -> Ack {
        let ack = reader.fire(decision.click_url(cta)).await;
        self.inner.ledger.pass().await.unwrap();
        ack
    }

    /// A path of the public listener with somebody's key; its status and its document.
    pub async fn get_as(&self, whose: &str, path: &str) -> (u16, Value) {
        self.settled().await;
        let call = self.reader.get(&format!("{}{path}", self.public)).bearer_auth(self.key(whose));
        let reply = call.send().await.unwrap();
        (reply.status().as_u16(), reply.json().await.unwrap_or(Value::Null))
    }

    /// A past decision, explained to somebody.
    pub async fn explain(&self, whose: &str, id: &str) -> (u16, Value) {
        self.get_as(whose, &format!("/v1/decisions/{id}/explain")).await
    }

    /// Each event of a decision: kind and verdict, with its reason where there is one.
    pub async fn verdicts(&self, decision: &Decision) -> Vec<String> {
        let path = format!("/v1/decisions/{}/events", decision.id());
        let (status, told) = self.get_as("operator", &path).await;
        assert_eq!(status, 200, "{told}");
        let word = |event: &Value, name: &str| event[name].as_str().unwrap_or("").to_owned();
        let line = |event: &Value| {
            let parts = [word(event, "kind"), word(event, "verdict"), word(event, "reason")];
            parts.join(" ").trim().to_owned()
        };
        told["events"].as_array().unwrap().iter().map(line).collect()
    }

    /// Waits until everything it has acknowledged is judged; where it is alone, that is so already.
    pub async fn settled(&self) {
        if let Some(shared) = self.inner.ledger.shared() {
            until("what was acknowledged is judged", async || {
                let standing = shared.standing();
                let waits = standing.is_up && shared.is_current() && standing.unapplied > 0;
                (!waits).then_some(())
            })
            .await;
        }
    }

    /// What Prometheus reads, once everything acknowledged is in it.
    pub async fn scrape(&self) -> Scrape {
        self.settled().await;
        self.scrape_now().await
    }

    /// What Prometheus reads, as it is.
    pub async fn scrape_now(&self) -> Scrape {
        let reply = self.reader.get(&format!("{}/metrics", self.ops)).send().await.unwrap();
        Scrape::parse(&reply.text().await.unwrap())
    }

    /// The value of one series.
    pub async fn metric(&self, series: &str) -> u64 {
        self.scrape().await.count(series)
    }

    /// Waits until a series has a value.
    pub async fn reaches(&self, series: &str, value: u64) {
        let look = async || (self.scrape_now().await.count(series) == value).then_some(());
        until(&format!("{series} = {value}"), look).await;
    }

    /// Money and counts add up, and the ledger is what its journal says.
    pub async fn assert_books_balance(&self) {
        self.scrape().await.assert_every_event_is_accounted_for();
        let inner = self.inner.clone();
        let differences =
            tokio::task::spawn_blocking(move || inner.audit()).await.unwrap().unwrap();
        assert_eq!(differences, [], "the audit");
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // The thread drains by itself; nobody waits for it.
        drop(self.stop.take());
    }
}
