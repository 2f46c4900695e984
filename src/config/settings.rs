//! What `config/adjacent.toml` says. Every value has its default and its reason there.

use garde::Validate;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use std::net::SocketAddr;

/// All settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Settings {
    /// Where it listens and who stands in front of it.
    #[garde(dive)]
    pub server: ServerSettings,
    /// Where what is true is kept.
    #[garde(dive)]
    pub store: StoreSettings,
    /// How weights become active.
    pub weights: WeightsSettings,
    /// How long an event may take to count.
    #[garde(dive)]
    pub windows: Windows,
    /// How much of a request is read.
    #[garde(dive)]
    pub request: RequestLimits,
    /// How often one visitor counts, and how much the box takes.
    #[garde(dive)]
    pub limits: VisitorLimits,
    /// Who is no reader.
    pub traffic: TrafficSettings,
    /// What a person should look at.
    #[garde(dive)]
    pub review: ReviewSettings,
    /// How old the inventory may grow.
    #[garde(dive)]
    pub snapshot: SnapshotSettings,
    /// What is kept of decisions.
    #[garde(dive)]
    pub decision_log: DecisionLogSettings,
    /// Which campaigns and flights have series of their own.
    #[garde(dive)]
    pub metrics: MetricsSettings,
    /// How it logs.
    pub logs: LogSettings,
}

/// Where it listens and who stands in front of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct ServerSettings {
    /// Decisions, events, embed files, reports, readers' pages.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Metrics, probes, admin.
    #[schemars(with = "String")]
    pub ops_listen: SocketAddr,
    /// The address readers reach `listen` by; required when `listen` is not loopback.
    #[serde(default)]
    #[garde(inner(url))]
    pub public_url: Option<String>,
    /// Networks whose forwarding headers are believed.
    #[schemars(with = "Vec<String>")]
    pub trusted_proxies: Vec<IpNet>,
    /// A header in which a trusted proxy names the reader's country.
    #[serde(default)]
    pub country_header: Option<String>,
    /// A MaxMind DB file with countries, supplied by the operator; an observed country.
    #[serde(default)]
    pub geoip: Option<String>,
    /// How long `/readyz` answers 503 before connections are refused, in milliseconds.
    #[garde(range(max = 600_000))]
    pub drain_delay_ms: u64,
    /// How long requests in flight may take to end, in seconds.
    #[garde(range(min = 1, max = 600))]
    pub drain_timeout_seconds: u64,
    /// How long a request body may take, in milliseconds.
    #[garde(range(min = 100, max = 60_000))]
    pub body_timeout_ms: u64,
}

/// Where what is true is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct StoreSettings {
    /// `embedded`.
    pub url: String,
    /// The data directory.
    pub data: String,
    /// Size of a journal segment, in bytes.
    #[garde(range(min = 65_536, max = 1_073_741_824))]
    pub segment_bytes: u64,
    /// Days for which events are kept one by one; 0 keeps them for ever. Sums are kept always.
    #[garde(range(max = 36_500))]
    pub keep_days: u32,
    /// Between two passes of the bookkeeper, in seconds; a pass takes at most a twentieth of the time.
    #[garde(range(min = 1, max = 3_600))]
    pub bookkeeping_seconds: u32,
    /// Free share of the disk, in per cent, below which pages get house units alone; 0 never.
    #[garde(range(max = 100))]
    pub house_only_below_percent: u8,
    /// Share of a budget that one publisher may hold reserved, in per cent.
    #[garde(range(min = 1, max = 100))]
    pub publisher_reservation_percent: u8,
}

/// How weights become active.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightsSettings {
    /// `file`: when the file changes. `command`: the file is a draft.
    pub activation: Activation,
}

closed! {
    /// What makes changed weights active.
    Activation {
        /// The file, as soon as it is saved.
        File = "file",
        /// A command; the file is a checked draft.
        Command = "command",
    }
}

/// How long an event may take to count.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// From the decision to the impression, in seconds.
    #[garde(range(min = 1, max = 86_400))]
    pub impression_seconds: u32,
    /// From the decision to viewable, click and copy, in seconds.
    #[garde(range(min = 1, max = 86_400))]
    pub click_seconds: u32,
    /// Least time from the impression to viewable, in milliseconds.
    #[garde(range(max = 60_000))]
    pub viewable_after_ms: u32,
    /// Least time from the impression to a click, in milliseconds.
    #[garde(range(max = 60_000))]
    pub click_after_ms: u32,
    /// How long a click waits for its impression, in seconds.
    #[garde(range(min = 1, max = 3_600))]
    pub orphan_grace_seconds: u32,
    /// How long an unseen decision holds its price, in seconds.
    #[garde(range(min = 1, max = 3_600))]
    pub reservation_seconds: u32,
}

