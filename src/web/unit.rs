//! The unit as HTML, for pages without scripts: as a fragment and as a complete page.

use crate::web::{assets, html};
use askama::Template;

/// The texts of a filled decision. Empty texts count as absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnitView<'a> {
    /// `terminal`, `card` or `line`.
    pub style: &'a str,
    /// Language of the creative.
    pub language: &'a str,
    /// `ltr` or `rtl`.
    pub direction: &'a str,
    /// The advertising label.
    pub label: LabelView<'a>,
    /// The sponsor's logo.
    pub logo: Option<ImageView<'a>>,
    /// The creative's image.
    pub image: Option<ImageView<'a>>,
    /// The line above the headline.
    pub kicker: Option<&'a str>,
    /// The headline; required.
    pub headline: &'a str,
    /// Body text.
    pub body: Option<&'a str>,
    /// A claim with its source.
    pub proof: Option<ProofView<'a>>,
    /// A shell command.
    pub command: Option<CommandView<'a>>,
    /// Calls to action, the main one first.
    pub ctas: Vec<CtaView<'a>>,
    /// Link of the headline.
    pub click_url: Option<&'a str>,
    /// A price footnote.
    pub price: Option<PriceView<'a>>,
    /// Why it is shown, as one sentence.
    pub why: &'a str,
    /// Language of `why` and `why_text`.
    pub why_language: &'a str,
    /// Text of the link to the reader's page, such as "why this".
    pub why_text: &'a str,
    /// URL of the reader's page.
    pub why_url: Option<&'a str>,
    /// `rel` of every paid link.
    pub rel: &'a str,
    /// URL of the one-pixel impression image; `None` if the embedding page reports the impression.
    pub impression_url: Option<&'a str>,
}

/// An advertising label.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelView<'a> {
    /// The reviewed label text.
    pub text: &'a str,
    /// Language of the label.
    pub language: &'a str,
    /// Label for screen readers.
    pub aria: &'a str,
    /// The sponsor line.
    pub line: &'a str,
}

/// An image with its size, so that the layout does not shift when it loads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageView<'a> {
    /// URL.
    pub url: &'a str,
    /// In pixels.
    pub width: u16,
    /// In pixels.
    pub height: u16,
    /// Alternative text.
    pub alt: &'a str,
}

/// A claim with its source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProofView<'a> {
    /// The claim.
    pub text: &'a str,
    /// Source of the claim.
    pub source: &'a str,
    /// Date of the claim.
    pub as_of: &'a str,
}

/// A command to type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommandView<'a> {
    /// One line.
    pub text: &'a str,
    /// Sample output.
    pub output: Option<&'a str>,
    /// Label for screen readers.
    pub aria: &'a str,
}

/// A call to action.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CtaView<'a> {
    /// Link text.
    pub text: &'a str,
    /// Click URL on the server, which redirects.
    pub click_url: &'a str,
}

/// A price footnote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PriceView<'a> {
    /// Text as shown.
    pub text: &'a str,
    /// A condition of the price.
    pub note: Option<&'a str>,
}

impl UnitView<'_> {
    /// Whether all parts are shown; the `line` style has only a label, a headline and one call to action.
    fn is_full(&self) -> bool {
        self.style != "line"
    }

    /// CSS class of the style; unknown styles use the card.
    fn class(&self) -> &'static str {
        match self.style {
            "terminal" => "adj-terminal",
            "line" => "adj-line",
            _ => "adj-card",
        }
    }

    fn direction(&self) -> &'static str {
        match self.direction {
            "rtl" => "rtl",
            "ltr" => "ltr",
            _ => "auto",
        }
    }

    fn head_link(&self) -> Option<&str> {
        self.click_url.and_then(link)
    }

    fn why_link(&self) -> Option<&str> {
        self.why_url.and_then(link)
    }

    fn pixel_link(&self) -> Option<&str> {
        self.impression_url.and_then(link)
    }

    fn shown_logo(&self) -> Option<ImageView<'_>> {
        let shown = self.logo.as_ref().filter(|logo| self.is_full() && logo.link().is_some());
        shown.map(ImageView::at_logo_height)
    }

    fn shown_image(&self) -> Option<&ImageView<'_>> {
        self.image.as_ref().filter(|image| self.is_full() && image.link().is_some())
    }

    fn shown_ctas(&self) -> &[CtaView<'_>] {
        let limit = if self.is_full() { self.ctas.len() } else { 1 };
        &self.ctas[..limit.min(self.ctas.len())]
    }
}

/// Height of a logo in pixels, equal to its line.
const LOGO_HEIGHT: u16 = 20;

impl ImageView<'_> {
    fn link(&self) -> Option<&str> {
        link(self.url)
    }

    /// Scaled to the logo height, with its aspect ratio.
    fn at_logo_height(&self) -> ImageView<'_> {
        let scaled = u32::from(self.width) * u32::from(LOGO_HEIGHT) / u32::from(self.height.max(1));
        let width = u16::try_from(scaled.max(1)).unwrap_or(self.width);
        ImageView { width, height: LOGO_HEIGHT, ..*self }
    }
}

impl CtaView<'_> {
    fn link(&self) -> Option<&str> {
        link(self.click_url)
    }
}

/// A URL that may become a link: http or https only, whatever was stored.
fn link(address: &str) -> Option<&str> {
    let head = address.get(..8).unwrap_or(address).to_ascii_lowercase();
    (head.starts_with("https://") || head.starts_with("http://")).then_some(address)
}

#[derive(Template)]
#[template(path = "unit.html", config = "src/web/askama.toml")]
struct Fragment<'a> {
    view: &'a UnitView<'a>,
}

#[derive(Template)]
#[template(path = "unit_page.html", config = "src/web/askama.toml")]
struct Page<'a> {
    view: Option<&'a UnitView<'a>>,
    language: &'a str,
    stylesheet: String,
}

/// The whole unit for a publisher's own HTML, self-contained, without script or inline style.
///
/// Its styles are in [`assets::UNIT_CSS`]. Empty without a label text, because nothing may be shown
/// unlabelled.
pub fn fragment(view: &UnitView<'_>) -> String {
    if view.label.text.trim().is_empty() { String::new() } else { html(&Fragment { view }) }
}

#[derive(Template)]
#[template(path = "unit_styled.html", config = "src/web/askama.toml")]
struct Styled<'a> {
    view: &'a UnitView<'a>,
    base: &'a str,
    stylesheet: String,
}

#[derive(Template)]
#[template(path = "unit_line.html", config = "src/web/askama.toml")]
struct Line<'a> {
    view: &'a UnitView<'a>,
}

/// One element with the unit and a link to its stylesheet at `base`, for third-party scripts that
/// insert markup into a page. Empty without a label.
pub fn styled(view: &UnitView<'_>, base: &str) -> String {
    if view.label.text.trim().is_empty() {
        return String::new();
    }
    html(&Styled { view, base, stylesheet: assets::path(assets::UNIT_CSS) })
}

/// The label, then the headline and the body as one paid link. Empty without a label.
pub fn line(view: &UnitView<'_>) -> String {
    if view.label.text.trim().is_empty() { String::new() } else { html(&Line { view }) }
}

/// A page with only the unit, for an iframe: links and counting work without a script. Empty for
/// `None` and for a unit without a label. `language` is the page's.
pub fn page(view: Option<&UnitView<'_>>, language: &str) -> String {
    let view = view.filter(|view| !view.label.text.trim().is_empty());
    html(&Page { view, language, stylesheet: assets::path(assets::UNIT_CSS) })
}

#[cfg(test)]
mod tests;
