//! The startup banner: all addresses and, on a first local run, the generated keys.

use crate::app::App;
use crate::config::keys::ReportPage;
use secrecy::ExposeSecret;
use std::fmt::Write;
use std::net::SocketAddr;

/// Lifetime of the report links in the banner, in milliseconds.
const LINK_LIFETIME_MS: i64 = 24 * 3_600_000;

/// The banner text. `keys` allows printing local keys (output is a terminal); they are only printed when
/// the public listener is on loopback.
pub(crate) fn banner(app: &App, keys: bool) -> String {
    let state = app.state();
    let base = &state.public_url;
    let ops: SocketAddr = app.ops_address;
    let live = app.services().world.live();
    let inventory = &live.snapshot().inventory;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<26} {value}");
    };
    let settings = state.settings.get();
    if state.is_trial() {
        line("demo page", &format!("{base}/demo"));
        line(
            "trial",
            "on: the demo page explains every decision without a key. It ends with `public_url`, \
             `trusted_proxies` or `trial = false` under [server]",
        );
    }
    line("embed script", &format!("{base}/embed/v1/adjacent.js"));
    line("decisions", &format!("{base}/v1/decisions"));
    line("API docs", &format!("{base}/docs"));
    line("metrics", &format!("http://{ops}/metrics"));
    line("console", &format!("http://{ops}/console"));
    let show_keys = keys && state.is_trial() && app.address.ip().is_loopback();
    if let Some(local) = app.local_keys.as_ref().filter(|_| show_keys) {
        line("operator key", local.operator.expose_secret());
        for (id, key) in local.publisher.iter().take(3) {
            line(&format!("publisher {id}"), key.expose_secret());
        }
        let until_ms = state.clock.now_ms() + LINK_LIFETIME_MS;
        for advertiser in inventory.advertisers.iter().filter(|a| a.id.as_str() != "house").take(8)
        {
            let page = ReportPage::Advertiser(advertiser.id.clone());
            let link = state.links.load().sign(&page, until_ms);
            line(advertiser.id.as_str(), &format!("{base}{}?link={link}", page.path()));
        }
        for publisher in inventory.publishers.iter().take(3) {
            let page = ReportPage::Publisher(publisher.id.clone());
            let link = state.links.load().sign(&page, until_ms);
            line(&format!("{} page", publisher.id), &format!("{base}{}?link={link}", page.path()));
        }
    } else if settings.server.public_url.is_none() {
        let keys = settings.store.keys().join("local-keys.toml");
        line("local keys file", &keys.display().to_string());
    }
    let head = format!(
        "adjacent {}: serving {} flights of {} advertisers to {} publishers\n",
        env!("CARGO_PKG_VERSION"),
        live.snapshot().flights.len(),
        inventory.advertisers.len(),
        inventory.publishers.len()
    );
    head + &text
}
