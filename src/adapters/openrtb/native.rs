//! Native 1.0 to 1.2: the assets that a site requests, and the unit rendered as those assets. Text is never
//! truncated.

use crate::adapters::lenient;
use crate::adapters::openrtb::no_bid_reason::NoBidReason;
use crate::delivery::decide::PageDecision;
use crate::delivery::rendered_unit::{RenderedUnit, UnitImage};
use crate::delivery::unit;
use crate::domain::event::EventKind;
use crate::domain::event_kinds::EventKinds;
use crate::http::body;
use crate::selection::choose::Winner;
use bumpalo::Bump;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Event types and tracking methods of the specification.
const IMPRESSION: i64 = 1;
const VIEWABLE_MRC50: i64 = 2;
const IMAGE: i64 = 1;

/// Image asset types.
const ICON: i64 = 1;
const MAIN: i64 = 3;

#[derive(Debug, Deserialize)]
pub(crate) struct NativeRequest {
    #[serde(default, deserialize_with = "lenient::objects")]
    assets: Vec<AssetRequest>,
    #[serde(default, deserialize_with = "lenient::objects")]
    eventtrackers: Vec<EventTrackerRequest>,
    /// 1 if the site can show a privacy link.
    #[serde(default, deserialize_with = "lenient::switch")]
    privacy: bool,
    #[serde(default, deserialize_with = "lenient::text")]
    ver: Option<String>,
    /// Wrapped in an object `native`, as before version 1.1; the response is wrapped likewise.
    #[serde(skip)]
    wrapped: bool,
    /// The version of the response.
    #[serde(skip)]
    version: Version,
    /// Paths of its fields that are not read.
    #[serde(skip)]
    pub(crate) ignored: Vec<String>,
}

/// A version of the native specification. Before 1.2 a response has no event trackers, no privacy link,
/// and no types and lengths of its assets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    V1_0,
    V1_1,
    #[default]
    V1_2,
}

impl Version {
    /// The version of a request, or the one before it that is supported.
    fn of(text: &str) -> Version {
        match text.trim() {
            "1" | "1.0" => Version::V1_0,
            "1.1" => Version::V1_1,
            _ => Version::V1_2,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Version::V1_0 => "1.0",
            Version::V1_1 => "1.1",
            Version::V1_2 => "1.2",
        }
    }
}

#[derive(Debug, Deserialize)]
struct AssetRequest {
    /// Without an id it cannot be answered.
    #[serde(default, deserialize_with = "lenient::integer")]
    id: Option<i64>,
    #[serde(default, deserialize_with = "lenient::switch")]
    required: bool,
    #[serde(default, deserialize_with = "lenient::object")]
    title: Option<TitleRequest>,
    #[serde(default, deserialize_with = "lenient::object")]
    img: Option<ImageRequest>,
    #[serde(default, deserialize_with = "lenient::object")]
    data: Option<DataRequest>,
}

/// A requested image. `w` or `h` alone is an exact size; with `wmin` or `hmin` only the minimum
/// counts.
#[derive(Debug, Deserialize)]
struct ImageRequest {
    #[serde(default, rename = "type", deserialize_with = "lenient::integer")]
    kind: Option<i64>,
    #[serde(default, deserialize_with = "lenient::integer")]
    w: Option<i64>,
    #[serde(default, deserialize_with = "lenient::integer")]
    wmin: Option<i64>,
    #[serde(default, deserialize_with = "lenient::integer")]
    h: Option<i64>,
    #[serde(default, deserialize_with = "lenient::integer")]
    hmin: Option<i64>,
    #[serde(default, deserialize_with = "lenient::texts")]
    mimes: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct TitleRequest {
    #[serde(default, deserialize_with = "lenient::integer")]
    len: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct DataRequest {
    #[serde(default, rename = "type", deserialize_with = "lenient::integer")]
    kind: Option<i64>,
    #[serde(default, deserialize_with = "lenient::integer")]
    len: Option<i64>,
}

/// An event that the site can report, and by which methods.
#[derive(Debug, Deserialize)]
struct EventTrackerRequest {
    #[serde(default, deserialize_with = "lenient::integer")]
    event: Option<i64>,
    #[serde(default, deserialize_with = "lenient::integers")]
    methods: Vec<i64>,
}

#[derive(Serialize)]
struct NativeResponse<'a> {
    ver: &'static str,
    assets: Vec<Asset<'a>>,
    link: Link<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    eventtrackers: Vec<Tracker<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    imptrackers: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    privacy: Option<&'a str>,
    ext: Ext<'a>,
}

#[derive(Serialize)]
struct Asset<'a> {
    id: i64,
    required: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<Title<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    img: Option<ImageAsset<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

#[derive(Serialize)]
struct ImageAsset<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<i64>,
    url: &'a str,
    w: u16,
    h: u16,
}

