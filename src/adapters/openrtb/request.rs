//! What an exchange sends, as far as it is read.

use crate::adapters::names;
use crate::adapters::openrtb::native::Markup;
use crate::config::settings::AdapterSettings;
use crate::http::public::request::DecisionRequest;
use crate::http::public::request::ViewerRequest;
use crate::selection::resolve::PageInput;
use crate::selection::resolve::SlotInput;
use crate::server::live::Live;
use serde::Deserialize;
use serde::Deserializer;
use std::time::Duration;

/// A bid request. What is not here is passed over unread: `user`, `device.ip`, `device.ua`,
/// `device.ifa` and all else that names or describes a reader above all.
#[derive(Debug, Deserialize)]
pub struct Asked {
    /// Names the auction.
    pub id: String,
    /// The slots.
    pub imp: Vec<Imp>,
    /// The page's site; there is none in an app, and an app is no web page.
    #[serde(default)]
    pub site: Option<Site>,
    #[serde(default)]
    device: Option<Device>,
    /// 1 is a test.
    #[serde(default)]
    test: Option<u8>,
    /// How long the exchange waits for an answer, in milliseconds; what is no number says nothing.
    #[serde(default)]
    tmax: Option<serde_json::Value>,
    /// Currencies that may be bid in.
    #[serde(default, deserialize_with = "or_none")]
    pub cur: Vec<String>,
    /// Categories that must not come.
    #[serde(default, deserialize_with = "or_none")]
    pub bcat: Vec<String>,
    /// The taxonomy of `bcat`.
    #[serde(default)]
    cattax: Option<u16>,
    /// Domains of advertisers that must not come.
    #[serde(default, deserialize_with = "or_none")]
    pub badv: Vec<String>,
    /// Seats that may bid; any where there is none.
    #[serde(default, deserialize_with = "or_none")]
    pub wseat: Vec<String>,
    /// Seats that may not.
    #[serde(default, deserialize_with = "or_none")]
    pub bseat: Vec<String>,
    #[serde(default)]
    regs: Option<Regs>,
}

/// IAB Content Category Taxonomy 1.0.
pub const FIRST_TAXONOMY: u16 = 1;

/// A list, or null for none: exchanges write an absent field either way.
fn or_none<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(source)?.unwrap_or_default())
}

/// A slot.
#[derive(Debug, Deserialize)]
pub struct Imp {
    /// Names it in the answer.
    pub id: String,
    #[serde(default)]
    native: Option<Native>,
    #[serde(default)]
    tagid: Option<String>,
    /// The least that is taken, for a thousand.
    #[serde(default)]
    pub bidfloor: Option<f64>,
    #[serde(default)]
    bidfloorcur: Option<String>,
    #[serde(default)]
    pmp: Option<Pmp>,
}

/// Deals: none is made here, so none is bid for.
#[derive(Debug, Deserialize)]
struct Pmp {
    #[serde(default)]
    private_auction: Option<u8>,
}

impl Imp {
    /// What the floor is in: dollars, unless it says otherwise.
    pub fn floor_currency(&self) -> &str {
        self.bidfloorcur.as_deref().unwrap_or("USD")
    }

    /// Whether bids without a deal are not taken.
    pub fn is_private(&self) -> bool {
        self.pmp.as_ref().is_some_and(|pmp| pmp.private_auction == Some(1))
    }
}

#[derive(Debug, Deserialize)]
struct Native {
    /// The markup's request: a document in a string.
    request: serde_json::Value,
}

/// A site.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Site {
    id: Option<String>,
    page: Option<String>,
    #[serde(deserialize_with = "or_none")]
    cat: Vec<String>,
    #[serde(deserialize_with = "or_none")]
    sectioncat: Vec<String>,
    #[serde(deserialize_with = "or_none")]
    pagecat: Vec<String>,
    cattax: Option<u16>,
    keywords: Option<String>,
    #[serde(deserialize_with = "or_none")]
    kwarray: Vec<String>,
    publisher: Option<Named>,
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
struct Named {
    #[serde(default)]
    id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Content {
    #[serde(deserialize_with = "or_none")]
    cat: Vec<String>,
    cattax: Option<u16>,
    keywords: Option<String>,
    #[serde(deserialize_with = "or_none")]
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
    /// `1` is Global Privacy Control.
    #[serde(default)]
    gpc: Option<serde_json::Value>,
}

/// What the exchange wants to know and can show of who paid.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Dsa {
    #[serde(default)]
    dsarequired: Option<u8>,
    #[serde(default)]
    pubrender: Option<u8>,
}

