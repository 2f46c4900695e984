//! HTML and browser files: the unit, scripts and stylesheets, and the pages for readers, publishers,
//! advertisers and developers.
//!
//! Nothing here reads a clock, a disk or a socket: filled views in, text out. Every text is
//! escaped by its template. The sources of the built files are TypeScript in `embed/` and
//! stylesheets in `styles/`; `npm run build` in this folder writes `built/`, and the npm package
//! from the sources in `package/`. `npm run types` writes the types of requests and replies,
//! `package/src/api.ts`, from the OpenAPI document.

pub(crate) mod assets;
pub(crate) mod pages;
pub(crate) mod unit;

use askama::Template;

/// Content security policy of every page in [`pages`]: same-origin files, nothing inline, no framing.
pub const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

/// The same for the publisher's page, which shows units in frames.
pub(crate) const FRAMES_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self' data:; connect-src 'self'; frame-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

/// Content security policy of `GET /v1/unit`: no script; framing allowed, since publishers embed it.
pub(crate) const UNIT_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'";

/// Content type of every page.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// Renders a template.
fn html(template: &impl Template) -> String {
    template.render().expect("views hold text and numbers, and a String takes every write")
}
