//! Links to the same report in other formats, and the API call for it.

use crate::http::public::party_page::Opened;
use crate::http::public::reports::period::Period;
use crate::web::pages::Link;

/// The reports of one party over the page's period.
pub(crate) struct Downloads<'a> {
    opened: &'a Opened,
    period: &'a Period,
    /// `advertisers` or `publishers`.
    kind: &'a str,
    /// The party's id.
    id: &'a str,
}

impl<'a> Downloads<'a> {
    pub(crate) fn new(opened: &'a Opened, period: &'a Period, of: (&'a str, &'a str)) -> Self {
        Downloads { opened, period, kind: of.0, id: of.1 }
    }

    /// A link to a file: its name, the dimensions, the format and a description. The page's own link opens it.
    pub(crate) fn file(&self, name: &str, by: &str, format: &str, note: &str) -> Link {
        let link = match self.opened.query.link.as_str() {
            "" => String::new(),
            link => format!("&link={link}"),
        };
        Link::new(name, self.url(by, format) + &link).with_note(note)
    }

    /// The call with the party's own key.
    pub(crate) fn call(&self, by: &str, format: &str) -> String {
        format!(
            "curl -H \"Authorization: Bearer $KEY\" \\\n  \"{}{}\"",
            self.opened.sources.app.public_url,
            self.url(by, format)
        )
    }

    /// URL of a report; its amounts are in micros.
    fn url(&self, by: &str, format: &str) -> String {
        let Downloads { kind, id, period, .. } = self;
        let (from, to) = (period.from, period.to);
        format!("/v1/reports/{kind}/{id}?from={from}&to={to}&by={by}&format={format}")
    }
}
