//! The process with the servers: ours, and a bare handler that parses and answers as much.

use crate::threads;
use actix_web::App as Actix;
use actix_web::HttpResponse;
use actix_web::HttpServer;
use actix_web::http::header;
use actix_web::web;
use adjacent::app::App;
use adjacent::app::Options;
use adjacent::config::load;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::BufRead;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
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
/// of input with a line: `cpu`, `memory`, `bytes N`.
pub fn run(flights: usize, data: &Path) {
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
        let app = App::build(settings(data), Options::default()).await.unwrap();
        say(&format!("ours {} {flights}", app.address));
        actix_web::rt::spawn(app.run(std::future::pending()));
        web::block(move || listen(&bare)).await.unwrap();
        std::process::exit(0); // what was noted is of no interest to anybody
    });
}

fn settings(data: &Path) -> adjacent::config::Settings {
    let mut settings = load::settings_of("the benchmark", "").unwrap();
    settings.server.listen = "127.0.0.1:0".parse().unwrap();
    settings.server.ops_listen = "127.0.0.1:0".parse().unwrap();
    settings.store.data = data.display().to_string();
    // On, and out of the way: one address sends everything.
    settings.limits.flood_per_second = 1_000_000;
    settings
}

/// `bare` are the threads of the bare handler; all others are ours.
fn listen(bare: &BTreeSet<u64>) {
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
            other => panic!("{other:?}"),
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}
