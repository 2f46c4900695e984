//! `adjacent keys`: the keys of parties, the keys of tokens, links to advertisers' pages. A running
//! server takes changes over by itself.

use crate::cli::voice::Voice;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::config::ConfigError;
use crate::config::keys::ApiKeys;
use crate::config::keys::Identity;
use crate::config::keys::Role;
use crate::config::keys::TokenKeys;
use crate::config::load;
use crate::domain::id::AdvertiserId;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Keys {
    /// The data directory.
    #[arg(long, default_value = "data", value_name = "DIR", global = true)]
    data: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the keys of parties; never their secrets.
    List,
    /// Make a key; its text is shown once.
    Create {
        /// `operator`, `advertiser` or `publisher`.
        #[arg(long)]
        role: Role,
        /// Which advertiser or publisher; for an operator, whoever holds it.
        #[arg(long)]
        owner: String,
        /// For how many days it is good; for ever when absent.
        #[arg(long)]
        days: Option<i64>,
    },
    /// Take a key back.
    Revoke {
        /// The key's id.
        id: String,
    },
    /// Seal tokens with a new key from now on; the one before opens until its tokens are over.
    Rotate,
    /// Make a link to an advertiser's page.
    Link {
        /// The advertiser.
        advertiser: AdvertiserId,
        /// For how many days it is good.
        #[arg(long, default_value_t = 30)]
        days: i64,
    },
}

impl Keys {
    pub(super) fn run(self, voice: Voice) -> anyhow::Result<()> {
        let now = SystemClock::starting_at_least(0).now();
        match self.verb {
            Verb::List => {
                let keys = ApiKeys::open(&self.data)?;
                let list: Vec<&Identity> = keys.list().collect();
                Ok(voice.answer(table(&list, now), &rows(&list, now))?)
            }
            Verb::Create { role, owner, days } => {
                let mut keys = ApiKeys::open(&self.data)?;
                let expires = days.map(|days| later(now, days)).transpose()?;
                let (id, text) = keys.create(role, &owner, expires, now)?;
                let text = text.expose_secret();
                Ok(voice.answer(text, &json!({ "id": id, "key": text }))?)
            }
            Verb::Revoke { id } => {
                ApiKeys::open(&self.data)?.revoke(&id, now)?;
                Ok(voice.answer(format_args!("{id} is revoked"), &json!({ "revoked": id }))?)
            }
            Verb::Rotate => {
                let window = load::settings(None, load::environment())?.windows.click_seconds;
                let kid = TokenKeys::open(&self.data, now)?.rotate(window, now)?;
                Ok(voice.answer(format_args!("key {kid} seals now"), &json!({ "kid": kid }))?)
            }
            Verb::Link { advertiser, days } => {
                let until = later(now, days)?.as_millisecond();
                let link = TokenKeys::open(&self.data, now)?.links().sign(&advertiser, until);
                let path = format!("/reports/{advertiser}?link={link}");
                Ok(voice.answer(&path, &json!({ "path": path }))?)
            }
        }
    }
}

fn later(now: Timestamp, days: i64) -> Result<Timestamp, ConfigError> {
    days.checked_mul(24)
        .and_then(|hours| now.checked_add(jiff::SignedDuration::from_hours(hours)).ok())
        .filter(|at| *at > now)
        .ok_or_else(|| ConfigError::Usage(format!("{days} days from now is not a day")))
}

fn state(key: &Identity, now: Timestamp) -> &'static str {
    match (key.revoked, key.is_live(now)) {
        (Some(_), _) => "revoked",
        (None, true) => "good",
        (None, false) => "expired",
    }
}

fn table(keys: &[&Identity], now: Timestamp) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(["id", "role", "owner", "created", "state"]);
    for key in keys {
        let role = key.role.to_string();
        let created = key.created.strftime("%Y-%m-%d").to_string();
        table.add_row([&key.id, &role, &key.owner, &created, state(key, now)]);
    }
    table
}

fn rows(keys: &[&Identity], now: Timestamp) -> serde_json::Value {
    keys.iter()
        .map(|key| {
            json!({
                "id": key.id, "role": key.role, "owner": key.owner, "created": key.created,
                "expires": key.expires, "revoked": key.revoked, "state": state(key, now),
            })
        })
        .collect()
}
