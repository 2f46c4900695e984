//! What people see: the unit, the files of a browser, and the pages for readers, publishers,
//! advertisers and developers.
//!
//! Nothing here reads a clock, a disk or a socket: views come filled, text goes out. Every text
//! passes an escaping template on its way into HTML. The sources of the built files are TypeScript
//! in `embed/` and stylesheets in `styles/`; `npm run build` in this folder makes `built/`, and of the
//! sources in `package/` what developers install.

pub mod assets;
pub mod pages;
pub mod unit;

use askama::Template;

/// The policy of every page in [`pages`]: our own files, nothing inline, in nobody's frame.
pub const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

/// The policy of `GET /v1/unit`: no script at all, and made to stand in a publisher's frame.
pub const UNIT_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'";

/// A template as text.
fn html(template: &impl Template) -> String {
    template.render().expect("views hold text and numbers, and a String takes every write")
}
