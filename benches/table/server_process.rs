//! The server process: adjacent, and a bare handler that parses and sends as many bytes.

use crate::threads;
use actix_web::http::header;
use actix_web::{App as Actix, HttpResponse, HttpServer, web};
use adjacent::app::{App, Options, Services};
use adjacent::catalog::AuditContext;
use adjacent::catalog::change::ExpectedVersion;
use adjacent::config::{Settings, load};
use adjacent::http::AppState;
use adjacent::publishing::apply::CatalogUpdate;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::{BufRead, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Size of the bare handler's response body.
static RESPONSE_BYTES: AtomicUsize = AtomicUsize::new(2_000);
static BYTES: [u8; 65_536] = [b'x'; 65_536];

/// The part of a request that the bare handler reads.
#[derive(Deserialize)]
struct BareRequest {
    publisher: String,
    page: BarePage,
    placements: Vec<BareSlot>,
}

#[derive(Deserialize)]
struct BarePage {
    topics: Vec<String>,
    region: Option<String>,
}

#[derive(Deserialize)]
struct BareSlot {
    name: String,
}

/// Requests name this host.
const HOST: &str = "[server]\nhosts = [\"news.example\"]\n";

async fn bare(body: web::Bytes) -> HttpResponse {
    let request: BareRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return HttpResponse::BadRequest().body(error.to_string()),
    };
    let length =
        request.publisher.len() + request.page.topics.len() + request.placements[0].name.len();
    std::hint::black_box((length, request.page.region));
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(&BYTES[..RESPONSE_BYTES.load(Ordering::Relaxed)])
}

/// Serves until standard input ends. Prints `bare ADDRESS` and `adjacent ADDRESS`, then replies to
/// each line of input with a line. `arguments`: the data directory, and optionally `proxy` or the Redis URL and
/// the keys folder of the fleet.
pub fn run(arguments: &[String]) {
    actix_web::rt::System::new().block_on(async {
        let before = threads::all();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server =
            HttpServer::new(|| Actix::new().service(web::resource("/v1/decisions").post(bare)))
                .disable_signals()
                .keep_alive(Duration::from_secs(75))
                .listen(listener)
                .unwrap()
                .run();
        actix_web::rt::spawn(server);
        // Worker threads start when the server's future is first polled.
        actix_web::rt::time::sleep(Duration::from_millis(100)).await;
        let bare = &threads::all() - &before;
        reply(&format!("bare {address}"));
        let app = App::build(settings(arguments), Options::default()).await.unwrap();
        reply(&format!("adjacent {}", app.address));
        let (state, services) = (app.state().clone(), app.services().clone());
        actix_web::rt::spawn(app.run(futures_util::stream::pending()));
        web::block(move || listen(&bare, &state, &services)).await.unwrap();
        std::process::exit(0); // the data is discarded: skip the orderly shutdown
    });
}

fn settings(arguments: &[String]) -> Settings {
    let mut settings = load::parse_settings("the benchmark", HOST).unwrap();
    settings.server.listen = "127.0.0.1:0".parse().unwrap();
    settings.server.ops_listen = "127.0.0.1:0".parse().unwrap();
    settings.store.data.clone_from(&arguments[0]);
    // Enabled but never reached: all requests come from one address.
    settings.limits.flood_per_second = 1_000_000;
    settings.limits.connections_per_address = 100_000;
    if let [_, url, keys] = arguments {
        settings.store.url.clone_from(url);
        settings.store.keys = Some(keys.clone());
    }
    if arguments.len() > 1 {
        // Readers have distinct addresses in `X-Forwarded-For`.
        settings.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    }
    settings
}

/// Replies to commands. `bare` are the threads of the bare handler; all others belong to adjacent.
fn listen(bare: &BTreeSet<u64>, app: &AppState, services: &Services) {
    let status = || services.ledger.status();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["cpu"] => {
                let adjacent = &threads::all() - bare;
                let sides =
                    [bare, &threads::workers(&adjacent), &adjacent].map(threads::nanoseconds);
                reply(&sides.map(|side| side.to_string()).join(" "));
            }
            ["memory"] => {
                let (now, peak) = threads::resident_mib();
                reply(&format!("{now} {peak}"));
            }
            ["bytes", count] => {
                RESPONSE_BYTES.store(count.parse().unwrap(), Ordering::Relaxed);
                reply("ok");
            }
            // The value of `adjacent_journal_unshipped_records`.
            ["unshipped"] => reply(&status().unsent.to_string()),
            ["backlog"] => reply(&(status().unsent + status().unapplied).to_string()),
            ["series", name] => {
                let scrape = services.reporting.scrape();
                let samples = scrape.lines().filter_map(|line| line.strip_prefix(name));
                let value = |line: &str| line.split(' ').nth(1)?.parse::<f64>().ok();
                reply(&samples.filter_map(value).sum::<f64>().to_string());
            }
            ["change"] => {
                change(app, services);
                reply("ok");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Applies a complete inventory that differs in the weight of one flight.
fn change(app: &AppState, services: &Services) {
    let mut inventory = services.world.live().snapshot().inventory.clone();
    let weight = &mut inventory.flights[0].weight;
    *weight = if *weight > 1.0 { 1.0 } else { 1.5 };
    let at = app.clock.now();
    let by = AuditContext { who: "bench".into(), what: "a change".into(), at, request: None };
    let wanted = CatalogUpdate { inventory: Some(inventory), ..CatalogUpdate::default() };
    let applied = services.publishing.apply(wanted, ExpectedVersion::Any, &by);
    tokio::runtime::Handle::current().block_on(applied).unwrap();
}

fn reply(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}
