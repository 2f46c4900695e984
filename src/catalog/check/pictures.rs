//! Pictures: each is stored, and has a shape that a unit has room for.

use crate::catalog::check::Finding;
use crate::catalog::check::Findings;
use crate::catalog::picture::Picture;
use crate::catalog::pictures::Pictures;
use crate::domain::creative::Creative;
use crate::domain::inventory::Inventory;
use crate::domain::party::Advertiser;
use crate::domain::picture::Address;
use crate::domain::picture::Source;

/// The longest side of a logo, in pixels: it is shown a line high.
const LOGO_SIDE: u16 = 512;
/// How many times its height a logo is wide, at most: it stands beside words.
const LOGO_RATIO: u16 = 6;
/// The least width of an image, in pixels: it is shown as wide as its unit, or as it is.
const IMAGE_WIDTH: u16 = 160;

pub(super) fn logo(advertiser: &Advertiser, findings: &mut Findings) {
    let Some(address) = advertiser.logo.as_ref().and_then(Source::address) else { return };
    let Address { width, height, .. } = address;
    if width.max(height) > LOGO_SIDE {
        let reason = format!("is {width} by {height} pixels: a logo has {LOGO_SIDE} at most");
        findings.add("logo", reason);
    }
    if width > height.saturating_mul(LOGO_RATIO) || height > width {
        let reason = format!(
            "is {width} by {height} pixels: a logo is as wide as high, up to {LOGO_RATIO} times"
        );
        findings.add("logo", reason);
    }
}

pub(super) fn image(creative: &Creative, findings: &mut Findings) {
    let Some(image) = &creative.image else { return };
    findings.named("image.alt", &image.alt, 160);
    let Some(Address { width, height, .. }) = image.file.address() else { return };
    if width < IMAGE_WIDTH {
        let reason = format!("is {width} pixels wide: an image has {IMAGE_WIDTH} at least");
        findings.add("image.file", reason);
    }
    if height > width {
        let reason = format!(
            "is {width} by {height} pixels: one that is higher than wide pushes the page away"
        );
        findings.add("image.file", reason);
    }
}

/// Pictures that an inventory names and that are neither among `own` nor whole among `kept`.
pub fn stored(inventory: &Inventory, own: &[Picture], kept: &Pictures) -> Vec<Finding> {
    let logos = inventory.advertisers.iter().filter_map(|advertiser| {
        Some(("advertisers", advertiser.id.as_str(), "logo", advertiser.logo.as_ref()?))
    });
    let images = inventory.creatives.iter().filter_map(|creative| {
        let image = creative.image.as_ref()?;
        Some(("creatives", creative.id.as_str(), "image.file", &image.file))
    });
    let wrong = |source: &Source| match source {
        Source::Stored(address) if own.iter().any(|own| own.address() == *address) => None,
        Source::Stored(address) => kept.fault(address).map(|fault| fault.reason),
        Source::File(path) => Some(format!(
            "`{path}` is a path, and there is no folder here: send its bytes to \
             POST /v1/admin/images and write the address it answers"
        )),
    };
    logos
        .chain(images)
        .filter_map(|(list, id, field, source)| {
            let (id, field) = (id.to_owned(), field.to_owned());
            Some(Finding { list, id, field, reason: wrong(source)?, help: None })
        })
        .collect()
}