#[derive(Serialize)]
struct Title<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    len: Option<usize>,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    len: Option<usize>,
    value: &'a str,
}

/// The link counts the click itself, so it needs no `clicktrackers`.
#[derive(Serialize)]
struct Link<'a> {
    url: &'a str,
}

#[derive(Serialize)]
struct Tracker<'a> {
    event: i64,
    method: i64,
    url: &'a str,
}

/// Extension: the advertising label, reviewed for the reader's region.
#[derive(Serialize)]
struct Ext<'a> {
    label: &'a str,
    sponsor_line: &'a str,
    why_url: &'a str,
    decision_id: &'a str,
}

impl NativeRequest {
    /// Parses a JSON object or a string that contains one, in the version that it names, else `version`;
    /// `None` if it cannot be read or has no assets.
    pub(crate) fn parse(value: &Value, version: Option<&str>) -> Option<NativeRequest> {
        let inner: Value;
        let mut document = match value {
            Value::String(text) => {
                inner = serde_json::from_str(text).ok()?;
                &inner
            }
            other => other,
        };
        let wrapped = document.get("native").is_some();
        if wrapped {
            document = &document["native"];
        }
        let (markup, ignored) = body::with_ignored::<NativeRequest, _>(document).ok()?;
        let version = markup.ver.as_deref().or(version).map(Version::of).unwrap_or_default();
        (!markup.assets.is_empty()).then_some(NativeRequest { wrapped, version, ignored, ..markup })
    }

    /// Whether a unit has every required asset in a fitting size. Called before budget is reserved,
    /// so that a fitting unit replaces one that does not fit.
    pub(crate) fn accepts(&self, decided: &PageDecision, win: &Winner) -> bool {
        let texts = Bump::new();
        let unit = unit::with_images(decided, win, &texts);
        unit.is_some_and(|unit| self.fill_assets(&unit).is_ok())
    }

    fn fill_assets<'a>(&self, unit: &'a RenderedUnit<'_>) -> Result<Vec<Asset<'a>>, NoBidReason> {
        let mut assets = Vec::new();
        for asset in &self.assets {
            match asset.fill(unit, self.version) {
                Some(filled) => assets.push(filled),
                None if asset.required => return Err(NoBidReason::Assets),
                None => {}
            }
        }
        Ok(assets)
    }

    /// Renders the unit as the requested assets, as JSON text.
    pub(crate) fn render(&self, unit: &RenderedUnit<'_>) -> Result<String, NoBidReason> {
        let assets = self.fill_assets(unit)?;
        let events =
            [(IMPRESSION, unit.event_urls.impression), (VIEWABLE_MRC50, unit.event_urls.viewable)];
        let eventtrackers: Vec<Tracker<'_>> = events
            .into_iter()
            .filter(|(event, _)| self.tracks(*event))
            .filter_map(|(event, url)| Some(Tracker { event, method: IMAGE, url: url? }))
            .collect();
        // A site that lists no impression tracker uses the older `imptrackers`.
        let legacy = !self.tracks(IMPRESSION);
        let imptrackers = unit.event_urls.impression.filter(|_| legacy);
        let response = NativeResponse {
            ver: self.version.as_str(),
            assets,
            link: Link { url: unit.creative.click_url },
            eventtrackers,
            imptrackers: imptrackers.into_iter().collect(),
            privacy: (self.privacy && self.version >= Version::V1_2)
                .then_some(unit.transparency.why_url),
            ext: Ext {
                label: unit.label.text,
                sponsor_line: unit.label.sponsor_line,
                why_url: unit.transparency.why_url,
                decision_id: unit.decision_id,
            },
        };
        let text = serde_json::to_string(&response).map_err(|_| NoBidReason::Assets)?;
        Ok(if self.wrapped { format!("{{\"native\":{text}}}") } else { text })
    }