impl Dsa {
    /// Whether it must be shown and the site cannot: the site shows native units, so neither can we.
    pub fn cannot_be_met(self) -> bool {
        self.dsarequired.is_some_and(|how| how >= 2) && self.pubrender == Some(0)
    }
}

impl Asked {
    /// Whether `bcat` is of the taxonomy that our sectors' categories are of.
    pub fn blocks_by_first_taxonomy(&self) -> bool {
        self.cattax.is_none_or(|taxonomy| taxonomy == FIRST_TAXONOMY)
    }

    /// Whether the exchange waits no longer than this. Zero is no limit.
    pub fn gives_up_within(&self, waited: Duration) -> bool {
        let most = self.tmax.as_ref().and_then(serde_json::Value::as_u64);
        most.is_some_and(|most| most > 0 && waited >= Duration::from_millis(most))
    }

    /// What is asked of who paid.
    pub fn dsa(&self) -> Option<Dsa> {
        self.regs.as_ref()?.ext.as_ref()?.dsa
    }

    /// The slots that take native units, each with its markup.
    pub fn native(&self) -> Vec<(&Imp, Markup)> {
        let markup = |imp: &Imp| Markup::read(&imp.native.as_ref()?.request);
        self.imp.iter().filter_map(|imp| Some((imp, markup(imp)?))).collect()
    }

    /// The same call in our words.
    pub fn request(
        &self,
        settings: &AdapterSettings,
        live: &Live,
        slots: &[(&Imp, Markup)],
    ) -> DecisionRequest {
        let site = self.site.as_ref();
        let given = site.into_iter().flat_map(|site| {
            let publisher = site.publisher.as_ref().and_then(|publisher| publisher.id.as_deref());
            [publisher, site.id.as_deref()].into_iter().flatten()
        });
        let named: Vec<String> = given.map(|name| names::publisher(settings, name)).collect();
        let known = named.iter().find(|name| live.publisher(name).is_some());
        let publisher = known.or_else(|| named.first()).cloned().unwrap_or_default();
        let slot = |(imp, _): &(&Imp, Markup)| {
            let name = imp.tagid.clone().unwrap_or_else(|| imp.id.clone());
            let name = names::placement(settings, live, &publisher, &[name]);
            SlotInput { name, key: Some(imp.id.clone()), styles: Vec::new() }
        };
        DecisionRequest {
            placements: slots.iter().map(slot).collect(),
            page: site.map(|site| site.page(live)).unwrap_or_default(),
            viewer: ViewerRequest { region: self.country() },
            test: self.test == Some(1),
            basic: self.says_gpc(),
            publisher,
            ..DecisionRequest::default()
        }
    }

    /// The reader's country, declared: of three letters here, of two with us.
    fn country(&self) -> Option<String> {
        let given = self.device.as_ref()?.geo.as_ref()?.country.as_deref()?;
        rust_iso3166::from_alpha3(given).map(|country| country.alpha2.to_owned())
    }

    fn says_gpc(&self) -> bool {
        let said = self.regs.as_ref().and_then(|regs| regs.ext.as_ref()?.gpc.as_ref());
        said.is_some_and(|said| said == 1 || said == "1" || said == true)
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
        names::keywords(live.snapshot(), words, &mut page);
        page
    }
}

/// A category as the topic that an import of its taxonomy gives: its alias `iab-3.1-150`.
fn topic(cattax: Option<u16>, id: &str) -> Option<String> {
    let version = match cattax.unwrap_or(FIRST_TAXONOMY) {
        FIRST_TAXONOMY => "1.0",
        2 => "2.0",
        5 => "2.1",
        6 => "2.2",
        7 => "3.0",
        9 => "3.1",
        _ => return None,
    };
    Some(format!("iab-{version}-{id}"))
}
