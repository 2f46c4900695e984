//! OpenRTB requests: the fields that are used.

use crate::adapters::names;
use crate::adapters::openrtb::native::NativeRequest;
use crate::config::adapter_settings::AdapterSettings;
use crate::http::public::request::{DecisionRequest, ViewerRequest};
use crate::selection::resolve::{PageInput, SlotInput};
use crate::world::live::Live;
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// A bid request. Other fields are ignored, above all those that identify or describe a reader:
/// `user`, `device.ip`, `device.ua`, `device.ifa`.
#[derive(Debug, Deserialize)]
pub(crate) struct BidRequest {
    /// Auction id.
    pub(crate) id: String,
    /// The slots.
    pub(crate) imp: Vec<Imp>,
    /// The site; absent for apps, which are not supported.
    #[serde(default)]
    pub(crate) site: Option<Site>,
    #[serde(default)]
    device: Option<Device>,
    /// 1 marks a test.
    #[serde(default)]
    test: Option<u8>,
    /// Maximum time the exchange waits, in milliseconds; values that are not numbers are ignored.
    #[serde(default)]
    tmax: Option<serde_json::Value>,
    /// Accepted bid currencies.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub(crate) cur: Vec<String>,
    /// Blocked categories.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub(crate) bcat: Vec<String>,
    /// The taxonomy of `bcat`.
    #[serde(default)]
    cattax: Option<u16>,
    /// Blocked advertiser domains.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub(crate) badv: Vec<String>,
    /// Seats allowed to bid; empty allows all.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub(crate) wseat: Vec<String>,
    /// Blocked seats.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub(crate) bseat: Vec<String>,
    #[serde(default)]
    regs: Option<Regs>,
}

/// IAB Content Category Taxonomy 1.0.
pub(crate) const CONTENT_TAXONOMY_1: u16 = 1;

/// Deserializes a list; null is empty, since exchanges send absent lists either way.
fn null_as_empty<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(source)?.unwrap_or_default())
}

/// An impression (slot).
#[derive(Debug, Deserialize)]
pub(crate) struct Imp {
    /// Id of the slot in the response.
    pub(crate) id: String,
    #[serde(default)]
    native: Option<Native>,
    #[serde(default)]
    tagid: Option<String>,
    /// Minimum bid (CPM).
    #[serde(default)]
    pub(crate) bidfloor: Option<f64>,
    #[serde(default)]
    bidfloorcur: Option<String>,
    #[serde(default)]
    pmp: Option<Pmp>,
}

/// Private marketplace terms; deals are not supported.
#[derive(Debug, Deserialize)]
struct Pmp {
    #[serde(default)]
    private_auction: Option<u8>,
}

impl Imp {
    /// Currency of the floor; USD by default.
    pub(crate) fn floor_currency(&self) -> &str {
        self.bidfloorcur.as_deref().unwrap_or("USD")
    }

    /// Whether the slot only accepts bids with a deal.
    pub(crate) fn is_private(&self) -> bool {
        self.pmp.as_ref().is_some_and(|pmp| pmp.private_auction == Some(1))
    }
}

#[derive(Debug, Deserialize)]
struct Native {
    /// The native request: JSON in a string.
    request: serde_json::Value,
}

