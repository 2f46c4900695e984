//! The unit as HTML, for pages without scripts: as a fragment and as a complete page.

use crate::delivery::rendered_unit::{RenderedUnit, UnitCta, UnitImage};
use crate::domain::party::Style;
use crate::web::{assets, html};
use askama::Template;

pub(crate) mod text;

impl RenderedUnit<'_> {
    /// Whether all parts are shown; the `line` style has only a label, a headline and one call to action.
    fn is_full(&self) -> bool {
        self.creative.style != Style::Line
    }

    fn is_labelled(&self) -> bool {
        !self.label.text.trim().is_empty()
    }

    fn head_link(&self) -> Option<&str> {
        link(self.creative.click_url)
    }

    fn why_link(&self) -> Option<&str> {
        link(self.transparency.why_url)
    }

    fn pixel_link(&self) -> Option<&str> {
        self.event_urls.impression.and_then(link)
    }

    fn shown_logo(&self) -> Option<UnitImage<'_>> {
        let logo = self.creative.logo.as_ref().filter(|logo| logo.link().is_some())?;
        self.is_full().then(|| logo.at_logo_height())
    }

    fn shown_image(&self) -> Option<&UnitImage<'_>> {
        self.creative.image.as_ref().filter(|image| self.is_full() && image.link().is_some())
    }

    fn shown_ctas(&self) -> &[UnitCta<'_>] {
        let ctas = &self.creative.ctas[..];
        if self.is_full() { ctas } else { &ctas[..ctas.len().min(1)] }
    }
}

/// Height of a logo in pixels, equal to its line.
const LOGO_HEIGHT: u16 = 20;

impl UnitImage<'_> {
    fn link(&self) -> Option<&str> {
        link(self.url)
    }

    /// Scaled to the logo height, with its aspect ratio.
    fn at_logo_height(&self) -> UnitImage<'_> {
        let scaled = u32::from(self.width) * u32::from(LOGO_HEIGHT) / u32::from(self.height.max(1));
        let width = u16::try_from(scaled.max(1)).unwrap_or(self.width);
        UnitImage { width, height: LOGO_HEIGHT, ..*self }
    }
}

impl UnitCta<'_> {
    fn link(&self) -> Option<&str> {
        link(self.click_url)
    }
}

/// A URL that may become a link: http or https only, whatever was stored.
fn link(address: &str) -> Option<&str> {
    let head = address.get(..8).unwrap_or(address).to_ascii_lowercase();
    (head.starts_with("https://") || head.starts_with("http://")).then_some(address)
}

/// Frames in which a unit's label and call to action fit; in a smaller one neither the unit nor its impression
/// is loaded. Its opposite is in `styles/frame.css`.
pub(crate) const FITS: &str =
    "(min-width: 240px) and (min-height: 240px), (min-width: 600px) and (min-height: 80px)";

#[derive(Template)]
#[template(path = "unit.html", config = "src/web/askama.toml")]
struct Fragment<'a, 'u> {
    unit: &'a RenderedUnit<'u>,
    pixel: Option<&'a str>,
    framed: bool,
}

#[derive(Template)]
#[template(path = "unit_page.html", config = "src/web/askama.toml")]
struct Page<'a, 'u> {
    unit: Option<&'a RenderedUnit<'u>>,
    pixel: Option<&'a str>,
    framed: bool,
    language: &'a str,
    stylesheet: String,
}

#[derive(Template)]
#[template(path = "unit_styled.html", config = "src/web/askama.toml")]
struct Styled<'a, 'u> {
    unit: &'a RenderedUnit<'u>,
    pixel: Option<&'a str>,
    framed: bool,
    base: &'a str,
    stylesheet: String,
}

#[derive(Template)]
#[template(path = "unit_line.html", config = "src/web/askama.toml")]
struct Line<'a, 'u> {
    unit: &'a RenderedUnit<'u>,
}

#[derive(Template)]
#[template(path = "unit_ea.html", config = "src/web/askama.toml")]
struct EthicalAds<'a, 'u> {
    unit: &'a RenderedUnit<'u>,
    kind: &'static str,
}

/// The whole unit for a publisher's own HTML, self-contained, without script or inline style.
///
/// Its styles are in [`assets::UNIT_CSS`]. Empty without a label text, because nothing may be shown
/// unlabelled.
pub(crate) fn fragment(unit: &RenderedUnit<'_>) -> String {
    let pixel = unit.pixel_link();
    if unit.is_labelled() { html(&Fragment { unit, pixel, framed: false }) } else { String::new() }
}

/// One element with the unit and a link to its stylesheet at `base`, for third-party scripts that
/// insert markup into a page and report the impression themselves: it has no pixel. Empty without a
/// label.
pub(crate) fn styled(unit: &RenderedUnit<'_>, base: &str) -> String {
    let stylesheet = assets::path(assets::UNIT_CSS);
    let styled = Styled { unit, pixel: None, framed: false, base, stylesheet };
    if unit.is_labelled() { html(&styled) } else { String::new() }
}

/// One element with the class names that the EthicalAds client styles, by its themes; `kind` is `text` or
/// `image`. The client reports the impression: it has no pixel. Empty without a label.
pub(crate) fn ethicalads(unit: &RenderedUnit<'_>, kind: &'static str) -> String {
    if unit.is_labelled() { html(&EthicalAds { unit, kind }) } else { String::new() }
}

/// The label, then the headline and the body as one paid link. Empty without a label.
pub(crate) fn line(unit: &RenderedUnit<'_>) -> String {
    if unit.is_labelled() { html(&Line { unit }) } else { String::new() }
}

/// A page with only the unit, for an iframe: links and counting work without a script. Empty for
/// `None` and for a unit without a label. `language` is the page's.
pub(crate) fn page(unit: Option<&RenderedUnit<'_>>, language: &str) -> String {
    let unit = unit.filter(|unit| unit.is_labelled());
    let pixel = unit.and_then(RenderedUnit::pixel_link);
    html(&Page { unit, pixel, framed: true, language, stylesheet: assets::path(assets::UNIT_CSS) })
}

#[cfg(test)]
mod tests;
