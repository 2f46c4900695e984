//! Native 1.2: the assets that a site requests, and the unit rendered as those assets. Text is never
//! truncated.

use crate::adapters::openrtb::no_bid_reason::NoBidReason;
use crate::delivery::decide::PageDecision;
use crate::delivery::rendered_unit::{RenderedUnit, UnitImage};
use crate::delivery::unit;
use crate::selection::choose::Winner;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Event types and tracking methods of the specification.
const IMPRESSION: u16 = 1;
const VIEWABLE_MRC50: u16 = 2;
const IMAGE: u16 = 1;

/// Image asset types.
const ICON: u16 = 1;
const MAIN: u16 = 3;

#[derive(Debug, Deserialize)]
pub(crate) struct NativeRequest {
    assets: Vec<AssetRequest>,
    #[serde(default)]
    eventtrackers: Option<Vec<EventTrackerRequest>>,
    /// 1 if the site can show a privacy link.
    #[serde(default)]
    privacy: Option<u8>,
    /// Wrapped in an object `native`, as before version 1.1; the response is wrapped likewise.
    #[serde(skip)]
    wrapped: bool,
}

#[derive(Debug, Deserialize)]
struct AssetRequest {
    id: i64,
    #[serde(default)]
    required: Option<u8>,
    #[serde(default)]
    title: Option<TitleRequest>,
    #[serde(default)]
    img: Option<ImageRequest>,
    #[serde(default)]
    data: Option<DataRequest>,
}

/// A requested image. `w` or `h` alone is an exact size; with `wmin` or `hmin` only the minimum
/// counts.
#[derive(Debug, Deserialize)]
struct ImageRequest {
    #[serde(default, rename = "type")]
    kind: Option<u16>,
    #[serde(default)]
    w: Option<u32>,
    #[serde(default)]
    wmin: Option<u32>,
    #[serde(default)]
    h: Option<u32>,
    #[serde(default)]
    hmin: Option<u32>,
    #[serde(default)]
    mimes: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct TitleRequest {
    len: usize,
}

#[derive(Debug, Deserialize)]
struct DataRequest {
    #[serde(rename = "type")]
    kind: u16,
    #[serde(default)]
    len: Option<usize>,
}

/// An event that the site can report, and by which methods.
#[derive(Debug, Deserialize)]
struct EventTrackerRequest {
    event: u16,
    #[serde(default)]
    methods: Vec<u16>,
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
    #[serde(rename = "type")]
    kind: u16,
    url: &'a str,
    w: u16,
    h: u16,
}

#[derive(Serialize)]
struct Title<'a> {
    text: &'a str,
    len: usize,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(rename = "type")]
    kind: u16,
    len: usize,
    value: &'a str,
}

/// The link counts the click itself, so it needs no `clicktrackers`.
#[derive(Serialize)]
struct Link<'a> {
    url: &'a str,
}