/// A site.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Site {
    id: Option<String>,
    page: Option<String>,
    #[serde(deserialize_with = "null_as_empty")]
    cat: Vec<String>,
    #[serde(deserialize_with = "null_as_empty")]
    sectioncat: Vec<String>,
    #[serde(deserialize_with = "null_as_empty")]
    pagecat: Vec<String>,
    cattax: Option<u16>,
    keywords: Option<String>,
    #[serde(deserialize_with = "null_as_empty")]
    kwarray: Vec<String>,
    publisher: Option<SitePublisher>,
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
struct SitePublisher {
    #[serde(default)]
    id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Content {
    #[serde(deserialize_with = "null_as_empty")]
    cat: Vec<String>,
    cattax: Option<u16>,
    keywords: Option<String>,
    #[serde(deserialize_with = "null_as_empty")]
    kwarray: Vec<String>,
    language: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Device {
    #[serde(default)]
    geo: Option<Geo>,
}

#[derive(Debug, Deserialize)]
struct Geo {
    #[serde(default)]
    country: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Regs {
    #[serde(default)]
    ext: Option<RegsExt>,
}

#[derive(Debug, Deserialize)]
struct RegsExt {
    #[serde(default)]
    dsa: Option<Dsa>,
    /// `1` signals Global Privacy Control.
    #[serde(default)]
    gpc: Option<serde_json::Value>,
}

/// DSA transparency requirements of the exchange.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Dsa {
    #[serde(default)]
    dsarequired: Option<u8>,
    #[serde(default)]
    pubrender: Option<u8>,
}

impl Dsa {
    /// Whether a disclosure is required that the site cannot render; native units are rendered by the
    /// site.
    pub(crate) fn is_unsatisfiable(self) -> bool {
        self.dsarequired.is_some_and(|how| how >= 2) && self.pubrender == Some(0)
    }
}

impl BidRequest {
    /// Whether `bcat` uses Content Taxonomy 1.0, the one that the `categories` setting maps to.
    pub(crate) fn blocks_by_taxonomy_1(&self) -> bool {
        self.cattax.is_none_or(|taxonomy| taxonomy == CONTENT_TAXONOMY_1)
    }

    /// Whether the request's `tmax` has passed. Zero is no limit.
    pub(crate) fn timed_out_after(&self, waited: Duration) -> bool {
        let most = self.tmax.as_ref().and_then(serde_json::Value::as_u64);
        most.is_some_and(|most| most > 0 && waited >= Duration::from_millis(most))
    }

    pub(crate) fn dsa(&self) -> Option<Dsa> {
        self.regs.as_ref()?.ext.as_ref()?.dsa
    }

    /// The slots that accept native units, each with its native request.
    pub(crate) fn native_slots(&self) -> Vec<(&Imp, NativeRequest)> {
        let markup = |imp: &Imp| NativeRequest::parse(&imp.native.as_ref()?.request);
        self.imp.iter().filter_map(|imp| Some((imp, markup(imp)?))).collect()
    }

    /// Translates the request.
    pub(crate) fn decision_request(
        &self,
        settings: &AdapterSettings,
        live: &Live,
        slots: &[(&Imp, NativeRequest)],
    ) -> DecisionRequest {
        let site = self.site.as_ref();
        let ids = site.into_iter().flat_map(|site| {
            let publisher = site.publisher.as_ref().and_then(|publisher| publisher.id.as_deref());
            [publisher, site.id.as_deref()].into_iter().flatten()
        });
        let named: Vec<String> = ids.map(|name| names::publisher_id(settings, name)).collect();
        let known = named.iter().find(|name| live.publisher(name).is_some());
        let publisher = known.or_else(|| named.first()).cloned().unwrap_or_default();
        let slot = |(imp, _): &(&Imp, NativeRequest)| {
            let name = imp.tagid.clone().unwrap_or_else(|| imp.id.clone());
            let name = names::placement_id(settings, live, &publisher, &[name]);
            SlotInput { name, key: Some(imp.id.clone()), styles: Vec::new() }
        };
        DecisionRequest {
            placements: slots.iter().map(slot).collect(),
            page: site.map(|site| site.page(live)).unwrap_or_default(),
            viewer: ViewerRequest { region: self.country() },
            test: self.test == Some(1),
            basic: self.has_gpc(),
            publisher,
            ..DecisionRequest::default()
        }
    }

    /// The reader's declared country, converted from ISO 3166 alpha-3 to alpha-2.
    fn country(&self) -> Option<String> {
        let alpha3 = self.device.as_ref()?.geo.as_ref()?.country.as_deref()?;
        rust_iso3166::from_alpha3(alpha3).map(|country| country.alpha2.to_owned())
    }

    fn has_gpc(&self) -> bool {
        let gpc = self.regs.as_ref().and_then(|regs| regs.ext.as_ref()?.gpc.as_ref());
        gpc.is_some_and(|gpc| gpc == 1 || gpc == "1" || gpc == true)
    }
}

impl Site {
    fn page(&self, live: &Live) -> PageInput {
        let content = self.content.as_ref();
        let mut page = PageInput {
            url: self.page.clone(),
            language: content.and_then(|content| content.language.clone()),
            ..PageInput::default()
        };
        let own = self.pagecat.iter().chain(&self.sectioncat).chain(&self.cat);
        let own = own.map(|id| (self.cattax, id));
        let of_content = content.into_iter().flat_map(|c| c.cat.iter().map(|id| (c.cattax, id)));
        let topics = of_content.chain(own).filter_map(|(cattax, id)| topic(cattax, id));
        for topic in topics {
            if !page.topics.contains(&topic) {
                page.topics.push(topic);
            }
        }
        let listed = |text: &Option<String>| -> Vec<String> {
            let text = text.as_deref().unwrap_or_default();
            text.split(',').map(|word| word.trim().to_owned()).filter(|w| !w.is_empty()).collect()
        };
        let mut words = listed(&self.keywords);
        words.extend(self.kwarray.iter().cloned());
        if let Some(content) = content {
            words.extend(listed(&content.keywords));
            words.extend(content.kwarray.iter().cloned());
        }
        names::add_keywords(live.snapshot(), words, &mut page);
        page
    }
}

/// The topic alias that an import of the taxonomy creates for a category, such as `iab-3.1-150`.
fn topic(cattax: Option<u16>, id: &str) -> Option<String> {
    let version = match cattax.unwrap_or(CONTENT_TAXONOMY_1) {
        CONTENT_TAXONOMY_1 => "1.0",
        2 => "2.0",
        5 => "2.1",
        6 => "2.2",
        7 => "3.0",
        9 => "3.1",
        _ => return None,
    };
    Some(format!("iab-{version}-{id}"))
}