    /// The events for which the site loads no tracker.
    pub(crate) fn unreported(&self) -> EventKinds {
        if self.tracks(VIEWABLE_MRC50) {
            EventKinds::NONE
        } else {
            EventKinds::of(&[EventKind::Viewable])
        }
    }

    fn tracks(&self, event: i64) -> bool {
        let by_image =
            |one: &EventTrackerRequest| one.event == Some(event) && one.methods.contains(&IMAGE);
        self.version >= Version::V1_2 && self.eventtrackers.iter().any(by_image)
    }
}

impl AssetRequest {
    /// The asset, if the unit has it and it fits. Text was reviewed as written and is never truncated.
    fn fill<'a>(&self, unit: &'a RenderedUnit<'_>, version: Version) -> Option<Asset<'a>> {
        let required = u8::from(self.required);
        let asset = Asset { id: self.id?, required, title: None, img: None, data: None };
        let is_described = version >= Version::V1_2;
        // A length that is no number of characters fits nothing.
        let fits = |length: usize, most: Option<i64>| {
            most.is_none_or(|most| usize::try_from(most).is_ok_and(|most| length <= most))
        };
        if let Some(limit) = &self.title {
            let text = unit.creative.headline;
            let length = text.chars().count();
            let len = is_described.then_some(length);
            return fits(length, limit.len)
                .then_some(Asset { title: Some(Title { text, len }), ..asset });
        }
        if let Some(image) = &self.img {
            let mut img = image.select(unit)?;
            img.kind = img.kind.filter(|_| is_described);
            return Some(Asset { img: Some(img), ..asset });
        }
        let requested = self.data.as_ref()?;
        let value = text(unit, requested.kind?).filter(|text| !text.is_empty())?;
        let length = value.chars().count();
        let kind = requested.kind.filter(|_| is_described);
        let data = Data { kind, len: is_described.then_some(length), value };
        fits(length, requested.len).then_some(Asset { data: Some(data), ..asset })
    }
}

impl ImageRequest {
    /// The logo for an icon asset, the image for a main asset, if size and format match. Images are
    /// served as stored and never scaled.
    fn select<'a>(&self, unit: &'a RenderedUnit<'_>) -> Option<ImageAsset<'a>> {
        let (kind, found) = match self.kind {
            Some(ICON) => (ICON, unit.creative.logo.as_ref()),
            Some(MAIN) | None => (MAIN, unit.creative.image.as_ref()),
            Some(_) => return None,
        };
        let UnitImage { url, width, height, content_type, .. } = found?;
        // A size of 0 is how clients say that they request none.
        let stated = |size: Option<i64>| size.filter(|size| *size != 0);
        let fits = |own: u16, exact, least| match (stated(exact), stated(least)) {
            (_, Some(least)) => i64::from(own) >= least,
            (Some(exact), None) => i64::from(own) == exact,
            (None, None) => true,
        };
        let accepted = self.mimes.is_empty() || self.mimes.iter().any(|one| one == content_type);
        let fits = fits(*width, self.w, self.wmin) && fits(*height, self.h, self.hmin);
        (fits && accepted).then_some(ImageAsset { kind: Some(kind), url, w: *width, h: *height })
    }
}

/// The text of a data asset type.
fn text<'a>(unit: &'a RenderedUnit<'_>, kind: i64) -> Option<&'a str> {
    let creative = &unit.creative;
    match kind {
        1 => Some(unit.advertiser.name),
        2 => Some(creative.body),
        6 => creative.price.as_ref().map(|price| price.text),
        10 => creative.proof.as_ref().map(|proof| proof.text),
        11 => Some(creative.landing_domain),
        12 => creative.ctas.first().map(|cta| cta.text),
        _ => None,
    }
}
