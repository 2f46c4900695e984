//! The section `[adapters]` of the settings, with a switch for each row of the table of protocols.

use crate::domain::money::Currency;
use crate::domain::protocol::Protocol;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

macro_rules! adapter_settings {
    ($($(#[$doc:meta])* $variant:ident = $protocol:ident, $headers:tt;)*) => {
        /// Adapters for the protocols of other ad clients on the public listener, each off by default, and
        /// the mapping of their names.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct AdapterSettings {
            $($(#[$doc])* #[serde(default)] pub $protocol: bool,)*
            /// External site names: name = publisher id. A name without an entry is used as publisher id.
            pub publishers: BTreeMap<String, String>,
            /// External slot names: `name` or `publisher/name` = placement. The longer form takes precedence.
            pub placements: BTreeMap<String, String>,
            /// External custom event ids: id = `viewable` or `copy`.
            pub events: BTreeMap<String, ForeignEvent>,
            /// Currency of bids on OpenRTB requests that name none.
            pub currency: Currency,
            /// The IAB Content Category Taxonomy 1.0 ids of each advertiser category, for `bcat` and `acat`.
            pub categories: BTreeMap<String, Vec<String>>,
            /// The same in other taxonomies, by their OpenRTB number (`cattax`).
            #[serde(default)]
            pub taxonomies: BTreeMap<String, BTreeMap<String, Vec<String>>>,
        }

        impl AdapterSettings {
            /// Whether the adapter for this protocol is enabled.
            pub(crate) fn enabled(&self, protocol: Protocol) -> bool {
                match protocol { $(Protocol::$variant => self.$protocol,)* }
            }

            /// Whether any adapter is enabled.
            pub(crate) fn any_enabled(&self) -> bool {
                Protocol::ALL.iter().any(|protocol| self.enabled(*protocol))
            }
        }
    };
}

protocols!(adapter_settings);

string_enum! {
    /// The event that a custom event of another protocol maps to.
    ForeignEvent {
        /// At least half of the unit was in view for one second.
        Viewable = "viewable",
        /// The command was copied.
        Copy = "copy",
    }
}
