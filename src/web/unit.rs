//! The unit as HTML, for pages that take no script: a fragment, and a page of just that.

use crate::web::assets;
use crate::web::html;
use askama::Template;

/// A decision as text, ready to be shown. An empty text is one that is not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnitView<'a> {
    /// `terminal`, `card` or `line`.
    pub style: &'a str,
    /// What the creative is written in.
    pub language: &'a str,
    /// `ltr` or `rtl`.
    pub direction: &'a str,
    /// How it says that it is paid for.
    pub label: LabelView<'a>,
    /// The sponsor's logo.
    pub logo: Option<PictureView<'a>>,
    /// A picture.
    pub image: Option<PictureView<'a>>,
    /// The line above the headline.
    pub kicker: Option<&'a str>,
    /// Always there.
    pub headline: &'a str,
    /// A few sentences.
    pub body: Option<&'a str>,
    /// A claim with its source.
    pub proof: Option<ProofView<'a>>,
    /// A command to type.
    pub command: Option<CommandView<'a>>,
    /// Calls to action, the main one first.
    pub ctas: Vec<CtaView<'a>>,
    /// Where the headline leads.
    pub click_url: Option<&'a str>,
    /// A price footnote.
    pub price: Option<PriceView<'a>>,
    /// Why it is shown, in a sentence.
    pub why: &'a str,
    /// What that and its link are written in.
    pub why_language: &'a str,
    /// The words of the link to the reader's page, such as "why this".
    pub why_text: &'a str,
    /// The reader's page.
    pub why_url: Option<&'a str>,
    /// The relation of every paid link.
    pub rel: &'a str,
    /// Reports the impression by a picture of one pixel; `None` where the page around it does.
    pub impression_url: Option<&'a str>,
}

/// How a unit says that it is paid for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelView<'a> {
    /// The reviewed word.
    pub text: &'a str,
    /// What it is written in.
    pub language: &'a str,
    /// What a screen reader says.
    pub aria: &'a str,
    /// Who brings it.
    pub line: &'a str,
}

/// A picture, with its size, so that nothing moves when it comes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PictureView<'a> {
    /// Where it is.
    pub url: &'a str,
    /// In pixels.
    pub width: u16,
    /// In pixels.
    pub height: u16,
    /// What it shows.
    pub alt: &'a str,
}

/// A claim with its source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProofView<'a> {
    /// The claim.
    pub text: &'a str,
    /// Who says so.
    pub source: &'a str,
    /// When it was true.
    pub as_of: &'a str,
}

/// A command to type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommandView<'a> {
    /// One line.
    pub text: &'a str,
    /// What it prints.
    pub output: Option<&'a str>,
    /// What a screen reader says of it.
    pub aria: &'a str,
}

/// A call to action.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CtaView<'a> {
    /// What the reader reads.
    pub text: &'a str,
    /// Where it leads, by way of the server.
    pub click_url: &'a str,
}

/// A price footnote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PriceView<'a> {
    /// As shown.
    pub text: &'a str,
    /// A condition.
    pub note: Option<&'a str>,
}

impl UnitView<'_> {
    /// All but the `line` style, which is a label, a headline and one call.
    fn whole(&self) -> bool {
        self.style != "line"
    }

    /// The class of its style; one that we do not know looks like a card.
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

    fn seen_link(&self) -> Option<&str> {
        self.impression_url.and_then(link)
    }

    fn shown_logo(&self) -> Option<PictureView<'_>> {
        let shown = self.logo.as_ref().filter(|logo| self.whole() && logo.link().is_some());
        shown.map(PictureView::in_line)
    }

    fn shown_image(&self) -> Option<&PictureView<'_>> {
        self.image.as_ref().filter(|image| self.whole() && image.link().is_some())
    }

    fn shown_ctas(&self) -> &[CtaView<'_>] {
        let most = if self.whole() { self.ctas.len() } else { 1 };
        &self.ctas[..most.min(self.ctas.len())]
    }
}

/// How high a logo is shown, in pixels: as high as the line it stands in.
const LOGO_HEIGHT: u16 = 20;

impl PictureView<'_> {
    fn link(&self) -> Option<&str> {
        link(self.url)
    }

    /// The same as a logo: a line high, in its own shape.
    fn in_line(&self) -> PictureView<'_> {
        let wide = u32::from(self.width) * u32::from(LOGO_HEIGHT) / u32::from(self.height.max(1));
        let width = u16::try_from(wide.max(1)).unwrap_or(self.width);
        PictureView { width, height: LOGO_HEIGHT, ..*self }
    }
}

impl CtaView<'_> {
    fn link(&self) -> Option<&str> {
        link(self.click_url)
    }
}

/// An address that may become a link: http or https and nothing else, whatever was stored.
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

/// The whole unit for a publisher's own HTML: no script, no inline style, nothing of the page's.
///
/// Its looks are in the file [`assets::UNIT_CSS`]. Without a label text it is empty, because
/// nothing is shown unlabelled.
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

/// One element with the unit and the link to its stylesheet at `base`, for scripts that put markup
/// of others into a page. Empty without a label.
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

/// A page of just the unit, for a frame: links and count work without a script. `None` and a unit
/// without a label are an empty page. `language` is the page's.
pub fn page(view: Option<&UnitView<'_>>, language: &str) -> String {
    let view = view.filter(|view| !view.label.text.trim().is_empty());
    html(&Page { view, language, stylesheet: assets::path(assets::UNIT_CSS) })
}

#[cfg(test)]
mod tests;
