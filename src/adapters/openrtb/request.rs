//! OpenRTB requests: the fields that are used.

use crate::adapters::lenient::Restriction;
use crate::adapters::openrtb::native::NativeRequest;
use crate::adapters::{lenient, names};
use crate::config::adapter_settings::AdapterSettings;
use crate::domain::iab_taxonomy;
use crate::http::public::request::{DecisionRequest, ViewerRequest};
use crate::selection::input_text::InputText;
use crate::selection::resolve::{PageInput, SlotInput};
use crate::world::live::Live;
use serde::Deserialize;
use std::time::Duration;

/// A bid request. Other fields are ignored, above all those that identify or describe a reader:
/// `user`, `device.ip`, `device.ua`, `device.ifa`.
#[derive(Debug, Deserialize)]
pub(crate) struct BidRequest {
    /// Auction id.
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) id: Option<String>,
    /// The slots.
    #[serde(deserialize_with = "lenient::objects")]
    pub(crate) imp: Vec<Imp>,
    /// The site; absent for apps, which are not supported.
    #[serde(default, deserialize_with = "lenient::object")]
    pub(crate) site: Option<Site>,
    #[serde(default, deserialize_with = "lenient::object")]
    device: Option<Device>,
    /// 1 marks a test.
    #[serde(default, deserialize_with = "lenient::switch")]
    test: bool,
    /// Maximum time the exchange waits, in milliseconds.
    #[serde(default, deserialize_with = "lenient::integer")]
    tmax: Option<i64>,
    /// Accepted bid currencies.
    #[serde(default)]
    pub(crate) cur: Restriction,
    /// Blocked categories.
    #[serde(default)]
    pub(crate) bcat: Restriction,
    /// Allowed categories; absent or empty allows all.
    #[serde(default)]
    pub(crate) acat: Restriction,
    /// The taxonomy of `bcat` and `acat`.
    #[serde(default, deserialize_with = "lenient::integer")]
    cattax: Option<i64>,
    /// Blocked advertiser domains.
    #[serde(default)]
    pub(crate) badv: Restriction,
    /// Seats allowed to bid; empty allows all.
    #[serde(default)]
    pub(crate) wseat: Restriction,
    /// Blocked seats.
    #[serde(default)]
    pub(crate) bseat: Restriction,
    /// Allowed languages of creatives, as two letters; empty allows all.
    #[serde(default)]
    pub(crate) wlang: Restriction,
    /// The same as BCP 47 tags.
    #[serde(default)]
    pub(crate) wlangb: Restriction,
    #[serde(default, deserialize_with = "lenient::object")]
    regs: Option<Regs>,
}

/// An impression (slot).
#[derive(Debug, Deserialize)]
pub(crate) struct Imp {
    /// Id of the slot in the response.
    #[serde(default, deserialize_with = "lenient::text")]
    id: Option<String>,
    #[serde(default, deserialize_with = "lenient::object")]
    native: Option<Native>,
    #[serde(default, deserialize_with = "lenient::text")]
    tagid: Option<String>,
    /// Minimum bid (CPM).
    #[serde(default, deserialize_with = "lenient::minimum")]
    pub(crate) bidfloor: Option<f64>,
    #[serde(default, deserialize_with = "lenient::text")]
    bidfloorcur: Option<String>,
    #[serde(default, deserialize_with = "lenient::object")]
    pmp: Option<Pmp>,
    /// 1 if everything that the unit loads must be encrypted.
    #[serde(default, deserialize_with = "lenient::switch")]
    pub(crate) secure: bool,
}

/// Private marketplace terms; deals are not supported.
#[derive(Debug, Deserialize)]
struct Pmp {
    #[serde(default, deserialize_with = "lenient::switch")]
    private_auction: bool,
}

/// The longest id of a slot, in characters; a decision's keys have the same limit.
const MAX_ID_CHARS: usize = 128;

impl Imp {
    /// Id of the slot; empty if it has none that an answer could name.
    pub(crate) fn id(&self) -> &str {
        let id = self.id.as_deref().unwrap_or_default();
        if id.chars().count() > MAX_ID_CHARS { "" } else { id }
    }

    /// Currency of the floor; USD by default.
    pub(crate) fn floor_currency(&self) -> &str {
        self.bidfloorcur.as_deref().filter(|text| !text.is_empty()).unwrap_or("USD")
    }

    /// Whether the slot only accepts bids with a deal.
    pub(crate) fn is_private(&self) -> bool {
        self.pmp.as_ref().is_some_and(|pmp| pmp.private_auction)
    }

