//! `adjacent simulate`: page views and what readers do with their units, sent to a local trial server, so that
//! reports, dashboards and pacing have something to show.

mod client;
mod plan;

use crate::cli::access::ServerAccess;
use crate::cli::arguments::duration;
use crate::cli::ops_client::OpsClient;
use crate::cli::output::Output;
use crate::cli::simulate::plan::{Behaviour, PageView, Plan};
use crate::config::ConfigError;
use crate::config::keys::LocalKeys;
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Requests at once; further page views wait.
const MAX_OPEN: usize = 2_000;

/// Requests at once.
const CONNECTIONS: usize = 32;

const EXAMPLES: &str = "\
Examples:
  adjacent simulate                         10 page views per second for a minute
  adjacent simulate --rate 30 --for 5m      more of them, for five minutes
  adjacent simulate --seed 7 --for 30s --json

The server must be a local trial: on loopback and without `server.public_url`. What is sent counts and bills in
its data directory like real traffic.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Simulate {
    /// Page views per second; above 30 per publisher its rate limits apply.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,
    /// How long to send page views, such as `30s` or `5m`.
    #[arg(long = "for", default_value = "1m", value_name = "TIME", value_parser = duration)]
    time: Duration,
    /// The same seed gives the same page views.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Page views of bots, in per cent.
    #[arg(long, default_value_t = 5, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    bots: u32,
    #[command(flatten)]
    access: ServerAccess,
}

/// What was sent, and how much of it was recorded.
#[derive(Default)]
struct Sent {
    page_views: AtomicU64,
    bots: AtomicU64,
    slots: AtomicU64,
    filled: AtomicU64,
    impressions: AtomicU64,
    viewables: AtomicU64,
    clicks: AtomicU64,
    copies: AtomicU64,
    recorded: AtomicU64,
    failed: AtomicU64,
}

/// The same as numbers.
#[derive(Serialize)]
struct Totals {
    page_views: u64,
    bots: u64,
    slots: u64,
    filled: u64,
    impressions: u64,
    viewables: u64,
    clicks: u64,
    copies: u64,
    recorded_events: u64,
    failed_requests: u64,
}

impl Sent {
    fn totals(&self) -> Totals {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Totals {
            page_views: get(&self.page_views),
            bots: get(&self.bots),
            slots: get(&self.slots),
            filled: get(&self.filled),
            impressions: get(&self.impressions),
            viewables: get(&self.viewables),
            clicks: get(&self.clicks),
            copies: get(&self.copies),
            recorded_events: get(&self.recorded),
            failed_requests: get(&self.failed),
        }
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// Where requests go, and on whose behalf.
struct Target {
    public: SocketAddr,
    keys: BTreeMap<String, SecretString>,
    /// Requests at once: a server accepts a limited number of connections of an address.
    connections: Semaphore,
    sent: Sent,
}

impl Target {
    async fn send(
        &self,
        view: &PageView,
        call: (&str, &str),
        body: &str,
    ) -> std::io::Result<client::Answer> {
        let _connection = self.connections.acquire().await;
        client::send(self.public, self.keys.get(&view.publisher), view, call, body).await
    }
}

impl Simulate {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let server = self.access.find()?.ok_or_else(|| {
            let reason = "no server runs on this data directory: start it with `adjacent serve`";
            ConfigError::Usage(reason.into())
        })?;
        let status = server.get("/v1/admin/status")?;
        let public = trial_address(&server, &status)?;
        let inventory = server.get("/v1/admin/inventory")?;
        let mut plan = Plan::new(&inventory, self.seed, self.bots).ok_or_else(|| {
            ConfigError::Usage("the served inventory has no publisher with a placement".into())
        })?;
        let settings = self.access.place.settings()?;
        let keys = LocalKeys::read(settings.store.keys())?.map(|keys| keys.publisher);
        let keys = keys.unwrap_or_default();
        if keys.is_empty() && !output.json {
            crate::cli::output::note(
                "no local publisher keys: all readers have the address of this host, and its limits",
            );
        }
        let target = Arc::new(Target {
            public,
            keys,
            connections: Semaphore::new(CONNECTIONS),
            sent: Sent::default(),
        });
        self.send_all(&mut plan, &target).await;
        let totals = target.sent.totals();
        let advertiser = advertisers(&inventory).next().unwrap_or("ID").to_owned();
        let text = summary(&totals, &status, &advertiser);
        Ok(output.result(text, &json!({ "sent": totals, "public_url": status["public_url"] }))?)
    }

    /// Sends page views at the rate until the time is over, then waits for what their readers still do.
    async fn send_all(&self, plan: &mut Plan, target: &Arc<Target>) {
        let bar = bar(self.time);
        let mut interval = tokio::time::interval(Duration::from_secs(1) / self.rate);
        let (start, mut open) = (Instant::now(), JoinSet::new());
        while start.elapsed() < self.time {
            interval.tick().await;
            if open.len() >= MAX_OPEN {
                open.join_next().await;
            }
            open.spawn(view(target.clone(), plan.next()));
            while open.try_join_next().is_some() {}
            bar.set_position(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX));
            bar.set_message(progress(&target.sent.totals()));
        }
        bar.set_message("waiting for the last clicks");
        while open.join_next().await.is_some() {}
        bar.finish_and_clear();
    }
}

