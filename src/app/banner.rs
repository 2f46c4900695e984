//! What a start says: every address, and on a first run on loopback every key.

use crate::app::App;
use secrecy::ExposeSecret;
use std::fmt::Write;
use std::net::SocketAddr;

/// How long a link to an advertiser's page in the banner lasts, in milliseconds.
const LINK_MS: i64 = 24 * 3_600_000;

/// The banner. `keys` says whether local keys may be shown: only to a terminal, only on loopback.
pub fn banner(app: &App, keys: bool) -> String {
    let face = app.face();
    let base = &face.server.public_url;
    let ops: SocketAddr = app.ops_address;
    let live = face.server.live();
    let inventory = &live.snapshot().inventory;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {name:<26} {value}");
    };
    if face.local {
        line("demo page", &format!("{base}/demo"));
    }
    line("embed script", &format!("{base}/embed/v1/adjacent.js"));
    line("decisions", &format!("{base}/v1/decisions"));
    line("API docs", &format!("{base}/docs"));
    line("metrics", &format!("http://{ops}/metrics"));
    line("console", &format!("http://{ops}/console"));
    let shown = keys && face.local && app.address.ip().is_loopback();
    if let Some(local) = app.local_keys.as_ref().filter(|_| shown) {
        line("operator key", local.operator.expose_secret());
        for (id, key) in local.publisher.iter().take(3) {
            line(&format!("publisher {id}"), key.expose_secret());
        }
        let until_ms = face.server.clock.now_ms() + LINK_MS;
        for advertiser in inventory.advertisers.iter().filter(|a| a.id.as_str() != "house").take(8)
        {
            let link = face.links.load().sign(&advertiser.id, until_ms);
            line(advertiser.id.as_str(), &format!("{base}/reports/{}?link={link}", advertiser.id));
        }
    } else if face.local {
        let settings = face.server.settings();
        let keys = settings.store.keys().join("local-keys.toml");
        line("keys", &keys.display().to_string());
    }
    let head = format!(
        "adjacent {} serves {} flights of {} advertisers to {} publishers\n",
        env!("CARGO_PKG_VERSION"),
        live.snapshot().flights.len(),
        inventory.advertisers.len(),
        inventory.publishers.len()
    );
    head + &text
}
