//! Checks that images are stored and that their dimensions fit a unit.

use crate::catalog::check::Findings;
use crate::domain::creative::Creative;
use crate::domain::image::{Address, Source};
use crate::domain::party::Advertiser;

/// The longest side of a logo, in pixels: a logo is shown one line of text high.
const LOGO_SIDE: u16 = 512;
/// The largest ratio of a logo's width to its height: a logo is shown beside text.
const LOGO_RATIO: u16 = 6;
/// The minimum width of an image, in pixels: it is shown at the unit's width or its own.
const IMAGE_WIDTH: u16 = 160;

pub(super) fn logo(advertiser: &Advertiser, findings: &mut Findings) {
    let Some(address) = advertiser.logo.as_ref().and_then(Source::address) else { return };
    let Address { width, height, .. } = address;
    if width.max(height) > LOGO_SIDE {
        let reason =
            format!("must be at most {LOGO_SIDE} pixels wide and high (got {width} by {height})");
        findings.add("logo", reason);
    }
    if width > height.saturating_mul(LOGO_RATIO) || height > width {
        let reason = format!(
            "must be 1 to {LOGO_RATIO} times as wide as high (got {width} by {height} pixels)"
        );
        findings.add("logo", reason);
    }
}

pub(super) fn image(creative: &Creative, findings: &mut Findings) {
    let Some(image) = &creative.image else { return };
    findings.required_text("image.alt", &image.alt, 160);
    let Some(Address { width, height, .. }) = image.file.address() else { return };
    if width < IMAGE_WIDTH {
        let reason = format!("must be at least {IMAGE_WIDTH} pixels wide (got {width})");
        findings.add("image.file", reason);
    }
    if height > width {
        let reason = format!(
            "must not be higher than wide, to limit the height of the unit \
             (got {width} by {height} pixels)"
        );
        findings.add("image.file", reason);
    }
}
