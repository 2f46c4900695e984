//! Native 1.2: which parts a site asks for, and our unit cut to that measure, never in a word.

use crate::adapters::openrtb::withheld::Withheld;
use crate::http::public::filling;
use crate::http::public::filling::Pictures;
use crate::http::public::reply::Fill;
use crate::http::public::reply::PictureReply;
use crate::selection::choose::Win;
use crate::server::decide::Decided;
use crate::server::unit;
use crate::server::unit::Unit;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

/// Types of events and methods of the specification.
const IMPRESSION: u16 = 1;
const VIEWABLE_MRC50: u16 = 2;
const IMAGE: u16 = 1;

/// Types of pictures.
const ICON: u16 = 1;
const MAIN: u16 = 3;

/// What a site asks for.
#[derive(Debug, Deserialize)]
pub struct Markup {
    assets: Vec<Wish>,
    #[serde(default)]
    eventtrackers: Option<Vec<Tracking>>,
    /// The site shows a link of ours to why the unit is there.
    #[serde(default)]
    privacy: Option<u8>,
    /// It came in an object `native`, as before version 1.1: so goes the answer.
    #[serde(skip)]
    wrapped: bool,
}

/// A part that is asked for.
#[derive(Debug, Deserialize)]
struct Wish {
    id: i64,
    #[serde(default)]
    required: Option<u8>,
    #[serde(default)]
    title: Option<Room>,
    #[serde(default)]
    img: Option<Frame>,
    #[serde(default)]
    data: Option<DataRoom>,
}

/// Room for a picture. A length without its least is exact; with it, the least is what counts.
#[derive(Debug, Deserialize)]
struct Frame {
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
struct Room {
    len: usize,
}

#[derive(Debug, Deserialize)]
struct DataRoom {
    #[serde(rename = "type")]
    kind: u16,
    #[serde(default)]
    len: Option<usize>,
}

/// Events that the site can report, and how.
#[derive(Debug, Deserialize)]
struct Tracking {
    event: u16,
    #[serde(default)]
    methods: Vec<u16>,
}

#[derive(Serialize)]
struct Whole<'a> {
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
    img: Option<Picture<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

#[derive(Serialize)]
struct Picture<'a> {
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

/// The link counts the click itself, so nothing is to be called beside it.
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

/// Besides the dialect: how the unit says that it is paid for, reviewed for the reader's region.
#[derive(Serialize)]
struct Ext<'a> {
    label: &'a str,
    sponsor_line: &'a str,
    why_url: &'a str,
    decision_id: &'a str,
}

impl Markup {
    /// From a document, or from the text of one; `None` when it is none.
    pub fn read(given: &Value) -> Option<Markup> {
        let inner: Value;
        let mut document = match given {
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
        let markup = Markup::deserialize(document).ok()?;
        (!markup.assets.is_empty()).then_some(Markup { wrapped, ..markup })
    }

    /// Whether a choice has every required part, and each has room: asked before anything is held
    /// for it, so that a unit that fits comes in the place of one that does not.
    pub fn takes(&self, decided: &Decided, win: &Win) -> bool {
        let unit = unit::unit(decided.live.snapshot(), &decided.page, win, decided.at_ms);
        unit.is_some_and(|unit| {
            let pictures = filling::pictures(&decided.live, win, &unit);
            self.parts(&Parts::of_unit(&unit, &pictures)).is_ok()
        })
    }

    fn parts<'a>(&self, own: &Parts<'a>) -> Result<Vec<Asset<'a>>, Withheld> {
        let mut assets = Vec::new();
        for wish in &self.assets {
            match wish.part(own) {
                Some(asset) => assets.push(asset),
                None if wish.is_required() => return Err(Withheld::Assets),
                None => {}
            }
        }
        Ok(assets)
    }

    /// The unit as the site asked for it, as text.
    pub fn fill(&self, fill: &Fill<'_>) -> Result<String, Withheld> {
        let assets = self.parts(&Parts::of_fill(fill))?;
        let events = [
            (IMPRESSION, fill.event_urls.impression.as_deref()),
            (VIEWABLE_MRC50, fill.event_urls.viewable.as_deref()),
        ];
        let eventtrackers: Vec<Tracker<'_>> = events
            .into_iter()
            .filter(|(event, _)| self.tracks(*event))
            .filter_map(|(event, url)| Some(Tracker { event, method: IMAGE, url: url? }))
            .collect();
        // A site that names no way to report an impression knows the older one.
        let older = !self.tracks(IMPRESSION);
        let imptrackers = fill.event_urls.impression.as_deref().filter(|_| older);
        let whole = Whole {
            ver: "1.2",
            assets,
            link: Link { url: &fill.creative.click_url },
            eventtrackers,
            imptrackers: imptrackers.into_iter().collect(),
            privacy: (self.privacy == Some(1)).then_some(&*fill.transparency.why_url),
            ext: Ext {
                label: fill.label.text,
                sponsor_line: fill.label.sponsor_line,
                why_url: &fill.transparency.why_url,
                decision_id: &fill.decision_id,
            },
        };
        let text = serde_json::to_string(&whole).map_err(|_| Withheld::Assets)?;
        Ok(if self.wrapped { format!("{{\"native\":{text}}}") } else { text })
    }

    fn tracks(&self, event: u16) -> bool {
        let by_image = |one: &Tracking| one.event == event && one.methods.contains(&IMAGE);
        self.eventtrackers.iter().flatten().any(by_image)
    }
}

