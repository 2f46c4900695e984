//! `adjacent keys`: manages API keys, the event token key and report links. A running server reloads
//! changed keys automatically.

use crate::cli::access::DataArgs;
use crate::cli::output::Output;
use crate::clock::{Clock, SystemClock};
use crate::config::ConfigError;
use crate::config::keys::{ApiKeys, Identity, ReportPage, Role, TokenKeys};
use crate::domain::hidden;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(super) struct Keys {
    #[command(flatten)]
    place: DataArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List API keys, without their secrets.
    List,
    /// Create an API key and print it. It cannot be shown again.
    Create {
        /// `operator`, `advertiser`, `publisher` or `exchange`.
        #[arg(long)]
        role: Role,
        /// The advertiser or publisher id; for an operator or exchange key, the holder's name.
        #[arg(long)]
        owner: String,
        /// Days until the key expires [default: never]
        #[arg(long)]
        days: Option<i64>,
        /// The agreed rate of decision requests per second and instance, of an exchange or a publisher;
        /// those above it are answered `overloaded` [default: not limited]
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        per_second: Option<u32>,
    },
    /// Revoke an API key.
    Revoke {
        /// The key's id.
        id: String,
    },
    /// Rotate the event token key. The previous key stays valid until its tokens expire.
    Rotate {
        /// Also revoke all earlier keys, because one has leaked: their tokens are invalid at once, so units
        /// already shown no longer count or redirect.
        #[arg(long)]
        revoke_earlier: bool,
    },
    /// Create a signed link to the report page of an advertiser or a publisher. It shows the page and changes
    /// nothing.
    Link {
        /// The id of the advertiser or publisher.
        party: String,
        /// `advertiser` or `publisher`.
        #[arg(long, default_value_t = Role::Advertiser)]
        role: Role,
        /// Days until the link expires.
        #[arg(long, default_value_t = 30)]
        days: i64,
    },
}

impl Keys {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let now = SystemClock::starting_at_least(0).now();
        let folder = self.place.keys()?;
        match self.verb {
            Verb::List => {
                let keys = ApiKeys::open(&folder)?;
                let list: Vec<&Identity> = keys.list().collect();
                Ok(output.result(table(&list, now), &rows(&list, now))?)
            }
            Verb::Create { role, owner, days, per_second } => {
                let mut keys = ApiKeys::open(&folder)?;
                let expires = days.map(|days| expiry(now, days)).transpose()?;
                let (id, text) = keys.create(role, &owner, (expires, per_second), now)?;
                let text = text.expose_secret();
                Ok(output.result(text, &json!({ "id": id, "key": text }))?)
            }
            Verb::Revoke { id } => {
                ApiKeys::open(&folder)?.revoke(&id, now)?;
                Ok(output.result(format_args!("key {id} revoked"), &json!({ "revoked": id }))?)
            }
            Verb::Rotate { revoke_earlier } => {
                let window = self.place.settings()?.windows.click_seconds;
                let mut keys = TokenKeys::open(&folder, now)?;
                let kid = keys.rotate(window, now)?;
                if revoke_earlier {
                    keys.revoke_others(kid)?;
                }
                Ok(output.result(
                    format_args!("token key {kid} is now active"),
                    &json!({ "kid": kid }),
                )?)
            }
            Verb::Link { party, role, days } => {
                let until = expiry(now, days)?.as_millisecond();
                let page = report_page(role, &party)?;
                let link = TokenKeys::open(&folder, now)?.links().sign(&page, until);
                let path = format!("{}?link={link}", page.path());
                Ok(output.result(&path, &json!({ "path": path }))?)
            }
        }
    }
}

fn report_page(role: Role, party: &str) -> Result<ReportPage, ConfigError> {
    let invalid = |problem| ConfigError::Usage(format!("{role} id: {problem}"));
    match role {
        Role::Advertiser => party.parse().map(ReportPage::Advertiser).map_err(invalid),
        Role::Publisher => party.parse().map(ReportPage::Publisher).map_err(invalid),
        Role::Operator | Role::Exchange => Err(ConfigError::Usage(format!(
            "--role {role}: only an `advertiser` and a `publisher` have a report page"
        ))),
    }
}

fn expiry(now: Timestamp, days: i64) -> Result<Timestamp, ConfigError> {
    days.checked_mul(24)
        .and_then(|hours| now.checked_add(jiff::SignedDuration::from_hours(hours)).ok())
        .filter(|at| *at > now)
        .ok_or_else(|| {
            ConfigError::Usage(format!(
                "--days {days}: must be greater than 0 and within the supported date range"
            ))
        })
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
        let owner = hidden::escape_line(&key.owner, &[]);
        table.add_row([&key.id, &role, &*owner, &created, state(key, now)]);
    }
    table
}

fn rows(keys: &[&Identity], now: Timestamp) -> serde_json::Value {
    keys.iter()
        .map(|key| {
            json!({
                "id": key.id, "role": key.role, "owner": key.owner, "created": key.created,
                "per_second": key.per_second, "expires": key.expires, "revoked": key.revoked, "state": state(key, now),
            })
        })
        .collect()
}
