//! The process with the servers: ours, and a bare handler that parses and answers as much.

use crate::threads;
use actix_web::App as Actix;
use actix_web::HttpResponse;
use actix_web::HttpServer;
use actix_web::http::header;
use actix_web::web;
use adjacent::app::App;
use adjacent::app::Options;
use adjacent::catalog::By;
use adjacent::catalog::change::Expected;
use adjacent::config::Settings;
use adjacent::config::load;
use adjacent::server::Server;
use adjacent::server::apply::Wanted;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::BufRead;
use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Bytes of the bare answer.
static ANSWERED: AtomicUsize = AtomicUsize::new(2_000);
static BYTES: [u8; 65_536] = [b'x'; 65_536];

/// Enough of a request to answer it.
#[derive(Deserialize)]
struct Asked {
    publisher: String,
    page: AskedPage,
    placements: Vec<AskedSlot>,
}

#[derive(Deserialize)]
struct AskedPage {
    topics: Vec<String>,
    region: Option<String>,
}

#[derive(Deserialize)]
struct AskedSlot {
    name: String,
}

async fn bare(body: web::Bytes) -> HttpResponse {
    let asked: Asked = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => return HttpResponse::BadRequest().body(error.to_string()),
    };
    let named = asked.publisher.len() + asked.page.topics.len() + asked.placements[0].name.len();
    std::hint::black_box((named, asked.page.region));
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(&BYTES[..ANSWERED.load(Ordering::Relaxed)])
}

/// Serves until standard input ends. Says `bare ADDRESS` and `ours ADDRESS`, then answers each line
/// of input with a line. `arguments` are the data directory and, where it shares one, a store's
/// address and the folder with everybody's keys.
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
        // Workers come with the first turn of the server's future.
        actix_web::rt::time::sleep(Duration::from_millis(100)).await;
        let bare = &threads::all() - &before;
        say(&format!("bare {address}"));
        let app = App::build(settings(arguments), Options::default()).await.unwrap();
        say(&format!("ours {}", app.address));
        let server = app.face().server.clone();
        actix_web::rt::spawn(app.run(std::future::pending()));
        web::block(move || listen(&bare, &server)).await.unwrap();
        std::process::exit(0); // what was noted is of no interest to anybody
    });
}

fn settings(arguments: &[String]) -> Settings {
    let mut settings = load::settings_of("the benchmark", "").unwrap();
    settings.server.listen = "127.0.0.1:0".parse().unwrap();
    settings.server.ops_listen = "127.0.0.1:0".parse().unwrap();
    settings.store.data.clone_from(&arguments[0]);
    // On, and out of the way: one address sends everything.
    settings.limits.flood_per_second = 1_000_000;
    if let [_, url, keys] = arguments {
        settings.store.url.clone_from(url);
        settings.store.keys = Some(keys.clone());
        // Readers have addresses of their own.
        settings.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    }
    settings
}

/// `bare` are the threads of the bare handler; all others are ours.
fn listen(bare: &BTreeSet<u64>, server: &Server) {
    let standing = || server.ledger.shared().unwrap().standing();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["cpu"] => {
                let ours = &threads::all() - bare;
                let sides = [bare, &threads::workers(&ours), &ours].map(threads::nanoseconds);
                say(&sides.map(|side| side.to_string()).join(" "));
            }
            ["memory"] => {
                let (now, most) = threads::resident_mib();
                say(&format!("{now} {most}"));
            }
            ["bytes", count] => {
                ANSWERED.store(count.parse().unwrap(), Ordering::Relaxed);
                say("ok");
            }
            // What `adjacent_journal_unshipped_records` says.
            ["unshipped"] => say(&standing().unsent.to_string()),
            ["waits"] => say(&(standing().unsent + standing().unapplied).to_string()),
            ["series", name] => {
                let scrape = server.scrape();
                let of_it = scrape.lines().filter_map(|line| line.strip_prefix(name));
                let value = |line: &str| line.split(' ').nth(1)?.parse::<f64>().ok();
                say(&of_it.filter_map(value).sum::<f64>().to_string());
            }
            ["change"] => {
                change(server);
                say("ok");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Applies an inventory that differs in one flight, as a whole.
fn change(server: &Server) {
    let mut inventory = server.live().snapshot().inventory.clone();
    let weight = &mut inventory.flights[0].weight;
    *weight = if *weight > 1.0 { 1.0 } else { 1.5 };
    let at = server.clock.now();
    let by = By { who: "bench".into(), what: "a change".into(), at, request: None };
    let wanted = Wanted { inventory: Some(inventory), ..Wanted::default() };
    let applied = server.apply(wanted, Expected::Anything, &by);
    tokio::runtime::Handle::current().block_on(applied).unwrap();
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}