#[derive(Serialize)]
struct Tracker<'a> {
    event: u16,
    method: u16,
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
    /// Parses a JSON object or a string that contains one; `None` if invalid or without assets.
    pub(crate) fn parse(value: &Value) -> Option<NativeRequest> {
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
        let markup = NativeRequest::deserialize(document).ok()?;
        (!markup.assets.is_empty()).then_some(NativeRequest { wrapped, ..markup })
    }

    /// Whether a unit has every required asset in a fitting size. Called before budget is reserved,
    /// so that a fitting unit replaces one that does not fit.
    pub(crate) fn accepts(&self, decided: &PageDecision, win: &Winner) -> bool {
        let unit = unit::with_images(decided, win);
        unit.is_some_and(|unit| self.fill_assets(&unit).is_ok())
    }

    fn fill_assets<'a>(&self, unit: &'a RenderedUnit<'_>) -> Result<Vec<Asset<'a>>, NoBidReason> {
        let mut assets = Vec::new();
        for asset in &self.assets {
            match asset.fill(unit) {
                Some(filled) => assets.push(filled),
                None if asset.is_required() => return Err(NoBidReason::Assets),
                None => {}
            }
        }
        Ok(assets)
    }

    /// Renders the unit as the requested assets, as JSON text.
    pub(crate) fn render(&self, unit: &RenderedUnit<'_>) -> Result<String, NoBidReason> {
        let assets = self.fill_assets(unit)?;
        let events = [
            (IMPRESSION, unit.event_urls.impression.as_deref()),
            (VIEWABLE_MRC50, unit.event_urls.viewable.as_deref()),
        ];
        let eventtrackers: Vec<Tracker<'_>> = events
            .into_iter()
            .filter(|(event, _)| self.tracks(*event))
            .filter_map(|(event, url)| Some(Tracker { event, method: IMAGE, url: url? }))
            .collect();
        // A site that lists no impression tracker uses the older `imptrackers`.
        let legacy = !self.tracks(IMPRESSION);
        let imptrackers = unit.event_urls.impression.as_deref().filter(|_| legacy);
        let response = NativeResponse {
            ver: "1.2",
            assets,
            link: Link { url: &unit.creative.click_url },
            eventtrackers,
            imptrackers: imptrackers.into_iter().collect(),
            privacy: (self.privacy == Some(1)).then_some(&*unit.transparency.why_url),
            ext: Ext {
                label: unit.label.text,
                sponsor_line: &unit.label.sponsor_line,
                why_url: &unit.transparency.why_url,
                decision_id: &unit.decision_id,
            },
        };
        let text = serde_json::to_string(&response).map_err(|_| NoBidReason::Assets)?;
        Ok(if self.wrapped { format!("{{\"native\":{text}}}") } else { text })
    }

    fn tracks(&self, event: u16) -> bool {
        let by_image =
            |one: &EventTrackerRequest| one.event == event && one.methods.contains(&IMAGE);
        self.eventtrackers.iter().flatten().any(by_image)
    }
}

impl AssetRequest {
    fn is_required(&self) -> bool {
        self.required == Some(1)
    }

    /// The asset, if the unit has it and it fits. Text was reviewed as written and is never truncated.
    fn fill<'a>(&self, unit: &'a RenderedUnit<'_>) -> Option<Asset<'a>> {
        let required = u8::from(self.is_required());
        let asset = Asset { id: self.id, required, title: None, img: None, data: None };
        if let Some(limit) = &self.title {
            let text = &*unit.creative.headline;
            let len = text.chars().count();
            return (len <= limit.len)
                .then_some(Asset { title: Some(Title { text, len }), ..asset });
        }
        if let Some(image) = &self.img {
            let img = image.select(unit)?;
            return Some(Asset { img: Some(img), ..asset });
        }
        let requested = self.data.as_ref()?;
        let value = text(unit, requested.kind).filter(|text| !text.is_empty())?;
        let len = value.chars().count();
        let data = Data { kind: requested.kind, len, value };
        let fits = requested.len.is_none_or(|most| len <= most);
        fits.then_some(Asset { data: Some(data), ..asset })
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
        let fits = |own: u16, exact: Option<u32>, least: Option<u32>| match (exact, least) {
            (_, Some(least)) => u32::from(own) >= least,
            (Some(exact), None) => u32::from(own) == exact,
            (None, None) => true,
        };
        let formats = self.mimes.as_deref().unwrap_or_default();
        let accepted = formats.is_empty() || formats.iter().any(|one| one == content_type);
        let fits = fits(*width, self.w, self.wmin) && fits(*height, self.h, self.hmin);
        (fits && accepted).then_some(ImageAsset { kind, url, w: *width, h: *height })
    }
}

/// The text of a data asset type.
fn text<'a>(unit: &'a RenderedUnit<'_>, kind: u16) -> Option<&'a str> {
    let creative = &unit.creative;
    match kind {
        1 => Some(unit.advertiser.name),
        2 => Some(&*creative.body),
        6 => creative.price.as_ref().map(|price| price.text),
        10 => creative.proof.as_ref().map(|proof| proof.text),
        11 => Some(creative.landing_domain),
        12 => creative.ctas.first().map(|cta| cta.text),
        _ => None,
    }
}