impl Wish {
    fn is_required(&self) -> bool {
        self.required == Some(1)
    }

    /// The part, where we have it and it fits: copy was reviewed as it is and is never cut.
    fn part<'a>(&self, own: &Parts<'a>) -> Option<Asset<'a>> {
        let required = u8::from(self.is_required());
        let asset = Asset { id: self.id, required, title: None, img: None, data: None };
        if let Some(room) = &self.title {
            let text = own.headline;
            let len = text.chars().count();
            return (len <= room.len)
                .then_some(Asset { title: Some(Title { text, len }), ..asset });
        }
        if let Some(frame) = &self.img {
            let img = frame.filled(own)?;
            return Some(Asset { img: Some(img), ..asset });
        }
        let room = self.data.as_ref()?;
        let value = own.text(room.kind).filter(|text| !text.is_empty())?;
        let len = value.chars().count();
        let data = Data { kind: room.kind, len, value };
        let fits = room.len.is_none_or(|most| len <= most);
        fits.then_some(Asset { data: Some(data), ..asset })
    }
}

impl Frame {
    /// The logo for an icon, the image for a main picture, where it has the size and the format
    /// that are asked for: pictures are stored as they are and never scaled.
    fn filled<'a>(&self, own: &Parts<'a>) -> Option<Picture<'a>> {
        let (kind, found) = match self.kind {
            Some(ICON) => (ICON, own.logo),
            Some(MAIN) | None => (MAIN, own.image),
            Some(_) => return None,
        };
        let PictureReply { url, width, height, content_type, .. } = found?;
        let fits = |own: u16, exact: Option<u32>, least: Option<u32>| match (exact, least) {
            (_, Some(least)) => u32::from(own) >= least,
            (Some(exact), None) => u32::from(own) == exact,
            (None, None) => true,
        };
        let formats = self.mimes.as_deref().unwrap_or_default();
        let spoken = formats.is_empty() || formats.iter().any(|one| one == content_type);
        let fits = fits(*width, self.w, self.wmin) && fits(*height, self.h, self.hmin);
        (fits && spoken).then_some(Picture { kind, url, w: *width, h: *height })
    }
}

/// What of a unit can be a part of the markup.
struct Parts<'a> {
    headline: &'a str,
    sponsor: &'a str,
    body: &'a str,
    price: Option<&'a str>,
    proof: Option<&'a str>,
    domain: &'a str,
    call: Option<&'a str>,
    logo: Option<&'a PictureReply<'a>>,
    image: Option<&'a PictureReply<'a>>,
}

impl<'a> Parts<'a> {
    fn of_unit(unit: &Unit<'a>, pictures: &'a Pictures<'a>) -> Parts<'a> {
        Parts {
            headline: unit.headline,
            sponsor: unit.advertiser.1,
            body: unit.body,
            price: unit.price.map(|price| &*price.text),
            proof: unit.proof.map(|proof| &*proof.text),
            domain: unit.landing_domain,
            call: unit.creative.ctas.first().map(|cta| &*cta.text),
            logo: pictures.logo.as_ref(),
            image: pictures.image.as_ref(),
        }
    }

    fn of_fill(fill: &'a Fill<'_>) -> Parts<'a> {
        let creative = &fill.creative;
        Parts {
            headline: creative.headline,
            sponsor: fill.advertiser.name,
            body: creative.body,
            price: creative.price.as_ref().map(|price| price.text),
            proof: creative.proof.as_ref().map(|proof| proof.text),
            domain: creative.landing_domain,
            call: creative.ctas.first().map(|cta| cta.text),
            logo: creative.logo.as_ref(),
            image: creative.image.as_ref(),
        }
    }

    /// What a data asset of this type is in our unit.
    fn text(&self, kind: u16) -> Option<&'a str> {
        match kind {
            1 => Some(self.sponsor),
            2 => Some(self.body),
            6 => self.price,
            10 => self.proof,
            11 => Some(self.domain),
            12 => self.call,
            _ => None,
        }
    }
}