/// How much of a request is read; the rest is dropped with a warning.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct RequestLimits {
    /// Topics of a page.
    #[garde(range(min = 1, max = 64))]
    pub topics: usize,
    /// Entities of a page.
    #[garde(range(min = 1, max = 128))]
    pub entities: usize,
    /// Keywords of a page.
    #[garde(range(min = 1, max = 256))]
    pub keywords: usize,
    /// Characters of a name.
    #[garde(range(min = 16, max = 128))]
    pub characters: usize,
    /// Placements of a call.
    #[garde(range(min = 1, max = 8))]
    pub placements: usize,
    /// Bytes of a body.
    #[garde(range(min = 1_024, max = 1_048_576))]
    pub body_bytes: usize,
}

/// How often one visitor counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct VisitorLimits {
    /// Page calls with an impression, per publisher.
    #[garde(dive)]
    pub impressions: Vec<Quota>,
    /// Decisions clicked, per publisher.
    #[garde(dive)]
    pub clicks: Vec<Quota>,
    /// Page calls with an impression from one network (/24, /48), per publisher.
    #[garde(dive)]
    pub network_impressions: Vec<Quota>,
    /// Decisions clicked from one network, per publisher.
    #[garde(dive)]
    pub network_clicks: Vec<Quota>,
    /// Most visitors remembered at once.
    #[garde(range(min = 1_000, max = 10_000_000))]
    pub visitors: usize,
    /// Requests a second one address may send before the box answers `overloaded`; 0 is off.
    #[garde(range(max = 1_000_000))]
    pub flood_per_second: u32,
}

/// Who is no reader.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrafficSettings {
    /// A file of networks that machines have and people do not, one CIDR a line.
    #[serde(default)]
    pub datacenters: Option<String>,
}

/// From where on a person should look at something.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct ReviewSettings {
    /// Days of decisions that are looked at.
    #[garde(range(min = 1, max = 90))]
    pub days: u32,
    /// Fewer impressions than this say nothing.
    #[garde(range(min = 10))]
    pub impressions: u64,
    /// Fewer clicks than this say nothing.
    #[garde(range(min = 2))]
    pub clicks: u64,
    /// So many times the median click rate of a campaign's other publishers.
    #[garde(range(min = 1.0, max = 1_000.0))]
    pub click_rate_factor: f64,
    /// Viewable impressions of impressions, at the least.
    #[garde(range(min = 0.0, max = 1.0))]
    pub view_ratio_least: f64,
    /// And at the most.
    #[garde(range(min = 0.0, max = 1.0))]
    pub view_ratio_most: f64,
    /// Coefficient of variation of the gaps between impressions, at the least.
    #[garde(range(min = 0.0, max = 1.0))]
    pub arrival_variation: f64,
    /// Impressions of the quietest six hours by those of the busiest, at the most.
    #[garde(range(min = 0.0, max = 1.0))]
    pub night_share: f64,
    /// Of a thousand hours of a campaign, how many a spike of clicks is above.
    #[garde(range(min = 500, max = 1_000))]
    pub spike_permille: usize,
    /// Hours of history without which no hour is a spike.
    #[garde(range(min = 24, max = 2_160))]
    pub spike_history_hours: usize,
}

/// So many in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// How many.
    #[garde(range(min = 1))]
    pub count: u32,
    /// In how many seconds.
    #[garde(range(min = 1, max = 86_400))]
    pub seconds: u32,
}

/// How old the inventory may grow.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct SnapshotSettings {
    /// Past it an answer says `stale`, in seconds since the catalog was last reached.
    #[garde(range(min = 1))]
    pub stale_after_seconds: u64,
    /// Past it only `stale_too_old` is answered, in seconds.
    #[garde(range(min = 1))]
    pub too_old_after_seconds: u64,
}

/// What is kept of decisions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct DecisionLogSettings {
    /// How long, in days.
    #[garde(range(min = 1, max = 3_650))]
    pub days: u32,
    /// Longest time until a decision is on disk, in milliseconds.
    #[garde(range(min = 10, max = 1_000))]
    pub flush_ms: u64,
    /// Size of a file, in bytes.
    #[garde(range(min = 65_536, max = 4_294_967_296_u64))]
    pub segment_bytes: u64,
}

/// Which campaigns and flights have series of their own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    /// Campaigns with series of their own; the rest is `other`.
    #[garde(range(max = 1_000))]
    pub campaigns: usize,
    /// Flights with series of their own.
    #[garde(range(max = 2_000))]
    pub flights: usize,
}

/// How it logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// What is logged: `info`, or directives such as `adjacent=debug`.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

closed! {
    /// How a log line looks.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}
