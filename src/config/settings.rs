//! What `config/adjacent.toml` says. Every value has its default and its reason there.

use garde::Validate;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

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
    /// Which other clients' dialects are spoken.
    pub adapters: AdapterSettings,
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
    /// `embedded`, or a Redis that many machines share: `redis://HOST:PORT`,
    /// `redis+sentinel://HOST:PORT,…/NAME`, `redis+cluster://HOST:PORT,…`; `rediss` for TLS.
    pub url: String,
    /// A file with the certificates of a private authority, as PEM, for a store over TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The data directory.
    pub data: String,
    /// The folder with the keys of tokens and parties, where machines share one; the data directory
    /// by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// A shared store on another machine may do without a password.
    #[serde(default)]
    pub unprotected: bool,
    /// Hours for which events count that wait on a machine that cannot reach a shared store.
    #[garde(range(max = 168))]
    pub spool_hours: u32,
    /// Hours for which a shared store keeps events one by one; 0 keeps them for ever. Sums are kept
    /// always, and events in every machine's own files.
    #[garde(range(max = 87_600))]
    pub log_hours: u32,
    /// Seconds for which a machine that cannot reach a shared store may go on spending its part of
    /// each budget; others can have it after half as long again and the life of a reservation.
    #[garde(range(min = 1, max = 300))]
    pub lease_seconds: u32,
    /// What machines that cannot reach a shared store may then oversell together, once an outage, in
    /// per cent of a campaign's day; 0 is strict.
    #[garde(range(max = 5))]
    pub outage_allowance_percent: u8,
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
    /// Free room in MiB with which pages get all units, however small a share of the disk it is.
    pub house_only_below_mib: u64,
    /// Share of a budget that one publisher may hold reserved, in per cent.
    #[garde(range(min = 1, max = 100))]
    pub publisher_reservation_percent: u8,
}

impl StoreSettings {
    /// Where the keys of tokens and parties are.
    pub fn keys(&self) -> &Path {
        Path::new(self.keys.as_ref().unwrap_or(&self.data))
    }
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

/// Which other clients' dialects are spoken on the public listener, and what their names mean.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdapterSettings {
    /// The EthicalAds decision endpoint.
    pub ethicalads: bool,
    /// The Kevel Decision API.
    pub kevel: bool,
    /// OpenRTB 2.6 with Native 1.2.
    pub openrtb: bool,
    /// Their names of sites: foreign name = publisher. A name that is not here is the publisher's own.
    pub publishers: BTreeMap<String, String>,
    /// Their names of slots: `name` or `publisher/name` = placement. The longer one is asked first.
    pub placements: BTreeMap<String, String>,
    /// Their numbers of events of their own: number = `viewable` or `copy`.
    pub events: BTreeMap<String, ForeignEvent>,
    /// The categories of each sector in IAB Content Category Taxonomy 1.0, for `bcat`.
    pub categories: BTreeMap<String, Vec<String>>,
}

closed! {
    /// What an event of a dialect's own can be.
    ForeignEvent {
        /// Half of the unit was in view for a second.
        Viewable = "viewable",
        /// The command was copied.
        Copy = "copy",
    }
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
