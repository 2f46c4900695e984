//! The script tag that a publisher pastes.

use crate::web::html;
use askama::Template;

#[derive(Template)]
#[template(path = "embed.html", config = "src/web/askama.toml")]
struct EmbedTag<'a> {
    base_url: &'a str,
    publisher: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
}

/// The script tag, such as `<script async src="…" data-publisher="…" …></script>`, on one line.
/// `attributes` are names without `data-`, and values.
///
/// Values are escaped; the result is HTML.
pub(crate) fn embed_tag(base_url: &str, publisher: &str, attributes: Vec<(&str, &str)>) -> String {
    html(&EmbedTag { base_url, publisher, attributes })
}