/// The public address of a local trial server; an error for any other.
fn trial_address(server: &OpsClient, status: &Value) -> Result<SocketAddr, ConfigError> {
    let refused = |reason: String| {
        ConfigError::Usage(format!("{reason}: simulated traffic is for local trials only"))
    };
    let public = status["public"].as_str().unwrap_or_default();
    let address: SocketAddr =
        public.parse().map_err(|_| refused(format!("`{public}` is not an address")))?;
    if !address.ip().is_loopback() || !server.address().ip().is_loopback() {
        return Err(refused(format!("the server listens on {address}, which is not loopback")));
    }
    let url = status["public_url"].as_str().unwrap_or_default();
    if url != format!("http://{address}") {
        return Err(refused(format!("server.public_url is set ({url})")));
    }
    Ok(address)
}

/// Sends one page view and what its reader does.
async fn view(target: Arc<Target>, view: PageView) {
    let (sent, body) = (&target.sent, view.request.to_string());
    add(&sent.page_views);
    if view.is_bot {
        add(&sent.bots);
    }
    let call = ("POST", "/v1/decisions");
    let answer = match target.send(&view, call, &body).await {
        Ok(answer) if answer.status == 200 => answer,
        _ => return add(&sent.failed),
    };
    let answer: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let units = view.request["placements"].as_array().into_iter().flatten().zip(&view.units);
    let mut events = Vec::new();
    for (placement, behaviour) in units {
        let decision = &answer["decisions"][placement["name"].as_str().unwrap_or_default()];
        add(&sent.slots);
        if decision["fill"] == true {
            add(&sent.filled);
            events.extend(events_of(decision, behaviour));
        }
    }
    events.sort_by_key(|(after, ..)| *after);
    let answered = tokio::time::Instant::now();
    for (after, kind, path) in events {
        tokio::time::sleep_until(answered + after).await;
        match target.send(&view, ("GET", &path), "").await {
            Ok(answer) if matches!(answer.status, 204 | 302) => {
                add(match kind {
                    Kind::Impression => &sent.impressions,
                    Kind::Viewable => &sent.viewables,
                    Kind::Click => &sent.clicks,
                    Kind::Copy => &sent.copies,
                });
                if answer.is_recorded {
                    add(&sent.recorded);
                }
            }
            _ => add(&sent.failed),
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Impression,
    Viewable,
    Click,
    Copy,
}

/// The events of a unit: when after the answer, what, and the path of its URL.
fn events_of(decision: &Value, behaviour: &Behaviour) -> Vec<(Duration, Kind, String)> {
    let url = |pointer: &str| decision.pointer(pointer).and_then(Value::as_str);
    let path = |address: &str| url::Url::parse(address).ok().map(|url| url.path().to_owned());
    let all = [
        (behaviour.impression, Kind::Impression, "/event_urls/impression"),
        (behaviour.viewable, Kind::Viewable, "/event_urls/viewable"),
        (behaviour.click, Kind::Click, "/creative/ctas/0/click_url"),
        (behaviour.copy, Kind::Copy, "/creative/command/copy_url"),
    ];
    let known = all
        .into_iter()
        .filter_map(|(after, kind, pointer)| Some((after?, kind, path(url(pointer)?)?)));
    known.collect()
}

fn advertisers(inventory: &Value) -> impl Iterator<Item = &str> {
    let ids = inventory["advertisers"].as_array().into_iter().flatten();
    ids.filter_map(|one| one["id"].as_str()).filter(|id| *id != "house")
}

fn bar(time: Duration) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} % {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn progress(totals: &Totals) -> String {
    format!(
        "{} page views, {} of {} slots filled, {} impressions, {} clicks",
        totals.page_views, totals.filled, totals.slots, totals.impressions, totals.clicks
    )
}

fn summary(totals: &Totals, status: &Value, advertiser: &str) -> String {
    let (url, ops) = (crate::cli::why::text(&status["public_url"]), &status["ops"]);
    let ops = crate::cli::why::text(ops);
    format!(
        "sent {}, {} viewable impressions, {} copies; {} page views were of bots, and {} requests failed\n\
         {} events are recorded. Where to look:\n  \
         adjacent status, adjacent tail, adjacent gaps\n  \
         http://{ops}/console  the console\n  \
         adjacent keys link {advertiser}  the report of an advertiser, below {url}\n  \
         http://{ops}/metrics  for Prometheus and the dashboards",
        progress(totals),
        totals.viewables,
        totals.copies,
        totals.bots,
        totals.failed_requests,
        totals.recorded_events
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_minutes_or_hours() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3_600)));
        for wrong in ["5", "-1m", "0s", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_local_trial_gets_simulated_traffic() {
        let server = |text: &str| OpsClient::new(text.parse().unwrap(), "k".into());
        let status = |public: &str, url: &str| json!({ "public": public, "public_url": url });
        let local = server("127.0.0.1:2");
        let of = |server: &OpsClient, public: &str, url: &str| {
            trial_address(server, &status(public, url)).map_err(|error| error.to_string())
        };
        assert!(of(&local, "127.0.0.1:1", "http://127.0.0.1:1").is_ok());
        let error = of(&local, "127.0.0.1:1", "https://units.example").unwrap_err();
        assert!(error.contains("server.public_url is set"), "{error}");
        let error = of(&local, "10.0.0.7:1", "http://10.0.0.7:1").unwrap_err();
        assert!(error.contains("not loopback"), "{error}");
        assert!(of(&server("10.0.0.7:2"), "127.0.0.1:1", "http://127.0.0.1:1").is_err());
    }
}
