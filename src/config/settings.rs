//! The settings in `config/adjacent.toml`, which has the default of each and the reason for it.

use crate::config::adapter_settings::AdapterSettings;
use crate::config::canary_settings::CanarySettings;
use crate::config::guard_settings::GuardSettings;
use crate::config::host_name::HostName;
use crate::config::limit_settings::{LimitSettings, TrafficSettings};
use garde::Validate;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::Path;

/// All settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Settings {
    /// Listeners, proxies in front of them, timeouts.
    #[garde(dive)]
    pub server: ServerSettings,
    /// The event store, the data directory and how long data are kept.
    #[garde(dive)]
    pub store: StoreSettings,
    /// How weights become active.
    pub(crate) weights: WeightsSettings,
    /// From which limits a change of the catalog needs confirmation.
    #[garde(dive)]
    pub guard: GuardSettings,
    /// At which limits a canary ends by itself.
    #[garde(dive)]
    pub canary: CanarySettings,
    /// Time windows within which events count.
    #[garde(dive)]
    pub windows: EventWindows,
    /// Limits of a decision request.
    #[garde(dive)]
    pub(crate) request: RequestLimits,
    /// Rate limits per visitor, network and address.
    #[garde(dive)]
    pub limits: LimitSettings,
    /// Detection of non-human traffic.
    pub(crate) traffic: TrafficSettings,
    /// Thresholds above which traffic is reported for manual review.
    #[garde(dive)]
    pub review: ReviewSettings,
    /// Maximum age of the served snapshot.
    #[garde(dive)]
    pub snapshot: SnapshotSettings,
    /// The decision log.
    #[garde(dive)]
    pub(crate) decision_log: DecisionLogSettings,
    /// What creatives may contain.
    #[garde(dive)]
    pub(crate) creatives: CreativeSettings,
    /// The number of campaigns and flights with their own metric series.
    #[garde(dive)]
    pub(crate) metrics: MetricsSettings,
    /// Adapters for the protocols of other ad clients.
    pub adapters: AdapterSettings,
    /// The log output.
    pub(crate) logs: LogSettings,
}

/// Listeners, proxies in front of them, timeouts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct ServerSettings {
    /// The address of the public listener: decisions, events, embed files, reports, readers' pages.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// The address of the operations listener: metrics, probes, admin API.
    #[schemars(with = "String")]
    pub ops_listen: SocketAddr,
    /// The URL at which readers reach `listen`; required if `listen` is not a loopback address.
    #[serde(default)]
    #[garde(inner(url))]
    pub(crate) public_url: Option<String>,
    /// Where readers report a unit: a page of the operator, which gets the decision as the parameter
    /// `decision`, or `mailto:` with an address. The page behind "why this" links to it.
    #[serde(default)]
    #[garde(inner(url))]
    pub report_url: Option<String>,
    /// Further host names that proxies and monitoring use for either listener. A request whose `Host`
    /// is neither one of them, nor the host of `public_url`, `localhost` or an IP address gets 421.
    #[schemars(with = "Vec<String>")]
    pub(crate) hosts: Vec<HostName>,
    /// Allows the trial: a demo page that explains its decisions to everyone without a key. It ends
    /// when `public_url` or `trusted_proxies` is set.
    pub trial: bool,
    /// Where to report a vulnerability, as `mailto:` or `https:`, for `/.well-known/security.txt`.
    #[serde(default)]
    #[garde(inner(url))]
    pub security_contact: Option<String>,
    /// The domain under which publishers list this server in ads.txt, and at which the operator publishes
    /// sellers.json.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub seller_domain: Option<HostName>,
    /// Networks of proxies whose forwarding headers are trusted.
    #[schemars(with = "Vec<String>")]
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which a trusted proxy sends the reader's country.
    #[serde(default)]
    pub country_header: Option<String>,
    /// A MaxMind DB file with countries, for the observed country of a reader.
    #[serde(default)]
    pub geoip: Option<String>,
    /// How long `/readyz` answers 503 before connections are refused at shutdown, in milliseconds:
    /// longer than a load balancer takes to notice. Does not apply to a trial, which is stopped with
    /// Ctrl-C or has no `public_url`.
    #[garde(range(max = 600_000))]
    pub(crate) drain_delay_ms: u64,
    /// How long requests in flight may take to finish at shutdown, in seconds.
    #[garde(range(min = 1, max = 600))]
    pub drain_timeout_seconds: u64,
    /// The timeout for receiving a request body, in milliseconds.
    #[garde(range(min = 100, max = 60_000))]
    pub body_timeout_ms: u64,
}

impl ServerSettings {
    /// The address at which a reader reports the unit of a decision.
    pub(crate) fn report_url_of(&self, decision: &str) -> Option<String> {
        let mut url = url::Url::parse(self.report_url.as_deref()?).ok()?;
        let name = if url.scheme() == "mailto" { "subject" } else { "decision" };
        url.query_pairs_mut().append_pair(name, decision);
        Some(url.into())
    }

