//! The settings of rate limits.

use crate::traffic::Quota;
use crate::traffic::limits::{Layer, LayerQuotas, Quotas};
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rate limits by visitor, address and network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// Impressions of one visitor (address and agent), per publisher; viewable impressions as many again.
    #[garde(dive, length(max = 8))]
    pub impressions: Vec<QuotaSetting>,
    /// Clicked decisions of one visitor, per publisher; copies as many again.
    #[garde(dive, length(max = 8))]
    pub clicks: Vec<QuotaSetting>,
    /// The same by address and network, whatever the agent and the privacy signals.
    #[garde(dive)]
    pub layers: LayerSettings,
    /// The most rate limit entries in memory at once: a dozen per active reader, for some minutes.
    #[garde(range(min = 1_000, max = 10_000_000))]
    pub(crate) visitors: usize,
    /// Requests per second from one address above which the answer is `overloaded`; 0 disables this.
    #[garde(range(max = 1_000_000))]
    pub flood_per_second: u32,
    /// The longest delay of the answer to a wrong API key, in milliseconds; 0 disables the delay. It
    /// doubles with each wrong key of an address, from 100 ms.
    #[garde(range(max = 30_000))]
    pub wrong_key_delay_ms: u64,
    /// The most connections of one address (per /64 for IPv6) to the public listener; 0 disables the
    /// limit. Trusted proxies have none.
    #[garde(range(max = 100_000))]
    pub connections_per_address: u32,
}

/// Limits that hold for every reader. IPv6 addresses count by their /64. A layer that is left out has no
/// limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct LayerSettings {
    /// One address on one campaign.
    #[garde(dive)]
    pub address_on_campaign: LayerSetting,
    /// One address on one publisher's pages.
    #[garde(dive)]
    pub address_on_publisher: LayerSetting,
    /// One address, on all publishers together.
    #[garde(dive)]
    pub address: LayerSetting,
    /// One IPv6 /56, on all publishers together.
    #[garde(dive)]
    pub subnet: LayerSetting,
    /// One network (IPv4 /24, IPv6 /48), on all publishers together.
    #[garde(dive)]
    pub network: LayerSetting,
    /// Events that one publisher's servers report with its secret key.
    #[garde(dive)]
    pub publisher_key: LayerSetting,
}

/// The limits of one layer; an empty list sets none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct LayerSetting {
    /// Impressions; viewable impressions as many again.
    #[garde(dive, length(max = 8))]
    pub impressions: Vec<QuotaSetting>,
    /// Clicked decisions; copies as many again.
    #[garde(dive, length(max = 8))]
    pub clicks: Vec<QuotaSetting>,
}

impl LimitSettings {
    /// The quotas of every layer.
    pub(crate) fn quotas(&self) -> Quotas {
        let list = |list: &[QuotaSetting]| -> Vec<Quota> {
            list.iter().map(|one| Quota { count: one.count, seconds: one.seconds }).collect()
        };
        let both = |impressions: &[QuotaSetting], clicks: &[QuotaSetting]| LayerQuotas {
            impressions: list(impressions),
            clicks: list(clicks),
        };
        let mut quotas = Quotas::default();
        for (quotas, layer) in quotas.0.iter_mut().zip(Layer::ALL) {
            *quotas = match self.layers.of(*layer) {
                Some(own) => both(&own.impressions, &own.clicks),
                None => both(&self.impressions, &self.clicks),
            };
        }
        quotas
    }
}

impl LayerSettings {
    /// The setting of a layer; `None` for the visitor's, which stands outside.
    fn of(&self, layer: Layer) -> Option<&LayerSetting> {
        match layer {
            Layer::Visitor => None,
            Layer::AddressOnCampaign => Some(&self.address_on_campaign),
            Layer::AddressOnPublisher => Some(&self.address_on_publisher),
            Layer::Address => Some(&self.address),
            Layer::Subnet => Some(&self.subnet),
            Layer::Network => Some(&self.network),
            Layer::PublisherKey => Some(&self.publisher_key),
        }
    }
}

/// A rate limit: a count per period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct QuotaSetting {
    /// The most events in the period.
    #[garde(range(min = 1))]
    pub count: u32,
    /// The length of the period, in seconds.
    #[garde(range(min = 1, max = 86_400))]
    pub seconds: u32,
}

/// Detection of non-human traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrafficSettings {
    /// A file of datacenter networks, which readers do not use, with one CIDR per line.
    #[serde(default)]
    pub(crate) datacenters: Option<String>,
}