    /// Whether the slot accepts native units.
    pub(crate) fn is_native(&self) -> bool {
        self.native.is_some()
    }

    /// Its native request; `None` if it has none that can be read.
    fn markup(&self) -> Option<NativeRequest> {
        let native = self.native.as_ref()?;
        NativeRequest::parse(native.request.as_ref()?, native.ver.as_deref())
    }

    /// The slot's name at the exchange: the tag, else the id.
    fn name(&self) -> String {
        let tag = self.tagid.as_deref().filter(|tag| !tag.is_empty());
        tag.unwrap_or_else(|| self.id()).chars().take(MAX_ID_CHARS).collect()
    }
}

#[derive(Debug, Deserialize)]
struct Native {
    /// The native request: JSON in a string.
    #[serde(default)]
    request: Option<serde_json::Value>,
    /// The version of the native specification.
    #[serde(default, deserialize_with = "lenient::text")]
    ver: Option<String>,
}

/// A site.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Site {
    #[serde(deserialize_with = "lenient::text")]
    id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    page: Option<String>,
    #[serde(deserialize_with = "lenient::texts")]
    cat: Vec<String>,
    #[serde(deserialize_with = "lenient::texts")]
    sectioncat: Vec<String>,
    #[serde(deserialize_with = "lenient::texts")]
    pagecat: Vec<String>,
    #[serde(deserialize_with = "lenient::integer")]
    cattax: Option<i64>,
    #[serde(deserialize_with = "lenient::text")]
    keywords: Option<String>,
    #[serde(deserialize_with = "lenient::texts")]
    kwarray: Vec<String>,
    #[serde(deserialize_with = "lenient::object")]
    publisher: Option<SitePublisher>,
    #[serde(deserialize_with = "lenient::object")]
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
struct SitePublisher {
    #[serde(default, deserialize_with = "lenient::text")]
    id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Content {
    #[serde(deserialize_with = "lenient::texts")]
    cat: Vec<String>,
    #[serde(deserialize_with = "lenient::integer")]
    cattax: Option<i64>,
    #[serde(deserialize_with = "lenient::text")]
    keywords: Option<String>,
    #[serde(deserialize_with = "lenient::texts")]
    kwarray: Vec<String>,
    #[serde(deserialize_with = "lenient::text")]
    language: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    langb: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Device {
    #[serde(default, deserialize_with = "lenient::object")]
    geo: Option<Geo>,
}

#[derive(Debug, Deserialize)]
struct Geo {
    #[serde(default, deserialize_with = "lenient::text")]
    country: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Regs {
    /// 1 for pages that are directed at children.
    #[serde(default, deserialize_with = "lenient::switch")]
    coppa: bool,
    /// `1` signals Global Privacy Control.
    #[serde(default, deserialize_with = "lenient::switch")]
    gpc: bool,
    #[serde(default, deserialize_with = "lenient::object")]
    dsa: Option<Dsa>,
    #[serde(default, deserialize_with = "lenient::object")]
    ext: Option<RegsExt>,
}

#[derive(Debug, Deserialize)]
struct RegsExt {
    #[serde(default, deserialize_with = "lenient::object")]
    dsa: Option<Dsa>,
    /// `1` signals Global Privacy Control.
    #[serde(default, deserialize_with = "lenient::switch")]
    gpc: bool,
}

/// DSA transparency requirements of the exchange.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Dsa {
    #[serde(default, deserialize_with = "lenient::integer")]
    dsarequired: Option<i64>,
    #[serde(default, deserialize_with = "lenient::integer")]
    pubrender: Option<i64>,
}

impl Dsa {
    /// Whether a disclosure is required that the site cannot render; native units are rendered by the
    /// site.
    pub(crate) fn is_unsatisfiable(self) -> bool {
        self.dsarequired.is_some_and(|how| how >= 2) && self.pubrender == Some(0)
    }
}

impl BidRequest {
    /// The taxonomy of `bcat` and `acat`.
    pub(crate) fn category_taxonomy(&self) -> i64 {
        self.cattax.unwrap_or(iab_taxonomy::CONTENT_1)
    }

    /// Whether a list that restricts the bids is not one of texts, so that it cannot be obeyed.
    pub(crate) fn has_unreadable_restriction(&self) -> bool {
        [
            &self.cur,
            &self.bcat,
            &self.acat,
            &self.badv,
            &self.wseat,
            &self.bseat,
            &self.wlang,
            &self.wlangb,
        ]
        .iter()
        .any(|list| list.is_unreadable)
    }

    /// Whether the request's `tmax` has passed. Zero is no limit.
    pub(crate) fn timed_out_after(&self, waited: Duration) -> bool {
        let most = self.tmax.and_then(|most| u64::try_from(most).ok());
        most.is_some_and(|most| most > 0 && waited >= Duration::from_millis(most))
    }

    pub(crate) fn dsa(&self) -> Option<Dsa> {
        let regs = self.regs.as_ref()?;
        regs.ext.as_ref().and_then(|ext| ext.dsa).or(regs.dsa)
    }

    /// Whether the page is directed at children.
    pub(crate) fn is_for_children(&self) -> bool {
        self.regs.as_ref().is_some_and(|regs| regs.coppa)
    }

    /// The slots that accept native units, each with its native request.
    pub(crate) fn native_slots(&self) -> Vec<(&Imp, NativeRequest)> {
        let named = self.imp.iter().filter(|imp| !imp.id().is_empty());
        named.filter_map(|imp| Some((imp, imp.markup()?))).collect()
    }

    /// Paths of the fields of native requests that are not read.
    pub(crate) fn ignored_markup(&self, slots: &[(&Imp, NativeRequest)]) -> Vec<String> {
        let numbered = slots.iter().filter_map(|(imp, markup)| {
            let at = self.imp.iter().position(|own| std::ptr::eq(own, *imp))?;
            Some((at, &markup.ignored))
        });
        let path = |at, field| format!("imp[{at}].native.request.{field}");
        numbered.flat_map(|(at, fields)| fields.iter().map(move |one| path(at, one))).collect()
    }

    /// Translates the request.
    pub(crate) fn decision_request(
        &self,
        settings: &AdapterSettings,
        live: &Live,
        slots: &[(&Imp, NativeRequest)],
    ) -> DecisionRequest<'_> {
        let site = self.site.as_ref();
        let ids = site.into_iter().flat_map(|site| {
            let publisher = site.publisher.as_ref().and_then(|publisher| publisher.id.as_deref());
            [publisher, site.id.as_deref()].into_iter().flatten()
        });
        let named: Vec<String> = ids.map(|name| names::publisher_id(settings, name)).collect();
        let known = named.iter().find(|name| live.publisher(name).is_some());
        let publisher = known.or_else(|| named.first()).cloned().unwrap_or_default();
        let slot = |(imp, markup): &(&Imp, NativeRequest)| {
            let name = names::placement_id(settings, live, &publisher, &[imp.name()]);
            SlotInput {
                name: name.into(),
                key: Some(imp.id().to_owned().into()),
                unreported: markup.unreported(),
                ..SlotInput::default()
            }
        };
        DecisionRequest {
            placements: slots.iter().map(slot).collect(),
            page: site.map(|site| site.page(live)).unwrap_or_default(),
            viewer: ViewerRequest { region: self.country().map(Into::into) },
            test: self.test,
            basic: self.has_gpc(),
            publisher: publisher.into(),
            ..DecisionRequest::default()
        }
    }

    /// The reader's declared country: ISO 3166 alpha-3, converted to alpha-2.
    fn country(&self) -> Option<String> {
        let code = self.device.as_ref()?.geo.as_ref()?.country.as_deref()?.to_ascii_uppercase();
        let country = rust_iso3166::from_alpha3(&code).or_else(|| rust_iso3166::from_alpha2(&code));
        country.map(|country| country.alpha2.to_owned())
    }

    fn has_gpc(&self) -> bool {
        let regs = self.regs.as_ref();
        regs.is_some_and(|regs| regs.gpc || regs.ext.as_ref().is_some_and(|ext| ext.gpc))
    }
}

impl Site {
    fn page(&self, live: &Live) -> PageInput<'_> {
        let content = self.content.as_ref();
        let mut page = PageInput {
            url: self.page.as_deref().map(Into::into),
            language: content
                .and_then(|own| own.langb.as_deref().or(own.language.as_deref()))
                .map(Into::into),
            ..PageInput::default()
        };
        let own = self.pagecat.iter().chain(&self.sectioncat).chain(&self.cat);
        let own = own.map(|id| (self.cattax, id));
        let of_content = content.into_iter().flat_map(|c| c.cat.iter().map(|id| (c.cattax, id)));
        let topics = of_content.chain(own).filter_map(|(cattax, id)| topic(cattax, id));
        for topic in topics.map(InputText::from) {
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

/// The topic alias of a category.
fn topic(cattax: Option<i64>, id: &str) -> Option<String> {
    iab_taxonomy::alias(iab_taxonomy::of_code(id, cattax.unwrap_or(iab_taxonomy::CONTENT_1)), id)
}