    /// Whether the demo page is served: the trial is allowed and readers cannot reach the server.
    pub(crate) fn is_trial(&self) -> bool {
        self.trial && self.public_url.is_none() && self.trusted_proxies.is_empty()
    }
}

/// The event store, the data directory and how long data are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct StoreSettings {
    /// Event store: `embedded`, or the URL of a Redis that several instances share:
    /// `redis://HOST:PORT`, `redis+sentinel://HOST:PORT,…/NAME`, `redis+cluster://HOST:PORT,…`;
    /// `rediss` for TLS.
    pub url: String,
    /// A PEM file with the certificates of a private certificate authority, for a store over TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The data directory.
    pub data: String,
    /// The folder with the token keys and API keys, if instances share one; by default the data
    /// directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// Allows a shared store on another host without a password.
    #[serde(default)]
    pub(crate) unprotected: bool,
    /// How long events that wait on an instance for an unreachable shared store still count, in
    /// hours.
    #[garde(range(max = 168))]
    pub spool_hours: u32,
    /// Retention of individual events in a shared store, in hours; 0 keeps them forever. Sums are
    /// always kept, and every instance's own files keep the events.
    #[garde(range(max = 87_600))]
    pub log_hours: u32,
    /// The duration of a budget lease, in seconds: how long an instance that cannot reach the shared
    /// store may keep spending its share. Others can reclaim the share after one and a half times
    /// this and the lifetime of a reservation.
    #[garde(range(min = 1, max = 300))]
    pub lease_seconds: u32,
    /// How much all instances that cannot reach the shared store may oversell together, once per
    /// outage, in percent of a campaign's daily budget: half of it within a minute, the rest ever more
    /// slowly. 0 allows nothing.
    #[garde(range(max = 5))]
    pub outage_allowance_percent: u8,
    /// The size of a journal segment, in bytes.
    #[garde(range(min = 65_536, max = 1_073_741_824))]
    pub segment_bytes: u64,
    /// Retention of individual events, in days; 0 keeps them forever. Sums are always kept.
    #[garde(range(max = 36_500))]
    pub keep_days: u32,
    /// The interval between reconciliation passes, in seconds; a pass takes at most a twentieth of
    /// the time.
    #[garde(range(min = 1, max = 3_600))]
    pub reconcile_interval_seconds: u32,
    /// Serve house ads only while less of the disk is free than this, in percent; 0 disables the
    /// disk guard.
    #[garde(range(max = 100))]
    pub(crate) low_disk_percent: u8,
    /// The disk guard stays inactive while at least this much is free, in MiB, whatever percentage
    /// of the disk it is.
    pub low_disk_mib: u64,
    /// The largest share of a budget that one publisher may have reserved, in percent.
    #[garde(range(min = 1, max = 100))]
    pub publisher_reservation_percent: u8,
    /// The largest share of what is left of a budget that one address without a key may have reserved, in
    /// percent; its network (/24, /48) may have twice that. At least 32 units.
    #[garde(range(min = 1, max = 100))]
    pub address_reservation_percent: u8,
}

impl StoreSettings {
    /// Whether the URL of the store has a password.
    pub(crate) fn has_password(&self) -> bool {
        let user = self.url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
        user.is_some_and(|(user, _)| user.contains(':'))
    }

    /// The folder with the token keys and API keys.
    pub fn keys(&self) -> &Path {
        Path::new(self.keys.as_ref().unwrap_or(&self.data))
    }
}

/// How weights become active.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeightsSettings {
    /// `file`: when the file changes. `command`: the file is a draft until a command activates it.
    pub(crate) activation: Activation,
}

string_enum! {
    /// What activates changed weights.
    Activation {
        /// Saving the file.
        File = "file",
        /// A command; until then the file is a validated draft.
        Command = "command",
    }
}

/// Time windows within which events count.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct EventWindows {
    /// From the decision to the impression, in seconds.
    #[garde(range(min = 1, max = 86_400))]
    pub(crate) impression_seconds: u32,
    /// From the decision to viewable, click and copy, in seconds.
    #[garde(range(min = 1, max = 86_400))]
    pub(crate) click_seconds: u32,
    /// Minimum time from the impression to viewable, in milliseconds.
    #[garde(range(max = 60_000))]
    pub(crate) viewable_after_ms: u32,
    /// Minimum time from the impression to a click, in milliseconds.
    #[garde(range(max = 60_000))]
    pub click_after_ms: u32,
    /// How long a click waits for its impression, in seconds.
    #[garde(range(min = 1, max = 3_600))]
    pub orphan_grace_seconds: u32,
    /// How long a decision reserves what a click would cost, in seconds. What an impression costs is
    /// reserved until its window ends, by the learnt chance that it still comes; above 50,000 open
    /// decisions of a campaign, for this long.
    #[garde(range(min = 1, max = 3_600))]
    pub(crate) reservation_seconds: u32,
}

/// Limits of a decision request; what exceeds them is dropped with a warning.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestLimits {
    /// The most topics of a page.
    #[garde(range(min = 1, max = 64))]
    pub(crate) topics: usize,
    /// The most entities of a page.
    #[garde(range(min = 1, max = 128))]
    pub(crate) entities: usize,
    /// The most keywords of a page.
    #[garde(range(min = 1, max = 256))]
    pub(crate) keywords: usize,
    /// The most characters of a topic, entity, region or keyword.
    #[garde(range(min = 16, max = 128))]
    pub(crate) characters: usize,
    /// The most placements of a request.
    #[garde(range(min = 1, max = 8))]
    pub(crate) placements: usize,
    /// The maximum size of a body, in bytes.
    #[garde(range(min = 1_024, max = 1_048_576))]
    pub(crate) body_bytes: usize,
}

/// Thresholds above which traffic is reported for manual review.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct ReviewSettings {
    /// The period of decisions to analyse, in days.
    #[garde(range(min = 1, max = 90))]
    pub(crate) days: u32,
    /// The minimum number of impressions for a finding.
    #[garde(range(min = 10))]
    pub impressions: u64,
    /// The minimum number of clicks for a finding.
    #[garde(range(min = 2))]
    pub(crate) clicks: u64,
    /// The maximum CTR, as a multiple of the median of the campaign's other publishers.
    #[garde(range(min = 1.0, max = 1_000.0))]
    pub(crate) click_rate_factor: f64,
    /// The minimum share of impressions that are viewable.
    #[garde(range(min = 0.0, max = 1.0))]
    pub(crate) view_ratio_min: f64,
    /// The maximum share of impressions that are viewable.
    #[garde(range(min = 0.0, max = 1.0))]
    pub(crate) view_ratio_max: f64,
    /// The minimum coefficient of variation of the intervals between impressions.
    #[garde(range(min = 0.0, max = 1.0))]
    pub(crate) arrival_variation: f64,
    /// The maximum ratio of impressions in the quietest six hours to those in the busiest.
    #[garde(range(min = 0.0, max = 1.0))]
    pub(crate) night_share: f64,
    /// The quantile of a campaign's hourly clicks, in permille, above which an hour is a spike.
    #[garde(range(min = 500, max = 1_000))]
    pub(crate) spike_permille: usize,
    /// The hours of history required for detecting a spike.
    #[garde(range(min = 24, max = 2_160))]
    pub(crate) spike_history_hours: usize,
}

/// Maximum age of the served snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct SnapshotSettings {
    /// The time since the catalog was last reached after which responses are marked `stale`, in
    /// seconds.
    #[garde(range(min = 1))]
    pub stale_after_seconds: u64,
    /// The time after which every decision is a no-fill with the reason `stale_too_old`, in seconds.
    #[garde(range(min = 1))]
    pub(crate) too_old_after_seconds: u64,
}

/// The decision log.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionLogSettings {
    /// Retention, in days.
    #[garde(range(min = 1, max = 3_650))]
    pub(crate) days: u32,
    /// The maximum time until a decision is on disk, in milliseconds.
    #[garde(range(min = 10, max = 1_000))]
    pub(crate) flush_ms: u64,
    /// The size of a file, in bytes.
    #[garde(range(min = 65_536, max = 4_294_967_296_u64))]
    pub(crate) segment_bytes: u64,
    /// The size of all files together, in bytes; the oldest are removed first. At least twice
    /// `segment_bytes`.
    #[garde(range(min = 131_072))]
    pub(crate) max_bytes: u64,
}

/// What creatives may contain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreativeSettings {
    /// Commands that a creative may offer for copying: the name of a program, such as `git`, or the
    /// words that a command must start with, such as `git push`. Default: those of the example.
    #[garde(length(max = 200), inner(length(chars, min = 1, max = 60)))]
    pub(crate) commands: Vec<String>,
}

/// The number of campaigns, flights and placements with their own metric series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricsSettings {
    /// The most campaigns with their own series; the others are summed as `other`.
    #[garde(range(max = 1_000))]
    pub(crate) campaigns: usize,
    /// The most flights with a series of their pace.
    #[garde(range(max = 2_000))]
    pub(crate) flights: usize,
    /// The most flights with their own series of events; the others are summed as `other`.
    #[garde(range(max = 1_000))]
    pub(crate) delivery_flights: usize,
    /// The most placements with their own series of slots; the others are summed as `other`.
    #[garde(range(max = 1_000))]
    pub(crate) delivery_placements: usize,
}

/// The log output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSettings {
    /// The level, such as `info`, or directives such as `adjacent=debug`.
    pub(crate) level: String,
    /// The format of a line.
    pub(crate) format: LogFormat,
}

string_enum! {
    /// The format of a log line.
    LogFormat {
        /// Human-readable text.
        Text = "text",
        /// One JSON object per line.
        Json = "json",
    }
}
